// The interface of the suite's programs: environment variables in, typed settings out.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "conformance/framework/profile.h"
#include "harness/base/result.h"
#include "harness/export/export_file.h"

namespace conformance {

struct Settings {
  std::optional<std::filesystem::path> export_dir;  // AUDIOCRAFT_EXPORT_DIR, made absolute
  std::string export_dir_as_given;
  std::filesystem::path output_dir;    // CONFORMANCE_OUTPUT_DIR
  std::filesystem::path profile_path;  // empty: the defaults
  Profile profile;
  std::filesystem::path working_dir;  // where a folder named like a T5 wins over the hub: the shell's, under CTest
  std::filesystem::path hub_root;     // HF_HUB_CACHE, HF_HOME, ...: where T5 and referenced codecs are looked up
  std::set<std::string> require;      // CONFORMANCE_REQUIRE
  std::string audiocraft_python;      // AUDIOCRAFT_PYTHON; empty: not set
  // Set by CTest: stages run as fixtures of their own, and a check reads what they left.
  bool staged = false;
  std::string plan;  // CONFORMANCE_PLAN, of the process that listed the tests: Applicable; empty: not found out yet
};

// Errors: kMismatch (unknown word in CONFORMANCE_REQUIRE), and those of ReadProfile.
harness::Result<Settings> ReadSettings();

// The file of this process's program, links followed.
std::filesystem::path ThisProgram();

// Paths are taken from the working directory, else from the directory in which the shell started the program ($PWD):
// CTest runs its tests in the build folder, whatever folder it was called in.
std::filesystem::path ResolveInput(const std::string& given);

// Size, times and identity of one of the export's files, links followed: another text where it is another file.
std::string IdentifyExportFile(const Settings& settings, harness::exports::Role role);

// What tells a run from others: the export's files, the profile, the variables and the programs. An artifact of another
// run is never judged.
std::string IdentifyRun(const Settings& settings);

}  // namespace conformance
