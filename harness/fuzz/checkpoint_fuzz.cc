// One file of torch.save as a whole: read, its package, its values, what its tensors share, what its pickle asks of
// Python.
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/package.h"
#include "harness/fuzz/fuzz_input.h"
#include "harness/pickle/pickle_environment.h"
#include "harness/pickle/plain_value.h"
#include "harness/weights/payload.h"
#include "harness/weights/sharing.h"

using namespace harness;
using namespace harness::fuzz;

namespace {

// The bytes that a valid view reaches are there.
void TouchTensor(const checkpoint::Checkpoint& checkpoint, const pickle::TensorView& view) {
  if (!view.valid || view.num_elements() == 0) return;
  const pickle::Storage& storage = checkpoint.storages()[view.storage];
  Require(storage.available, "a valid tensor has a storage");
  int64_t last = view.offset;
  for (size_t i = 0; i < view.shape.size(); ++i) last += (view.shape[i] - 1) * view.strides[i];
  const size_t element = pickle::CountElementBytes(view.dtype);
  Require(view.offset >= 0 && last >= view.offset, "a valid tensor goes forward");
  Require((static_cast<size_t>(last) + 1) * element <= storage.bytes.size(), "a valid tensor lies inside its storage");
  Touch(storage.bytes.subspan(static_cast<size_t>(view.offset) * element, element));
  Touch(storage.bytes.subspan(static_cast<size_t>(last) * element, element));
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const checkpoint::Checkpoint checkpoint = checkpoint::Checkpoint::Read(InMemory(AsText(data, size)));
  for (const pickle::TensorView& view : checkpoint.tensors()) TouchTensor(checkpoint, view);
  if (!checkpoint.pickle_status().ok()) return 0;
  (void)pickle::CheckLoadsInReference(checkpoint.pickle(), "state_dict.bin");
  (void)pickle::FindRefusedByNewerTorch(checkpoint.pickle(), "state_dict.bin");
  (void)weights::ScanPayload(checkpoint);
  for (const checkpoint::PackageKind kind :
       {checkpoint::PackageKind::kLanguageModel, checkpoint::PackageKind::kCodec}) {
    const auto package = checkpoint::ReadPackage(checkpoint, kind);
    if (!package.ok()) continue;
    (void)weights::FindSharedElements(checkpoint, package->best_state);
    if (package->config != pickle::kNoNode) (void)pickle::ToPlainValue(checkpoint.pickle(), package->config);
  }
  return 0;
}
