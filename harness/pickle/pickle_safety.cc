#include "harness/pickle/pickle_safety.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "harness/base/safe_text.h"
#include "harness/pickle/key_paths.h"
#include "harness/pickle/pickle_globals.h"
#include "harness/pickle/pickle_opcodes.h"

namespace harness::pickle {
namespace {

constexpr size_t kShown = 8;
constexpr const char* kDoNotLoad = "Do not load the file; export again from a checkpoint that you trust";
constexpr const char* kSavingOnly = ", saving only best_state, xp.cfg, version and exported";
constexpr std::string_view kSetState = "__setstate__";  // BUILD, as the reader shows it

// For each foreign name that is not called itself: the harmless call that it is an argument of, and which may call it
// (copyreg._reconstructor(subprocess.Popen, ...)).
std::unordered_map<NodeId, NodeId> CallsAround(const Pickle& pickle, const std::vector<NodeId>& foreign) {
  const std::unordered_set<NodeId> names(foreign.begin(), foreign.end());
  std::unordered_map<NodeId, NodeId> around;
  for (NodeId id = 0; id < pickle.nodes.size(); ++id) {
    const Node& node = pickle[id];
    if (node.kind != Node::Kind::kObject || node.arguments == kNoNode) continue;
    for (const NodeId argument : pickle[node.arguments].items) {
      if (names.contains(argument)) around.emplace(argument, id);
    }
  }
  return around;
}

constexpr std::string_view kShardedTensor = "torch.distributed._shard.sharded_tensor.api.ShardedTensor";

// What a ShardedTensor's own state calls: getattr(ShardedTensor, 'ProcessGroupState'), and what that gives. Foreign it
// stays, since getattr could fetch anything; but nobody should take it for an attack.
bool BelongsToShardedTensor(const Pickle& pickle, NodeId id) {
  const auto fetches = [&](const Node& node) {
    if (node.kind != Node::Kind::kObject || node.arguments == kNoNode) return false;
    const auto& arguments = pickle[node.arguments].items;
    return pickle[node.callable].text == "builtins.getattr" && arguments.size() == 2 &&
           pickle[arguments[0]].text == kShardedTensor && pickle[arguments[1]].text == "ProcessGroupState";
  };
  const Node& node = pickle[id];
  if (node.kind == Node::Kind::kGlobal) return node.text == "builtins.getattr";  // judged with its calls
  if (fetches(node)) return true;
  return node.kind == Node::Kind::kObject && node.arguments != kNoNode && pickle[node.arguments].items.empty() &&
         fetches(pickle[node.callable]);
}

// Python's own modules (sys.stdlib_module_names of 3.8 to 3.13), and packages of which a name does something: what they
// bring in is not an object of anybody's trainer.
// clang-format off
constexpr std::string_view kNoPackages[] = {
    "IPython", "_aix_support", "_codecs", "_ctypes", "_io", "_osx_support", "_pickle", "_posixsubprocess",
    "_pydecimal", "_pyio", "_socket", "_strptime", "_thread", "_winapi", "abc", "aifc", "antigravity", "argparse",
    "array", "ast", "asynchat", "asyncio", "asyncore", "atexit", "audioop", "base64", "bdb", "binascii", "binhex",
    "bisect", "builtins", "bz2", "cProfile", "calendar", "cgi", "cgitb", "chunk", "cloudpickle", "cmath", "cmd",
    "code", "codecs", "codeop", "collections", "colorsys", "compileall", "concurrent", "configparser", "contextlib",
    "contextvars", "copy", "copyreg", "crypt", "csv", "ctypes", "curses", "dataclasses", "datetime", "dbm", "decimal",
    "difflib", "dill", "dis", "distutils", "doctest", "dummy_threading", "email", "encodings", "ensurepip", "enum",
    "errno", "faulthandler", "fcntl", "filecmp", "fileinput", "fnmatch", "formatter", "fractions", "ftplib",
    "functools", "gc", "genericpath", "getopt", "getpass", "gettext", "glob", "graphlib", "grp", "gzip", "hashlib",
    "heapq", "hmac", "html", "http", "idlelib", "imaplib", "imghdr", "imp", "importlib", "inspect", "io", "ipaddress",
    "itertools", "joblib", "json", "keyword", "lib2to3", "linecache", "locale", "logging", "lzma", "macpath",
    "mailbox", "mailcap", "marshal", "math", "mimetypes", "mmap", "modulefinder", "msilib", "msvcrt",
    "multiprocessing", "netrc", "nis", "nntplib", "nt", "ntpath", "nturl2path", "numbers", "numpy", "opcode",
    "operator", "optparse", "os", "ossaudiodev", "parser", "pathlib", "pdb", "pexpect", "pickle", "pickletools",
    "pip", "pipes", "pkg_resources", "pkgutil", "platform", "plistlib", "poplib", "posix", "posixpath", "pprint",
    "profile", "pstats", "pty", "pwd", "py_compile", "pyclbr", "pydoc", "pydoc_data", "pyexpat", "pytest", "queue",
    "quopri", "random", "re", "readline", "reprlib", "resource", "rlcompleter", "runpy", "sched", "secrets", "select",
    "selectors", "setuptools", "shelve", "shlex", "shutil", "signal", "site", "smtpd", "smtplib", "sndhdr", "socket",
    "socketserver", "spwd", "sqlite3", "sre_compile", "sre_constants", "sre_parse", "ssl", "stat", "statistics",
    "string", "stringprep", "struct", "subprocess", "sunau", "symbol", "symtable", "sys", "sysconfig", "syslog",
    "tabnanny", "tarfile", "telnetlib", "tempfile", "termios", "textwrap", "this", "threading", "time", "timeit",
    "tkinter", "token", "tokenize", "tomllib", "torch", "trace", "traceback", "tracemalloc", "tty", "turtle",
    "turtledemo", "types", "typing", "unicodedata", "unittest", "urllib", "uu", "uuid", "venv", "warnings", "wave",
    "weakref", "webbrowser", "winreg", "winsound", "wsgiref", "xdrlib", "xml", "xmlrpc", "yaml", "zipapp", "zipfile",
    "zipimport", "zlib", "zoneinfo"};
// clang-format on

// The package of "my_trainer.config.RunConfig": a class, by its capital, of no module of Python's own. Nothing for
// whatever else, and so for every function.
std::optional<std::string> FindPackage(const std::string& name) {
  const size_t first = name.find('.'), last = name.rfind('.');
  if (first == std::string::npos || last + 1 >= name.size() || name[last + 1] < 'A' || name[last + 1] > 'Z') {
    return std::nullopt;
  }
  std::string package = name.substr(0, first);
  for (const std::string_view known : kNoPackages) {
    if (package == known) return std::nullopt;
  }
  return package;
}

// Tensors that are not plain ones, by who makes them: foreign, since no export holds one, but nobody's attack. Of
// PyTorch's own, all are among those that torch.load(weights_only=True) calls.
struct ForeignTensor {
  std::string_view name;  // one that ends with a dot: every class below it
  std::string_view what;  // "": said by what it is an argument of
  std::string_view remedy = "";
};
constexpr std::string_view kModel = "a model, or a part of one, in place of its state dict";
constexpr std::string_view kModelRemedy =
    "Load the file where it was written, and save model.state_dict() under best_state. Do not load a file of somebody "
    "else's";
constexpr std::string_view kBefore =
    "Where the package is installed, save it dequantized: best_state = {k: v.dequantize() for k, v in "
    "best_state.items()}; or export the model as it was before it was quantized. Do not load a file of somebody else's";
constexpr ForeignTensor kForeignTensors[] = {
    {"torch._utils._rebuild_sparse_tensor", "sparse, and load_state_dict can't copy them into dense parameters",
     "Save them dense: best_state = {k: v.to_dense() if v.layout != torch.strided else v for k, v in "
     "best_state.items()}"},
    {"torch._utils._rebuild_sparse_csr_tensor", "sparse, and load_state_dict can't copy them into dense parameters",
     "Save them dense: best_state = {k: v.to_dense() if v.layout != torch.strided else v for k, v in "
     "best_state.items()}"},
    {"torch._utils._rebuild_qtensor", "quantized, and audiocraft has no quantized layers",
     "Export the model as it was before; or save it as floating point, torch.ao's layers (quantize_dynamic) as plain ones: "
     "best_state = {k.replace('._packed_params._packed_params', '.weight'): (v[0] if isinstance(v, tuple) else "
     "v).dequantize() for k, v in best_state.items() if not k.endswith('_packed_params.dtype') and k.rpartition('.')[0] "
     "+ '._packed_params._packed_params' not in best_state}"},
    {"torch._utils._rebuild_meta_tensor_no_storage",
     "on the device `meta`: this file holds their names and shapes and none of their numbers",
     "The weights were offloaded when the state dict was taken: load the model without device_map or offloading, or "
     "with its weights materialized, and export again"},
    {"torch._utils._rebuild_nested_tensor", "nested, and load_state_dict can't copy them into parameters",
     "Save them as plain tensors: v.to_padded_tensor(0), or v.unbind() by name"},
    {"torch.serialization._get_layout", ""},
    {"torch.per_tensor_affine", ""},
    {"torch.per_channel_affine", ""},
    {"torch.per_channel_affine_float_qparams", ""},
    {"torch.sparse_coo", ""},
    {"torch.sparse_csr", ""},
    {"torchao.", "of a class of torchao, a package for quantization that audiocraft doesn't install", kBefore},
    {"bitsandbytes.", "of a class of bitsandbytes, a package for quantization that audiocraft doesn't install",
     kBefore},
    {"optimum.quanto.", "of a class of quanto, a package for quantization that audiocraft doesn't install", kBefore},
    {"audiocraft.models.", kModel, kModelRemedy},
    {"audiocraft.modules.", kModel, kModelRemedy},
};

const ForeignTensor* FindForeignTensor(const Pickle& pickle, NodeId id) {
  const NodeId named = pickle[id].kind == Node::Kind::kObject ? pickle[id].callable : id;
  if (named == kNoNode || pickle[named].kind != Node::Kind::kGlobal) return nullptr;
  for (const ForeignTensor& tensor : kForeignTensors) {
    const std::string& text = pickle[named].text;
    if (tensor.name.ends_with('.') ? text.starts_with(tensor.name) && FindPackage(text) : text == tensor.name) {
      return &tensor;
    }
  }
  return nullptr;
}

// Where all that is foreign is known to make such tensors: what they are, in place of "runs code".
std::optional<Error> DescribeForeignTensors(const Pickle& pickle, const std::vector<NodeId>& foreign,
                                            const KeyPaths& paths, std::string_view place) {
  const ForeignTensor* kind = nullptr;
  std::vector<std::string> shown;
  size_t count = 0;
  for (const NodeId id : foreign) {
    const ForeignTensor* tensor = FindForeignTensor(pickle, id);
    if (tensor == nullptr) return std::nullopt;
    if (tensor->what.empty() || pickle[id].kind != Node::Kind::kObject) continue;
    if (kind == nullptr) kind = tensor;
    if (tensor->what != kind->what || ++count > kShown) continue;
    shown.push_back(fmt::format("{} ({})", paths.PathTo(id), pickle.Describe(pickle[id].callable, 100)));
  }
  if (kind == nullptr) return std::nullopt;
  if (count > kShown) shown.push_back(fmt::format("and {} more", count - kShown));
  return Error{ErrorCode::kUnsafe,
               fmt::format("{}: {} {} {}: {}. Only plain tensors can be loaded into the model", place, count,
                           count == 1 ? "entry is" : "entries are", kind->what, fmt::join(shown, ", ")),
               std::string(kind->remedy)};
}

// The one package whose classes are all that is foreign, and only as values: what a trainer's own checkpoint holds.
std::optional<std::string> FindOnlyPackage(const Pickle& pickle, const std::vector<NodeId>& foreign) {
  std::optional<std::string> only;
  for (const NodeId id : foreign) {
    const NodeId named = pickle[id].kind == Node::Kind::kObject ? pickle[id].callable : id;
    if (named == kNoNode || pickle[named].kind != Node::Kind::kGlobal) return std::nullopt;
    std::optional<std::string> package = FindPackage(pickle[named].text);
    if (!package || (only && package != only)) return std::nullopt;
    only = std::move(package);
  }
  return only;
}

// Whether it is a listed name in a use that no writer has: nothing is run that somebody named.
bool IsMisused(const Pickle& pickle, NodeId id) {
  const Node& node = pickle[id];
  if (node.kind != Node::Kind::kObject || pickle[node.callable].kind != Node::Kind::kGlobal) return false;
  const std::string& name = pickle[node.callable].text;
  return name == kSetState || FindGlobalRole(name) != GlobalRole::kForeign;
}

std::string DescribeBehind(const Reading& reading) {
  if (reading.behind.empty()) return "";
  const size_t shown = std::min(reading.behind.size(), kShown);
  std::vector<std::string> names;
  for (size_t i = 0; i < shown; ++i) names.push_back(Printable(reading.behind[i], 160));
  return fmt::format("{}{}", fmt::join(names, ", "),
                     reading.behind.size() > shown ? fmt::format(" and {} more", reading.behind.size() - shown) : "");
}

}  // namespace

Status DescribeForeign(const Reading& reading, std::string_view place, uint64_t base_offset, bool is_loaded) {
  const std::string behind = DescribeBehind(reading);
  if (reading.foreign.empty()) {
    if (behind.empty()) return {};
    std::string_view why = reading.status.error().message;
    why.remove_prefix(std::min(why.find("pickle offset"), why.size()));  // the place is said already
    return Error{ErrorCode::kUnsafe,
                 fmt::format("{}: the pickle can't be followed to its end ({}). What stands behind that place can't be "
                             "judged and may run when the file is loaded; it names {}",
                             place, why, behind),
                 kDoNotLoad};
  }
  const Pickle& pickle = reading.pickle;
  std::unordered_set<NodeId> called;
  const std::unordered_map<NodeId, NodeId> around = CallsAround(pickle, reading.foreign);
  for (const NodeId id : reading.foreign) {
    if (pickle[id].kind == Node::Kind::kObject) called.insert(pickle[id].callable);
  }
  const KeyPaths paths(pickle);
  std::vector<std::string> shown;
  size_t count = 0;
  std::vector<NodeId> ordered = reading.foreign;  // what is worst first
  const auto misused =
      std::stable_partition(ordered.begin(), ordered.end(), [&](NodeId id) { return !IsMisused(pickle, id); });
  const bool only_misused = misused == ordered.begin();
  for (const NodeId id : ordered) {
    const Node& node = pickle[id];
    const bool is_call = node.kind == Node::Kind::kObject;
    if (!is_call && called.contains(id)) continue;  // shown with its call
    if (++count > kShown) continue;
    // A text of those letters may be called, too.
    const bool is_state =
        is_call && pickle[node.callable].kind == Node::Kind::kGlobal && pickle[node.callable].text == kSetState;
    const std::string path = paths.PathTo(is_state ? pickle[node.arguments].items[0] : id);
    const auto call = around.find(id);
    const bool is_passed = !is_call && call != around.end();
    shown.push_back(fmt::format("{}{}{}{} (offset {}{}{})", is_call ? "calls " : "imports ", pickle.Describe(id, 160),
                                is_passed ? " for " : "", is_passed ? pickle.Describe(call->second, 160) : "",
                                base_offset + node.offset, path.empty() ? "" : ", at ", path));
  }
  if (count > kShown) shown.push_back(fmt::format("and {} more", count - kShown));
  if (!behind.empty())
    shown.push_back(
        fmt::format("behind offset {}, where the pickle can't be followed any more, it "
                    "names {}",
                    base_offset + reading.end, behind));
  if (std::all_of(reading.foreign.begin(), reading.foreign.end(),
                  [&](NodeId id) { return BelongsToShardedTensor(pickle, id); }) &&
      !called.empty() && behind.empty()) {
    return Error{ErrorCode::kUnsafe,
                 fmt::format("{}: holds ShardedTensor objects ({}): the pieces that FSDP leaves on each rank, with the "
                             "process group that they need to be loaded, which audiocraft does not set up (calls that "
                             "no export needs: {})",
                             place, kShardedTensor, shown.front()),
                 "Save the full state dict, gathered on all ranks: audiocraft does so into fsdp_best_state, which "
                 "audiocraft.utils.export.export_lm takes"};
  }
  if (is_loaded && behind.empty()) {
    if (auto tensors = DescribeForeignTensors(pickle, reading.foreign, paths, place)) return *tensors;
  }
  if (const auto package = FindOnlyPackage(pickle, reading.foreign); is_loaded && package && behind.empty()) {
    return Error{
        ErrorCode::kUnsafe,
        fmt::format("{}: loading this file needs the package {}: {}. Where it is not installed, torch.load raises "
                    "ModuleNotFoundError; where it is, its code runs, whatever that does",
                    place, *package, fmt::join(shown, "; ")),
        "If the package is your own training code, put plain types (dict, list, str, numbers; OmegaConf.to_yaml(cfg) "
        "for xp.cfg) in the place of its objects where the file is written, and export again. Do not load a file of "
        "somebody else's"};
  }
  if (behind.empty() && only_misused) {
    return Error{
        ErrorCode::kUnsafe,
        fmt::format(
            "{}: uses a known name as no writer of checkpoints uses it: {}. Loading the file would do that, and "
            "what comes of it can't be judged: other weights than those that are seen here, or worse",
            place, fmt::join(shown, "; ")),
        std::string(kDoNotLoad) + kSavingOnly};
  }
  return Error{ErrorCode::kUnsafe,
               fmt::format("{}: {}: {}. {} would execute that. A MusicGen export needs nothing of the kind", place,
                           is_loaded ? "loading this file runs code that it names" : "is a pickle that runs code",
                           fmt::join(shown, "; "),
                           is_loaded ? "torch.load, as audiocraft calls it,"
                                     : "torch.load does not get there today; what reads on"),
               std::string(kDoNotLoad) + kSavingOnly};
}

}  // namespace harness::pickle
