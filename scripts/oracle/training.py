"""Codecs and language models trained for a minute on synthesized music (music.py), with audiocraft's own modules and losses.

A trained model is what an untrained one can't stand for: it predicts the codes of audio, and only with its own options.
"""
from dataclasses import dataclass

import music

CODEC_S = 1.0        # of a training clip
LM_S = 4.0


@dataclass
class Plan:
    """How much training; the fixture takes the default."""
    codec_steps: int = 400
    codec_batch: int = 8
    lm_steps: int = 450
    lm_batch: int = 16
    compositions: int = 240
    codec_lr: float = 2e-3
    lr: float = 2e-3


def corpus(count: int, rate: int, duration_s: float, channels: int, first: int = 0):
    """([B, C, N] float32, descriptions) of the compositions from `first` on."""
    import numpy as np
    import torch
    found = [music.compose(seed) for seed in range(first, first + count)]
    audio = np.stack([music.render(composition, rate, duration_s, channels) for composition in found])
    return torch.from_numpy(audio), [composition.description for composition in found]


def spectral_distance(audio, target):
    """L1 of log magnitudes at three resolutions."""
    import torch
    total = 0
    for size in (256, 1024, 2048):
        window = torch.hann_window(size)
        first, second = (torch.stft(x.flatten(0, 1), size, size // 4, window=window, return_complex=True).abs() for x in (audio, target))
        total = total + ((first + 1e-3).log() - (second + 1e-3).log()).abs().mean() + 10 * (first - second).abs().mean() / size ** 0.5
    return total / 3


def schedule(optimizer, steps: int, peak: float, step: int) -> None:
    import math
    rate = peak * min((step + 1) / 20, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
    for group in optimizer.param_groups:
        group["lr"] = rate


def train_codec(cfg, plan: Plan, seed: int, log=lambda line: None):
    import torch
    from audiocraft.models import builders
    torch.manual_seed(seed)
    codec = builders.get_compression_model(cfg)
    audio, _ = corpus(plan.compositions, codec.sample_rate, LM_S, codec.channels)
    optimizer = torch.optim.Adam(codec.parameters(), lr=plan.codec_lr, betas=(0.5, 0.9))
    length = int(CODEC_S * codec.sample_rate)
    codec.train()
    for step in range(plan.codec_steps):
        schedule(optimizer, plan.codec_steps, plan.codec_lr, step)
        rows = torch.randint(len(audio), (plan.codec_batch,))
        start = torch.randint(audio.shape[-1] - length, ()).item()
        x = audio[rows, :, start:start + length]
        result = codec(x)
        loss = 5 * (result.x - x).abs().mean() + spectral_distance(result.x, x) + 0.25 * result.penalty
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            log(f"codec {step + 1}: loss {loss.item():.3f}, L1 {(result.x - x).abs().mean().item():.4f}, rms {x.std().item():.3f}")
    return codec.eval()


def encoded(codec, audio):
    """Codes [B, K, T] of [B, C, N], in pieces."""
    import torch
    with torch.no_grad():
        return torch.cat([codec.encode(piece)[0] for piece in audio.split(16)])


def interleaved(cfg, codec):
    """What MusicGen.get_pretrained puts around the codec of a stereo model."""
    from audiocraft.models.encodec import InterleaveStereoCompressionModel
    if cfg.get("interleave_stereo_codebooks", {}).get("use", False):
        return InterleaveStereoCompressionModel(codec, cfg.interleave_stereo_codebooks.per_timestep)
    return codec


def train_lm(cfg, codec, plan: Plan, seed: int, log=lambda line: None):
    """On codes of `codec` (wrapped for stereo), with the config's own dropping of conditions."""
    import torch
    import torch.nn.functional as F
    from audiocraft.models import builders
    from audiocraft.modules.conditioners import ConditioningAttributes, WavCondition
    torch.manual_seed(seed)
    lm = builders.get_lm_model(cfg)
    audio, texts = corpus(plan.compositions, codec.sample_rate, LM_S, codec.channels)
    codes = encoded(codec, audio)
    melody = "self_wav" in lm.condition_provider.conditioners
    optimizer = torch.optim.AdamW([p for p in lm.parameters() if p.requires_grad], lr=plan.lr, betas=(0.9, 0.95), weight_decay=0.05)
    lm.train()
    for step in range(plan.lm_steps):
        schedule(optimizer, plan.lm_steps, plan.lr, step)
        rows = torch.randint(len(codes), (plan.lm_batch,)).tolist()
        frames = min(150, codes.shape[-1])
        start = torch.randint(codes.shape[-1] - frames + 1, ()).item()
        target = codes[rows, :, start:start + frames]
        attributes = []
        for row in rows:
            attribute = ConditioningAttributes(text={"description": texts[row]})
            if melody:
                wav = audio[row:row + 1].mean(dim=1, keepdim=True)
                attribute.wav["self_wav"] = WavCondition(wav, torch.tensor([wav.shape[-1]]), [codec.sample_rate], [None], [0.0])
            attributes.append(attribute)
        output = lm.compute_predictions(target, attributes)
        nats = F.cross_entropy(output.logits[output.mask], target[output.mask])
        optimizer.zero_grad()
        nats.backward()
        torch.nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            log(f"lm {step + 1}: {nats.item():.3f} nats")
    return lm.eval()


def save(folder, lm_cfg, lm, codec_cfg, codec, half: bool = False) -> None:
    """As the trainer's checkpoints, through audiocraft's exporter."""
    import torch
    from audiocraft.utils import export as exporter
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.th"

    def stored(model) -> dict:
        return {key: value.half() if half and value.is_floating_point() else value for key, value in model.state_dict().items()}

    torch.save({"xp.cfg": lm_cfg, "best_state": {"model": stored(lm)}, "fsdp_best_state": {}}, checkpoint)
    exporter.export_lm(checkpoint, folder / "state_dict.bin")
    torch.save({"xp.cfg": codec_cfg, "best_state": {"model": stored(codec)}}, checkpoint)
    exporter.export_encodec(checkpoint, folder / "compression_state_dict.bin")
    checkpoint.unlink()
