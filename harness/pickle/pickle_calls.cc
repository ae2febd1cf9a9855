// The opcodes that name globals and call them. Nothing is called: what is known becomes the value that PyTorch would
// make, all else an object that remembers the call.
#include <fmt/format.h>

#include "harness/base/safe_text.h"
#include "harness/pickle/pickle_machine.h"
#include "harness/pickle/pickle_opcodes.h"

namespace harness::pickle {
namespace {

constexpr size_t kMaxGlobalName = 512;

// The bytes of text whose characters are all below 256.
std::optional<std::string> Latin1(std::string_view utf8) {
  std::string raw;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<uint8_t>(utf8[i]);
    if (lead > 0xc3) return std::nullopt;
    raw += static_cast<char>(lead < 0x80 ? lead : (lead & 3) << 6 | (static_cast<uint8_t>(utf8[++i]) & 0x3f));
  }
  return raw;
}

}  // namespace

GlobalRole Machine::Role(NodeId id) {
  return node(id).kind == Kind::kGlobal && !node(id).foreign ? FindGlobalRole(node(id).text) : GlobalRole::kForeign;
}

// See Note [Grammar]. What a config's state holds is judged with it, so it goes with it.
void Machine::Freeze(NodeId id) {
  node(id).frozen = true;
  for (const auto& [key, value] : node(id).pairs) {
    if (node(value).kind == Kind::kDict || node(value).kind == Kind::kList) node(value).frozen = true;
  }
}

NodeId Machine::Foreign(NodeId id) {
  node(id).foreign = true;
  reading_.foreign.push_back(id);
  return id;
}

NodeId Machine::Object(NodeId callable, NodeId arguments) {
  const NodeId id = New(Kind::kObject);
  node(id).callable = callable;
  node(id).arguments = arguments;
  return id;
}

// A dotted name is looked up inside its module's attributes from protocol 4 on: it could be anything.
Status Machine::PushGlobal(std::string_view module, std::string_view name) {
  std::string qualified = QualifiedName(module, name, reading_.pickle.protocol);
  const bool foreign = FindGlobalRole(qualified) == GlobalRole::kForeign || name.find('.') != std::string_view::npos;
  if (qualified.size() > kMaxGlobalName) qualified.resize(kMaxGlobalName);
  const NodeId id = New(Kind::kGlobal);
  node(id).text = std::move(qualified);
  if (foreign) Foreign(id);
  return Push(id);
}

// What an extension code stands for is set by the program that loads the file: it could be anything.
Status Machine::PushExtension(int64_t code) {
  const NodeId id = New(Kind::kGlobal);
  node(id).text = fmt::format("copyreg.extension_{}", code);
  return Push(Foreign(id));
}

Status Machine::CallAndPush(CallForm form, NodeId callable, NodeId arguments) {
  if (node(arguments).kind != Kind::kTuple) {
    return Corrupt(fmt::format("the arguments of {} are {}, which is not a tuple",
                               reading_.pickle.Describe(callable, 60), reading_.pickle.Describe(arguments, 60)));
  }
  const GlobalRole role = Role(callable);
  if (!IsWrittenCall(reading_, role, form, arguments)) return Push(Foreign(Object(callable, arguments)));
  HARNESS_ASSIGN_OR_RETURN(const NodeId made, CallKnown(role, callable, arguments));
  for (const NodeId argument : node(arguments).items) {
    if (node(argument).kind == Kind::kDict || node(argument).kind == Kind::kList) Freeze(argument);
  }
  return Push(made);
}

// Precondition: IsWrittenCall.
Result<NodeId> Machine::CallKnown(GlobalRole role, NodeId callable, NodeId arguments) {
  const std::vector<NodeId> items = node(arguments).items;
  switch (role) {
    case GlobalRole::kOrderedDict:
    case GlobalRole::kDefaultDict: {
      const NodeId id = New(Kind::kDict);
      node(id).callable = callable;
      return id;
    }
    case GlobalRole::kSet:
    case GlobalRole::kSize: {
      HARNESS_RETURN_IF_ERROR(Spend(node(items[0]).items.size()));
      std::vector<NodeId> members = node(items[0]).items;
      const NodeId id = New(role == GlobalRole::kSet ? Kind::kSet : Kind::kTuple);
      node(id).items = std::move(members);
      node(id).frozen = true;
      return id;
    }
    case GlobalRole::kBytes: return New(Kind::kBytes);
    case GlobalRole::kByteArray:
    case GlobalRole::kEncode: {
      std::string raw = items.empty() ? std::string() : node(items[0]).text;
      HARNESS_RETURN_IF_ERROR(Spend(raw.size()));
      if (items.size() == 2) {
        std::optional<std::string> latin1 = Latin1(raw);
        if (!latin1) return Corrupt("encodes characters beyond Latin-1 as Latin-1");
        raw = std::move(*latin1);
      }
      const NodeId id = New(Kind::kBytes);
      node(id).text = std::move(raw);
      return id;
    }
    case GlobalRole::kReconstructor: return Object(items[0], Tuple({}));
    case GlobalRole::kTensorV1:
    case GlobalRole::kTensorV2:
    case GlobalRole::kTensorV3:
    case GlobalRole::kParameter:
    case GlobalRole::kParameterState:
    case GlobalRole::kFromType: return Tensor(role, callable, arguments);
    default: return Object(callable, arguments);
  }
}

// BUILD asks the instance for __setstate__, which an earlier BUILD may have set to any function: this one calls it.
void Machine::CallOwnSetState(NodeId target, NodeId state) {
  const NodeId before = node(target).state;
  if (before == kNoNode || node(before).kind != Kind::kDict) return;
  const NodeId function = reading_.pickle.Find(before, "__setstate__");
  if (function != kNoNode && node(function).foreign) Foreign(Object(function, Tuple({state})));
}

Status Machine::Build(NodeId target, NodeId state) {
  switch (node(target).kind) {
    case Kind::kObject:
    case Kind::kTensor:
    case Kind::kStorage:
    case Kind::kGlobal: break;
    case Kind::kDict:
      if (node(target).callable != kNoNode) break;
      [[fallthrough]];
    default: return Corrupt(fmt::format("sets the state of {}", reading_.pickle.Describe(target, 60)));
  }
  if (node(target).foreign && node(target).kind == Kind::kObject) {
    CallOwnSetState(target, state);  // that it is called is reported already
  } else if (IsWrittenState(reading_.pickle, target, state)) {
    Freeze(state);
  } else {
    CallOwnSetState(target, state);
    // Shown as what BUILD does: __setstate__(TARGET, STATE).
    const NodeId function = New(Kind::kGlobal);
    node(function).text = "__setstate__";
    const NodeId arguments = Tuple({target, state});
    Foreign(Object(function, arguments));
  }
  node(target).state = state;
  return {};
}

Result<bool> Machine::Call(uint8_t op) {
  switch (op) {
    case opcode::kGlobal: {
      HARNESS_ASSIGN_OR_RETURN(const std::string_view module, Line());
      HARNESS_ASSIGN_OR_RETURN(const std::string_view name, Line());
      HARNESS_RETURN_IF_ERROR(PushGlobal(module, name));
      return true;
    }
    case opcode::kStackGlobal: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId name, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId module, Pop());
      if (node(name).kind != Kind::kString || node(module).kind != Kind::kString) {
        return Corrupt("the name is not text: it is put together while the file is loaded");
      }
      // Copies: PushGlobal grows the arena that holds both.
      HARNESS_RETURN_IF_ERROR(PushGlobal(std::string(node(module).text), std::string(node(name).text)));
      return true;
    }
    case opcode::kExt1: {
      HARNESS_ASSIGN_OR_RETURN(const uint8_t code, Number<uint8_t>());
      HARNESS_RETURN_IF_ERROR(PushExtension(code));
      return true;
    }
    case opcode::kExt2: {
      HARNESS_ASSIGN_OR_RETURN(const uint16_t code, Number<uint16_t>());
      HARNESS_RETURN_IF_ERROR(PushExtension(code));
      return true;
    }
    case opcode::kExt4: {
      HARNESS_ASSIGN_OR_RETURN(const int32_t code, Number<int32_t>());
      HARNESS_RETURN_IF_ERROR(PushExtension(code));
      return true;
    }
    case opcode::kInst: {
      HARNESS_ASSIGN_OR_RETURN(const std::string_view module, Line());
      HARNESS_ASSIGN_OR_RETURN(const std::string_view name, Line());
      HARNESS_ASSIGN_OR_RETURN(std::vector<NodeId> arguments, PopToMark());
      HARNESS_RETURN_IF_ERROR(PushGlobal(module, name));
      HARNESS_ASSIGN_OR_RETURN(const NodeId callable, Pop());
      HARNESS_RETURN_IF_ERROR(CallAndPush(CallForm::kOther, callable, Tuple(std::move(arguments))));
      return true;
    }
    case opcode::kObj: {
      HARNESS_ASSIGN_OR_RETURN(std::vector<NodeId> items, PopToMark());
      if (items.empty()) return Corrupt("there is no class above the MARK");
      const NodeId callable = items.front();
      items.erase(items.begin());
      HARNESS_RETURN_IF_ERROR(CallAndPush(CallForm::kOther, callable, Tuple(std::move(items))));
      return true;
    }
    case opcode::kReduce:
    case opcode::kNewObj: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId arguments, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId callable, Pop());
      HARNESS_RETURN_IF_ERROR(
          CallAndPush(op == opcode::kReduce ? CallForm::kReduce : CallForm::kNewObject, callable, arguments));
      return true;
    }
    case opcode::kNewObjEx: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId keywords, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId arguments, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId callable, Pop());
      if (node(keywords).kind != Kind::kDict || node(arguments).kind != Kind::kTuple) {
        return Corrupt("the arguments are not a tuple and a dict");
      }
      // The keywords are shown as one more argument.
      std::vector<NodeId> all = node(arguments).items;
      if (!node(keywords).pairs.empty()) all.push_back(keywords);
      HARNESS_RETURN_IF_ERROR(CallAndPush(CallForm::kOther, callable, Tuple(std::move(all))));
      return true;
    }
    case opcode::kBuild: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId state, Pop());
      HARNESS_ASSIGN_OR_RETURN(const NodeId target, Top());
      HARNESS_RETURN_IF_ERROR(Build(target, state));
      return true;
    }
    case opcode::kBinPersId: {
      HARNESS_ASSIGN_OR_RETURN(const NodeId id, Pop());
      HARNESS_RETURN_IF_ERROR(Persistent(id));
      return true;
    }
    case opcode::kPersId: {
      HARNESS_ASSIGN_OR_RETURN(const std::string_view line, Line());
      Error error = Corrupt(
          fmt::format("the storage is named by the text '{}': PyTorch can't load a file written with pickle_protocol=0",
                      Printable(line, 60)));
      error.remedy = "Save it again with the default protocol";
      return error;
    }
    case opcode::kNextBuffer:
    case opcode::kReadonlyBuffer:
      return Corrupt("refers to a buffer outside the pickle, which torch.save never writes");
    default: return false;
  }
}

}  // namespace harness::pickle
