"""Makes the good exports of fixtures/exports and their goldens with the real audiocraft.

usage: make_fixtures.py --reference REF [--seed N] [--out DIR]     fixtures/exports/musicgen-tiny-mono
       make_fixtures.py --reference REF --full-size OUT            a 300 M parameter export of 1.08 GB, and goldens

REF holds audiocraft-1.3.0/ (the unpacked source distribution, for its config/ folder) and hub/ (made when missing).
Another --seed gives a sibling with other weights; everything that passes must pass on it as well.
README.md says how to set REF up.
"""
import argparse
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

import hub as hub_maker

HERE = Path(__file__).resolve().parent
DEFAULT_OUT = HERE.parents[1] / "fixtures" / "exports"
GREEDY_SECONDS = 0.8
SAMPLED_SECONDS = 2.0

TINY_LM = ["model/lm/model_scale=xsmall", "transformer_lm.dim=32", "transformer_lm.num_heads=4",
           "transformer_lm.card=256", "conditioners.description.t5.name=t5-small"]
TINY_CODEC = ["seanet.n_filters=2", "seanet.dimension=8", "rvq.bins=256"]
MONO_LM = ["solver=musicgen/musicgen_base_32khz"]
CODEC = ["solver=compression/encodec_musicgen_32khz"]


def compose(config_dir: Path, overrides: list):
    """The config that `dora run` would give the trainer."""
    from hydra import compose as hydra_compose, initialize_config_dir
    from omegaconf import OmegaConf
    with initialize_config_dir(config_dir=str(config_dir), version_base="1.1"):
        cfg = hydra_compose("config", overrides=overrides)
    OmegaConf.set_struct(cfg, False)
    cfg.device = "cpu"
    return cfg


def make_codec(cfg):
    """A codec with random weights whose codes can be heard: rms 0.15, no offset."""
    import torch
    from audiocraft.models import builders
    codec = builders.get_compression_model(cfg).eval()
    for layer in codec.quantizer.vq.layers:  # a fresh codec has empty codebooks
        layer._codebook.embed.normal_()
        layer._codebook.embed_avg.copy_(layer._codebook.embed)
        layer._codebook.cluster_size.fill_(1)
        layer._codebook.inited.fill_(1)
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            parameter.mul_(1.75 if name.endswith("weight_g") else 0.3 if name.endswith("bias") else 1)
        codes = torch.randint(codec.cardinality, (1, codec.num_codebooks, 100))
        last = codec.decoder.model[-1].conv.conv
        audio = codec.decode(codes)
        last.weight_g.mul_(0.15 / audio.std())
        last.bias.zero_()
        last.bias.sub_(codec.decode(codes).mean())
    return codec


def export(config_dir: Path, folder: Path, lm_overrides: list, codec_overrides: list, seed: int, half: bool) -> None:
    """Trains nothing: saves fresh models as the trainer's checkpoints, and exports these with audiocraft's exporter."""
    import torch
    from audiocraft.models import builders
    from audiocraft.utils import export as exporter
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.th"
    torch.manual_seed(seed)
    cfg = compose(config_dir, lm_overrides)
    state = builders.get_lm_model(cfg).state_dict()
    if half:
        for key, value in state.items():
            state[key] = value.half()
    torch.save({"xp.cfg": cfg, "best_state": {"model": state}, "fsdp_best_state": {}}, checkpoint)
    exporter.export_lm(checkpoint, folder / "state_dict.bin")
    cfg = compose(config_dir, codec_overrides)
    torch.save({"xp.cfg": cfg, "best_state": {"model": make_codec(cfg).state_dict()}}, checkpoint)
    exporter.export_encodec(checkpoint, folder / "compression_state_dict.bin")
    checkpoint.unlink()


def greedy(model, prompt):
    """Greedy tokens and audio, and the smallest gap between the best and the second best logit on the way."""
    import torch
    gaps = []
    argmax = torch.argmax

    def watched(logits, *args, **kwargs):
        best = logits.topk(2, dim=-1).values
        gaps.append((best[..., 0] - best[..., 1]).min().item())
        return argmax(logits, *args, **kwargs)

    torch.argmax = watched
    try:
        model.set_generation_params(duration=GREEDY_SECONDS, use_sampling=False, cfg_coef=3.0)
        audio, tokens = model.generate([prompt], return_tokens=True)
    finally:
        torch.argmax = argmax
    return tokens[0], audio[0], min(gaps)


def teacher_forced(lm, steps_of_codes: int, seed: int):
    """Logits [K, S, card] of the condition row, step by step with the cache, as generation runs the model."""
    import torch
    from audiocraft.modules.conditioners import ClassifierFreeGuidanceDropout, ConditioningAttributes
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(lm.card, (1, lm.num_codebooks, steps_of_codes), generator=generator)
    pattern = lm.pattern_provider.get_pattern(steps_of_codes)
    sequence, _, _ = pattern.build_pattern_sequence(codes, lm.special_token_id)
    attributes = [ConditioningAttributes(text={"description": None})]
    attributes += ClassifierFreeGuidanceDropout(p=1.0)(attributes)
    conditions = lm.condition_provider(lm.condition_provider.tokenize(attributes))
    both = torch.cat([sequence, sequence])
    with torch.no_grad(), lm.streaming():
        steps = [lm(both[..., s:s + 1], conditions=[], condition_tensors=conditions) for s in range(both.shape[-1])]
    logits = torch.cat(steps, dim=2)
    with torch.no_grad():
        at_once = lm(both, conditions=[], condition_tensors=conditions)
    difference = (logits - at_once).abs().max().item()
    assert difference < 1e-3, f"streaming and full forward differ by {difference}"
    return sequence[0], logits[0], difference


def encode(codec, seed: int):
    """A chirp with noise, its latent and its codes, and the smallest gap between the nearest two codebook entries."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    time_s = torch.arange(int(0.3 * codec.sample_rate)) / codec.sample_rate
    chirp = 0.4 * torch.sin(2 * torch.pi * (200 * time_s + 3000 * time_s ** 2))
    audio = (chirp + 0.05 * torch.randn(time_s.shape, generator=generator))[None]
    with torch.no_grad():
        latent = codec.encoder(audio[None])
        codes, scale = codec.encode(audio[None])
        assert scale is None
        residual, gap = latent[0].T, float("inf")
        for layer, row in zip(codec.quantizer.vq.layers, codes[0]):
            entries = layer._codebook.embed
            nearest = torch.cdist(residual, entries).topk(2, largest=False).values
            gap = min(gap, (nearest[:, 1] - nearest[:, 0]).min().item())
            residual = residual - entries[row]
    return audio, latent[0], codes[0], gap


def write_goldens(folder: Path, seed: int, command: str) -> dict:
    """Loads the export in `folder` as users do and leaves what it gives in folder/golden."""
    import audiocraft
    import numpy as np
    import omegaconf
    import torch
    from audiocraft.models import MusicGen
    golden = folder / "golden"
    shutil.rmtree(golden, ignore_errors=True)
    golden.mkdir()
    arrays, facts = {}, {}

    start = time.monotonic()
    model = MusicGen.get_pretrained(str(folder), device="cpu")
    facts["load_s"] = round(time.monotonic() - start, 1)
    tokens, audio, facts["greedy_logit_gap"] = greedy(model, None)
    arrays["unconditional.tokens"], arrays["unconditional.audio"] = tokens.int(), audio
    codes, logits, facts["streaming_difference"] = teacher_forced(model.lm, 8, seed + 1)
    arrays["logits.codes"], arrays["logits"] = codes.int(), logits
    codec = model.compression_model
    audio, latent, codes, facts["encode_distance_gap"] = encode(codec, seed + 2)
    arrays["encode.audio"], arrays["encode.latent"], arrays["encode.codes"] = audio, latent, codes.int()
    codes = torch.randint(codec.cardinality, (codec.num_codebooks, 10), generator=torch.Generator().manual_seed(seed + 3))
    with torch.no_grad():
        arrays["decode.codes"], arrays["decode.audio"] = codes.int(), codec.decode(codes[None])[0]

    torch.manual_seed(0)
    model.set_generation_params(duration=SAMPLED_SECONDS)
    start = time.monotonic()
    audio, tokens = model.generate([None], return_tokens=True)
    facts["sampled"] = {
        "duration_s": SAMPLED_SECONDS, "took_s": round(time.monotonic() - start, 1),
        "rms": round(audio.square().mean().sqrt().item(), 4), "mean": round(audio.mean().item(), 5),
        "peak": round(audio.abs().max().item(), 4), "clipped": round((audio.abs() >= 1).float().mean().item(), 6),
        "distinct_tokens": [row.unique().numel() for row in tokens[0]]}

    for name, tensor in arrays.items():
        np.save(golden / f"{name}.npy", tensor.contiguous().numpy())
    timed = {"load_s": facts.pop("load_s"), "generate_s": facts["sampled"].pop("took_s")}
    record = {
        "made_by": command, "seed": seed,
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0],
                     "audiocraft": audiocraft.__version__, "omegaconf": omegaconf.__version__},
        "greedy": {"duration_s": GREEDY_SECONDS, "cfg_coef": 3.0, "prompt": None},
        "arrays": {name: list(tensor.shape) for name, tensor in arrays.items()}, **facts}
    (golden / "golden.json").write_text(json.dumps(record, indent=2) + "\n")
    print(folder.name, json.dumps({**facts, **timed}))
    return facts


def judge(facts: dict) -> None:
    """A fixture that is silent, clipped or repeats itself would make a poor reference."""
    sampled = facts["sampled"]
    assert min(sampled["distinct_tokens"]) >= 20, sampled
    assert sampled["rms"] > 0.01 and sampled["clipped"] < 0.01 and abs(sampled["mean"]) < 0.02, sampled
    assert min(facts["greedy_logit_gap"], facts["encode_distance_gap"]) > 5e-5, \
        f"a tie is too close for another implementation to reproduce; choose another seed: {facts}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--full-size", type=Path, metavar="OUT")
    args = parser.parse_args()
    hub = args.reference.resolve() / "hub"
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(hub), USER="nobody")  # read when transformers is imported
    hub_maker.make_hub(hub)

    config_dir = args.reference.resolve() / "audiocraft-1.3.0" / "config"
    if args.full_size:
        folder = args.full_size
        lm, codec = MONO_LM + ["model/lm/model_scale=small"], CODEC
    else:
        folder = args.out / "musicgen-tiny-mono"
        lm, codec = MONO_LM + TINY_LM, CODEC + TINY_CODEC
    command = "make_fixtures.py" + (" --full-size OUT" if args.full_size else "") + f" --seed {args.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    export(config_dir, folder, lm, codec, args.seed, half=bool(args.full_size))
    print(f"exported in {time.monotonic() - start:.1f} s", file=sys.stderr)
    judge(write_goldens(folder, args.seed, command))


if __name__ == "__main__":
    main()
