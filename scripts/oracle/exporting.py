"""Exports of models that were never trained, by audiocraft's own builders and its own exporter.

Fresh weights make poor references: codebooks are empty, codecs are silent, and what is initialised to ones or zeros
would not be missed. What is done about it is here; the exporter only ever sees a trainer's checkpoint.
"""
from pathlib import Path

EXPORT_THREADS = 2  # how sums are split decides a codec's last bits, and recipes derive from bytes


def compose(config_dir: Path, overrides: list):
    """The config that `dora run` would give the trainer."""
    from hydra import compose as hydra_compose, initialize_config_dir
    from omegaconf import OmegaConf
    with initialize_config_dir(config_dir=str(config_dir), version_base="1.1"):
        cfg = hydra_compose("config", overrides=overrides)
    OmegaConf.set_struct(cfg, False)
    cfg.device = "cpu"
    return cfg


def unsettle(module, factor: float = 0.2) -> None:
    """Parameters that are all alike (norms, zeroed biases, layer scales) move away from it."""
    import torch
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() > 1 and parameter.std() == 0:
                parameter.add_(factor * torch.randn_like(parameter))


def fill_codebooks(quantizer) -> None:
    """Fresh ones are empty."""
    for layer in quantizer.vq.layers:
        layer._codebook.embed.normal_()
        layer._codebook.embed_avg.copy_(layer._codebook.embed)
        layer._codebook.cluster_size.fill_(1)
        layer._codebook.inited.fill_(1)


def make_lm(cfg, family):
    """A language model with random weights whose greedy tokens vary and follow the prompt."""
    import torch
    from audiocraft.models import builders
    lm = builders.get_lm_model(cfg)
    if family.plain:
        return lm
    unsettle(lm)
    with torch.no_grad():
        for embedding in lm.emb:  # against positions of amplitude one
            embedding.weight.mul_(family.embedding_gain)
        for conditioner in lm.condition_provider.conditioners.values():
            conditioner.output_proj.weight.mul_(family.condition_gain)
            if getattr(conditioner, "rvq", None):  # a style
                fill_codebooks(conditioner.rvq)
                conditioner.batch_norm.running_mean.normal_()
                conditioner.batch_norm.running_var.uniform_(0.5, 2)
            if getattr(conditioner, "finetune", False):  # or the hub's weights would do as well
                for parameter in conditioner.t5.parameters():
                    parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
    return lm


def last_layer(codec):
    """(weight, bias) that set the level and the offset of the decoder's output."""
    import torch
    convolutions = [m for m in codec.decoder.model if hasattr(m, "conv")]
    layer = convolutions[-1].conv
    if isinstance(layer.norm, torch.nn.GroupNorm):
        return layer.norm.weight, layer.norm.bias
    return getattr(layer.conv, "weight_g", layer.conv.weight), layer.conv.bias


def make_codec(cfg, plain: bool):
    """A codec with random weights whose codes can be heard: rms 0.15, no offset."""
    import torch
    from audiocraft.models import builders
    codec = builders.get_compression_model(cfg).eval()
    fill_codebooks(codec.quantizer)
    if not plain:
        unsettle(codec)
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            gain = name.endswith("weight_g") or name.endswith("conv.weight") or name.endswith("convtr.weight")
            parameter.mul_(1.75 if gain else 0.3 if name.endswith("bias") else 1)
        codes = torch.randint(codec.cardinality, (1, codec.num_codebooks, 100))
        weight, bias = last_layer(codec)
        for _ in range(1 if plain else 3):  # an activation at the end bends it
            audio = codec.decode(codes)
            weight.mul_(0.15 / audio.std())
            if plain:
                bias.zero_()
            audio = codec.decode(codes)
            if bias.numel() == codec.channels:
                bias.sub_(audio.mean() if codec.channels == 1 else audio.mean(dim=(0, 2)))
    return codec


def export(config_dir: Path, folder: Path, family, seed: int, half: bool = False) -> None:
    """Trains nothing: saves fresh models as the trainer's checkpoints, and exports these with audiocraft's exporter."""
    import torch
    from audiocraft.utils import export as exporter
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.th"
    torch.set_num_threads(EXPORT_THREADS)
    torch.manual_seed(seed)
    cfg = compose(config_dir, family.lm)
    state = make_lm(cfg, family).state_dict()
    if half:
        for key, value in state.items():
            state[key] = value.half()
    torch.save({"xp.cfg": cfg, "best_state": {"model": state}, "fsdp_best_state": {}}, checkpoint)
    exporter.export_lm(checkpoint, folder / "state_dict.bin")
    if family.reference:
        exporter.export_pretrained_compression_model(family.reference, folder / "compression_state_dict.bin")
    else:
        cfg = compose(config_dir, family.codec)
        torch.save({"xp.cfg": cfg, "best_state": {"model": make_codec(cfg, family.plain).state_dict()}}, checkpoint)
        exporter.export_encodec(checkpoint, folder / "compression_state_dict.bin")
    checkpoint.unlink()
    torch.set_num_threads(1)
