#include "harness/fuzz/fuzz_input.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "harness/base/little_endian.h"

namespace harness::fuzz {
namespace {

constexpr size_t kBlind = 16;    // one mutation in so many knows nothing of structure
constexpr size_t kGrowth = 256;  // bytes that libFuzzer's own mutation may add
constexpr size_t kLengthBytes = 4;

}  // namespace

void Require(bool holds, std::string_view property) {
  if (holds) return;
  fmt::print(stderr, "\nThe property does not hold: {}\n", property);
  std::fflush(stderr);
  std::abort();
}

void Touch(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  [[maybe_unused]] volatile std::byte seen = bytes.front();
  seen = bytes.back();
}

MappedFile InMemory(std::string_view bytes) {
  const int fd = memfd_create("fuzz_input", MFD_CLOEXEC);
  Require(fd >= 0 && write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "memory for a file");
  Result<MappedFile> file = MappedFile::Open(fmt::format("/proc/self/fd/{}", fd));
  close(fd);
  Require(file.ok(), "a file in memory can be mapped");
  return std::move(file).value();
}

const std::filesystem::path& ScratchFolder() {
  // Never destroyed: the function that removes the folder runs after the destructors.
  static const auto* const folder = [] {
    std::string path = std::filesystem::temp_directory_path() / "musicgen-fuzz-XXXXXX";
    Require(mkdtemp(path.data()) != nullptr, "a folder for files can be made in TMPDIR");
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(ScratchFolder(), ignored);
    });
    return new std::filesystem::path(path);
  }();
  return *folder;
}

void WriteScratch(const std::filesystem::path& below, std::string_view bytes) {
  const std::filesystem::path path = ScratchFolder() / below;
  std::error_code ignored;
  if (bytes.empty()) {
    std::filesystem::remove(path, ignored);
    return;
  }
  std::filesystem::create_directories(path.parent_path(), ignored);
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::string_view> Unbundle(std::string_view input, size_t files) {
  std::vector<std::string_view> result;
  for (size_t i = 0; i < files; ++i) {
    size_t length = input.size();
    if (i + 1 < files) {
      if (input.size() < kLengthBytes) {
        input = {};
      } else {
        length = LoadLittle<uint32_t>(AsBytes(input).data());
        input.remove_prefix(kLengthBytes);
      }
    }
    result.push_back(input.substr(0, length));
    input.remove_prefix(result.back().size());
  }
  return result;
}

std::string Bundle(const std::vector<std::string>& files) {
  std::string result;
  for (size_t i = 0; i < files.size(); ++i) {
    if (i + 1 < files.size()) {
      const auto length = static_cast<uint32_t>(files[i].size());
      for (size_t byte = 0; byte < kLengthBytes; ++byte) result += static_cast<char>(length >> (8 * byte) & 0xff);
    }
    result += files[i];
  }
  return result;
}

std::string MutateBytes(std::string_view input, Random&) {
  std::string buffer(input);
  buffer.resize(input.size() + kGrowth);
  buffer.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(buffer.data()), input.size(), buffer.size()));
  return buffer;
}

std::string MutateBundle(std::string_view input, const std::vector<Mutation>& of_file, Random& random) {
  const std::vector<std::string_view> views = Unbundle(input, of_file.size());
  std::vector<std::string> files(views.begin(), views.end());
  const size_t chosen = random.Below(files.size());
  files[chosen] = of_file[chosen](files[chosen], random);
  return Bundle(files);
}

size_t Mutate(const Mutation& mutation, uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  Random random(seed);
  if (!random.OneIn(kBlind)) {
    const std::string result = mutation(AsText(data, size), random);
    if (!result.empty() && result.size() <= max_size) {
      std::memcpy(data, result.data(), result.size());
      return result.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

size_t CrossOver(const Crossing& crossing, std::string_view first, std::string_view second, uint8_t* out,
                 size_t max_size, unsigned seed) {
  Random random(seed);
  const std::string result = crossing(first, second, random);
  if (result.size() > max_size) return 0;
  std::memcpy(out, result.data(), result.size());
  return result.size();
}

}  // namespace harness::fuzz
