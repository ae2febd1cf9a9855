// Runs a target without libFuzzer, built by any compiler: over files, and over mutations of them.
//
//   archive_replay [--mutations N] [--seed S] [--find FILE] FILE-OR-FOLDER...
//
// Exit status 1 where there is no input. A property that does not hold, or a crash, ends the program; the input is then
// written to FILE.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
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

// The input that is being run, for the handler of a crash.
const uint8_t* current = nullptr;
size_t current_size = 0;
std::string find_path;  // NOLINT(runtime/string)

void KeepInput(int signal) {
  const int fd = open(find_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0 && write(fd, current, current_size) == static_cast<ssize_t>(current_size)) close(fd);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// As libFuzzer hands inputs over: in memory of exactly their size, so that AddressSanitizer sees a step beyond.
void RunOne(const std::string& input) {
  std::vector<uint8_t> bytes(input.begin(), input.end());
  bytes.shrink_to_fit();
  current = bytes.data();
  current_size = bytes.size();
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
    } else if (argument == "--find" && i + 1 < argc) {
      find_path = argv[++i];
      for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, KeepInput);
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
    fmt::print(stderr, "{}\n", path.string());
    RunOne(input);
    for (size_t i = 0; i < mutations; ++i, ++done) RunOne(Mutated(input, static_cast<unsigned>(seeds.Next())));
  }
  fmt::print("{} inputs, {} mutations of them\n", files.size(), done);
  return EXIT_SUCCESS;
}
