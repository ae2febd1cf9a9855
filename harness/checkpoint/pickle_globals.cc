#include "harness/checkpoint/pickle_globals.h"

#include <array>
#include <unordered_map>

#include "harness/checkpoint/dtype.h"

namespace harness {
namespace {

using Table = std::unordered_map<std::string_view, GlobalRole>;

// Every entry was read for what its constructor, __setstate__ and import do. Whole modules are never listed: a module's
// attributes include the modules that it imports ("omegaconf.base.sys").
const Table& Names() {
  static const Table table = [] {
    Table t = {
        {"collections.OrderedDict", GlobalRole::kOrderedDict},
        {"collections.defaultdict", GlobalRole::kDefaultDict},
        {"collections.Counter", GlobalRole::kOrderedDict},
        {"builtins.dict", GlobalRole::kDict},
        {"builtins.list", GlobalRole::kList},
        {"builtins.tuple", GlobalRole::kTuple},
        {"torch.Size", GlobalRole::kTuple},
        {"builtins.set", GlobalRole::kSet},
        {"builtins.frozenset", GlobalRole::kSet},
        {"builtins.bytes", GlobalRole::kBytes},
        {"builtins.bytearray", GlobalRole::kBytes},
        {"_codecs.encode", GlobalRole::kEncode},
        {"torch._utils._rebuild_tensor", GlobalRole::kTensorV1},
        {"torch._utils._rebuild_tensor_v2", GlobalRole::kTensorV2},
        {"torch._utils._rebuild_tensor_v3", GlobalRole::kTensorV3},
        {"torch._utils._rebuild_parameter", GlobalRole::kParameter},
        {"torch._utils._rebuild_parameter_with_state", GlobalRole::kParameter},
        {"torch.nn.parameter.Parameter", GlobalRole::kParameter},
        {"torch.nn.Parameter", GlobalRole::kParameter},
        {"torch._tensor._rebuild_from_type_v2", GlobalRole::kFromType},
        {"torch._tensor._rebuild_from_type", GlobalRole::kFromType},
    };
    static constexpr std::string_view kInertNames[] = {
        "builtins.object",
        "builtins.complex",
        "builtins.int",
        "builtins.float",
        "builtins.str",
        "builtins.bool",
        "builtins.slice",
        "builtins.range",
        "builtins.NoneType",
        "builtins.Ellipsis",
        "builtins.NotImplemented",
        "copyreg._reconstructor",
        "copyreg.__newobj__",
        "copyreg.__newobj_ex__",
        "collections.deque",
        "decimal.Decimal",
        "fractions.Fraction",
        "uuid.UUID",
        "argparse.Namespace",
        "datetime.datetime",
        "datetime.date",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib.WindowsPath",
        "pathlib.PureWindowsPath",
        "pathlib.PurePath",
        "pathlib._local.PosixPath",
        "pathlib._local.PurePosixPath",
        "pathlib._local.WindowsPath",
        "pathlib._local.Path",
        "typing.Any",
        "typing.Union",
        "typing.Optional",
        "typing.List",
        "typing.Dict",
        "typing.Tuple",
        // omegaconf 2.0 to 2.3: what a DictConfig refers to. Their __setstate__ fills attributes.
        "omegaconf.dictconfig.DictConfig",
        "omegaconf.listconfig.ListConfig",
        "omegaconf.DictConfig",
        "omegaconf.ListConfig",
        "omegaconf.base.Metadata",
        "omegaconf.base.ContainerMetadata",
        "omegaconf.base.Node",
        "omegaconf.base.Container",
        "omegaconf.base.UnionNode",
        "omegaconf.basecontainer.BaseContainer",
        "omegaconf.nodes.AnyNode",
        "omegaconf.nodes.ValueNode",
        "omegaconf.nodes.StringNode",
        "omegaconf.nodes.IntegerNode",
        "omegaconf.nodes.FloatNode",
        "omegaconf.nodes.BooleanNode",
        "omegaconf.nodes.BytesNode",
        "omegaconf.nodes.PathNode",
        "omegaconf.nodes.EnumNode",
        "omegaconf.nodes.InterpolationResultNode",
        // numpy: values that histories and configs hold.
        "numpy.ndarray",
        "numpy.dtype",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy.core.numeric._frombuffer",
        "numpy._core.numeric._frombuffer",
        "numpy.float64",
        "numpy.float32",
        "numpy.float16",
        "numpy.int64",
        "numpy.int32",
        "numpy.bool_",
        // torch: types, enumerations, and rebuilders of tensors that no MusicGen export holds.
        "torch.Tensor",
        "torch._tensor.Tensor",
        "torch.device",
        "torch.Generator",
        "torch.torch_version.TorchVersion",
        "torch.serialization._get_layout",
        "torch._C._te.Dtype",
        "torch.storage.TypedStorage",
        "torch.storage._TypedStorage",
        "torch.storage._LegacyStorage",
        "torch.nn.parameter.Buffer",
        "torch.nn.parameter.UninitializedParameter",
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_sparse_csr_tensor",
        "torch._utils._rebuild_nested_tensor",
        "torch._utils._rebuild_meta_tensor_no_storage",
        "torch._utils._rebuild_wrapper_subclass",
        "torch._utils._rebuild_qtensor",
        "torch._utils._rebuild_device_tensor_from_numpy",
        "torch._utils._rebuild_device_tensor_from_cpu_tensor",
        "torch._utils._rebuild_xla_tensor",
        "torch.per_tensor_affine",
        "torch.per_channel_affine",
        "torch.contiguous_format",
        "torch.preserve_format",
        "torch.channels_last",
        "torch.strided",
        // torch.distributed: what FSDP and tensor parallelism leave behind in a checkpoint.
        "torch.distributed._shard.sharded_tensor.api.ShardedTensor",
        "torch.distributed._shard.sharded_tensor.api.ShardedTensorBase",
        "torch.distributed._shard.sharded_tensor.shard.Shard",
        "torch.distributed._shard.sharded_tensor.metadata.ShardedTensorMetadata",
        "torch.distributed._shard.sharded_tensor.metadata.TensorProperties",
        "torch.distributed._shard.sharded_tensor.metadata.MEM_FORMAT_ENCODING",
        "torch.distributed._shard.metadata.ShardMetadata",
        "torch.distributed._shard.sharding_spec.chunk_sharding_spec.ChunkShardingSpec",
        "torch.distributed._shard.sharding_spec.api.EnumerableShardingSpec",
        "torch.distributed.remote_device._remote_device",
        "torch.distributed._remote_device._remote_device",
        "torch.fx.passes.shape_prop.TensorMetadata",  // a NamedTuple, in DTensors of torch 2.1
        "torch.distributed._tensor.api.DTensor",
        "torch.distributed.tensor._api.DTensor",
        "torch.distributed.tensor.DTensor",
        "torch.distributed._tensor.placement_types.DTensorSpec",
        "torch.distributed._tensor.placement_types.TensorMeta",
        "torch.distributed._tensor.placement_types.Shard",
        "torch.distributed._tensor.placement_types.Replicate",
        "torch.distributed._tensor.placement_types._Partial",
        "torch.distributed.tensor._dtensor_spec.DTensorSpec",
        "torch.distributed.tensor._dtensor_spec.TensorMeta",
        "torch.distributed.tensor.placement_types.Shard",
        "torch.distributed.tensor.placement_types.Replicate",
        "torch.distributed.tensor.placement_types.Partial",
        "torch.distributed._tensor.device_mesh.DeviceMesh",
        "torch.distributed._tensor.device_mesh._MeshEnv",
        "torch.distributed.device_mesh.DeviceMesh",
        "torch.distributed.fsdp._common_utils.FSDP_PREFIX",
        "torch.distributed.fsdp.api.StateDictType",
    };
    for (const std::string_view name : kInertNames) t.emplace(name, GlobalRole::kInert);
    return t;
  }();
  return table;
}

constexpr std::array<std::string_view, 5> kQuantizedStorages = {"QInt8Storage", "QUInt8Storage", "QInt32Storage",
                                                                "QUInt4x2Storage", "QUInt2x4Storage"};

bool IsStorageClass(std::string_view name) {
  for (const std::string_view quantized : kQuantizedStorages) {
    if (name == quantized) return true;
  }
  return DtypeOfStorageClass(name).has_value();
}

// Dtypes that Dtype does not know are harmless all the same.
bool IsDtype(std::string_view name) {
  if (DtypeFromName(name)) return true;
  for (const std::string_view other :
       {"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "uint16", "uint32",
        "uint64", "quint8", "qint8", "qint32", "quint4x2", "quint2x4", "complex32", "chalf"}) {
    if (name == other) return true;
  }
  return false;
}

}  // namespace

GlobalRole RoleOf(std::string_view qualified_name) {
  if (const auto found = Names().find(qualified_name); found != Names().end()) return found->second;
  const size_t dot = qualified_name.rfind('.');
  if (dot == std::string_view::npos) return GlobalRole::kForeign;
  const std::string_view module = qualified_name.substr(0, dot), name = qualified_name.substr(dot + 1);
  if ((module == "torch" || module == "torch.cuda" || module == "torch.storage") && IsStorageClass(name)) {
    return GlobalRole::kStorageClass;
  }
  return module == "torch" && IsDtype(name) ? GlobalRole::kInert : GlobalRole::kForeign;
}

std::string QualifiedName(std::string_view module, std::string_view name) {
  if (module == "__builtin__") {
    module = "builtins";
    if (name == "unicode") name = "str";
    if (name == "long") name = "int";
    if (name == "xrange") name = "range";
  }
  if (module == "copy_reg") module = "copyreg";
  if (module == "torch.tensor") module = "torch._tensor";
  std::string qualified(module);
  qualified += '.';
  qualified += name;
  return qualified;
}

}  // namespace harness
