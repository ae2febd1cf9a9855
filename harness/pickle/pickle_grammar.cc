#include "harness/pickle/pickle_grammar.h"

#include <algorithm>
#include <initializer_list>

namespace harness::pickle {
namespace {

using Kind = Node::Kind;

// Questions about one node of a pickle.
class Shape {
 public:
  Shape(const Pickle& pickle, NodeId id) : pickle_(pickle), id_(id) {}

  bool exists() const { return id_ != kNoNode; }
  const Node& node() const {
    static const Node nothing;
    return exists() ? pickle_[id_] : nothing;
  }
  bool Is(Kind kind) const { return exists() && node().kind == kind; }
  bool IsText(std::string_view text) const { return Is(Kind::kString) && node().text == text; }
  bool IsClass(std::string_view name) const { return Is(Kind::kGlobal) && node().text == name; }
  bool IsInt(int64_t value) const { return Is(Kind::kInt) && node().integer == value; }
  GlobalRole role() const { return Is(Kind::kGlobal) ? FindGlobalRole(node().text) : GlobalRole::kForeign; }
  // What made it, of an object; kForeign of anything else.
  GlobalRole made_by() const {
    return Is(Kind::kObject) && node().callable != kNoNode ? Shape(pickle_, node().callable).role()
                                                           : GlobalRole::kForeign;
  }
  bool IsPlainDict() const { return Is(Kind::kDict) && node().callable == kNoNode; }
  bool IsOrderedDict() const {
    return Is(Kind::kDict) && node().callable != kNoNode &&
           Shape(pickle_, node().callable).role() == GlobalRole::kOrderedDict;
  }
  // collections.OrderedDict() with nothing in it: the backward hooks of a tensor.
  bool IsNoHooks() const { return IsOrderedDict() && node().pairs.empty() && node().state == kNoNode; }
  bool IsTupleOfInts() const {
    return Is(Kind::kTuple) && All([](const Shape& item) { return item.Is(Kind::kInt); });
  }
  // Keys that are text and no special method of Python's.
  bool HasAttributeKeys() const {
    return std::all_of(node().pairs.begin(), node().pairs.end(), [&](const auto& pair) {
      const Node& key = pickle_[pair.first];
      return key.kind == Kind::kString && !key.text.starts_with("__");
    });
  }
  // A plain dict whose keys are among `names`, each once.
  bool IsDictOf(std::initializer_list<std::string_view> names) const {
    if (!IsPlainDict() || node().pairs.size() > names.size()) return false;
    for (const auto& [key, value] : node().pairs) {
      const Node& name = pickle_[key];
      if (name.kind != Kind::kString || std::find(names.begin(), names.end(), name.text) == names.end()) return false;
      if (pickle_.Find(id_, name.text) != value) return false;  // twice
    }
    return true;
  }
  template <class F>
  bool All(F&& holds) const {
    return std::all_of(node().items.begin(), node().items.end(),
                       [&](NodeId item) { return holds(Shape(pickle_, item)); });
  }
  size_t size() const { return node().items.size(); }
  Shape operator[](size_t item) const { return {pickle_, node().items[item]}; }
  // The value of a key; Is(...) of what is not there is false.
  Shape At(std::string_view key) const { return {pickle_, pickle_.Find(id_, key)}; }
  NodeId id() const { return id_; }

 private:
  const Pickle& pickle_;
  NodeId id_;
};

bool IsScalar(const Node& node) {
  switch (node.kind) {
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kBigInt:
    case Kind::kFloat:
    case Kind::kString: return true;
    default: return false;
  }
}

// "f8" -> 8: NumPy's kinds of plain numbers; 0 for any other. None holds a pointer.
size_t NumberBytes(std::string_view code) {
  static constexpr std::string_view kCodes[] = {"b1", "i1", "i2", "i4", "i8", "u1", "u2",
                                                "u4", "u8", "f2", "f4", "f8", "c8", "c16"};
  if (std::find(std::begin(kCodes), std::end(kCodes), code) == std::end(kCodes)) return 0;
  return code == "c16" ? 16 : static_cast<size_t>(code[1] - '0');
}

// Bytes of an element of the numpy.dtype object `dtype`, state and all; 0 where it is none.
size_t ElementBytes(const Pickle& pickle, const Shape& dtype) {
  if (dtype.made_by() != GlobalRole::kArrayDtype || dtype.node().state == kNoNode) return 0;
  return NumberBytes(Shape(pickle, dtype.node().arguments)[0].node().text);
}

bool Holds(const Shape& bytes, const Shape& shape, size_t element) {
  uint64_t size = element;
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t dimension = shape[i].node().integer;
    if (dimension < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(dimension), &size)) return false;
  }
  return element > 0 && bytes.Is(Kind::kBytes) && bytes.node().text.size() == size;
}

bool IsDeviceName(std::string_view name) {
  const size_t colon = name.find(':');
  const std::string_view type = name.substr(0, colon);
  static constexpr std::string_view kTypes[] = {"cpu", "cuda", "mps", "meta", "xpu", "hpu"};
  if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes)) return false;
  if (colon == std::string_view::npos) return true;
  const std::string_view index = name.substr(colon + 1);
  return !index.empty() && index.size() <= 3 && index.find_first_not_of("0123456789") == std::string_view::npos &&
         (index.size() == 1 || index[0] != '0');
}

bool IsTensorMaker(GlobalRole role) {
  return role == GlobalRole::kTensorV1 || role == GlobalRole::kTensorV2 || role == GlobalRole::kTensorV3 ||
         role == GlobalRole::kFromType || role == GlobalRole::kWrapperSubclass;
}

// (storage, offset, size, stride[, requires_grad, hooks[, dtype]]): only floating elements can require a gradient.
bool IsTensorCall(const Reading& reading, GlobalRole role, const Shape& args) {
  const size_t expected = role == GlobalRole::kTensorV1 ? 4 : role == GlobalRole::kTensorV2 ? 6 : 7;
  if (args.size() != expected) return false;
  // Of a storage that could not be read its own problem is reported.
  const bool storage = args[0].Is(Kind::kStorage) || args[0].made_by() == GlobalRole::kStorageClass;
  if (!storage || !args[1].Is(Kind::kInt) || !args[2].IsTupleOfInts() || !args[3].IsTupleOfInts()) return false;
  if (role == GlobalRole::kTensorV1) return true;
  if (!args[4].Is(Kind::kBool) || !args[5].IsNoHooks()) return false;
  if (role == GlobalRole::kTensorV3) return args[6].role() == GlobalRole::kType;
  return !args[4].node().boolean || !args[0].Is(Kind::kStorage) ||
         IsFloating(reading.storages[args[0].node().storage].dtype);
}

// Attributes of a tensor, which PyTorch sets one by one: "data" among them would be another tensor. These are flags
// that training frameworks leave behind: torch's FSDP, Megatron-LM, Transformers.
bool IsTensorState(const Shape& state) {
  return state.Is(Kind::kNone) || state.IsDictOf({"_fsdp_flattened", "tensor_model_parallel", "partition_dim",
                                                  "partition_stride", "_is_hf_initialized"});
}

bool IsFromTypeCall(const Reading& reading, const Shape& args) {
  if (args.size() != 4 || !args[2].Is(Kind::kTuple)) return false;
  const GlobalRole function = args[0].role();
  switch (function) {
    case GlobalRole::kWrapperSubclass: return args[1].role() == GlobalRole::kDistributed;
    case GlobalRole::kTensorV2:
    case GlobalRole::kTensorV3:
      if (!args[1].IsClass("torch.Tensor") && !args[1].IsClass("torch._tensor.Tensor")) return false;
      break;
    case GlobalRole::kParameter:
      if (!args[1].IsClass("torch.nn.parameter.Parameter")) return false;
      break;
    default: return false;
  }
  return IsTensorState(args[3]) && IsWrittenCall(reading, function, CallForm::kReduce, args[2].id());
}

// Those of which an object is made without arguments, and filled by BUILD.
bool IsFilledByState(GlobalRole role) {
  return role == GlobalRole::kNamespace || role == GlobalRole::kConfigContainer || role == GlobalRole::kConfigNode ||
         role == GlobalRole::kConfigMetadata || role == GlobalRole::kContainerMetadata;
}

// The state of omegaconf.base.Metadata and ContainerMetadata. A resolver_cache that holds something would answer in
// place of a resolver.
bool IsMetadataState(const Shape& state, bool container) {
  if (!(container ? state.IsDictOf({"ref_type", "object_type", "optional", "key", "flags", "flags_root",
                                    "resolver_cache", "key_type", "element_type"})
                  : state.IsDictOf(
                        {"ref_type", "object_type", "optional", "key", "flags", "flags_root", "resolver_cache"}))) {
    return false;
  }
  for (const std::string_view name : {"ref_type", "object_type", "key_type", "element_type"}) {
    const Shape type = state.At(name);
    if (!type.exists() || type.Is(Kind::kNone)) continue;
    if (type.role() != GlobalRole::kType && type.role() != GlobalRole::kConfigContainer &&
        type.role() != GlobalRole::kBytes && type.role() != GlobalRole::kPath) {
      return false;
    }
  }
  const Shape cache = state.At("resolver_cache"), flags = state.At("flags");
  const Shape key = state.At("key"), flags_root = state.At("flags_root");
  return state.At("ref_type").exists() && state.At("optional").Is(Kind::kBool) && key.exists() &&
         (IsScalar(key.node()) || key.Is(Kind::kBytes)) && (!flags_root.exists() || flags_root.Is(Kind::kBool)) &&
         (!cache.exists() || (cache.Is(Kind::kDict) && cache.node().pairs.empty())) &&
         (!flags.exists() || flags.Is(Kind::kNone) || (flags.IsPlainDict() && flags.HasAttributeKeys()));
}

// DictConfig, ListConfig: what lies inside says that it lies there, or nowhere. Another _parent would let
// interpolations resolve elsewhere.
bool IsContainerState(const Pickle& pickle, NodeId target, const Shape& state) {
  if (!state.IsDictOf({"_metadata", "_parent", "_content"})) return false;
  const Shape metadata = state.At("_metadata"), parent = state.At("_parent"), content = state.At("_content");
  if (!metadata.exists() || metadata.made_by() != GlobalRole::kContainerMetadata || metadata.node().state == kNoNode ||
      !parent.exists() || !content.exists()) {
    return false;
  }
  if (!parent.Is(Kind::kNone) && parent.made_by() != GlobalRole::kConfigContainer) return false;
  const auto lies_inside = [&](NodeId id) {
    const Shape child(pickle, id);
    if (child.made_by() != GlobalRole::kConfigContainer && child.made_by() != GlobalRole::kConfigNode) return false;
    if (child.node().state == kNoNode) return false;
    const Shape around = Shape(pickle, child.node().state).At("_parent");
    return around.id() == target || around.Is(Kind::kNone);
  };
  if (content.Is(Kind::kNone) || content.Is(Kind::kString)) return true;  // null, "???" or an interpolation
  const bool is_list = pickle[pickle[target].callable].text == "omegaconf.listconfig.ListConfig";
  if (is_list) {
    return content.Is(Kind::kList) &&
           std::all_of(content.node().items.begin(), content.node().items.end(), lies_inside);
  }
  return content.IsPlainDict() && std::all_of(content.node().pairs.begin(), content.node().pairs.end(),
                                              [&](const auto& pair) { return lies_inside(pair.second); });
}

bool IsNodeState(const Shape& state) {
  if (!state.IsDictOf({"_metadata", "_parent", "_val"})) return false;
  const Shape metadata = state.At("_metadata"), parent = state.At("_parent"), value = state.At("_val");
  if (!metadata.exists() || metadata.made_by() != GlobalRole::kConfigMetadata || metadata.node().state == kNoNode ||
      !parent.exists() || !value.exists()) {
    return false;
  }
  if (!parent.Is(Kind::kNone) && parent.made_by() != GlobalRole::kConfigContainer) return false;
  return IsScalar(value.node()) || value.Is(Kind::kBytes) || value.made_by() == GlobalRole::kPath;
}

// (3, byte order, None, None, None, -1, -1, 0): no subarray, no names, no fields, no flags.
bool IsDtypeState(const Shape& state) {
  return state.Is(Kind::kTuple) && state.size() == 8 && state[0].IsInt(3) &&
         (state[1].IsText("<") || state[1].IsText("|")) && state[2].Is(Kind::kNone) && state[3].Is(Kind::kNone) &&
         state[4].Is(Kind::kNone) && state[5].IsInt(-1) && state[6].IsInt(-1) && state[7].IsInt(0);
}

// (1, shape, dtype, is Fortran's order, bytes).
bool IsArrayState(const Pickle& pickle, const Shape& state) {
  return state.Is(Kind::kTuple) && state.size() == 5 && state[0].IsInt(1) && state[1].IsTupleOfInts() &&
         state[3].Is(Kind::kBool) && Holds(state[4], state[1], ElementBytes(pickle, state[2]));
}

// What torch.distributed's classes hold is not judged: no package that has one is an export. That nothing foreign is
// called for it is what matters.
bool IsDistributedState(const Shape& state) {
  if (state.IsPlainDict()) return state.HasAttributeKeys();
  return state.Is(Kind::kTuple) && state.All([](const Shape& part) {
    return part.Is(Kind::kGlobal) || !part.Is(Kind::kDict) || (part.IsPlainDict() && part.HasAttributeKeys());
  });
}

}  // namespace

bool IsWrittenCall(const Reading& reading, GlobalRole role, CallForm form, NodeId arguments) {
  const Pickle& pickle = reading.pickle;
  const Shape args(pickle, arguments);
  if (form == CallForm::kOther || role == GlobalRole::kForeign || !args.Is(Kind::kTuple)) return false;
  const bool reduce = form == CallForm::kReduce;
  switch (role) {
    case GlobalRole::kForeign:
    case GlobalRole::kType:
    case GlobalRole::kStorageClass: return false;
    case GlobalRole::kOrderedDict: return reduce && args.size() == 0;
    case GlobalRole::kDefaultDict:
      return reduce && (args.size() == 0 || (args.size() == 1 && args[0].role() != GlobalRole::kForeign &&
                                             args[0].node().text.starts_with("builtins.")));
    case GlobalRole::kCounter:
      return reduce && args.size() == 1 && args[0].IsPlainDict() &&
             std::all_of(args[0].node().pairs.begin(), args[0].node().pairs.end(),
                         [&](const auto& pair) { return pickle[pair.second].kind == Kind::kInt; });
    case GlobalRole::kSet:
      return reduce && args.size() == 1 && args[0].Is(Kind::kList) &&
             std::all_of(args[0].node().items.begin(), args[0].node().items.end(),
                         [&](NodeId item) { return IsWrittenKey(pickle, item); });
    case GlobalRole::kBytes: return reduce && args.size() == 0;
    case GlobalRole::kByteArray:
      return reduce && (args.size() == 0 || (args.size() == 1 && args[0].Is(Kind::kBytes)) ||
                        (args.size() == 2 && args[0].Is(Kind::kString) && args[1].IsText("latin-1")));
    case GlobalRole::kEncode:
      return reduce && args.size() == 2 && args[0].Is(Kind::kString) && args[1].IsText("latin1");
    case GlobalRole::kComplex:
      return reduce && args.size() == 2 && args[0].Is(Kind::kFloat) && args[1].Is(Kind::kFloat);
    case GlobalRole::kPath: return reduce && args.All([](const Shape& part) { return part.Is(Kind::kString); });
    case GlobalRole::kNamespace:
    case GlobalRole::kConfigContainer:
    case GlobalRole::kConfigNode:
    case GlobalRole::kConfigMetadata:
    case GlobalRole::kContainerMetadata: return !reduce && args.size() == 0;
    case GlobalRole::kReconstructor:
      return reduce && args.size() == 3 && IsFilledByState(args[0].role()) && args[1].IsClass("builtins.object") &&
             args[2].Is(Kind::kNone);
    case GlobalRole::kSize: return reduce && args.size() == 1 && args[0].IsTupleOfInts();
    case GlobalRole::kDevice:
      return reduce &&
             (args.size() == 1 ||
              (args.size() == 2 && args[1].Is(Kind::kInt) && args[1].node().integer >= 0 &&
               args[1].node().integer < 128 && args[0].node().text.find(':') == std::string::npos)) &&
             args[0].Is(Kind::kString) && IsDeviceName(args[0].node().text);
    case GlobalRole::kLayout: return reduce && args.size() == 1 && args[0].IsText("torch.strided");
    case GlobalRole::kVersion: return !reduce && args.size() == 1 && args[0].Is(Kind::kString);
    case GlobalRole::kTensorV1:
    case GlobalRole::kTensorV2:
    case GlobalRole::kTensorV3: return reduce && IsTensorCall(reading, role, args);
    case GlobalRole::kParameter:
    case GlobalRole::kParameterState: {
      const bool with_state = role == GlobalRole::kParameterState;
      if (!reduce || args.size() != (with_state ? 4u : 3u) || !args[1].Is(Kind::kBool) || !args[2].IsNoHooks()) {
        return false;
      }
      if (with_state && !IsTensorState(args[3])) return false;
      // Where the tensor was refused, its own message says why.
      if (!args[0].Is(Kind::kTensor)) return IsTensorMaker(args[0].made_by());
      return !args[1].node().boolean || IsFloating(reading.tensors[args[0].node().tensor].dtype);
    }
    case GlobalRole::kFromType: return reduce && IsFromTypeCall(reading, args);
    case GlobalRole::kWrapperSubclass: return reduce && args.size() > 0 && args[0].role() == GlobalRole::kDistributed;
    case GlobalRole::kDistributed: return true;
    case GlobalRole::kArrayDtype: {
      const auto flag = [](const Shape& value, bool expected) {
        return (value.Is(Kind::kBool) && value.node().boolean == expected) || value.IsInt(expected ? 1 : 0);
      };
      return reduce && args.size() == 3 && args[0].Is(Kind::kString) && NumberBytes(args[0].node().text) > 0 &&
             flag(args[1], false) && flag(args[2], true);
    }
    case GlobalRole::kArrayScalar: {
      if (!reduce || args.size() != 2 || !args[1].Is(Kind::kBytes)) return false;
      const size_t element = ElementBytes(pickle, args[0]);
      return element > 0 && args[1].node().text.size() == element;
    }
    case GlobalRole::kArrayReconstruct:
      return reduce && args.size() == 3 && args[0].IsClass("numpy.ndarray") && args[1].IsTupleOfInts() &&
             args[1].size() == 1 && args[1][0].IsInt(0) && args[2].Is(Kind::kBytes) && args[2].node().text == "b";
    case GlobalRole::kArrayFromBuffer:
      return reduce && args.size() == 4 && args[2].IsTupleOfInts() && (args[3].IsText("C") || args[3].IsText("F")) &&
             Holds(args[0], args[2], ElementBytes(pickle, args[1]));
  }
  return false;
}

bool IsWrittenKey(const Pickle& pickle, NodeId id) {
  const auto is_part = [&](NodeId key) { return IsScalar(pickle[key]) || pickle[key].kind == Kind::kGlobal; };
  const Node& key = pickle[id];
  return is_part(id) || (key.kind == Kind::kTuple && std::all_of(key.items.begin(), key.items.end(), is_part));
}

bool IsWrittenState(const Pickle& pickle, NodeId target, NodeId state) {
  const Shape object(pickle, target), given(pickle, state);
  if (object.node().state != kNoNode || object.node().frozen) return false;  // a second time, or too late
  // nn.Module.state_dict() leaves its versions there.
  if (object.IsOrderedDict()) {
    return given.IsDictOf({"_metadata"}) && (!given.At("_metadata").exists() || given.At("_metadata").Is(Kind::kDict));
  }
  switch (object.made_by()) {
    case GlobalRole::kNamespace: return given.IsPlainDict() && given.HasAttributeKeys();
    case GlobalRole::kConfigContainer: return IsContainerState(pickle, target, given);
    case GlobalRole::kConfigNode: return IsNodeState(given);
    case GlobalRole::kConfigMetadata: return IsMetadataState(given, false);
    case GlobalRole::kContainerMetadata: return IsMetadataState(given, true);
    case GlobalRole::kArrayDtype: return IsDtypeState(given);
    case GlobalRole::kArrayReconstruct: return IsArrayState(pickle, given);
    case GlobalRole::kDistributed: return IsDistributedState(given);
    default: return false;
  }
}

}  // namespace harness::pickle
