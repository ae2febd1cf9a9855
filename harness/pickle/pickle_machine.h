// Internal to the pickle reader: the stack machine. Opcodes are grouped by what they do, a source file for each group:
// pickle_reader.cc (dispatch, stack, memo, containers), pickle_scalars.cc (numbers and text), pickle_calls.cc (names,
// calls, persistent ids).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/pickle/pickle_grammar.h"
#include "harness/pickle/pickle_reading.h"

namespace harness::pickle {

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, std::string_view place, PersistentIds ids, size_t more)
      : bytes_(bytes), place_(place), ids_(ids), more_(more) {}
  Reading Run();

 private:
  using Kind = Node::Kind;

  Status Loop();
  // Each returns whether the opcode is of its group.
  Result<bool> Scalar(uint8_t op);
  Result<bool> Container(uint8_t op);
  Result<bool> Memo(uint8_t op);
  Result<bool> Call(uint8_t op);

  // --- input
  Result<std::string_view> Take(uint64_t size);
  Result<std::string_view> Line();  // up to \n, which is read but not returned
  template <class T>
  Result<T> Number();  // little-endian
  // kCorrupt with place, offset and opcode in front.
  Error Corrupt(std::string_view what, ErrorCode code = ErrorCode::kCorrupt) const;

  // --- stack
  Result<NodeId> Pop();
  Result<NodeId> Top();
  Result<std::vector<NodeId>> PopToMark();
  Status Push(NodeId id);
  NodeId New(Kind kind);
  Node& node(NodeId id) { return reading_.pickle.nodes[id]; }
  NodeId Singleton(Kind kind, bool boolean = false);
  NodeId String(std::string_view text);
  NodeId Tuple(std::vector<NodeId> items);
  Status PushText(std::string_view utf8);
  Status PushInteger(std::string_view decimal);
  Status PushLong(std::string_view little_endian);

  Status SetItems(NodeId target, const std::vector<NodeId>& keys_and_values);
  Status Append(NodeId target, Kind kind, const std::vector<NodeId>& items);
  // Fails for what a call was given: no writer changes it afterwards.
  Status CheckChangeable(NodeId target);

  // --- calls
  Status PushGlobal(std::string_view module, std::string_view name);
  Status PushExtension(int64_t code);
  Status CallAndPush(CallForm form, NodeId callable, NodeId arguments);
  Result<NodeId> CallKnown(GlobalRole role, NodeId callable, NodeId arguments);
  NodeId Object(NodeId callable, NodeId arguments);
  NodeId Foreign(NodeId id);
  GlobalRole Role(NodeId id);
  Status Build(NodeId target, NodeId state);
  void CallOwnSetState(NodeId target, NodeId state);
  void Freeze(NodeId id);
  Status Persistent(NodeId id);
  NodeId Tensor(GlobalRole role, NodeId callable, NodeId arguments);
  // Copies of memoized values must not make the memory quadratic.
  Status Spend(size_t amount);

  std::span<const std::byte> bytes_;
  std::string_view place_;
  PersistentIds ids_;
  size_t more_;
  size_t at_ = 0;
  size_t op_at_ = 0;
  size_t frame_end_ = 0;  // of the last frame
  uint8_t op_ = 0;
  Reading reading_;
  std::vector<NodeId> stack_;
  std::vector<size_t> marks_;             // stack sizes
  std::vector<NodeId> memo_;              // kNoNode: not put
  size_t memo_count_ = 0;                 // of those that were
  std::optional<std::string> irregular_;  // what no writer does, and Python follows all the same
  std::unordered_map<std::string, size_t> storage_of_key_;
  NodeId none_ = kNoNode, true_ = kNoNode, false_ = kNoNode, empty_tuple_ = kNoNode;
  size_t spent_ = 0;
};

template <class T>
Result<T> Machine::Number() {
  HARNESS_ASSIGN_OR_RETURN(const std::string_view raw, Take(sizeof(T)));
  T value;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

}  // namespace harness::pickle
