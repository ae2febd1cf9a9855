#include "harness/text/sentencepiece_model.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>

namespace harness::text {
namespace {

// Fields of ModelProto and NormalizerSpec.
constexpr uint64_t kPieces = 1, kNormalizerSpec = 3, kDenormalizerSpec = 5, kPrecompiledCharsmap = 2;
constexpr size_t kMaxPieces = size_t{1} << 20;  // mT5 has 250,100
constexpr const char* kDownloadAgain =
    "Download it again (`hf download NAME --force-download`: else the client keeps the file that is there)";
// ModelProto { normalizer_spec { add_dummy_prefix: false } }: appended, it is merged into what stands before.
constexpr std::string_view kNoDummyPrefix("\x1a\x02\x18\x00", 4);

Error NotAModel(const std::string& file, const std::string& why = {}) {
  return {ErrorCode::kCorrupt, file + ": is not a SentencePiece model, or damaged" + why, kDownloadAgain};
}

// The fields of a serialized protocol buffer, one after the other. Stops where the bytes are none.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  // False at the end, and where it is broken: the library then says so itself.
  bool Next() {
    const auto tag = Varint();
    if (!tag) return false;
    number = *tag >> 3;
    value = {};
    switch (*tag & 7) {
      case 0: return Varint().has_value();
      case 1: return Skip(8);
      case 2: {
        const auto size = Varint();
        if (!size || *size > rest_.size()) return false;
        value = rest_.substr(0, static_cast<size_t>(*size));
        return Skip(value.size());
      }
      case 5: return Skip(4);
      default: return false;
    }
  }
  bool at_end() const { return rest_.empty(); }

  uint64_t number = 0;
  std::string_view value;  // of a field with a length

 private:
  std::optional<uint64_t> Varint() {
    uint64_t out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return out;
    }
    return std::nullopt;
  }
  bool Skip(size_t size) {
    if (size > rest_.size()) return false;
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
};

uint32_t Word(std::string_view bytes, size_t index) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + index * sizeof word, sizeof word);
  return word;
}

// u32 size of the trie in bytes; the trie, an array of u32 units; texts, each ended by a zero, that values point into.
std::optional<std::string> FindCharsmapProblem(std::string_view map) {
  if (map.empty()) return std::nullopt;  // no normalisation
  if (map.size() <= 4) return "has no trie";
  const uint32_t size = Word(map, 0);
  if (size >= map.size() - 4 || size % 4 != 0 || size == 0) {
    return fmt::format("gives its trie {} of {} bytes", size, map.size() - 4);
  }
  const std::string_view trie = map.substr(4, size), texts = map.substr(4 + size);
  if (texts.back() != '\0') return "does not end with a zero";
  const uint64_t count = size / 4;
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t unit = Word(trie, i);
    if ((unit & 0x80000000U) != 0) {  // a leaf: where the text begins
      if ((unit & 0x7fffffffU) >= texts.size()) return fmt::format("points outside of its texts at unit {}", i);
      continue;
    }
    // Any byte may follow: the next unit is i ^ offset ^ byte.
    const uint64_t offset = static_cast<uint64_t>(unit >> 10) << ((unit & 0x200U) >> 6);
    if (((i ^ offset) | 0xffU) >= count) return fmt::format("leads outside of its trie at unit {}", i);
  }
  return std::nullopt;
}

// What the library takes as it stands: the number of pieces, and the tables of normalisation.
Status CheckModel(std::string_view model, const std::string& file) {
  Fields fields(model);
  size_t pieces = 0;
  while (fields.Next()) {
    if (fields.number == kPieces && ++pieces > kMaxPieces) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: has more than {} pieces, and this suite reads no more: no T5 has a quarter of that",
                               file, kMaxPieces)};
    }
    if (fields.number != kNormalizerSpec && fields.number != kDenormalizerSpec) continue;
    Fields spec(fields.value);
    while (spec.Next()) {
      if (spec.number != kPrecompiledCharsmap) continue;
      if (const auto problem = FindCharsmapProblem(spec.value)) {
        return Error{ErrorCode::kCorrupt,
                     fmt::format("{}: the normalisation table {}: the file is damaged", file, *problem),
                     kDownloadAgain};
      }
    }
    // A group, which no field of this format is: what follows it might be read otherwise there than here.
    if (!spec.at_end()) return NotAModel(file);
  }
  if (!fields.at_end()) return NotAModel(file);
  return {};
}

}  // namespace

Result<std::shared_ptr<const sentencepiece::SentencePieceProcessor>> LoadSentencePiece(std::string model,
                                                                                       bool dummy_prefix,
                                                                                       const std::string& file) {
  if (model.empty()) return Error{ErrorCode::kCorrupt, file + ": is empty", kDownloadAgain};
  HARNESS_RETURN_IF_ERROR(CheckModel(model, file));
  if (!dummy_prefix) model += kNoDummyPrefix;
  auto processor = std::make_shared<sentencepiece::SentencePieceProcessor>();
  try {
    const sentencepiece::util::Status status = processor->LoadFromSerializedProto(model);
    if (!status.ok()) {
      return NotAModel(file, fmt::format(" ({})", status.error_message()));
    }
    if (processor->GetPieceSize() == 0) return Error{ErrorCode::kCorrupt, file + ": has no pieces"};
  } catch (const std::exception& error) {  // Darts throws where pieces do not make a trie
    return Error{ErrorCode::kCorrupt, fmt::format("{}: its pieces do not make a vocabulary ({})", file, error.what()),
                 kDownloadAgain};
  }
  return std::shared_ptr<const sentencepiece::SentencePieceProcessor>(std::move(processor));
}

}  // namespace harness::text
