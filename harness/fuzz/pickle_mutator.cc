#include "harness/fuzz/pickle_mutator.h"

#include <algorithm>
#include <array>
#include <utility>

#include "harness/base/little_endian.h"
#include "harness/fuzz/fuzz_input.h"
#include "harness/pickle/pickle_opcodes.h"

namespace harness::fuzz {
namespace {

using namespace std::string_literals;

// How an opcode's argument is laid out.
enum class Argument { kNone, kFixed, kLine, kTwoLines, kLength1, kLength4, kLength8, kUnknown };
struct Shape {
  Argument kind = Argument::kNone;
  size_t bytes = 0;  // of kFixed
};

Shape ShapeOf(uint8_t code) {
  using namespace pickle::opcode;
  switch (code) {
    case kProto:
    case kBinInt1:
    case kBinGet:
    case kBinPut:
    case kExt1: return {Argument::kFixed, 1};
    case kBinInt2:
    case kExt2: return {Argument::kFixed, 2};
    case kBinInt:
    case kLongBinGet:
    case kLongBinPut:
    case kExt4: return {Argument::kFixed, 4};
    case kBinFloat:
    case kFrame: return {Argument::kFixed, 8};
    case kFloat:
    case kInt:
    case kLong:
    case kPersId:
    case kString:
    case kUnicode:
    case kGet:
    case kPut: return {Argument::kLine};
    case kGlobal:
    case kInst: return {Argument::kTwoLines};
    case kShortBinString:
    case kShortBinBytes:
    case kShortBinUnicode:
    case kLong1: return {Argument::kLength1};
    case kBinString:
    case kBinUnicode:
    case kBinBytes:
    case kLong4: return {Argument::kLength4};
    case kBinUnicode8:
    case kBinBytes8:
    case kByteArray8: return {Argument::kLength8};
    case kMark:
    case kStop:
    case kPop:
    case kPopMark:
    case kDup:
    case kNone:
    case kBinPersId:
    case kReduce:
    case kAppend:
    case kBuild:
    case kDict:
    case kEmptyDict:
    case kAppends:
    case kList:
    case kEmptyList:
    case kObj:
    case kSetItem:
    case kTuple:
    case kEmptyTuple:
    case kSetItems:
    case kNewObj:
    case kTuple1:
    case kTuple2:
    case kTuple3:
    case kNewTrue:
    case kNewFalse:
    case kEmptySet:
    case kAddItems:
    case kFrozenSet:
    case kNewObjEx:
    case kStackGlobal:
    case kMemoize:
    case kNextBuffer:
    case kReadonlyBuffer: return {};
    default: return {Argument::kUnknown};
  }
}

// Bytes that the argument at the start of `rest` takes; npos where it does not end.
size_t ArgumentSize(Shape shape, std::string_view rest) {
  const auto counted = [&](size_t bytes) -> size_t {
    if (rest.size() < bytes) return std::string_view::npos;
    uint64_t size = 0;
    for (size_t i = bytes; i-- > 0;) size = size << 8 | static_cast<uint8_t>(rest[i]);
    return size > rest.size() - bytes ? std::string_view::npos : bytes + static_cast<size_t>(size);
  };
  switch (shape.kind) {
    case Argument::kNone: return 0;
    case Argument::kFixed: return shape.bytes <= rest.size() ? shape.bytes : std::string_view::npos;
    case Argument::kLength1: return counted(1);
    case Argument::kLength4: return counted(4);
    case Argument::kLength8: return counted(8);
    case Argument::kUnknown: return std::string_view::npos;
    case Argument::kLine:
    case Argument::kTwoLines: break;
  }
  size_t end = rest.find('\n');
  if (shape.kind == Argument::kTwoLines && end != std::string_view::npos) end = rest.find('\n', end + 1);
  return end == std::string_view::npos ? end : end + 1;
}

std::string Little(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

// Known names, in shapes that their writers do not write, and names that run something.
constexpr std::array<std::pair<std::string_view, std::string_view>, 52> kGlobals = {{
    {"collections", "OrderedDict"},
    {"collections", "defaultdict"},
    {"collections", "Counter"},
    {"collections", "deque"},
    {"torch._utils", "_rebuild_tensor_v2"},
    {"torch._utils", "_rebuild_tensor"},
    {"torch._utils", "_rebuild_tensor_v3"},
    {"torch._utils", "_rebuild_parameter"},
    {"torch._utils", "_rebuild_parameter_with_state"},
    {"torch._tensor", "_rebuild_from_type_v2"},
    {"torch.nn.parameter", "Parameter"},
    {"torch", "FloatStorage"},
    {"torch", "HalfStorage"},
    {"torch", "LongStorage"},
    {"torch", "ByteStorage"},
    {"torch", "UntypedStorage"},
    {"torch.storage", "UntypedStorage"},
    {"torch", "QInt8Storage"},
    {"torch", "Size"},
    {"torch", "device"},
    {"torch", "float32"},
    {"torch", "Tensor"},
    {"torch", "Generator"},
    {"torch.serialization", "_get_layout"},
    {"torch._utils", "_rebuild_wrapper_subclass"},
    {"numpy", "dtype"},
    {"numpy", "ndarray"},
    {"numpy.core.multiarray", "_reconstruct"},
    {"numpy.core.multiarray", "scalar"},
    {"numpy.core.numeric", "_frombuffer"},
    {"numpy._core.multiarray", "scalar"},
    {"omegaconf.dictconfig", "DictConfig"},
    {"omegaconf.nodes", "AnyNode"},
    {"omegaconf.base", "ContainerMetadata"},
    {"builtins", "dict"},
    {"builtins", "set"},
    {"builtins", "bytearray"},
    {"builtins", "range"},
    {"builtins", "object"},
    {"builtins", "slice"},
    {"copyreg", "_reconstructor"},
    {"_codecs", "encode"},
    {"pathlib", "PosixPath"},
    {"argparse", "Namespace"},
    {"datetime", "datetime"},
    {"typing", "Any"},
    {"os", "system"},
    {"posix", "system"},
    {"builtins", "eval"},
    {"builtins", "getattr"},
    {"imaplib", "IMAP4_stream"},
    {"omegaconf.base", "sys.modules"},
}};
constexpr std::array<std::string_view, 30> kTexts = {"best_state",
                                                     "xp.cfg",
                                                     "version",
                                                     "exported",
                                                     "pretrained",
                                                     "storage",
                                                     "0",
                                                     "1",
                                                     "cpu",
                                                     "cuda:3",
                                                     "a",
                                                     "",
                                                     "os",
                                                     "system",
                                                     "path.os.system",
                                                     "latin1",
                                                     "V8",
                                                     "f4",
                                                     "|",
                                                     "_metadata",
                                                     "keys",
                                                     "__class__",
                                                     "_content",
                                                     "_val",
                                                     "transformer_lm: {dim: 8}\n",
                                                     "${oc.env:USER}",
                                                     "???",
                                                     "\xff\xfe",
                                                     "\xe2\x80\xae",
                                                     "facebook/encodec_32khz"};
constexpr std::array<int64_t, 20> kInts = {0,  1,   2,   3,   4,   6,     7,         -1,        8,         16,
                                           64, 127, 128, 255, 256, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
// Lines that CPython takes and no writer writes, beside those that it does.
constexpr std::array<std::string_view, 16> kIntLines = {
    "00",  "01",        "1",  "-1", "1_0", " 1", "1 ", "0x10", "10L", "1L", "+1", "", "99999999999999999999",
    "1\r", "268435456", "\t2"};

std::string Line(std::string_view text) { return std::string(text) + "\n"; }

class Writer {
 public:
  explicit Writer(Random& random) : random_(random) {}

  std::string Text() {
    const std::string text(random_.Pick(kTexts));
    switch (random_.Below(5)) {
      case 0: return "\x8c" + Little(text.size(), 1) + text;
      case 1: return "U" + Little(text.size(), 1) + text;
      case 2: return "V" + Line(text);
      case 3: return "S'" + text + "'\n";
      default: return "X" + Little(text.size(), 4) + text;
    }
  }
  std::string Int() {
    switch (random_.Below(7)) {
      case 0: return "K" + Little(random_.Below(256), 1);
      case 1: return "M" + Little(random_.Below(65536), 2);
      case 2: return "I" + Line(random_.Pick(kIntLines));
      case 3: return "L" + Line(random_.Pick(kIntLines));
      case 4: return "\x8a\x08" + Little(static_cast<uint64_t>(random_.Pick(kInts)), 8);
      default: return "J" + Little(static_cast<uint64_t>(random_.Pick(kInts)), 4);
    }
  }
  std::string Global() {
    const auto& [module, name] = random_.Pick(kGlobals);
    const auto text = [](std::string_view of) { return "X" + Little(of.size(), 4) + std::string(of); };
    switch (random_.Below(6)) {
      case 0: return text(module) + text(name) + "\x93";
      case 1: return "\x8c" + Little(module.size(), 1) + std::string(module) + Text() + "\x93";
      default: return "c" + Line(module) + Line(name);
    }
  }
  // Opcodes that leave exactly one value more on the stack, as far as the machine gets.
  std::string Value(int depth = 0) {
    if (depth > 3) return Int();
    switch (random_.Below(16)) {
      case 0: return "N";
      case 1: return random_.OneIn(2) ? "\x88" : "\x89";
      case 2:
      case 3: return Int();
      case 4:
      case 5: return Text();
      case 6: return Global();
      case 7: return "}" + (random_.OneIn(2) ? Value(depth + 1) + Value(depth + 1) + "s" : "");
      case 8: return "]" + (random_.OneIn(2) ? Value(depth + 1) + "a" : "");
      case 9: return "(" + Many(depth) + std::string(1, random_.Pick("tld"s));
      case 10: return Global() + Arguments(depth) + std::string(1, random_.OneIn(4) ? '\x81' : 'R');
      case 11: return Global() + Arguments(depth) + "R" + Value(depth + 1) + "b";
      case 12: return "(" + Global() + Many(depth) + "o";
      case 13: {
        const auto& [module, name] = random_.Pick(kGlobals);
        return "(" + Many(depth) + "i" + Line(module) + Line(name);
      }
      case 14: return Value(depth + 1) + "2" + std::string(1, "\x85\x86"[random_.Below(2)]);
      default: return "(" + Many(depth) + "tQ";
    }
  }
  std::string Arguments(int depth) { return random_.OneIn(3) ? ")" : "(" + Many(depth) + "t"; }
  std::string Many(int depth) {
    std::string out;
    for (size_t i = random_.Below(4); i > 0; --i) out += Value(depth + 1);
    return out;
  }
  // Opcodes that leave as many values on the stack as there were: behind one that stands on top.
  std::string Around() {
    switch (random_.Below(14)) {
      case 0: return Value(1) + "b";
      case 1: return "}b";
      case 2: return "Nb";
      case 3: return "(" + Many(1) + "tb";
      case 4: return Value(1) + "a";
      case 5: return Value(1) + Value(1) + "s";
      case 6: return "(" + Value(1) + Value(1) + "u";
      case 7: return "(" + Many(1) + std::string(1, random_.OneIn(2) ? 'e' : '\x90');
      case 8: return Value() + "0";
      case 9: return random_.OneIn(2) ? "\x94"s : "q" + Little(random_.Below(256), 1);
      case 10: return "p" + Line(random_.Pick(kIntLines));
      case 11: return "\x85";
      case 12: return ")R";
      default: return "20";
    }
  }

 private:
  Random& random_;
};

// Pushes one value and takes none.
bool IsValue(uint8_t code) {
  using namespace pickle::opcode;
  switch (code) {
    case kNone:
    case kNewTrue:
    case kNewFalse:
    case kBinInt:
    case kBinInt1:
    case kBinInt2:
    case kInt:
    case kLong:
    case kLong1:
    case kLong4:
    case kFloat:
    case kBinFloat:
    case kString:
    case kBinString:
    case kShortBinString:
    case kUnicode:
    case kBinUnicode:
    case kShortBinUnicode:
    case kBinUnicode8:
    case kBinBytes:
    case kShortBinBytes:
    case kBinBytes8:
    case kByteArray8:
    case kEmptyDict:
    case kEmptyList:
    case kEmptyTuple:
    case kEmptySet:
    case kGlobal:
    case kBinGet:
    case kLongBinGet:
    case kGet: return true;
    default: return false;
  }
}

void Insert(PickleModel& model, size_t at, const std::vector<PickleOp>& ops) {
  model.ops.insert(model.ops.begin() + static_cast<std::ptrdiff_t>(at), ops.begin(), ops.end());
}

std::vector<PickleOp> Run(const PickleModel& model, Random& random, size_t longest) {
  const size_t from = random.Below(model.ops.size());
  const size_t count = std::min(model.ops.size() - from, 1 + random.Below(longest));
  const auto begin = model.ops.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

void ChangeArgument(PickleOp& op, Random& random) {
  switch (const Shape shape = ShapeOf(op.code); shape.kind) {
    case Argument::kFixed: op.argument = Little(static_cast<uint64_t>(random.Pick(kInts)), shape.bytes); break;
    case Argument::kLine: op.argument = Line(random.Pick(kIntLines)); break;
    case Argument::kTwoLines: {
      const auto& [module, name] = random.Pick(kGlobals);
      op.argument = Line(module) + Line(name);
      break;
    }
    case Argument::kLength1:
    case Argument::kLength4:
    case Argument::kLength8: {
      const std::string text(random.Pick(kTexts));
      op.argument = Little(text.size(), shape.kind == Argument::kLength1   ? 1
                                        : shape.kind == Argument::kLength4 ? 4
                                                                           : 8) +
                    text;
      break;
    }
    default: op.code = static_cast<uint8_t>(random.Below(256));
  }
}

}  // namespace

PickleModel PickleModel::Parse(std::string_view pickle) {
  PickleModel model;
  while (!pickle.empty()) {
    const auto code = static_cast<uint8_t>(pickle.front());
    const size_t size = ArgumentSize(ShapeOf(code), pickle.substr(1));
    if (size == std::string_view::npos) break;
    model.ops.push_back({code, std::string(pickle.substr(1, size))});
    pickle.remove_prefix(1 + size);
    if (code == pickle::opcode::kStop) break;
  }
  model.rest = pickle;
  return model;
}

std::string PickleModel::Write() const {
  std::string out;
  for (const PickleOp& op : ops) {
    out += static_cast<char>(op.code);
    out += op.argument;
  }
  return out + rest;
}

std::string MutatePickle(std::string_view pickle, Random& random) {
  PickleModel model = PickleModel::Parse(pickle);
  if (model.ops.empty()) return MutateBytes(pickle, random);
  Writer writer(random);
  const auto parsed = [](const std::string& text) { return PickleModel::Parse(text).ops; };
  for (size_t changes = 1 + random.Below(3); changes > 0; --changes) {
    if (model.ops.empty()) break;
    const size_t at = random.Below(model.ops.size());
    const auto place = model.ops.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random.Below(12)) {
      case 0:
      case 1: Insert(model, at + 1, parsed(writer.Around())); break;
      case 2:
      case 3: {  // one value in place of another
        if (!IsValue(place->code)) break;
        model.ops.erase(place);
        Insert(model, at, parsed(writer.Value()));
        break;
      }
      case 4:
      case 5: ChangeArgument(*place, random); break;
      case 6: model.ops.erase(place); break;
      case 7: std::swap(*place, model.ops[random.Below(model.ops.size())]); break;
      case 8: Insert(model, at, Run(model, random, 8)); break;
      case 9: Insert(model, at, {{static_cast<uint8_t>(random.Below(256)), ""}}); break;
      case 10: {  // a key and a value more, in a dict that stands open
        if (place->code != pickle::opcode::kMark) break;
        Insert(model, at + 1, parsed(writer.Text() + writer.Value()));
        break;
      }
      default:
        if (random.OneIn(2)) {
          model.rest += writer.Value() + ".";
        } else {
          model.ops.front() = {pickle::opcode::kProto, Little(random.Below(7), 1)};
        }
    }
  }
  return model.Write();
}

std::string CrossPickles(std::string_view first, std::string_view second, Random& random) {
  PickleModel into = PickleModel::Parse(first);
  const PickleModel from = PickleModel::Parse(second);
  if (from.ops.empty()) return std::string(first);
  Insert(into, random.Below(into.ops.size() + 1), Run(from, random, 16));
  return into.Write();
}

}  // namespace harness::fuzz
