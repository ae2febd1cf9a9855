#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "harness/architecture/shard_traces.h"

namespace conformance {

using harness::Role;

Outcome CheckFsdp(Context& context, Role role) {
  harness::ExportFile& file = context.exported().file(role);
  std::vector<harness::FoundTensor> found;
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    found.push_back({tensor.name, file.checkpoint().tensors()[tensor.tensor].shape});
  }
  const harness::Status status = harness::CheckNotSharded(found);
  if (status.ok()) return Pass();
  return Fail(status.error().In(harness::FileName(role)).message).WithRemedy(status.error().remedy);
}

}  // namespace conformance
