// Category file_presence: both files there, readable, and really PyTorch checkpoints; a folder name that can be loaded.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "conformance/context.h"
#include "conformance/file_names.h"
#include "conformance/suite.h"

namespace conformance {
namespace {

Outcome CheckFolderName(Context& context) {
  // MusicGen.get_pretrained compares with these before it looks at any path (audiocraft 1.3.0 models/musicgen.py:
  // _HF_MODEL_CHECKPOINTS_MAP, 'debug'; 'style' from 1.4 on).
  static constexpr std::array<std::string_view, 6> kModelNames = {"small",  "medium", "large",
                                                                  "melody", "style",  "debug"};
  const std::string& given = context.settings().export_dir_as_given;
  for (const std::string_view name : kModelNames) {
    if (given == name) {
      return Fail(
          fmt::format("the folder is given as '{}', which MusicGen.get_pretrained takes as the name of a model on "
                      "the hub before it looks at any path: rename the folder, or give it with its path ('./{}')",
                      name, name));
    }
  }
  return Pass(given);
}

}  // namespace

std::vector<Check> FilePresenceChecks() {
  std::vector<Check> checks = {
      {"file_presence/folder", "Folder", {}, [](Context& c) { return FromStatus(c.exported().Folder()); }},
      {"file_presence/folder_name", "FolderName", {}, CheckFolderName},
  };
  for (const auto role : kRoles) {
    const std::string prefix = std::string("file_presence/") + Slug(role);
    checks.push_back(
        {prefix + "/present", std::string(CamelCase(role)) + "Present", {"file_presence/folder"}, [role](Context& c) {
           return FromStatus(c.exported().file(role).Present());
         }});
    checks.push_back(
        {prefix + "/format", std::string(CamelCase(role)) + "Format", {prefix + "/present"}, [role](Context& c) {
           Outcome outcome = FromStatus(c.exported().file(role).Format());
           if (outcome.status == harness::CheckStatus::kPass && !c.exported().file(role).of_export()) {
             outcome.message = fmt::format(
                 "{} is a link to a file outside of the export: a copy of the folder may hold the link only. Put the "
                 "file "
                 "itself there before the folder is published",
                 harness::FileName(role));
           }
           return outcome;
         }});
  }
  return checks;
}

DEFINE_SUITE(FilePresence, FilePresenceChecks());

}  // namespace conformance
