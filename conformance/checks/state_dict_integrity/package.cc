#include <fmt/format.h>

#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "harness/export/folder_contents.h"

namespace conformance {

using harness::Role;

Outcome CheckPackage(Context& context, Role role) {
  const auto& package = context.exported().file(role).package();
  if (!package.ok()) return FromStatus(package.error());
  if (role == Role::kLanguageModel && package->pretrained) {
    return Fail(fmt::format("{}: is a reference to the codec '{}', not a language model: the two files are swapped, or "
                            "export_pretrained_compression_model wrote to the wrong name",
                            harness::FileName(role), *package->pretrained))
        .WithRemedy(fmt::format("Write {} with {}", harness::FileName(role), harness::ExporterCall(role)));
  }
  return Pass({{"keys", package->keys}, {"tensors", package->best_state.size()}});
}

}  // namespace conformance
