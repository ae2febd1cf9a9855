#include "harness/audio/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "harness/audio/npy_header.h"
#include "harness/base/atomic_file.h"

namespace harness::audio {
namespace {

static_assert(std::endian::native == std::endian::little, "values are read and written as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr uint64_t kMaxHeaderBytes = 10000;  // numpy.load refuses more, too (max_header_size)
constexpr size_t kAlignment = 64;            // numpy/lib/format.py, ARRAY_ALIGN

template <class T>
struct Type;
template <>
struct Type<int32_t> {
  static constexpr const char* kDescr = "<i4";
  static constexpr const char* kName = "int32";
};
template <>
struct Type<int64_t> {
  static constexpr const char* kDescr = "<i8";
  static constexpr const char* kName = "int64";
};
template <>
struct Type<float> {
  static constexpr const char* kDescr = "<f4";
  static constexpr const char* kName = "float32";
};

// The number of values, or nothing beyond 2^58: the number of bytes must fit into 64 bits.
std::optional<uint64_t> Count(const std::vector<int64_t>& shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  uint64_t count = 1;
  for (int64_t length : shape) {
    if (length < 0 || count > (uint64_t{1} << 58) / static_cast<uint64_t>(length)) return std::nullopt;
    count *= static_cast<uint64_t>(length);
  }
  return count;
}

Error Wrong(ErrorCode code, const std::filesystem::path& path, std::string_view what, std::string remedy = {}) {
  return {code, fmt::format("{}: {}", path.string(), what), std::move(remedy)};
}

Status CheckType(const std::filesystem::path& path, const NpyHeader& header, const char* descr, const char* name) {
  if (header.descr == descr) return {};
  if (header.descr.find('O') != std::string::npos) {
    return Wrong(ErrorCode::kUnsafe, path, "holds Python objects: reading them would run a pickle");
  }
  const bool known = header.descr == "<i4" || header.descr == "<i8" || header.descr == "<f4";
  return Wrong(known ? ErrorCode::kMismatch : ErrorCode::kUnsupported, path,
               fmt::format("holds values of type '{}' (expected {}, '{}')", header.descr, name, descr));
}

// Reads everything before the values. `remaining` is the file's size, and afterwards that of the values.
Result<NpyHeader> ReadHeader(std::istream& stream, const std::filesystem::path& path, uint64_t& remaining) {
  std::array<char, 12> head{};
  if (remaining < 10 || !stream.read(head.data(), 8) || std::string_view(head.data(), 6) != kMagic) {
    return Wrong(ErrorCode::kCorrupt, path, "is not a .npy file: it does not begin with \\x93NUMPY and a version");
  }
  const int major = static_cast<unsigned char>(head[6]);
  const int minor = static_cast<unsigned char>(head[7]);
  if ((major != 1 && major != 2) || minor != 0) {
    return Wrong(ErrorCode::kUnsupported, path,
                 fmt::format("has version {}.{} of the .npy format (expected 1.0 or 2.0)", major, minor));
  }
  const uint64_t length_bytes = major == 1 ? 2 : 4;
  if (remaining < 8 + length_bytes || !stream.read(head.data() + 8, static_cast<std::streamsize>(length_bytes))) {
    return Wrong(ErrorCode::kCorrupt, path, "is cut short before the length of its header");
  }
  remaining -= 8 + length_bytes;
  uint32_t header_bytes = 0;  // the two or four bytes fill the low end
  std::memcpy(&header_bytes, head.data() + 8, length_bytes);
  if (header_bytes > remaining || header_bytes > kMaxHeaderBytes) {
    return Wrong(ErrorCode::kCorrupt, path,
                 fmt::format("its header is said to have {} bytes; {} bytes follow, and {} are the limit", header_bytes,
                             remaining, kMaxHeaderBytes));
  }
  std::string text(header_bytes, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return Wrong(ErrorCode::kIo, path, "its header could not be read");
  }
  remaining -= header_bytes;
  Result<NpyHeader> header = ParseNpyHeader(text);
  if (!header) return header.error().In(path.string());
  return header;
}

}  // namespace

template <class T>
Result<NpyArray<T>> ReadNpy(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return Wrong(ErrorCode::kNotFound, path, "is not there");
  }
  if (!std::filesystem::is_regular_file(status)) return Wrong(ErrorCode::kIo, path, "is not a regular file");
  uint64_t remaining = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) return Wrong(ErrorCode::kIo, path, "could not be opened for reading");

  HARNESS_ASSIGN_OR_RETURN(NpyHeader header, ReadHeader(stream, path, remaining));
  HARNESS_RETURN_IF_ERROR(CheckType(path, header, Type<T>::kDescr, Type<T>::kName));
  if (header.fortran_order) {
    return Wrong(ErrorCode::kUnsupported, path, "is in Fortran order", "Save numpy.ascontiguousarray(array) instead");
  }
  const std::optional<uint64_t> count = Count(header.shape);
  if (!count || *count != remaining / sizeof(T) || remaining % sizeof(T) != 0) {
    return Wrong(
        ErrorCode::kCorrupt, path,
        fmt::format("shape ({}) of {} needs {} bytes of values, the file has {}", fmt::join(header.shape, ", "),
                    Type<T>::kName, count ? fmt::format("{}", *count * sizeof(T)) : "more than 2^58", remaining));
  }
  NpyArray<T> array{std::move(header.shape), std::vector<T>(*count)};
  if (!stream.read(reinterpret_cast<char*>(array.values.data()), static_cast<std::streamsize>(*count * sizeof(T)))) {
    return Wrong(ErrorCode::kIo, path, "its values could not be read");
  }
  return array;
}

template <class T>
Status WriteNpy(const std::filesystem::path& path, const NpyArray<T>& array) {
  const std::optional<uint64_t> count = Count(array.shape);
  if (!count || *count != array.values.size()) {
    return Wrong(ErrorCode::kMismatch, path,
                 fmt::format("shape ({}) does not hold {} values", fmt::join(array.shape, ", "), array.values.size()));
  }
  std::string header = FormatNpyHeader({Type<T>::kDescr, false, array.shape});
  const size_t unpadded = kMagic.size() + 2 + 2 + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header += '\n';
  if (header.size() > kMaxHeaderBytes) return Wrong(ErrorCode::kUnsupported, path, "too many dimensions");
  std::string head(kMagic);
  head += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  const std::string_view values(reinterpret_cast<const char*>(array.values.data()), array.values.size() * sizeof(T));
  return WriteFileAtomically(path, {head, header, values});
}

template Result<NpyArray<int32_t>> ReadNpy<int32_t>(const std::filesystem::path&);
template Result<NpyArray<int64_t>> ReadNpy<int64_t>(const std::filesystem::path&);
template Result<NpyArray<float>> ReadNpy<float>(const std::filesystem::path&);
template Status WriteNpy<int32_t>(const std::filesystem::path&, const NpyArray<int32_t>&);
template Status WriteNpy<float>(const std::filesystem::path&, const NpyArray<float>&);

}  // namespace harness::audio
