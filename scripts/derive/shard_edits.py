"""Edits that turn tensors into the objects that torch.distributed pickles in their place, as torch 2.1 does it."""
from .export import edit
from .pickling import Call, Global
from .tensor_edits import matching
from . import values

REBUILD = Global("torch._tensor", "_rebuild_from_type_v2")
SHARD = "torch.distributed._shard."


def wrapper(kind: Global, tensor) -> tuple:
    """The arguments of torch._utils._rebuild_wrapper_subclass: what a tensor of that class looks like."""
    layout = Call(Global("torch.serialization", "_get_layout"), ("torch.strided",))
    return (kind, Global("torch", "float32"), tuple(tensor.shape), tuple(tensor.strides), 0, layout,
            Call(Global("torch", "device"), ("cpu",)), False)


def shard_metadata(tensor):
    placement = Call(Global("torch.distributed.remote_device", "_remote_device"), (),
                     {"_worker_name": None, "_rank": 0, "_device": Call(Global("torch", "device"), ("cpu",))}, new=True)
    return Call(Global(SHARD + "metadata", "ShardMetadata"), (),
                (None, {"shard_offsets": [0] * len(tensor.shape), "shard_sizes": list(tensor.shape),
                        "placement": placement}), new=True)


def sharded_tensor(tensor):
    """torch.distributed._shard.sharded_tensor.ShardedTensor of one rank."""
    kind = Global(SHARD + "sharded_tensor.api", "ShardedTensor")
    shard = Call(Global(SHARD + "sharded_tensor.shard", "Shard"), (),
                 (None, {"tensor": tensor, "metadata": shard_metadata(tensor)}), new=True)
    encoding = Call(Global(SHARD + "sharded_tensor.metadata", "MEM_FORMAT_ENCODING"), (0,))
    properties = Call(Global(SHARD + "sharded_tensor.metadata", "TensorProperties"), (),
                      (Global("torch", "float32"), Call(Global("torch.serialization", "_get_layout"), ("torch.strided",)),
                       False, encoding, False), new=True)
    size = Call(Global("torch", "Size"), (tuple(tensor.shape),))
    metadata = Call(Global(SHARD + "sharded_tensor.metadata", "ShardedTensorMetadata"), (),
                    {"shards_metadata": [shard_metadata(tensor)], "size": size, "tensor_properties": properties},
                    new=True)
    group = Call(Call(Global("__builtin__", "getattr"), (kind, "ProcessGroupState")), (),
                 {"local_rank": 0, "global_rank": 0, "local_world_size": 1, "global_world_size": 1}, new=True)
    spec = Call(Global(SHARD + "sharding_spec.api", "EnumerableShardingSpec"), (), {"shards": [shard_metadata(tensor)]},
                new=True)
    return Call(REBUILD, (Global("torch._utils", "_rebuild_wrapper_subclass"), kind, wrapper(kind, tensor),
                          ([shard], metadata, group, spec, False)))


def dtensor(tensor):
    """torch.distributed._tensor.DTensor over one rank."""
    kind = Global("torch.distributed._tensor.api", "DTensor")
    ranks = values.make((1,), "IntStorage", 0)
    mesh = Call(Global("torch.distributed._tensor.device_mesh", "DeviceMesh"), (),
                {"device_type": "cpu", "mesh": ranks, "mesh_dim_names": None, "_coordinate_on_dim": [0],
                 "_dim_group_infos": [("ptd:0", [0])]}, new=True)
    placement = Call(Global("torch.distributed._tensor.placement_types", "Shard"), (), {"dim": 0}, new=True)
    size = Call(Global("torch", "Size"), (tuple(tensor.shape),))
    meta = Call(Global("torch.fx.passes.shape_prop", "TensorMetadata"),
                (size, Global("torch", "float32"), False, tuple(tensor.strides), None, False, {}), new=True)
    spec = Call(Global("torch.distributed._tensor.placement_types", "DTensorSpec"), (),
                {"mesh": mesh, "placements": (placement,), "tensor_meta": meta}, new=True)
    return Call(REBUILD, (Global("torch._utils", "_rebuild_wrapper_subclass"), kind, wrapper(kind, tensor),
                          (None, {"_local_tensor": tensor, "_spec": spec})))


@edit
def as_shards(export, file, kind, tensors=".*"):
    """Each tensor as a ShardedTensor or DTensor (`kind`) of torch 2.1: the state dict that FSDP gives ungathered."""
    make = {"ShardedTensor": sharded_tensor, "DTensor": dtensor}[kind]
    state = export.state(file)
    for name in matching(export, file, tensors):
        state[name] = make(export.tensor(file, name))
