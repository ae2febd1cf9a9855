#include <fmt/format.h>

#include <array>
#include <string_view>

#include "conformance/checks/file_presence/file_presence.h"

namespace conformance {

Outcome CheckFolderName(Context& context) {
  // MusicGen.get_pretrained compares with these before it looks at any path (audiocraft 1.3.0 models/musicgen.py:
  // _HF_MODEL_CHECKPOINTS_MAP, 'debug'; 'style' from 1.4 on).
  static constexpr std::array<std::string_view, 6> kModelNames = {"small",  "medium", "large",
                                                                  "melody", "style",  "debug"};
  const std::string& given = context.settings().export_dir_as_given;
  for (const std::string_view name : kModelNames) {
    if (given == name) {
      return Fail(fmt::format(
                      "AUDIOCRAFT_EXPORT_DIR is '{}', which MusicGen.get_pretrained takes as the name of a model "
                      "on the hub before it looks at any path",
                      name))
          .WithRemedy(fmt::format("Rename the folder, or give it with its path ('./{}')", name));
    }
  }
  return Pass(given);
}

}  // namespace conformance
