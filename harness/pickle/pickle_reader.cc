#include "harness/pickle/pickle_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/base/safe_text.h"
#include "harness/pickle/pickle_machine.h"
#include "harness/pickle/pickle_opcodes.h"
#include "harness/pickle/pickle_scan.h"

namespace harness::pickle {
namespace {

// A checkpoint of 3.3 B parameters has a pickle of 0.5 MB and 40,000 values; these leave one to two orders of magnitude
// for what a training checkpoint holds beside the weights, and bound what a hostile file makes this reader keep: some
// 200 MB.
constexpr size_t kMaxPickleBytes = size_t{64} << 20;
constexpr size_t kMaxNodes = size_t{1} << 20;
constexpr size_t kMaxStack = size_t{1} << 20;

}  // namespace

Reading ReadPickle(std::span<const std::byte> bytes, std::string_view place, PersistentIds ids, size_t more) {
  return Machine(bytes, place, ids, more).Run();
}

Reading Machine::Run() {
  reading_.status = Loop();
  reading_.end = at_;
  if (!reading_.status.ok()) {
    reading_.pickle.root = kNoNode;
    Behind behind = ScanBehind(bytes_, op_at_, {frame_end_, more_}, reading_.pickle);
    reading_.behind = std::move(behind.names);
    reading_.calls_behind = behind.calls;
  }
  return std::move(reading_);
}

Status Machine::Loop() {
  for (;;) {
    op_at_ = at_;
    op_ = 0;
    if (at_ >= bytes_.size()) return Corrupt("the pickle ends without STOP: it was cut off");
    if (at_ > kMaxPickleBytes || reading_.pickle.nodes.size() > kMaxNodes || marks_.size() > kMaxStack) {
      return Corrupt(
          fmt::format("the pickle is larger than that of any checkpoint: over {} bytes, {} values or {} open "
                      "marks",
                      kMaxPickleBytes, kMaxNodes, kMaxStack));
    }
    op_ = static_cast<uint8_t>(bytes_[at_++]);
    if (op_ == opcode::kStop) {
      HARNESS_ASSIGN_OR_RETURN(reading_.pickle.root, Pop());
      if (!stack_.empty() || !marks_.empty()) {
        return Corrupt(fmt::format("{} values are left on the stack: every writer leaves one", stack_.size() + 1));
      }
      if (irregular_) return Corrupt(*irregular_);
      return {};
    }
    if (op_ == opcode::kProto) {
      HARNESS_ASSIGN_OR_RETURN(const uint8_t protocol, Number<uint8_t>());
      if (protocol > 5) return Corrupt(fmt::format("protocol {} is not known (expected 0 to 5)", protocol));
      // It decides how names are found: a second one would let two readers find others.
      if (op_at_ != 0) return Corrupt("it stands inside the pickle: every writer puts it at the beginning");
      reading_.pickle.protocol = protocol;
      continue;
    }
    if (op_ == opcode::kFrame) {
      // Python's two unpicklers treat what crosses a frame's end differently, and one loses bytes by it.
      if (op_at_ < frame_end_) return Corrupt("a frame begins inside another");
      if (reading_.pickle.protocol < 4) return Corrupt("frames are of protocol 4 and later");
      HARNESS_ASSIGN_OR_RETURN(const uint64_t size, Number<uint64_t>());
      if (size > bytes_.size() - at_) {
        return Corrupt(
            fmt::format("a frame of {} bytes, where {} are left: the pickle was cut off", size, bytes_.size() - at_));
      }
      frame_end_ = at_ + size;
      continue;
    }
    HARNESS_ASSIGN_OR_RETURN(bool done, Scalar(op_));
    if (!done) {
      HARNESS_ASSIGN_OR_RETURN(done, Container(op_));
    }
    if (!done) {
      HARNESS_ASSIGN_OR_RETURN(done, Memo(op_));
    }
    if (!done) {
      HARNESS_ASSIGN_OR_RETURN(done, Call(op_));
    }
    if (!done) return Corrupt(fmt::format("byte 0x{:02x} is not an opcode: these bytes are not a pickle", op_));
  }
}

Error Machine::Corrupt(std::string_view what, ErrorCode code) const {
  const std::optional<std::string_view> name = NameOpcode(op_);
  return {code, fmt::format("{}, pickle offset {}{}{}: {}", place_, op_at_, name ? ", opcode " : "", name.value_or(""),
                            what)};
}

Result<std::string_view> Machine::Take(uint64_t size) {
  if (size > bytes_.size() - at_) {
    return Corrupt(
        fmt::format("needs {} bytes, {} are left: the pickle was cut off or is damaged", size, bytes_.size() - at_));
  }
  if (op_at_ < frame_end_ && size > frame_end_ - at_) {
    return Corrupt(
        fmt::format("it goes beyond the end of its frame, at offset {}: two readers read it differently", frame_end_));
  }
  const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
  at_ += size;
  return taken;
}

Result<std::string_view> Machine::Line() {
  const auto end = std::find(bytes_.begin() + static_cast<ptrdiff_t>(at_), bytes_.end(), std::byte{'\n'});
  if (end == bytes_.end()) return Corrupt("its line does not end: the pickle was cut off or is damaged");
  HARNESS_ASSIGN_OR_RETURN(std::string_view line, Take(static_cast<size_t>(end - bytes_.begin()) - at_ + 1));
  line.remove_suffix(1);
  return line;
}

Status Machine::Push(NodeId id) {
  if (stack_.size() >= kMaxStack) return Corrupt(fmt::format("more than {} values lie on the stack", kMaxStack));
  stack_.push_back(id);
  return {};
}

Result<NodeId> Machine::Top() {
  const size_t fence = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= fence) {
    return Corrupt(marks_.empty() ? "the stack is empty" : "there is nothing above the last MARK");
  }
  return stack_.back();
}

Result<NodeId> Machine::Pop() {
  HARNESS_ASSIGN_OR_RETURN(const NodeId id, Top());
  stack_.pop_back();
  return id;
}

Result<std::vector<NodeId>> Machine::PopToMark() {
  if (marks_.empty()) return Corrupt("there is no MARK");
  const auto first = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  std::vector<NodeId> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

NodeId Machine::New(Kind kind) {
  Node made;
  made.kind = kind;
  made.offset = op_at_;
  reading_.pickle.nodes.push_back(std::move(made));
  return static_cast<NodeId>(reading_.pickle.nodes.size() - 1);
}

// Immutable values of one byte are made once: otherwise a byte would cost a node.
NodeId Machine::Singleton(Kind kind, bool boolean) {
  NodeId& kept = kind == Kind::kNone ? none_ : kind == Kind::kTuple ? empty_tuple_ : boolean ? true_ : false_;
  if (kept == kNoNode) {
    kept = New(kind);
    node(kept).boolean = boolean;
  }
  return kept;
}

NodeId Machine::Tuple(std::vector<NodeId> items) {
  if (items.empty()) return Singleton(Kind::kTuple);
  const NodeId id = New(Kind::kTuple);
  node(id).items = std::move(items);
  return id;
}

Status Machine::Spend(size_t amount) {
  spent_ += amount;
  if (spent_ > 8 * bytes_.size() + 4096) {
    return Corrupt("the same values are copied over and over: no writer of checkpoints does that");
  }
  return {};
}

namespace {

// As text opcodes have it: Python takes "+7", "0x7", "1_0" and blanks, too.
std::optional<uint64_t> ParseMemoIndex(std::string_view text) {
  uint64_t index = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), index);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return text.size() > 1 && text[0] == '0' ? std::nullopt : std::optional(index);
}

}  // namespace

Result<bool> Machine::Memo(uint8_t op) {
  const bool put = op == opcode::kPut || op == opcode::kBinPut || op == opcode::kLongBinPut || op == opcode::kMemoize;
  uint64_t index = 0;
  switch (op) {
    case opcode::kMemoize: index = memo_count_; break;
    case opcode::kBinPut:
    case opcode::kBinGet: {
      HARNESS_ASSIGN_OR_RETURN(index, Number<uint8_t>());
      break;
    }
    case opcode::kLongBinPut:
    case opcode::kLongBinGet: {
      HARNESS_ASSIGN_OR_RETURN(index, Number<uint32_t>());
      break;
    }
    case opcode::kPut:
    case opcode::kGet: {
      HARNESS_ASSIGN_OR_RETURN(const std::string_view line, Line());
      const std::optional<uint64_t> parsed = ParseMemoIndex(line);
      if (!parsed) return Corrupt(fmt::format("'{}' is not a memo index as writers write it", Printable(line, 40)));
      index = *parsed;
      break;
    }
    default: return false;
  }
  if (put) {
    if (index >= kMaxNodes) {
      return Corrupt(
          fmt::format("memo entry {} is put: writers number them from 0, and Python's unpickler keeps an array "
                      "of twice as many, until it raises a MemoryError",
                      index));
    }
    HARNESS_ASSIGN_OR_RETURN(const NodeId top, Top());
    // Followed, so that what comes of it is named, and refused at the end.
    if (index != memo_count_ && !irregular_) {
      irregular_ = fmt::format(
          "memo entry {} is put at offset {}, where number {} was due: every writer numbers them from "
          "0, each once",
          index, op_at_, memo_count_);
    }
    if (index >= memo_.size()) memo_.resize(index + 1, kNoNode);
    memo_count_ += memo_[index] == kNoNode ? 1 : 0;
    memo_[index] = top;
    return true;
  }
  if (index >= memo_.size() || memo_[index] == kNoNode) {
    return Corrupt(fmt::format("memo entry {} was never put", index));
  }
  HARNESS_RETURN_IF_ERROR(Push(memo_[index]));
  return true;
}

}  // namespace harness::pickle
