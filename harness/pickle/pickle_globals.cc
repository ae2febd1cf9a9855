#include "harness/pickle/pickle_globals.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "harness/pickle/dtype.h"

namespace harness::pickle {
namespace {

using Role = GlobalRole;
using Table = std::unordered_map<std::string_view, GlobalRole>;

// Every entry was read for what its import, constructor and __setstate__ do; FORMAT.md says who writes it, and whether
// torch.load(weights_only=True) takes it. Whole modules are never listed: a module's attributes include the modules
// that it imports ("omegaconf.base.sys").
const Table& Names() {
  static const Table table = {
      // Classes as values: an OmegaConf type hint, the class that a rebuilder is given.
      {"builtins.object", Role::kType},
      {"builtins.int", Role::kType},
      {"builtins.float", Role::kType},
      {"builtins.str", Role::kType},
      {"builtins.bool", Role::kType},
      {"builtins.dict", Role::kType},
      {"builtins.list", Role::kType},
      {"builtins.tuple", Role::kType},
      {"typing.Any", Role::kType},
      {"numpy.ndarray", Role::kType},
      {"torch.Tensor", Role::kType},
      {"torch._tensor.Tensor", Role::kType},
      {"torch.nn.parameter.Parameter", Role::kType},
      {"torch.nn.parameter.Buffer", Role::kType},
      {"torch.contiguous_format", Role::kType},
      {"torch.preserve_format", Role::kType},
      {"torch.channels_last", Role::kType},
      {"torch.strided", Role::kType},
      // Python
      {"collections.OrderedDict", Role::kOrderedDict},
      {"collections.defaultdict", Role::kDefaultDict},
      {"collections.Counter", Role::kCounter},
      {"builtins.set", Role::kSet},
      {"builtins.frozenset", Role::kSet},
      {"builtins.bytes", Role::kBytes},
      {"builtins.bytearray", Role::kByteArray},
      {"_codecs.encode", Role::kEncode},
      {"builtins.complex", Role::kComplex},
      {"pathlib.Path", Role::kPath},
      {"pathlib.PosixPath", Role::kPath},
      {"pathlib.PurePosixPath", Role::kPath},
      {"pathlib.WindowsPath", Role::kPath},
      {"pathlib.PureWindowsPath", Role::kPath},
      {"pathlib._local.PosixPath", Role::kPath},
      {"pathlib._local.PurePosixPath", Role::kPath},
      {"pathlib._local.WindowsPath", Role::kPath},
      {"pathlib._local.Path", Role::kPath},
      {"argparse.Namespace", Role::kNamespace},
      {"copyreg._reconstructor", Role::kReconstructor},
      // OmegaConf 2.0 to 2.3
      {"omegaconf.dictconfig.DictConfig", Role::kConfigContainer},
      {"omegaconf.listconfig.ListConfig", Role::kConfigContainer},
      {"omegaconf.nodes.AnyNode", Role::kConfigNode},
      {"omegaconf.nodes.StringNode", Role::kConfigNode},
      {"omegaconf.nodes.IntegerNode", Role::kConfigNode},
      {"omegaconf.nodes.FloatNode", Role::kConfigNode},
      {"omegaconf.nodes.BooleanNode", Role::kConfigNode},
      {"omegaconf.nodes.BytesNode", Role::kConfigNode},
      {"omegaconf.nodes.PathNode", Role::kConfigNode},
      {"omegaconf.base.Metadata", Role::kConfigMetadata},
      {"omegaconf.base.ContainerMetadata", Role::kContainerMetadata},
      // torch
      {"torch.Size", Role::kSize},
      {"torch.device", Role::kDevice},
      {"torch.serialization._get_layout", Role::kLayout},
      {"torch.torch_version.TorchVersion", Role::kVersion},
      {"torch._utils._rebuild_tensor", Role::kTensorV1},
      {"torch._utils._rebuild_tensor_v2", Role::kTensorV2},
      {"torch._utils._rebuild_tensor_v3", Role::kTensorV3},
      {"torch._utils._rebuild_parameter", Role::kParameter},
      {"torch._utils._rebuild_parameter_with_state", Role::kParameterState},
      {"torch._tensor._rebuild_from_type_v2", Role::kFromType},
      {"torch._utils._rebuild_wrapper_subclass", Role::kWrapperSubclass},
      // torch.distributed: what FSDP and tensor parallelism leave behind in a checkpoint
      {"torch.distributed._shard.sharded_tensor.api.ShardedTensor", Role::kDistributed},
      {"torch.distributed._shard.sharded_tensor.api.ShardedTensorBase", Role::kDistributed},
      {"torch.distributed._shard.sharded_tensor.shard.Shard", Role::kDistributed},
      {"torch.distributed._shard.sharded_tensor.metadata.ShardedTensorMetadata", Role::kDistributed},
      {"torch.distributed._shard.sharded_tensor.metadata.TensorProperties", Role::kDistributed},
      {"torch.distributed._shard.sharded_tensor.metadata.MEM_FORMAT_ENCODING", Role::kDistributed},
      {"torch.distributed._shard.metadata.ShardMetadata", Role::kDistributed},
      {"torch.distributed._shard.sharding_spec.chunk_sharding_spec.ChunkShardingSpec", Role::kDistributed},
      {"torch.distributed._shard.sharding_spec.api.EnumerableShardingSpec", Role::kDistributed},
      {"torch.distributed.remote_device._remote_device", Role::kDistributed},
      {"torch.distributed._remote_device._remote_device", Role::kDistributed},
      {"torch.fx.passes.shape_prop.TensorMetadata", Role::kDistributed},
      {"torch.distributed._tensor.api.DTensor", Role::kDistributed},
      {"torch.distributed.tensor._api.DTensor", Role::kDistributed},
      {"torch.distributed.tensor.DTensor", Role::kDistributed},
      {"torch.distributed._tensor.placement_types.DTensorSpec", Role::kDistributed},
      {"torch.distributed._tensor.placement_types.TensorMeta", Role::kDistributed},
      {"torch.distributed._tensor.placement_types.Shard", Role::kDistributed},
      {"torch.distributed._tensor.placement_types.Replicate", Role::kDistributed},
      {"torch.distributed._tensor.placement_types._Partial", Role::kDistributed},
      {"torch.distributed.tensor._dtensor_spec.DTensorSpec", Role::kDistributed},
      {"torch.distributed.tensor._dtensor_spec.TensorMeta", Role::kDistributed},
      {"torch.distributed.tensor.placement_types.Shard", Role::kDistributed},
      {"torch.distributed.tensor.placement_types.Replicate", Role::kDistributed},
      {"torch.distributed.tensor.placement_types.Partial", Role::kDistributed},
      {"torch.distributed._tensor.device_mesh.DeviceMesh", Role::kDistributed},
      {"torch.distributed._tensor.device_mesh._MeshEnv", Role::kDistributed},
      {"torch.distributed.device_mesh.DeviceMesh", Role::kDistributed},
      // NumPy 1 and 2: numbers and arrays beside the weights
      {"numpy.dtype", Role::kArrayDtype},
      {"numpy.core.multiarray.scalar", Role::kArrayScalar},
      {"numpy._core.multiarray.scalar", Role::kArrayScalar},
      {"numpy.core.multiarray._reconstruct", Role::kArrayReconstruct},
      {"numpy._core.multiarray._reconstruct", Role::kArrayReconstruct},
      {"numpy.core.numeric._frombuffer", Role::kArrayFromBuffer},
      {"numpy._core.numeric._frombuffer", Role::kArrayFromBuffer},
  };
  return table;
}

constexpr std::array<std::string_view, 5> kQuantizedStorages = {"QInt8Storage", "QUInt8Storage", "QInt32Storage",
                                                                "QUInt4x2Storage", "QUInt2x4Storage"};

bool IsStorageClass(std::string_view name) {
  return std::find(kQuantizedStorages.begin(), kQuantizedStorages.end(), name) != kQuantizedStorages.end() ||
         FindDtypeOfStorageClass(name).has_value();
}

// Dtypes that Dtype does not know are harmless all the same.
bool IsDtype(std::string_view name) {
  static constexpr std::string_view kOthers[] = {
      "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
      "uint16",        "uint32",      "uint64",          "quint8",          "qint8",
      "qint32",        "quint4x2",    "quint2x4",        "complex32",       "chalf"};
  return FindDtype(name) || std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
}

}  // namespace

GlobalRole FindGlobalRole(std::string_view qualified_name) {
  if (const auto found = Names().find(qualified_name); found != Names().end()) return found->second;
  const size_t dot = qualified_name.rfind('.');
  if (dot == std::string_view::npos) return Role::kForeign;
  const std::string_view module = qualified_name.substr(0, dot), name = qualified_name.substr(dot + 1);
  const bool typed = name != "UntypedStorage";  // which has no twin for CUDA
  if ((module == "torch" || module == "torch.storage" || (module == "torch.cuda" && typed)) && IsStorageClass(name)) {
    return Role::kStorageClass;
  }
  return module == "torch" && IsDtype(name) ? Role::kType : Role::kForeign;
}

std::string QualifiedName(std::string_view module, std::string_view name, int protocol) {
  if (protocol < 3) {
    if (module == "__builtin__") {
      module = "builtins";
      if (name == "unicode") name = "str";
      if (name == "long") name = "int";
      if (name == "xrange") name = "range";
    }
    if (module == "copy_reg") module = "copyreg";
  }
  if (module == "torch.tensor") module = "torch._tensor";
  std::string qualified(module);
  qualified += '.';
  qualified += name;
  return qualified;
}

std::vector<std::string> ListKnownNames() {
  std::vector<std::string> names;
  for (const auto& [name, role] : Names()) names.emplace_back(name);
  return names;
}

}  // namespace harness::pickle
