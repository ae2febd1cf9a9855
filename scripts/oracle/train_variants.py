"""Trains exports of many kinds, for belonging_study.py: what the checks of belonging must not call wrong.

usage: train_variants.py --reference REF --out DIR [NAME ...]

DIR/NAME is an export. Half an hour on two cores; what is there already is kept.
"""
import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import production
from families import CODEC_16K, CODEC_32K, CUSTOM, MELODY, MUSICGEN, OWN_CODEC, T5_SMALL

SMALL_CODEC = ["seanet.n_filters=4", "seanet.dimension=32", "rvq.bins=256"]
CODECS = {
    "a": CODEC_32K + SMALL_CODEC,
    "b": CODEC_32K + ["seanet.n_filters=6", "seanet.dimension=48", "rvq.bins=512", "seanet.lstm=1", "seanet.pad_mode=constant"],
    "causal": CODEC_16K + SMALL_CODEC + ["encodec.causal=true"],
    "relu": CODEC_16K + SMALL_CODEC + ["seanet.activation=LeakyReLU", "~seanet.activation_params.alpha", "seanet.lstm=0"],
}
RATES = {"a": 32000, "b": 32000, "causal": 16000, "relu": 16000}
BINS = {"a": 256, "b": 512, "causal": 256, "relu": 256}


COMPOSITIONS = 120


@dataclass
class Variant:
    codec: str
    overrides: tuple = ()
    dim: int = 96
    heads: int = 4
    layers: int = 3
    steps: int = 160
    seed: int = 1
    solver: tuple = tuple(MUSICGEN)
    compositions: int = COMPOSITIONS


STEREO = ("channels=2", "interleave_stereo_codebooks.use=true")
VARIANTS = {
    "seed-2": Variant("a", seed=2),
    "seed-3-one-head": Variant("a", heads=1, seed=3),
    "two-heads": Variant("a", heads=2),
    "eight-heads": Variant("a", heads=8),
    "narrow": Variant("a", dim=48, heads=2),
    "wide": Variant("a", dim=160, heads=8, layers=2),
    "one-layer": Variant("a", layers=1),
    "six-layers": Variant("a", dim=64, layers=6),
    "hardly-trained": Variant("a", steps=50),
    "overfitted": Variant("a", compositions=12, steps=300),
    "relu": Variant("a", ("transformer_lm.activation=relu",)),
    "rope": Variant("a", tuple(CUSTOM) + ("transformer_lm.positional_embedding=rope",)),
    "sin-rope": Variant("a", tuple(CUSTOM) + ("transformer_lm.positional_embedding=sin_rope",)),
    "post-norm": Variant("a", ("transformer_lm.norm_first=false", "transformer_lm.layer_scale=0.5")),
    "past-context": Variant("a", tuple(CUSTOM) + ("transformer_lm.past_context=40",)),
    "kv-repeat": Variant("a", ("transformer_lm.kv_repeat=2",)),
    "biases": Variant("a", ("transformer_lm.bias_proj=true", "transformer_lm.bias_ff=true", "transformer_lm.bias_attn=true")),
    "square-feed-forward": Variant("a", ("transformer_lm.hidden_scale=1",), dim=128),
    "parallel": Variant("a", ("codebooks_pattern.modeling=parallel",)),
    "unroll": Variant("a", ("codebooks_pattern.modeling=unroll",), steps=100),
    "other-codec": Variant("b"),
    "other-codec-two-codebooks": Variant("b", ("compression_model_n_q=2", "transformer_lm.n_q=2", "codebooks_pattern.delay.delays=[0,1]")),
    "causal-codec": Variant("causal"),
    "relu-codec": Variant("relu"),
    "stereo": Variant("a", STEREO + ("transformer_lm.n_q=8", "codebooks_pattern.delay.delays=[0,0,1,1,2,2,3,3]")),
    "stereo-rising": Variant("a", STEREO + ("transformer_lm.n_q=8", "codebooks_pattern.delay.delays=[0,1,2,3,4,5,6,7]")),
    "melody": Variant("a", solver=tuple(MELODY)),
}


@dataclass
class Trainer:
    reference: Path
    out: Path
    codecs: dict = field(default_factory=dict)
    materials: dict = field(default_factory=dict)

    def compose(self, overrides):
        from exporting import compose
        return compose(self.reference.resolve() / "audiocraft-1.3.0" / "config", overrides)

    def codec(self, name: str, log):
        """Trained once, and kept beside the exports."""
        import torch
        import training
        from audiocraft.models import builders
        cfg, path = self.compose(CODECS[name]), self.out / "codecs" / f"{name}.pt"
        if name not in self.codecs:
            if path.exists():
                codec = builders.get_compression_model(cfg)
                codec.load_state_dict(torch.load(path))
            else:
                codec = training.train_codec(cfg, training.Plan(), 100 + sorted(CODECS).index(name), log)
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.save(codec.state_dict(), path)
            self.codecs[name] = codec.eval()
        return cfg, self.codecs[name]

    def train(self, name: str, log) -> None:
        import training
        of = VARIANTS[name]
        codec_cfg, codec = self.codec(of.codec, log)
        lm_cfg = self.compose(list(of.solver) + T5_SMALL + OWN_CODEC + [
            "model/lm/model_scale=xsmall", f"transformer_lm.dim={of.dim}", f"transformer_lm.num_heads={of.heads}",
            f"transformer_lm.num_layers={of.layers}", f"transformer_lm.card={BINS[of.codec]}", "transformer_lm.dropout=0",
            f"sample_rate={RATES[of.codec]}"] + list(of.overrides))
        plan = training.Plan(lm_steps=of.steps, lm_batch=8, lm_frames=100, compositions=of.compositions)
        wrapped = training.interleaved(lm_cfg, codec)
        if lm_cfg.get("compression_model_n_q"):
            wrapped.set_num_codebooks(lm_cfg.compression_model_n_q)
        key = (of.codec, wrapped.channels, wrapped.num_codebooks)
        if key not in self.materials:
            self.materials[key] = training.material(wrapped, COMPOSITIONS)
        lm = training.train_lm(lm_cfg, wrapped, self.materials[key], plan, of.seed, log)
        codec.set_num_codebooks(codec.total_codebooks)
        training.save(self.out / name, lm_cfg, lm, codec_cfg, codec)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("names", nargs="*", default=list(VARIANTS), metavar="NAME")
    args = parser.parse_args()
    production.set_up()
    trainer, start = Trainer(args.reference, args.out), time.monotonic()
    for name in args.names or list(VARIANTS):
        if (args.out / name / "state_dict.bin").exists():
            continue
        trainer.train(name, lambda line, name=name: print(f"{time.monotonic() - start:.0f} s  {name}  {line}", flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
