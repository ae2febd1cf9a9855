#include "harness/pickle/pickle_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "harness/pickle/pickle_globals.h"
#include "harness/pickle/pickle_opcodes.h"

namespace harness::pickle {
namespace {

constexpr size_t kMaxNames = 100, kMaxNameBytes = 512;

// Names that are harmless whatever they are called with; of the others only the writers' own calls are.
bool IsHarmlessAnyhow(GlobalRole role) {
  switch (role) {
    case GlobalRole::kType:
    case GlobalRole::kStorageClass:
    case GlobalRole::kOrderedDict:
    case GlobalRole::kSet:
    case GlobalRole::kBytes:
    case GlobalRole::kEncode:
    case GlobalRole::kComplex:
    case GlobalRole::kSize:
    case GlobalRole::kDevice:
    case GlobalRole::kLayout:
    case GlobalRole::kTensorV1:
    case GlobalRole::kTensorV2:
    case GlobalRole::kTensorV3:
    case GlobalRole::kParameter: return true;
    default: return false;
  }
}

class Scanner {
 public:
  Scanner(std::span<const std::byte> bytes, size_t at, ScanFrom from, const Pickle& read)
      : rest_(reinterpret_cast<const char*>(bytes.data()) + at, bytes.size() - at),
        size_(bytes.size()),
        frame_end_(from.frame_end),
        more_(from.more),
        protocol_(read.protocol) {
    for (const Node& node : read.nodes) {
      if (node.kind == Node::Kind::kGlobal) delicate_ = delicate_ || !IsHarmlessAnyhow(FindGlobalRole(node.text));
    }
  }

  Behind Run() {
    for (bool goes_on = true; goes_on && !rest_.empty();) {
      const size_t begin = size_ - rest_.size();
      const bool is_frame = static_cast<uint8_t>(rest_[0]) == opcode::kFrame;
      goes_on = Opcode();
      // Python's C unpickler loses what is left of a frame there, and is out of step with every other reader.
      const bool crosses = begin < frame_end_ && (size_ - rest_.size() > frame_end_ || is_frame);
      if (crosses) Add("bytes that two readers frame differently");
      if (is_frame && goes_on) frame_end_ = size_ - rest_.size() + frame_size_;
    }
    if (names_.empty() && calls_ && delicate_) names_.emplace_back("a call that can't be judged");
    return {std::move(names_), calls_};
  }

 private:
  std::optional<std::string_view> Take(uint64_t size) {
    if (size > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  // A little-endian length of `width` bytes, then so many bytes.
  std::optional<std::string_view> TakeCounted(size_t width) {
    const auto length = Take(width);
    if (!length) return std::nullopt;
    uint64_t size = 0;
    std::memcpy(&size, length->data(), width);
    return Take(size);
  }
  std::optional<std::string_view> Line() {
    const size_t end = rest_.find('\n');
    if (end == std::string_view::npos) {  // the last one: Python takes its last character for the end of the line
      if (rest_.empty()) return std::nullopt;
      const std::string_view line = rest_.substr(0, rest_.size() - 1);
      rest_ = {};
      return line;
    }
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }

  void Add(std::string name) {
    if (names_.size() >= kMaxNames) return;
    if (name.size() > kMaxNameBytes) name.resize(kMaxNameBytes);
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(std::move(name));
  }
  void Name(std::string_view module, std::string_view name) {
    std::string qualified = QualifiedName(module, name, protocol_);
    const GlobalRole role = FindGlobalRole(qualified);
    const bool foreign = role == GlobalRole::kForeign || name.find('.') != std::string_view::npos;
    delicate_ = delicate_ || !IsHarmlessAnyhow(role);
    if (foreign) Add(std::move(qualified));
  }

  // Whether the scan can go on behind it.
  bool Opcode() {
    using namespace opcode;  // NOLINT(google-build-using-namespace): most of them
    const auto op = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    std::optional<std::string_view> text;
    switch (op) {
      case kStop:
        if (more_ == 0) return false;
        --more_;
        protocol_ = 0;
        return true;
      case kGlobal:
      case kInst: {
        const auto module = Line();
        if (!module) return false;
        const auto name = Line();  // without one, Python's unpickler that is written in Python imports the module
        calls_ = calls_ || op == kInst;
        Name(*module, name.value_or(""));
        break;
      }
      case kStackGlobal:
        if (before_last_ && last_) {
          Name(*before_last_, *last_);
        } else {
          Add("a name that is put together while the file is loaded");
        }
        break;
      case kExt1:
      case kExt2:
      case kExt4:
        Add("an extension code of copyreg");
        if (!Take(op == kExt1 ? 1 : op == kExt2 ? 2 : 4)) return false;
        break;
      case kReduce:
      case kNewObj:
      case kNewObjEx:
      case kObj:
      case kBuild: calls_ = true; break;
      case kFloat:
      case kInt:
      case kLong:
      case kString:
      case kUnicode:
      case kPersId:
      case kGet:
        if (!Line()) return false;
        break;
      case kPut: return Line().has_value();
      case kBinPut: return Take(1).has_value();
      case kLongBinPut: return Take(4).has_value();
      case kMemoize: return true;
      case kFrame: {
        const auto frame = Take(8);
        if (!frame) return false;
        std::memcpy(&frame_size_, frame->data(), 8);
        frame_size_ = std::min<uint64_t>(frame_size_, rest_.size());
        return true;
      }
      case kProto: {
        const auto protocol = Take(1);
        if (!protocol) return false;
        protocol_ = static_cast<uint8_t>((*protocol)[0]);
        return true;
      }
      case kBinInt1:
      case kBinGet:
        if (!Take(1)) return false;
        break;
      case kBinInt2:
        if (!Take(2)) return false;
        break;
      case kBinInt:
      case kLongBinGet:
        if (!Take(4)) return false;
        break;
      case kBinFloat:
        if (!Take(8)) return false;
        break;
      case kLong1:
      case kShortBinBytes:
        if (!TakeCounted(1)) return false;
        break;
      case kLong4:
      case kBinBytes:
        if (!TakeCounted(4)) return false;
        break;
      case kBinBytes8:
      case kByteArray8:
        if (!TakeCounted(8)) return false;
        break;
      case kShortBinString:
      case kShortBinUnicode: text = TakeCounted(1); return PushText(text);
      case kBinString:
      case kBinUnicode: text = TakeCounted(4); return PushText(text);
      case kBinUnicode8: text = TakeCounted(8); return PushText(text);
      default:
        if (!NameOpcode(op)) return false;
    }
    before_last_ = last_ = std::nullopt;
    return true;
  }

  bool PushText(std::optional<std::string_view> text) {
    before_last_ = last_;
    last_ = text;
    return text.has_value();
  }

  std::string_view rest_;
  size_t size_;
  uint64_t frame_end_, frame_size_ = 0;
  size_t more_;
  int protocol_;
  std::optional<std::string_view> before_last_, last_;  // what lies on top of the stack, where it is text
  bool calls_ = false;
  bool delicate_ = false;  // a name is there that is harmless only as its writers use it
  std::vector<std::string> names_;
};

}  // namespace

Behind ScanBehind(std::span<const std::byte> bytes, size_t at, ScanFrom from, const Pickle& read) {
  return Scanner(bytes, at, from, read).Run();
}

}  // namespace harness::pickle
