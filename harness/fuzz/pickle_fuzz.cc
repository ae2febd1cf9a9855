// A pickle alone: read, described, turned into plain values, judged.
#include "harness/checkpoint/record_safety.h"
#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/pickle_mutator.h"
#include "harness/pickle/key_paths.h"
#include "harness/pickle/pickle_environment.h"
#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"
#include "harness/pickle/plain_value.h"

using namespace harness;
using namespace harness::fuzz;

namespace {
constexpr size_t kDescribed = 1000;  // nodes; a description looks at many itself
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = AsBytes(AsText(data, size));
  const pickle::Reading reading = pickle::ReadPickle(bytes, "state_dict.bin: data.pkl");
  const bool safe = pickle::DescribeForeign(reading, "state_dict.bin: data.pkl").ok();
  Require(reading.end <= size, "the pickle ends inside of its bytes");
  (void)checkpoint::CheckStrayPickles(bytes, "state_dict.bin");
  if (!reading.status.ok()) return 0;
  Require(reading.pickle.root != pickle::kNoNode, "a pickle that was read has a root");
  (void)checkpoint::CheckTrailingPickles(bytes, reading.end, "state_dict.bin: data.pkl");
  const pickle::KeyPaths paths(reading.pickle);
  for (size_t i = 0; i < reading.pickle.nodes.size() && i < kDescribed; ++i) {
    (void)paths.PathTo(static_cast<pickle::NodeId>(i));
    (void)reading.pickle.Describe(static_cast<pickle::NodeId>(i));
  }
  (void)pickle::ToPlainValue(reading.pickle, reading.pickle.root);
  if (!safe) return 0;
  (void)pickle::CheckLoadsInReference(reading.pickle, "state_dict.bin");
  (void)pickle::FindRefusedByNewerTorch(reading.pickle, "state_dict.bin");
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return Mutate(MutatePickle, data, size, max_size, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t* first, size_t first_size, const uint8_t* second, size_t second_size,
                                 uint8_t* out, size_t max_size, unsigned seed) {
  return CrossOver(CrossPickles, AsText(first, first_size), AsText(second, second_size), out, max_size, seed);
}
