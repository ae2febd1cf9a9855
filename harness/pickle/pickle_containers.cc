// The opcodes that move values on the stack and put them into containers.
#include <fmt/format.h>

#include "harness/pickle/pickle_machine.h"
#include "harness/pickle/pickle_opcodes.h"

namespace harness::pickle {

Status Machine::CheckChangeable(NodeId target) {
  if (!node(target).frozen) return {};
  return Corrupt(fmt::format("changes {}, which a call was given before: no writer does that",
                             reading_.pickle.Describe(target, 60)));
}

Status Machine::SetItems(NodeId target, const std::vector<NodeId>& keys_and_values) {
  if (keys_and_values.size() % 2 != 0) return Corrupt("a key has no value");
  if (node(target).kind != Kind::kDict && !node(target).foreign) {
    return Corrupt(fmt::format("sets items of {}, which is not a dict", reading_.pickle.Describe(target, 60)));
  }
  HARNESS_RETURN_IF_ERROR(CheckChangeable(target));
  for (size_t i = 0; i < keys_and_values.size(); i += 2) {
    if (!IsWrittenKey(reading_.pickle, keys_and_values[i]) && !node(target).foreign) {
      return Corrupt(fmt::format("{} can't be a key", reading_.pickle.Describe(keys_and_values[i], 60)));
    }
    node(target).pairs.emplace_back(keys_and_values[i], keys_and_values[i + 1]);
  }
  return {};
}

Status Machine::Append(NodeId target, Kind kind, const std::vector<NodeId>& items) {
  Node& list = node(target);
  if (list.kind != kind && !list.foreign) {
    return Corrupt(fmt::format("adds items to {}, which is not a {}", reading_.pickle.Describe(target, 60),
                               kind == Kind::kList ? "list" : "set"));
  }
  HARNESS_RETURN_IF_ERROR(CheckChangeable(target));
  for (const NodeId item : items) {
    if (kind == Kind::kSet && !IsWrittenKey(reading_.pickle, item) && !list.foreign) {
      return Corrupt(fmt::format("{} can't be in a set", reading_.pickle.Describe(item, 60)));
    }
    list.items.push_back(item);
  }
  return {};
}

Result<bool> Machine::Container(uint8_t op) {
  switch (op) {
    case opcode::kMark: marks_.push_back(stack_.size()); return true;
    case opcode::kPop:
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
        return true;
      }
      HARNESS_RETURN_IF_ERROR(Pop());
      return true;
    case opcode::kPopMark: HARNESS_RETURN_IF_ERROR(PopToMark()); return true;
    case opcode::kDup: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId top, Top());
      HARNESS_RETURN_IF_ERROR(Push(top));
      return true;
    }
    case opcode::kEmptyDict: HARNESS_RETURN_IF_ERROR(Push(New(Kind::kDict))); return true;
    case opcode::kEmptyList: HARNESS_RETURN_IF_ERROR(Push(New(Kind::kList))); return true;
    case opcode::kEmptySet: HARNESS_RETURN_IF_ERROR(Push(New(Kind::kSet))); return true;
    case opcode::kEmptyTuple: HARNESS_RETURN_IF_ERROR(Push(Singleton(Kind::kTuple))); return true;
    case opcode::kTuple: {
      HARNESS_ASSIGN_OR_RETURN(std::vector<NodeId> items, PopToMark());
      HARNESS_RETURN_IF_ERROR(Push(Tuple(std::move(items))));
      return true;
    }
    case opcode::kTuple1:
    case opcode::kTuple2:
    case opcode::kTuple3: {
      std::vector<NodeId> items(size_t{op} - opcode::kTuple1 + 1);
      for (size_t i = items.size(); i-- > 0;) {
        HARNESS_ASSIGN_OR_RETURN(items[i], Pop());
      }
      HARNESS_RETURN_IF_ERROR(Push(Tuple(std::move(items))));
      return true;
    }
    case opcode::kList:
    case opcode::kFrozenSet: {
      HARNESS_ASSIGN_OR_RETURN(const std::vector<NodeId> items, PopToMark());
      const NodeId id = New(op == opcode::kList ? Kind::kList : Kind::kSet);
      HARNESS_RETURN_IF_ERROR(Append(id, node(id).kind, items));
      node(id).frozen = op == opcode::kFrozenSet;
      HARNESS_RETURN_IF_ERROR(Push(id));
      return true;
    }
    case opcode::kDict: {
      HARNESS_ASSIGN_OR_RETURN(const std::vector<NodeId> items, PopToMark());
      const NodeId id = New(Kind::kDict);
      HARNESS_RETURN_IF_ERROR(SetItems(id, items));
      HARNESS_RETURN_IF_ERROR(Push(id));
      return true;
    }
    case opcode::kAppend: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId item, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId list, Top());
      HARNESS_RETURN_IF_ERROR(Append(list, Kind::kList, {item}));
      return true;
    }
    case opcode::kAppends: {
      HARNESS_ASSIGN_OR_RETURN(const std::vector<NodeId> items, PopToMark());
      HARNESS_ASSIGN_OR_RETURN(const NodeId list, Top());
      HARNESS_RETURN_IF_ERROR(Append(list, Kind::kList, items));
      return true;
    }
    case opcode::kAddItems: {
      HARNESS_ASSIGN_OR_RETURN(const std::vector<NodeId> items, PopToMark());
      HARNESS_ASSIGN_OR_RETURN(const NodeId set, Top());
      HARNESS_RETURN_IF_ERROR(Append(set, Kind::kSet, items));
      return true;
    }
    case opcode::kSetItem: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId value, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId key, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId dict, Top());
      HARNESS_RETURN_IF_ERROR(SetItems(dict, {key, value}));
      return true;
    }
    case opcode::kSetItems: {
      HARNESS_ASSIGN_OR_RETURN(const std::vector<NodeId> items, PopToMark());
      HARNESS_ASSIGN_OR_RETURN(const NodeId dict, Top());
      HARNESS_RETURN_IF_ERROR(SetItems(dict, items));
      return true;
    }
    default: return false;
  }
}

}  // namespace harness::pickle
