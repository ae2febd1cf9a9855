"""What trainers leave on disk instead of an export: their own checkpoints, whole or one rank's part."""
from collections import OrderedDict
from math import prod

from . import config_text, values
from .export import edit
from .package_edits import omegaconf_node


def training_package(export, file, best_state, fsdp_best_state, model) -> dict:
    cfg = config_text.parse(export.package(file)["xp.cfg"])
    return {"xp.cfg": omegaconf_node(cfg, None), "xp.sig": "1a2b3c4d", "history": [{"train": {"loss": 4.25}}],
            "best_state": {"model": best_state}, "fsdp_best_state": fsdp_best_state, "model": model}


@edit
def raw_training_checkpoint(export, file):
    """checkpoint.th of the trainer, copied without audiocraft.utils.export."""
    state = export.state(file)
    export.checkpoint(file).package = training_package(export, file, state, {}, state)


def shard(state: dict, rank: int, ranks: int) -> OrderedDict:
    """What FSDP leaves of each parameter on a rank: all of them flat, one behind the other, cut into equal parts."""
    sizes = [prod(values.plain(tensor).shape) for tensor in state.values()]
    share = -(-sum(sizes) // ranks)
    first, end, at, parts = rank * share, (rank + 1) * share, 0, OrderedDict()
    for (name, value), size in zip(state.items(), sizes):
        tensor = values.plain(value)
        part = values.read(tensor)[max(first - at, 0):max(end - at, 0)]
        parts[name] = values.make((len(part),), tensor.storage.kind, 0)
        values.replace(parts[name], part)
        at += size
    return parts


@edit
def sharded_training_checkpoint(export, file, rank=1, ranks=2):
    """checkpoint.th.RANK of a training with FSDP (LOCAL_STATE_DICT, original parameters): flat parts of the parameters;
    the whole model is in fsdp_best_state of rank 0 (checkpoint.th) only."""
    state = export.state(file)
    part = shard(state, rank, ranks)
    export.checkpoint(file).package = training_package(export, file, part, {"model": {} if rank else state}, part)


@edit
def lightning_checkpoint(export, file, prefix="model."):
    """trainer.save_checkpoint of PyTorch Lightning around a module that holds the model under `prefix`."""
    state = export.state(file)
    named = OrderedDict((prefix + name, tensor) for name, tensor in state.items())
    export.checkpoint(file).package = {
        "epoch": 3, "global_step": 500, "pytorch-lightning_version": "2.1.0", "state_dict": named, "loops": {},
        "callbacks": {}, "optimizer_states": [], "lr_schedulers": []}
