// What a folder without the expected file holds instead, for the person who has to find out which step is missing.
#pragma once

#include <filesystem>
#include <string>

#include "harness/export/role.h"

namespace harness::exports {

// "audiocraft.utils.export.export_lm('checkpoint.th', 'state_dict.bin')": what writes the file of that role.
// `checkpoint`: the training checkpoint to name.
std::string FormatExporterCall(Role role, const std::string& checkpoint = "checkpoint.th");

// Which program's folder this looks like (Transformers, PEFT, DeepSpeed, a training of audiocraft, a hub cache, a download
// that is still running), where the file is instead (a folder deeper, packed, in parts, under another name), and what to
// do; else the names that are there. Names are looked at, and the pickles of a few files.
struct FolderDescription {
  std::string what;      // "The folder holds ..."
  std::string remedy;    // how the file of that role comes there
  bool of_both = false;  // it explains why neither file is there
};
FolderDescription DescribeFolder(const std::filesystem::path& folder, Role role);

// Whether a file, its links followed, lies in the folder; or among the blobs of the hub cache whose snapshot the folder
// is. What any other file holds is this machine's, and is not shown.
bool IsOfFolder(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace harness::exports
