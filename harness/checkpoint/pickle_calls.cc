// The opcodes that name globals and call them. Nothing is called: what is known becomes the value that PyTorch would
// make, all else an object that remembers the call.
#include <fmt/format.h>

#include "harness/checkpoint/pickle_machine.h"
#include "harness/checkpoint/pickle_opcodes.h"
#include "harness/checkpoint/printable.h"

namespace harness {
namespace {

constexpr size_t kMaxGlobalName = 512;

}  // namespace

GlobalRole PickleMachine::Role(NodeId id) {
  return node(id).kind == Kind::kGlobal ? RoleOf(node(id).text) : GlobalRole::kForeign;
}

NodeId PickleMachine::Foreign(NodeId id) {
  reading_.foreign.push_back(id);
  return id;
}

NodeId PickleMachine::Object(NodeId callable, NodeId arguments) {
  const NodeId id = New(Kind::kObject);
  node(id).callable = callable;
  node(id).arguments = arguments;
  return id;
}

Status PickleMachine::PushGlobal(std::string_view module, std::string_view name) {
  std::string qualified = QualifiedName(module, name);
  if (qualified.size() > kMaxGlobalName) qualified.resize(kMaxGlobalName);
  const NodeId id = New(Kind::kGlobal);
  node(id).text = std::move(qualified);
  if (Role(id) == GlobalRole::kForeign) Foreign(id);
  return Push(id);
}

// What an extension code stands for is set by the program that loads the file: it could be anything.
Status PickleMachine::PushExtension(int64_t code) {
  const NodeId id = New(Kind::kGlobal);
  node(id).text = fmt::format("copyreg.extension_{}", code);
  return Push(Foreign(id));
}

Status PickleMachine::CallAndPush(NodeId callable, NodeId arguments) {
  if (node(arguments).kind != Kind::kTuple) {
    return Corrupt(fmt::format("the arguments of {} are {}, no tuple", reading_.pickle.Describe(callable, 60),
                               reading_.pickle.Describe(arguments, 60)));
  }
  const GlobalRole role = Role(callable);
  if (role == GlobalRole::kForeign) return Push(Foreign(Object(callable, arguments)));
  ASSIGN_OR_RETURN(const NodeId made, CallKnown(role, callable, arguments));
  return Push(made);
}

Result<NodeId> PickleMachine::CallKnown(GlobalRole role, NodeId callable, NodeId arguments) {
  switch (role) {
    case GlobalRole::kOrderedDict: return Mapping(callable, arguments, 0);
    case GlobalRole::kDefaultDict: return Mapping(callable, arguments, 1);
    case GlobalRole::kDict: return Mapping(kNoNode, arguments, 0);
    case GlobalRole::kList: return Sequence(Kind::kList, callable, arguments);
    case GlobalRole::kTuple: return Sequence(Kind::kTuple, callable, arguments);
    case GlobalRole::kSet: return Sequence(Kind::kSet, callable, arguments);
    case GlobalRole::kBytes:
    case GlobalRole::kEncode: {
      const std::vector<NodeId>& items = node(arguments).items;
      if (items.empty() && role == GlobalRole::kBytes) return New(Kind::kBytes);
      if (items.empty()) break;
      const PickleNode& first = node(items[0]);
      RETURN_IF_ERROR(Spend(first.text.size()));
      if (role == GlobalRole::kBytes && items.size() == 1 && first.kind == Kind::kBytes) {
        std::string copy = first.text;
        const NodeId id = New(Kind::kBytes);
        node(id).text = std::move(copy);
        return id;
      }
      if (items.size() != 2 || first.kind != Kind::kString) break;
      const std::string& encoding = node(items[1]).text;
      if (encoding != "latin1" && encoding != "latin-1") break;
      std::string raw;
      const std::string& text = first.text;
      for (size_t i = 0; i < text.size(); ++i) {
        const auto lead = static_cast<uint8_t>(text[i]);
        if (lead >= 0x80) {
          if (lead > 0xc3) return Corrupt("encodes characters beyond Latin-1 as Latin-1");
          raw += static_cast<char>((lead & 3) << 6 | (static_cast<uint8_t>(text[++i]) & 0x3f));
        } else {
          raw += static_cast<char>(lead);
        }
      }
      const NodeId id = New(Kind::kBytes);
      node(id).text = std::move(raw);
      return id;
    }
    case GlobalRole::kTensorV1:
    case GlobalRole::kTensorV2:
    case GlobalRole::kTensorV3:
    case GlobalRole::kParameter:
    case GlobalRole::kFromType: return Tensor(role, callable, arguments);
    case GlobalRole::kForeign:
    case GlobalRole::kInert:
    case GlobalRole::kStorageClass: break;
  }
  return Object(callable, arguments);
}

// OrderedDict(), OrderedDict([[k, v], ...]), OrderedDict({k: v}); `first`: arguments before that one.
Result<NodeId> PickleMachine::Mapping(NodeId callable, NodeId arguments, size_t first) {
  const std::vector<NodeId> items = node(arguments).items;
  std::vector<std::pair<NodeId, NodeId>> pairs;
  if (items.size() > first + 1) return Object(callable, arguments);
  if (items.size() == first + 1) {
    const PickleNode& source = node(items[first]);
    RETURN_IF_ERROR(Spend(source.pairs.size() + source.items.size()));
    if (source.kind == Kind::kDict) {
      pairs = source.pairs;
    } else if (source.kind == Kind::kList || source.kind == Kind::kTuple) {
      for (const NodeId item : source.items) {
        const PickleNode& pair = node(item);
        if ((pair.kind != Kind::kList && pair.kind != Kind::kTuple) || pair.items.size() != 2) {
          return Corrupt(fmt::format("{} is no pair of key and value", reading_.pickle.Describe(item, 60)));
        }
        pairs.emplace_back(pair.items[0], pair.items[1]);
      }
    } else {
      return Object(callable, arguments);
    }
  }
  const NodeId id = New(Kind::kDict);
  node(id).pairs = std::move(pairs);
  node(id).callable = callable;
  return id;
}

Result<NodeId> PickleMachine::Sequence(Kind kind, NodeId callable, NodeId arguments) {
  const std::vector<NodeId>& given = node(arguments).items;
  std::vector<NodeId> items;
  if (given.size() > 1) return Object(callable, arguments);
  if (given.size() == 1) {
    const PickleNode& source = node(given[0]);
    if (source.kind != Kind::kList && source.kind != Kind::kTuple && source.kind != Kind::kSet) {
      return Object(callable, arguments);
    }
    RETURN_IF_ERROR(Spend(source.items.size()));
    items = source.items;
  }
  const NodeId id = New(kind);
  node(id).items = std::move(items);
  return id;
}

// BUILD asks the instance for __setstate__, which an earlier BUILD may have set to any function: this one calls it.
void PickleMachine::CallOwnSetState(NodeId target, NodeId state) {
  const NodeId before = node(target).state;
  if (before == kNoNode || node(before).kind != Kind::kDict) return;
  const NodeId function = reading_.pickle.Find(before, "__setstate__");
  if (function == kNoNode || Role(function) != GlobalRole::kForeign) return;
  const NodeId call = Object(function, Tuple({state}));
  Foreign(call);
}

Status PickleMachine::Build(NodeId target, NodeId state) {
  switch (node(target).kind) {
    case Kind::kObject:
    case Kind::kTensor:
    case Kind::kStorage: break;
    case Kind::kDict:
      if (node(target).callable == kNoNode) return Corrupt("sets attributes of a plain dict");
      break;
    case Kind::kGlobal: {
      // Attributes of a class or module: may replace any function by another.
      const NodeId call = Object(target, Tuple({state}));
      node(call).state = state;
      Foreign(call);
      return {};
    }
    default: return Corrupt(fmt::format("sets attributes of {}", reading_.pickle.Describe(target, 60)));
  }
  CallOwnSetState(target, state);
  node(target).state = state;
  return {};
}

Result<bool> PickleMachine::Call(uint8_t op) {
  switch (op) {
    case opcode::kGlobal: {
      ASSIGN_OR_RETURN(const std::string_view module, Line());
      ASSIGN_OR_RETURN(const std::string_view name, Line());
      RETURN_IF_ERROR(PushGlobal(module, name));
      return true;
    }
    case opcode::kStackGlobal: {
      ASSIGN_OR_RETURN(const NodeId name, Pop());
      ASSIGN_OR_RETURN(const NodeId module, Pop());
      if (node(name).kind != Kind::kString || node(module).kind != Kind::kString) return Corrupt("names are no text");
      if (node(name).text.size() + node(module).text.size() > kMaxGlobalName) return Corrupt("a name is too long");
      // Copies: PushGlobal grows the arena that holds both.
      RETURN_IF_ERROR(PushGlobal(std::string(node(module).text), std::string(node(name).text)));
      return true;
    }
    case opcode::kExt1: {
      ASSIGN_OR_RETURN(const uint8_t code, Number<uint8_t>());
      RETURN_IF_ERROR(PushExtension(code));
      return true;
    }
    case opcode::kExt2: {
      ASSIGN_OR_RETURN(const uint16_t code, Number<uint16_t>());
      RETURN_IF_ERROR(PushExtension(code));
      return true;
    }
    case opcode::kExt4: {
      ASSIGN_OR_RETURN(const int32_t code, Number<int32_t>());
      RETURN_IF_ERROR(PushExtension(code));
      return true;
    }
    case opcode::kInst: {
      ASSIGN_OR_RETURN(const std::string_view module, Line());
      ASSIGN_OR_RETURN(const std::string_view name, Line());
      ASSIGN_OR_RETURN(std::vector<NodeId> arguments, PopToMark());
      RETURN_IF_ERROR(PushGlobal(module, name));
      ASSIGN_OR_RETURN(const NodeId callable, Pop());
      RETURN_IF_ERROR(CallAndPush(callable, Tuple(std::move(arguments))));
      return true;
    }
    case opcode::kObj: {
      ASSIGN_OR_RETURN(std::vector<NodeId> items, PopToMark());
      if (items.empty()) return Corrupt("there is no class above the MARK");
      const NodeId callable = items.front();
      items.erase(items.begin());
      RETURN_IF_ERROR(CallAndPush(callable, Tuple(std::move(items))));
      return true;
    }
    case opcode::kReduce:
    case opcode::kNewObj: {
      ASSIGN_OR_RETURN(const NodeId arguments, Pop());
      ASSIGN_OR_RETURN(const NodeId callable, Pop());
      RETURN_IF_ERROR(CallAndPush(callable, arguments));
      return true;
    }
    case opcode::kNewObjEx: {
      ASSIGN_OR_RETURN(const NodeId keywords, Pop());
      ASSIGN_OR_RETURN(const NodeId arguments, Pop());
      ASSIGN_OR_RETURN(const NodeId callable, Pop());
      if (node(keywords).kind != Kind::kDict) return Corrupt("the keyword arguments are no dict");
      if (node(keywords).pairs.empty()) {
        RETURN_IF_ERROR(CallAndPush(callable, arguments));
        return true;
      }
      if (node(arguments).kind != Kind::kTuple) return Corrupt("the arguments are no tuple");
      // The keywords are shown as one more argument.
      std::vector<NodeId> all = node(arguments).items;
      all.push_back(keywords);
      const NodeId object = Object(callable, Tuple(std::move(all)));
      if (Role(callable) == GlobalRole::kForeign) Foreign(object);
      RETURN_IF_ERROR(Push(object));
      return true;
    }
    case opcode::kBuild: {
      ASSIGN_OR_RETURN(const NodeId state, Pop());
      ASSIGN_OR_RETURN(const NodeId target, Top());
      RETURN_IF_ERROR(Build(target, state));
      return true;
    }
    case opcode::kBinPersId: {
      ASSIGN_OR_RETURN(const NodeId id, Pop());
      RETURN_IF_ERROR(Persistent(id));
      return true;
    }
    case opcode::kPersId: {
      ASSIGN_OR_RETURN(const std::string_view line, Line());
      return Corrupt(
          fmt::format("the storage is named by the text '{}': PyTorch can't load a file written with "
                      "pickle_protocol=0. Save it again with the default protocol",
                      Printable(line, 60)));
    }
    case opcode::kNextBuffer:
    case opcode::kReadonlyBuffer:
      return Corrupt("refers to a buffer outside the pickle, which torch.save never writes", ErrorCode::kUnsupported);
    default: return false;
  }
}

}  // namespace harness
