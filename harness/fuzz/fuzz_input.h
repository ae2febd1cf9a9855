// What the targets share: from libFuzzer's bytes to what the readers take, from a mutator to libFuzzer, and the way in
// which a target says that a property does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/mapped_file.h"
#include "harness/fuzz/random.h"

namespace harness::fuzz {

inline std::string_view AsText(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }
inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// A property that must hold for every input. A false one ends the program, as libFuzzer wants it: it keeps the input.
void Require(bool holds, std::string_view property);

// Touches the first and the last byte, so that AddressSanitizer sees a range that is not there.
void Touch(std::span<const std::byte> bytes);

// A file that lives in memory only, mapped as any other.
MappedFile InMemory(std::string_view bytes);

// A folder of this process, removed at its end. Files keep their names from one input to the next.
const std::filesystem::path& ScratchFolder();
// An empty `bytes` removes the file.
void WriteScratch(const std::filesystem::path& below, std::string_view bytes);

// Several files in one input: the length of each (u32, little endian) before its bytes; the last takes the rest.
// Lengths that do not fit are cut: every input is a bundle.
std::vector<std::string_view> Unbundle(std::string_view input, size_t files);
std::string Bundle(const std::vector<std::string>& files);

// A mutation of text, structure-aware or not.
using Mutation = std::function<std::string(std::string_view, Random&)>;
// libFuzzer's own, which knows nothing of structure (in the replaying programs: a few flips).
std::string MutateBytes(std::string_view input, Random& random);
// One of the bundle's files, by its own mutation.
std::string MutateBundle(std::string_view input, const std::vector<Mutation>& of_file, Random& random);

// The body of LLVMFuzzerCustomMutator: now and then libFuzzer's own mutation in the place of `mutation`, and always
// where the result would be too long.
size_t Mutate(const Mutation& mutation, uint8_t* data, size_t size, size_t max_size, unsigned seed);

using Crossing = std::function<std::string(std::string_view, std::string_view, Random&)>;
// The body of LLVMFuzzerCustomCrossOver: 0 (nothing made) where the result would be too long.
size_t CrossOver(const Crossing& crossing, std::string_view first, std::string_view second, uint8_t* out,
                 size_t max_size, unsigned seed);

}  // namespace harness::fuzz

extern "C" {
// libFuzzer's interface.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t* first, size_t first_size, const uint8_t* second, size_t second_size,
                                 uint8_t* out, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
}
