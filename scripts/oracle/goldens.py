"""What the real audiocraft makes of an export: loads it as users do, and leaves arrays and golden.json in its golden/."""
import json
import platform
import shutil
from contextlib import contextmanager
from pathlib import Path

from families import TEXTS, Family

CFG_COEF = 3.0
SAMPLED_S = 1.0
MELODY_S = 0.5
EVERY = 37                # of a run whose whole sound would be too large, each 37th sample: a prime, so that no stride hides
LEAST_GAP = 1e-4          # nearer than this, another order of the same sums could choose another token
LEAST_DISTINCT = {"sampled": 12, "greedy": 3}


def runs_of(family: Family) -> list:
    """The greedy runs of golden.json, by name."""
    runs = [{"name": "unconditional", "prompts": [None]},
            {"name": "text0", "prompts": [TEXTS[0]]},
            {"name": "text1", "prompts": [TEXTS[1]]},
            {"name": "batch", "prompts": [None, *TEXTS]}]
    if family.two_step:
        runs.append({"name": "two_step", "prompts": [TEXTS[0]], "two_step_cfg": True})
    if family.melody:
        runs.append({"name": "melody", "prompts": [TEXTS[0]], "melody": "melody.wav"})
    return runs


@contextmanager
def replaced(owner, name: str, function):
    """`owner.name` is `function` meanwhile; function takes the original first."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: function(original, *args, **kwargs))
    try:
        yield
    finally:
        setattr(owner, name, original)


def greedy(model, run: dict, golden: Path, duration_s: float):
    """Tokens [B, K, T], audio [B, C, N], and the smallest gap between the best and the second best logit on the way."""
    import torch
    gaps = []

    def watched(argmax, logits, *args, **kwargs):
        best = logits.topk(2, dim=-1).values
        gaps.append((best[..., 0] - best[..., 1]).min().item())
        return argmax(logits, *args, **kwargs)

    model.set_generation_params(duration=duration_s, use_sampling=False, cfg_coef=CFG_COEF,
                                two_step_cfg=run.get("two_step_cfg", False))
    with replaced(torch, "argmax", watched):
        if "melody" in run:
            wav, rate = read_wav(golden / run["melody"])
            audio, tokens = model.generate_with_chroma(run["prompts"], wav[None], rate, return_tokens=True)
        else:
            audio, tokens = model.generate(run["prompts"], return_tokens=True)
    return tokens, audio, min(gaps)


def write_melody(path: Path, rate: int, channels: int) -> None:
    """A few notes, 16 bit; in two channels, the right one softer."""
    import wave
    import numpy as np
    time_s = np.arange(int(MELODY_S * rate)) / rate
    notes = np.array([440.0, 523.25, 659.25, 587.33, 392.0])
    tone = 0.5 * np.sin(2 * np.pi * notes[np.minimum((time_s / MELODY_S * len(notes)).astype(int), len(notes) - 1)] * time_s)
    samples = np.stack([tone * (1 - 0.6 * c) for c in range(channels)], axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def read_wav(path: Path):
    """([C, N] float32, rate) of a 16-bit file, as soundfile and audiocraft.data.audio scale it."""
    import wave
    import numpy as np
    import torch
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return torch.from_numpy(samples.T.astype(np.float32) / 32768), file.getframerate()


def teacher_forced(model, frames: int, seed: int):
    """Logits [K, S, card] of the condition row, step by step with the cache, as generation runs the model."""
    import torch
    from audiocraft.modules.conditioners import ClassifierFreeGuidanceDropout
    lm = model.lm
    codes = torch.randint(lm.card, (1, lm.num_codebooks, frames), generator=torch.Generator().manual_seed(seed))
    sequence, _, _ = lm.pattern_provider.get_pattern(frames).build_pattern_sequence(codes, lm.special_token_id)
    attributes, _ = model._prepare_tokens_and_attributes([None], None)
    attributes += ClassifierFreeGuidanceDropout(p=1.0)(attributes)
    conditions = lm.condition_provider(lm.condition_provider.tokenize(attributes))
    both = torch.cat([sequence, sequence])
    with torch.no_grad(), lm.streaming():
        steps = [lm(both[..., s:s + 1], conditions=[], condition_tensors=conditions) for s in range(both.shape[-1])]
    logits = torch.cat(steps, dim=2)
    with torch.no_grad():
        at_once = lm(both, conditions=[], condition_tensors=conditions)
    return sequence[0], logits[0], (logits - at_once).abs().max().item()


def encode(codec, seed: int):
    """A chirp with noise, its latent and its codes, and the smallest gap between the nearest two codebook entries."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    time_s = torch.arange(int(0.15 * codec.sample_rate)) / codec.sample_rate
    chirp = 0.4 * torch.sin(2 * torch.pi * (200 * time_s + 6000 * time_s ** 2))
    audio = (chirp + 0.05 * torch.randn((codec.channels, len(time_s)), generator=generator))
    with torch.no_grad():
        prepared, _ = codec.preprocess(audio[None])
        latent = codec.encoder(prepared)
        codes, _ = codec.encode(audio[None])
        residual, gap = latent[0].T, float("inf")
        for layer, row in zip(codec.quantizer.vq.layers, codes[0]):
            entries = layer._codebook.embed
            nearest = torch.cdist(residual, entries).topk(2, largest=False).values
            gap = min(gap, (nearest[:, 1] - nearest[:, 0]).min().item())
            residual = residual - entries[row]
    return audio, latent[0], codes[0], gap


def write_goldens(folder: Path, family: Family, seed: int, command: str) -> dict:
    """Arrays and golden.json in folder/golden; returns the facts that judge() looks at."""
    import audiocraft
    import numpy as np
    import omegaconf
    import torch
    import transformers
    from audiocraft.models import MusicGen
    from audiocraft.models.encodec import EncodecModel
    golden = folder / "golden"
    shutil.rmtree(golden, ignore_errors=True)
    golden.mkdir()
    arrays, facts = {}, {}
    if family.melody:
        write_melody(golden / "melody.wav", *family.melody)

    model = MusicGen.get_pretrained(str(folder), device="cpu")
    runs = runs_of(family)
    whole = ["unconditional"] + ["melody"] * family.codec_alone + ["text0", "text1"] * family.plain  # what size allows
    gaps, tokens = {}, {}
    for run in runs:
        tokens[run["name"]], audio, gaps[run["name"]] = greedy(model, run, golden, family.duration_s)
        arrays[run["name"] + ".tokens"] = tokens[run["name"]].int()
        if run["name"] in whole:
            arrays[run["name"] + ".audio"] = audio
        else:
            arrays[run["name"] + f".audio_{EVERY}"] = audio[..., ::EVERY]
    facts["greedy_logit_gap"] = gaps
    facts["greedy_distinct_tokens"] = {name: [row.unique().numel() for row in found.transpose(0, 1)]
                                       for name, found in tokens.items()}
    codes, logits, facts["streaming_difference"] = teacher_forced(model, family.forced_frames, seed + 1)
    arrays["logits.codes"], arrays["logits"] = codes.int(), logits
    codec = getattr(model.compression_model, "model", model.compression_model)  # what the stereo wrap wraps
    if isinstance(codec, EncodecModel) and family.codec_alone:
        audio, latent, codes, facts["encode_distance_gap"] = encode(codec, seed + 2)
        arrays["encode.audio"], arrays["encode.latent"], arrays["encode.codes"] = audio, latent, codes.int()
        codes = torch.randint(codec.cardinality, (codec.num_codebooks, 5),
                              generator=torch.Generator().manual_seed(seed + 3))
        with torch.no_grad():
            arrays["decode.codes"], arrays["decode.audio"] = codes.int(), codec.decode(codes[None])[0]
    if family.name == "mono":
        from sampling import sampled_steps
        found, facts["sampling"] = sampled_steps(model, TEXTS[0], seed)
        arrays.update(found)

    torch.manual_seed(0)
    model.set_generation_params(duration=SAMPLED_S)
    audio, sampled = model.generate([None], return_tokens=True)
    facts["sampled"] = {
        "duration_s": SAMPLED_S, "rms": round(audio.square().mean().sqrt().item(), 4),
        "mean": round(audio.mean().item(), 5), "peak": round(audio.abs().max().item(), 4),
        "clipped": round((audio.abs() >= 1).float().mean().item(), 6),
        "distinct_tokens": [row.unique().numel() for row in sampled[0]]}

    for name, tensor in arrays.items():
        np.save(golden / f"{name}.npy", tensor.contiguous().numpy())
    record = {
        "made_by": command, "seed": seed, "shows": family.shows,
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0],
                     "audiocraft": audiocraft.__version__, "transformers": transformers.__version__,
                     "omegaconf": omegaconf.__version__},
        "duration_s": family.duration_s, "cfg_coef": CFG_COEF, "runs": runs,
        "arrays": {name: list(tensor.shape) for name, tensor in arrays.items()}, **facts}
    text = json.dumps(record, indent=1)
    (golden / "golden.json").write_text(text + "\n")
    judge(family, facts, tokens)
    return facts


def judge(family: Family, facts: dict, tokens: dict) -> None:
    """A fixture that is silent, clipped or repeats itself, or whose prompts don't matter, would make a poor reference."""
    import torch
    sampled = facts["sampled"]
    assert min(sampled["distinct_tokens"]) >= LEAST_DISTINCT["sampled"], sampled
    assert sampled["rms"] > 0.01 and sampled["clipped"] < 0.01 and abs(sampled["mean"]) < 0.05, sampled
    if not family.trained:  # the likeliest music of a trained model is one note for ever
        assert min(map(min, facts["greedy_distinct_tokens"].values())) >= LEAST_DISTINCT["greedy"], facts["greedy_distinct_tokens"]
    gap = min([*facts["greedy_logit_gap"].values(), facts.get("encode_distance_gap", 1)])
    assert gap > LEAST_GAP, f"a tie is too close for another implementation to reproduce; choose another seed: {facts}"
    differ = [("unconditional", "text0"), ("text0", "text1"), ("unconditional", "text1")] if family.text else []
    differ += [("text0", "melody")] if family.melody else []
    for first, second in differ:
        assert not torch.equal(tokens[first], tokens[second]), f"{first} and {second} give the same tokens"
