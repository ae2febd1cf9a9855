#include "harness/checkpoint/pickle_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/checkpoint/pickle_machine.h"
#include "harness/checkpoint/pickle_opcodes.h"
#include "harness/checkpoint/printable.h"

namespace harness {
namespace {

// A checkpoint of 3.3 B parameters has a pickle of 0.5 MB; these leave three orders of magnitude.
constexpr size_t kMaxPickleBytes = size_t{256} << 20;
constexpr size_t kMaxNodes = size_t{8} << 20;

}  // namespace

PickleReading ReadPickle(std::span<const std::byte> bytes, std::string_view place) {
  return PickleMachine(bytes, place).Run();
}

PickleReading PickleMachine::Run() {
  reading_.status = Loop();
  reading_.end = at_;
  if (!reading_.status.ok()) reading_.pickle.root = kNoNode;
  return std::move(reading_);
}

Status PickleMachine::Loop() {
  for (;;) {
    op_at_ = at_;
    op_ = 0;
    if (at_ >= bytes_.size()) return Corrupt("the pickle ends without STOP: it was cut off");
    if (at_ > kMaxPickleBytes || reading_.pickle.nodes.size() > kMaxNodes) {
      return Corrupt("the pickle is larger than that of any checkpoint", ErrorCode::kUnsupported);
    }
    op_ = static_cast<uint8_t>(bytes_[at_++]);
    if (op_ == opcode::kStop) {
      ASSIGN_OR_RETURN(reading_.pickle.root, Pop());
      return {};
    }
    if (op_ == opcode::kProto) {
      ASSIGN_OR_RETURN(const uint8_t protocol, Number<uint8_t>());
      if (protocol > 5) {
        return Corrupt(fmt::format("protocol {}; 0 to 5 are known", protocol), ErrorCode::kUnsupported);
      }
      reading_.pickle.protocol = protocol;
      continue;
    }
    if (op_ == opcode::kFrame) {
      ASSIGN_OR_RETURN(const uint64_t size, Number<uint64_t>());
      if (size > bytes_.size() - at_) {
        return Corrupt(
            fmt::format("a frame of {} bytes, where {} are left: the pickle was cut off", size, bytes_.size() - at_));
      }
      continue;
    }
    ASSIGN_OR_RETURN(bool done, Scalar(op_));
    if (!done) {
      ASSIGN_OR_RETURN(done, Container(op_));
    }
    if (!done) {
      ASSIGN_OR_RETURN(done, Memo(op_));
    }
    if (!done) {
      ASSIGN_OR_RETURN(done, Call(op_));
    }
    if (!done) return Corrupt(fmt::format("byte 0x{:02x} is no opcode: these bytes are no pickle", op_));
  }
}

Error PickleMachine::Corrupt(std::string_view what, ErrorCode code) const {
  const std::string_view name = PickleOpcodeName(op_);
  return {code,
          fmt::format("{}, pickle offset {}{}{}: {}", place_, op_at_, name.empty() ? "" : ", opcode ", name, what)};
}

Result<std::string_view> PickleMachine::Take(uint64_t size) {
  if (size > bytes_.size() - at_) {
    return Corrupt(
        fmt::format("needs {} bytes, {} are left: the pickle was cut off or is damaged", size, bytes_.size() - at_));
  }
  const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
  at_ += size;
  return taken;
}

Result<std::string_view> PickleMachine::Line() {
  const auto end = std::find(bytes_.begin() + static_cast<ptrdiff_t>(at_), bytes_.end(), std::byte{'\n'});
  if (end == bytes_.end()) return Corrupt("its line does not end: the pickle was cut off or is damaged");
  ASSIGN_OR_RETURN(const std::string_view line, Take(static_cast<size_t>(end - bytes_.begin()) - at_));
  ++at_;
  return line;
}

Result<NodeId> PickleMachine::Top() {
  const size_t fence = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= fence) {
    return Corrupt(marks_.empty() ? "the stack is empty" : "there is nothing above the last MARK");
  }
  return stack_.back();
}

Result<NodeId> PickleMachine::Pop() {
  ASSIGN_OR_RETURN(const NodeId id, Top());
  stack_.pop_back();
  return id;
}

Result<std::vector<NodeId>> PickleMachine::PopToMark() {
  if (marks_.empty()) return Corrupt("there is no MARK");
  const auto first = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  std::vector<NodeId> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

NodeId PickleMachine::New(Kind kind) {
  PickleNode made;
  made.kind = kind;
  made.offset = op_at_;
  reading_.pickle.nodes.push_back(std::move(made));
  return static_cast<NodeId>(reading_.pickle.nodes.size() - 1);
}

// Immutable values of one byte are made once: otherwise a byte would cost a node.
NodeId PickleMachine::Singleton(Kind kind, bool boolean) {
  NodeId& kept = kind == Kind::kNone ? none_ : kind == Kind::kTuple ? empty_tuple_ : boolean ? true_ : false_;
  if (kept == kNoNode) {
    kept = New(kind);
    node(kept).boolean = boolean;
  }
  return kept;
}

NodeId PickleMachine::Tuple(std::vector<NodeId> items) {
  if (items.empty()) return Singleton(Kind::kTuple);
  const NodeId id = New(Kind::kTuple);
  node(id).items = std::move(items);
  return id;
}

Status PickleMachine::Spend(size_t amount) {
  spent_ += amount;
  if (spent_ > 8 * bytes_.size() + 4096) {
    return Corrupt("the same values are copied over and over: no writer of checkpoints does that");
  }
  return {};
}

// 4 GiB of pointers (_pickle.c, _Unpickler_MemoPut); a checkpoint of as many objects would be larger than any.
constexpr uint64_t kMaxMemoIndex = uint64_t{1} << 28;

Result<bool> PickleMachine::Memo(uint8_t op) {
  const bool put = op == opcode::kPut || op == opcode::kBinPut || op == opcode::kLongBinPut || op == opcode::kMemoize;
  uint64_t index = 0;
  switch (op) {
    case opcode::kMemoize: index = memo_.size(); break;
    case opcode::kBinPut:
    case opcode::kBinGet: {
      ASSIGN_OR_RETURN(index, Number<uint8_t>());
      break;
    }
    case opcode::kLongBinPut:
    case opcode::kLongBinGet: {
      ASSIGN_OR_RETURN(index, Number<uint32_t>());
      break;
    }
    case opcode::kPut:
    case opcode::kGet: {
      ASSIGN_OR_RETURN(const std::string_view line, Line());
      const auto parsed = std::from_chars(line.data(), line.data() + line.size(), index);
      if (parsed.ec != std::errc() || parsed.ptr != line.data() + line.size()) {
        return Corrupt(fmt::format("'{}' is no memo index", Printable(line, 40)));
      }
      break;
    }
    default: return false;
  }
  if (put && index >= kMaxMemoIndex) {
    return Corrupt(
        fmt::format("memo entry {} is put: Python's unpickler keeps an array of twice as many entries, and "
                    "raises a MemoryError; writers number them from 0",
                    index));
  }
  if (put) {
    ASSIGN_OR_RETURN(memo_[index], Top());
    return true;
  }
  const auto found = memo_.find(index);
  if (found == memo_.end()) return Corrupt(fmt::format("memo entry {} was never put", index));
  RETURN_IF_ERROR(Push(found->second));
  return true;
}

}  // namespace harness
