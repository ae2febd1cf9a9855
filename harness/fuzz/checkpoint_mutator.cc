// How libFuzzer changes a file of torch.save: linked by each target whose input is one.
#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/zip_model.h"

using namespace harness::fuzz;

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return Mutate(MutateCheckpoint, data, size, max_size, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t* first, size_t first_size, const uint8_t* second, size_t second_size,
                                 uint8_t* out, size_t max_size, unsigned seed) {
  return CrossOver(CrossZips, AsText(first, first_size), AsText(second, second_size), out, max_size, seed);
}
