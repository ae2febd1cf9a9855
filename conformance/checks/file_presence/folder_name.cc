#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "conformance/checks/file_presence/file_presence.h"

namespace conformance {

Outcome CheckFolder(Context& context) {
  Outcome outcome = FromStatus(context.exported().Folder());
  const std::string& given = context.settings().export_dir_as_given;
  std::error_code ignored;
  const size_t slash = given.find('/');
  // OWNER/NAME, which is not there: get_pretrained asks the hub for it.
  if (outcome.failed() && !std::filesystem::exists(given, ignored) && slash != std::string::npos && slash > 0 &&
      slash + 1 < given.size() && given.find('/', slash + 1) == std::string::npos &&
      given.find_first_of(".~ \\") == std::string::npos) {
    outcome.message += fmt::format(
        ". MusicGen.get_pretrained would look for a model '{}' on the hub; this suite judges a folder", given);
    outcome.remedy = fmt::format(
        "If that is a model on the hub, fetch it with `hf download {0} --local-dir FOLDER` (older clients: "
        "huggingface-cli download), and give FOLDER. Else check the path",
        given);
  }
  return outcome;
}

Outcome CheckFolderName(Context& context) {
  // MusicGen.get_pretrained compares with these before it looks at any path (audiocraft 1.3.0 models/musicgen.py:
  // _HF_MODEL_CHECKPOINTS_MAP, 'debug'; 'style' from 1.4 on).
  static constexpr std::array<std::string_view, 6> kModelNames = {"small",  "medium", "large",
                                                                  "melody", "style",  "debug"};
  const std::string& given = context.settings().export_dir_as_given;
  for (const std::string_view name : kModelNames) {
    if (given == name) {
      return Fail(fmt::format(
                      "the folder is given as '{}', which MusicGen.get_pretrained takes as the name of a model on the "
                      "hub before it looks at any path",
                      name))
          .WithRemedy(fmt::format("Rename the folder, or give it with its path ('./{}')", name));
    }
  }
  return Pass(given);
}

}  // namespace conformance
