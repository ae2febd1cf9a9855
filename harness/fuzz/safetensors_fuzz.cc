// A safetensors file: its header, and the bytes of its tensors.
#include "harness/checkpoint/safetensors.h"
#include "harness/fuzz/fuzz_input.h"

using namespace harness;
using namespace harness::fuzz;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = checkpoint::ReadSafetensors(AsBytes(AsText(data, size)), "model.safetensors");
  if (!read.ok()) return 0;
  for (const checkpoint::SafetensorsEntry& entry : read->entries) Touch(entry.bytes);
  return 0;
}
