// Runs a target without libFuzzer, built by any compiler: over files, and over mutations of them.
//
//   archive_replay [--mutations N] [--seed S] FILE-OR-FOLDER...
//
// Exit status 1 where there is no input. A property that does not hold ends the program, and names the input before.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness/fuzz/fuzz_input.h"

namespace fs = std::filesystem;

// A target may have none.
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                                                unsigned seed);

namespace {

constexpr size_t kMaxSize = size_t{1} << 20;

harness::fuzz::Random& Shared() {
  static harness::fuzz::Random random(0);
  return random;
}

std::vector<fs::path> FilesOf(const std::vector<fs::path>& given) {
  std::vector<fs::path> files;
  for (const fs::path& path : given) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// As libFuzzer hands inputs over: in memory of exactly their size, so that AddressSanitizer sees a step beyond.
void RunOne(const std::string& input) {
  std::vector<uint8_t> bytes(input.begin(), input.end());
  bytes.shrink_to_fit();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string Mutated(const std::string& input, unsigned seed) {
  std::string buffer = input;
  buffer.resize(std::max(kMaxSize, input.size()));
  auto* data = reinterpret_cast<uint8_t*>(buffer.data());
  const size_t size = LLVMFuzzerCustomMutator != nullptr
                          ? LLVMFuzzerCustomMutator(data, input.size(), buffer.size(), seed)
                          : LLVMFuzzerMutate(data, input.size(), buffer.size());
  buffer.resize(size);
  return buffer;
}

}  // namespace

// In the place of libFuzzer's: a byte changed, removed or added.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  harness::fuzz::Random& random = Shared();
  if (size == 0) {
    if (max_size == 0) return 0;
    data[0] = static_cast<uint8_t>(random.Below(256));
    return 1;
  }
  const size_t at = random.Below(size);
  switch (random.Below(4)) {
    case 0:
      if (size == 1) break;
      std::memmove(data + at, data + at + 1, size - at - 1);
      return size - 1;
    case 1:
      if (size == max_size) break;
      std::memmove(data + at + 1, data + at, size - at);
      return size + 1;
    case 2: data[at] = static_cast<uint8_t>(data[at] ^ (1u << random.Below(8))); return size;
    default: break;
  }
  data[at] = static_cast<uint8_t>(random.Below(256));
  return size;
}

int main(int argc, char** argv) {
  size_t mutations = 0;
  uint64_t seed = 0;
  std::vector<fs::path> given;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--mutations" && i + 1 < argc) {
      mutations = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      given.emplace_back(argument);
    }
  }
  const std::vector<fs::path> files = FilesOf(given);
  if (files.empty()) {
    fmt::print(stderr, "no input\n");
    return EXIT_FAILURE;
  }
  harness::fuzz::Random seeds(seed);
  size_t done = 0;
  for (const fs::path& path : files) {
    const std::string input = ReadAll(path);
    // Into a buffer, so that the last line before a crash names the input.
    fmt::print(stderr, "{}\n", path.string());
    RunOne(input);
    for (size_t i = 0; i < mutations; ++i, ++done) RunOne(Mutated(input, static_cast<unsigned>(seeds.Next())));
  }
  fmt::print("{} inputs, {} mutations of them\n", files.size(), done);
  return EXIT_SUCCESS;
}
