#include <fmt/format.h>

#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "conformance/framework/fault_list.h"
#include "harness/architecture/agreement.h"
#include "harness/weights/sharing.h"
#include "harness/weights/weight_findings.h"

namespace conformance {

using harness::exports::Role;

namespace {

// The tensors whose storage is not all there.
std::string ListTensorsWithoutStorage(harness::exports::ExportFile& file) {
  if (!file.package().ok()) return "";
  std::vector<std::string> names;
  for (const harness::checkpoint::NamedTensor& tensor : file.package()->best_state) {
    const auto& view = file.checkpoint().tensors()[tensor.tensor];
    const auto& storages = file.checkpoint().storages();
    if (view.storage < storages.size() && !storages[view.storage].available) names.push_back(tensor.name);
  }
  return names.empty() ? "" : fmt::format(". Tensors that lie there: {}", harness::architecture::FoldNames(names));
}

// See Note [Storage sharing].
Outcome CheckSharing(harness::exports::ExportFile& file, Role role) {
  std::vector<harness::checkpoint::NamedTensor> read;
  for (const harness::checkpoint::NamedTensor& tensor : file.package()->best_state) {
    if (harness::weights::IsReadByInference(tensor.name)) read.push_back(tensor);
  }
  const auto [shared, left_open] = harness::weights::FindSharedElements(file.checkpoint(), read);
  if (shared.empty() && left_open) {
    return FromStatus(harness::Error{
        harness::ErrorCode::kUnsupported,
        fmt::format("{}: {} is a strided view among others of one storage, and this suite does not compare so many "
                    "elements to see whether they lie on each other",
                    harness::exports::FileName(role), *left_open),
        "Call contiguous() on each tensor before it is saved"});
  }
  if (shared.empty()) return Pass();
  FaultList groups;
  for (const harness::weights::SharedElements& group : shared) {
    if (group.names.size() == 1) {
      groups.Add(fmt::format("{} of the elements of {} lie on others of its own", group.elements, group.names[0]));
      continue;
    }
    groups.Add(group.identical ? fmt::format("{} are the same {} elements",
                                             harness::architecture::FoldNames(group.names, 4), group.elements)
                               : fmt::format("{} overlap by {} elements",
                                             harness::architecture::FoldNames(group.names, 4), group.elements));
  }
  return Fail(fmt::format("{}: tensors lie on each other's bytes: {}. In audiocraft each is a parameter of its own; "
                          "these have what was written there last: whoever collected the state dict filled one buffer "
                          "again and again, or cut a flat one at wrong offsets",
                          harness::exports::FileName(role), groups.Join()),
              shared.size(), 0)
      .WithRemedy(
          "Where the state dict is collected, put a clone() of each tensor into it, and export again: this file "
          "does not hold what was there before");
}

}  // namespace

Outcome CheckStorages(Context& context, Role role) {
  harness::exports::ExportFile& file = context.exported().file(role);
  const harness::checkpoint::Checkpoint& checkpoint = file.checkpoint();
  if (!checkpoint.storage_status().ok()) {
    Outcome outcome = FromStatus(checkpoint.storage_status());
    outcome.message += ListTensorsWithoutStorage(file);
    return outcome;
  }
  Outcome outcome = FromStatus(checkpoint.tensor_status());
  if (outcome.status == harness::report::CheckStatus::kPass && file.package().ok()) outcome = CheckSharing(file, role);
  if (outcome.status == harness::report::CheckStatus::kPass) {
    outcome.measured = {{"storages", checkpoint.storages().size()}, {"tensors", checkpoint.tensors().size()}};
  }
  return outcome;
}

}  // namespace conformance
