#include "harness/checkpoint/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "harness/archive/file_kind.h"
#include "harness/base/json_text.h"
#include "harness/base/safe_text.h"

namespace harness::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // safetensors' own limit
constexpr size_t kMaxDimensions = 64;              // ATen's
constexpr const char* kDownloadAgain =
    "Download it again (`hf download NAME --force-download`: else the client keeps the file that is there)";

std::optional<pickle::Dtype> DtypeOf(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, pickle::Dtype>, 11> kTypes = {
      {{"F64", pickle::Dtype::kFloat64},
       {"F32", pickle::Dtype::kFloat32},
       {"F16", pickle::Dtype::kFloat16},
       {"BF16", pickle::Dtype::kBFloat16},
       {"I64", pickle::Dtype::kInt64},
       {"I32", pickle::Dtype::kInt32},
       {"I16", pickle::Dtype::kInt16},
       {"I8", pickle::Dtype::kInt8},
       {"U8", pickle::Dtype::kUInt8},
       {"BOOL", pickle::Dtype::kBool},
       {"C64", pickle::Dtype::kComplex64}}};
  for (const auto& [text, dtype] : kTypes) {
    if (text == name) return dtype;
  }
  return std::nullopt;
}

class SafetensorsReader {
 public:
  SafetensorsReader(std::span<const std::byte> file, std::string_view file_name) : file_(file), file_name_(file_name) {}

  Result<Safetensors> Run() {
    HARNESS_RETURN_IF_ERROR(FindHeader());
    HARNESS_ASSIGN_OR_RETURN(const JsonDocument header, ParseJson(header_, fmt::format("{}: the header", file_name_)));
    if (!header.root.is_object()) return Corrupt("the header is not a JSON object");
    for (const std::string& name : header.root_keys) {
      if (name == "__metadata__") {
        HARNESS_RETURN_IF_ERROR(ReadMetadata(header.root[name]));
      } else {
        HARNESS_RETURN_IF_ERROR(ReadEntry(name, header.root[name]));
      }
    }
    HARNESS_RETURN_IF_ERROR(CheckCoverage());
    return std::move(out_);
  }

 private:
  struct Range {
    uint64_t begin, end;
    size_t entry;
  };

  Error Corrupt(std::string_view what) const { return {ErrorCode::kCorrupt, fmt::format("{}: {}", file_name_, what)}; }
  Error Corrupt(std::string_view name, std::string_view what) const {
    return Corrupt(fmt::format("tensor {} {}", Printable(name), what));
  }
  static Error WithRemedy(Error error, const char* remedy) { return {error.code, std::move(error.message), remedy}; }

  Status FindHeader() {
    // What is not a safetensors file at all is named for what it is.
    const archive::FileKind kind = archive::SniffFileKind(file_);
    switch (kind) {
      case archive::FileKind::kGitLfsPointer:
      case archive::FileKind::kHtml:
      case archive::FileKind::kJson:
      case archive::FileKind::kEmpty:
      case archive::FileKind::kZeros: {
        const archive::FileDescription description =
            archive::DescribeFileKind(kind, file_, "audiocraft.utils.export", false);
        return Error{ErrorCode::kCorrupt, fmt::format("{} {}", file_name_, description.what), description.remedy};
      }
      case archive::FileKind::kTorchZip:
      case archive::FileKind::kTorchLegacy:
        return WithRemedy(Corrupt("is a file of torch.save under the name of a safetensors file"),
                          "Rename it to pytorch_model.bin");
      default: break;
    }
    if (file_.size() < kLengthBytes)
      return Corrupt(fmt::format("has {} bytes: cut off in its first number", file_.size()));
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<uint64_t>(file_[i]) << (8 * i);
    const uint64_t rest = file_.size() - kLengthBytes;
    if (length > kMaxHeaderBytes) {
      return WithRemedy(Corrupt(fmt::format("gives its header {} bytes at offset 0, more than the {} that the format "
                                            "allows: it is not a safetensors file, or damaged",
                                            length, kMaxHeaderBytes)),
                        kDownloadAgain);
    }
    if (length > rest) {
      return WithRemedy(
          Corrupt(fmt::format("is cut off: its header has {} bytes and the file ends after {} of them", length, rest)),
          kDownloadAgain);
    }
    header_ = {reinterpret_cast<const char*>(file_.data()) + kLengthBytes, static_cast<size_t>(length)};
    payload_ = file_.subspan(kLengthBytes + static_cast<size_t>(length));
    return {};
  }

  Status ReadMetadata(const Json& metadata) {
    if (!metadata.is_object()) return Corrupt("__metadata__ is not a JSON object");
    for (const auto& [key, value] : metadata.items()) {
      if (!value.is_string()) return Corrupt(fmt::format("__metadata__ {} is not text", Printable(key)));
      out_.metadata[key] = value.get<std::string>();
    }
    return {};
  }

  Status ReadEntry(const std::string& name, const Json& entry) {
    if (!entry.is_object()) return Corrupt(name, "is described by something that is not a JSON object");
    const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
    if (dtype == entry.end() || !dtype->is_string()) return Corrupt(name, "has no dtype");
    const auto type = DtypeOf(dtype->get_ref<const std::string&>());
    if (!type) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: tensor {} has dtype {}, which this suite does not read", file_name_,
                               Printable(name), Printable(dtype->get_ref<const std::string&>(), 40))};
    }
    if (shape == entry.end() || !shape->is_array() || shape->size() > kMaxDimensions) {
      return Corrupt(name, fmt::format("has no shape, or one of more than {} dimensions", kMaxDimensions));
    }
    SafetensorsEntry out{.name = name, .dtype = *type, .shape = {}, .bytes = {}};
    uint64_t size = pickle::CountElementBytes(*type);
    uint64_t reach = size;  // as size, with no zero: strides are counted with it
    for (const Json& dimension : *shape) {
      if (!dimension.is_number_unsigned()) return Corrupt(name, "has a dimension that is not a natural number");
      const auto extent = dimension.get<uint64_t>();
      size *= extent;
      if (__builtin_mul_overflow(reach, std::max<uint64_t>(extent, 1), &reach) || reach > INT64_MAX) {
        return Corrupt(name, fmt::format("has shape {}: more bytes than can be counted", shape->dump()));
      }
      out.shape.push_back(static_cast<int64_t>(extent));
    }
    if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
        !(*offsets)[1].is_number_unsigned()) {
      return Corrupt(name, "has no data_offsets [begin, end]");
    }
    const auto begin = (*offsets)[0].get<uint64_t>(), end = (*offsets)[1].get<uint64_t>();
    if (begin > end)
      return Corrupt(name, fmt::format("ends at byte {} of the payload before it begins, at {}", end, begin));
    if (end > payload_.size()) {
      return WithRemedy(
          Corrupt(name, fmt::format("reaches to byte {} of the payload, which has {}: the file is cut off", end,
                                    payload_.size())),
          kDownloadAgain);
    }
    if (end - begin != size) {
      return Corrupt(name, fmt::format("has shape {} of {}, that is {} bytes, and {} in the file", shape->dump(),
                                       pickle::Name(*type), size, end - begin));
    }
    out.bytes = payload_.subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    ranges_.push_back({begin, end, out_.entries.size()});
    out_.entries.push_back(std::move(out));
    return {};
  }

  // Each byte of the payload belongs to one tensor: safetensors refuses anything else.
  Status CheckCoverage() {
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    uint64_t covered = 0;
    for (const Range& range : ranges_) {
      if (range.begin != covered) {
        return Corrupt(
            out_.entries[range.entry].name,
            fmt::format("begins at byte {} of the payload where {} was expected: tensors overlap, or leave a "
                        "hole",
                        range.begin, covered));
      }
      covered = range.end;
    }
    if (covered == payload_.size()) return {};
    return Corrupt(fmt::format("has {} bytes of payload, and tensors for {} of them", payload_.size(), covered));
  }

  std::span<const std::byte> file_, payload_;
  std::string_view file_name_, header_;
  std::vector<Range> ranges_;
  Safetensors out_;
};

}  // namespace

Result<Safetensors> ReadSafetensors(std::span<const std::byte> file, std::string_view file_name) {
  return SafetensorsReader(file, file_name).Run();
}

}  // namespace harness::checkpoint
