#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "harness/architecture/shard_traces.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckFsdp(Context& context, Role role) {
  harness::exports::ExportFile& file = context.exported().file(role);
  std::vector<harness::architecture::FoundTensor> found;
  for (const harness::checkpoint::NamedTensor& tensor : file.package()->best_state) {
    found.push_back({tensor.name, file.checkpoint().tensors()[tensor.tensor].shape});
  }
  const harness::Status status = harness::architecture::CheckNotSharded(found);
  if (status.ok()) return Pass();
  return Fail(status.error().In(harness::exports::FileName(role)).message).WithRemedy(status.error().remedy);
}

}  // namespace conformance
