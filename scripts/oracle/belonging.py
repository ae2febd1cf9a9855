"""Goldens of how a model takes audio: codes, likelihood, continuation, and generation beyond max_duration.

usage: belonging.py [--only NAME ...]      default: every fixture of CASES; writes golden/belonging.* of each
"""
import argparse
import json
import sys
from pathlib import Path

import production
from goldens import CFG_COEF, LEAST_GAP, read_wav, replaced
from music import compose, render

CASES = {  # seconds of the clip; and whether a melody is followed beyond max_duration
    "mono": (0.6, False), "stereo": (0.6, False), "stereo-timestep": (0.6, False), "melody": (0.6, True),
    "pattern-delay": (0.6, False), "pattern-unroll": (0.6, False), "kv-repeat": (0.6, False)}
TEXT = "upbeat lo fi hip hop beat"
FIRST_CLIP = 900000  # far from what trained models have seen
CLIPS = 200


def write_wav(path: Path, samples, rate: int) -> None:
    """[C, N] float, 16 bit."""
    import wave
    import numpy as np
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples.T * 32767).astype("<i2").tobytes())


def encode(codec, audio):
    """Codes [1, K, T] of [1, C, N], and the smallest gap between the nearest two codebook entries."""
    import torch
    gaps = []

    def quantized(real, book, x):
        nearest = torch.cdist(x, book.embed).topk(2, largest=False).values
        gaps.append((nearest[:, 1] - nearest[:, 0]).min().item())
        return real(book, x)

    from audiocraft.quantization.core_vq import EuclideanCodebook
    with torch.no_grad(), replaced(EuclideanCodebook, "quantize", quantized):
        codes, scale = codec.encode(audio)
    assert scale is None
    return codes, min(gaps, default=float("inf"))


def null_conditions(model):
    """What every unconditional generation is conditioned on, and the second row of every guided one."""
    import torch
    from audiocraft.modules.conditioners import ClassifierFreeGuidanceDropout
    attributes, _ = model._prepare_tokens_and_attributes([None], None)
    attributes = ClassifierFreeGuidanceDropout(p=1.0)(attributes)
    with torch.no_grad():
        return model.lm.condition_provider(model.lm.condition_provider.tokenize(attributes))


def cross_entropy(model, codes, conditions=None):
    """(nats [K, T], mask [K, T]) of LMModel.compute_predictions; 0 where the mask is false."""
    import torch
    import torch.nn.functional as F
    with torch.no_grad():
        output = model.lm.compute_predictions(codes, [], conditions or null_conditions(model))
        nats = F.cross_entropy(output.logits[0].flatten(0, 1), codes[0].flatten(), reduction="none").view(codes.shape[1:])
    mask = output.mask[0]
    return torch.where(mask, nats, torch.zeros(())), mask


def generation_runs(clip_s: float, melody: bool) -> list:
    """All greedy, with CFG_COEF. `prompt_s`: the first seconds of the clip are continued. `max_duration_s`:
    model.max_duration is set to it; conditioners keep the export's own."""
    runs = [{"name": "continuation", "prompts": [None], "prompt_s": clip_s / 2, "duration_s": clip_s},
            {"name": "continuation_text", "prompts": [TEXT], "prompt_s": clip_s / 2, "duration_s": clip_s}]
    beyond = {"max_duration_s": 0.6, "extend_stride_s": 0.36, "duration_s": 1.5}
    runs += [{"name": "beyond", "prompts": [None], **beyond},
             {"name": "beyond_text", "prompts": [TEXT], **beyond},
             {"name": "beyond_continuation", "prompts": [None], "prompt_s": clip_s / 2, **beyond}]
    if melody:
        runs.append({"name": "beyond_melody", "prompts": [TEXT], "melody": "melody.wav", **beyond})
    return runs


def generate(model, run: dict, golden: Path, clip, rate: int):
    """(tokens [1, K, T], the smallest gap between the best two logits) of one of generation_runs."""
    import torch
    gaps = []

    def watched(argmax, logits, *args, **kwargs):
        best = logits.topk(2, dim=-1).values
        gaps.append((best[..., 0] - best[..., 1]).min().item())
        return argmax(logits, *args, **kwargs)

    own = model.max_duration
    model.max_duration = run.get("max_duration_s", own)
    model.set_generation_params(duration=run["duration_s"], use_sampling=False, cfg_coef=CFG_COEF,
                                extend_stride=run.get("extend_stride_s", 18))
    with replaced(torch, "argmax", watched):
        if "melody" in run:
            wav, melody_rate = read_wav(golden / run["melody"])
            _, tokens = model.generate_with_chroma(run["prompts"], wav[None], melody_rate, return_tokens=True)
        elif "prompt_s" in run:
            prompt = clip[None, :, :int(run["prompt_s"] * rate)]
            _, tokens = model.generate_continuation(prompt, rate, run["prompts"], return_tokens=True)
        else:
            _, tokens = model.generate(run["prompts"], return_tokens=True)
    model.max_duration = own
    return tokens, min(gaps)


def write(folder: Path, made_by: str, clip_s: float, melody: bool, generates: bool = True) -> dict:
    """golden/belonging.json, .wav and .*.npy. The clip is the first composition that comes near no tie."""
    import numpy as np
    import torch
    from audiocraft.models import MusicGen
    golden = folder / "golden"
    for old in golden.glob("belonging.*"):
        old.unlink()
    torch.manual_seed(0)
    model = MusicGen.get_pretrained(str(folder), device="cpu")
    codec, rate = model.compression_model, model.sample_rate
    for seed in range(FIRST_CLIP, FIRST_CLIP + CLIPS):
        samples = render(compose(seed), rate, clip_s, codec.channels)
        write_wav(golden / "belonging.wav", samples, rate)
        clip, _ = read_wav(golden / "belonging.wav")
        codes, gap = encode(codec, clip[None])
        if gap < LEAST_GAP:
            continue
        runs = generation_runs(clip_s, melody) if generates else []
        made = [generate(model, run, golden, clip, rate) for run in runs]
        if all(gap > LEAST_GAP for _, gap in made):
            break
    else:
        raise RuntimeError(f"{CLIPS} clips come near a tie, the last at {gap}")
    nats, mask = cross_entropy(model, codes)
    arrays = {"codes": codes[0].int(), "cross_entropy": nats, "mask": mask.to(torch.uint8)}
    arrays.update({f"{run['name']}.tokens": tokens[0].int() for run, (tokens, _) in zip(runs, made)})
    for key, tensor in arrays.items():
        np.save(golden / f"belonging.{key}.npy", tensor.contiguous().numpy())
    record = {
        "made_by": made_by, "clip": "belonging.wav", "composition": seed, "description": compose(seed).description,
        "cross_entropy_per_codebook": [row[kept].mean().item() for row, kept in zip(nats, mask)],
        "cross_entropy": np.mean([row[kept].mean().item() for row, kept in zip(nats, mask)]).item(),
        "frames": codes.shape[-1], "valid": mask.sum(dim=-1).tolist(), "encode_distance_gap": gap,
        "cfg_coef": CFG_COEF, "runs": [{**run, "greedy_logit_gap": gap} for run, (_, gap) in zip(runs, made)],
        "arrays": {f"belonging.{key}": list(tensor.shape) for key, tensor in arrays.items()}}
    (golden / "belonging.json").write_text(json.dumps(record, indent=1) + "\n")
    return record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], choices=CASES)
    args = parser.parse_args()
    production.set_up()
    for name in args.only or CASES:
        record = write(production.FIXTURES / "exports" / f"musicgen-tiny-{name}", f"belonging.py --only {name}", *CASES[name])
        print(name, record["composition"], record["cross_entropy_per_codebook"], record["encode_distance_gap"],
              [run["greedy_logit_gap"] for run in record["runs"]], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
