"""Codecs and language models trained for a minute on synthesized music (music.py), with audiocraft's own modules and losses.

A trained model is what an untrained one can't stand for: it predicts the codes of audio, and only with its own options.
"""
from dataclasses import dataclass

import music

CODEC_S = 0.5        # of a training clip
LM_S = 4.0


@dataclass
class Plan:
    """How much training; the fixture takes the default."""
    codec_steps: int = 1000
    codec_without_quantizer: int = 500   # of these, the first
    codec_batch: int = 8
    codec_compositions: int = 120
    lm_steps: int = 900
    lm_batch: int = 16
    lm_frames: int = 150
    compositions: int = 1200
    codec_lr: float = 2e-3
    lr: float = 2e-3


def corpus(count: int, rate: int, duration_s: float, channels: int, first: int = 0):
    """([B, C, N] float32, descriptions) of the compositions from `first` on that have something to hold on to: after a melody
    or drums alone a model takes each rest for the end of the music."""
    import itertools
    import numpy as np
    import torch
    held = (composition for composition in map(music.compose, itertools.count(first))
            if len(composition.parts) > 1 and {"bass", "chords"} & set(composition.parts))
    found = list(itertools.islice(held, count))
    audio = np.stack([music.render(composition, rate, duration_s, channels) for composition in found])
    return torch.from_numpy(audio), [composition.description for composition in found]


def spectral_distance(audio, target):
    """Of magnitudes at five resolutions: the mean of their roots' differences, and the relative error of all."""
    import torch
    total = 0
    for size in (128, 256, 512, 1024, 2048):
        window = torch.hann_window(size)
        first, second = (torch.stft(x.flatten(0, 1), size, size // 4, window=window, return_complex=True).abs() / size ** 0.5
                         for x in (audio, target))
        total = total + ((first + 1e-4).sqrt() - (second + 1e-4).sqrt()).abs().mean()
        total = total + (first - second).square().mean().sqrt() / second.square().mean().sqrt()
    return total / 5


def schedule(optimizer, steps: int, peak: float, step: int) -> None:
    import math
    rate = peak * min((step + 1) / 20, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
    for group in optimizer.param_groups:
        group["lr"] = rate


def initialize(model, audio) -> None:
    """Gives what each convolution makes of `audio` a deviation of 1: the four filters of a tiny codec else let nothing through."""
    import torch
    from torch.nn.utils.weight_norm import WeightNorm

    def scale(conv, inputs, output):
        per_channel = isinstance(conv, torch.nn.Conv1d)  # a transposed one has a weight_g for each input
        deviation = output.std(dim=(0, 2)).view(-1, 1, 1) if per_channel else output.std()
        conv.weight_g.data.div_(deviation + 1e-6)
        conv.bias.data.zero_()
        for hook in conv._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                setattr(conv, hook.name, hook.compute_weight(conv))
        return conv.forward(*inputs)

    convs = [module for module in model.modules() if isinstance(module, (torch.nn.Conv1d, torch.nn.ConvTranspose1d))]
    hooks = [conv.register_forward_hook(scale) for conv in convs if hasattr(conv, "weight_g")]
    with torch.no_grad():
        model.decoder(model.encoder(audio))
    for hook in hooks:
        hook.remove()


def train_codec(cfg, plan: Plan, seed: int, log=lambda line: None):
    """First as an autoencoder of waveforms, then with the quantizer and the spectrum, too."""
    import torch
    from audiocraft.models import builders
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)  # the adjoints of 30 layers are small: twenty times as slow without it
    codec = builders.get_compression_model(cfg)
    audio, _ = corpus(plan.codec_compositions, codec.sample_rate, LM_S, codec.channels)
    optimizer = torch.optim.Adam(codec.parameters(), lr=plan.codec_lr, betas=(0.8, 0.99))
    length = int(CODEC_S * codec.sample_rate)
    codec.train()
    initialize(codec, audio[:plan.codec_batch, :, :length])
    for step in range(plan.codec_steps):
        schedule(optimizer, plan.codec_steps, plan.codec_lr, step)
        rows = torch.randint(len(audio), (plan.codec_batch,))
        start = torch.randint(audio.shape[-1] - length, ()).item()
        x = audio[rows, :, start:start + length]
        level = x.square().mean((1, 2), keepdim=True).sqrt() + 1e-2
        if step < plan.codec_without_quantizer:
            decoded = codec.decoder(codec.encoder(x))[..., :length]
            loss = ((decoded - x) / level).square().mean()
        else:
            result = codec(x)
            decoded = result.x
            loss = ((decoded - x) / level).square().mean() + 0.3 * spectral_distance(decoded / level, x / level) + 0.25 * result.penalty
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 3.0)
        optimizer.step()
        if step % 50 == 49:
            error = (decoded - x).square().mean() / x.square().mean()
            log(f"codec {step + 1}: loss {loss.item():.3f}, error {error.item():.3f} of the energy")
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


def material(codec, compositions: int):
    """(audio, texts, codes) of `codec`, wrapped for stereo."""
    audio, texts = corpus(compositions, codec.sample_rate, LM_S, codec.channels)
    return audio, texts, encoded(codec, audio)


def train_lm(cfg, codec, given, plan: Plan, seed: int, log=lambda line: None):
    """On `material` of `codec`, with the config's own dropping of conditions."""
    import torch
    import torch.nn.functional as F
    from audiocraft.models import builders
    from audiocraft.modules.conditioners import ConditioningAttributes, WavCondition
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)
    lm = builders.get_lm_model(cfg)
    audio, texts, codes = given
    melody = "self_wav" in lm.condition_provider.conditioners
    optimizer = torch.optim.AdamW([p for p in lm.parameters() if p.requires_grad], lr=plan.lr, betas=(0.9, 0.95), weight_decay=0.05)
    lm.train()
    for step in range(plan.lm_steps):
        schedule(optimizer, plan.lm_steps, plan.lr, step)
        rows = torch.randint(min(len(codes), plan.compositions), (plan.lm_batch,)).tolist()
        frames = min(plan.lm_frames, codes.shape[-1])
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


def round_to_half(model) -> None:
    """To what a checkpoint in float16 gives back."""
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())


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
