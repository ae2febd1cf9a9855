"""Embeddings, filter banks and resampled audio of the real audiocraft: conditioners.pt and conditioners.json.

Used by conditioner_cases.py. The .pt is a package as audiocraft exports one, so that the suite's own reader reads it:
best_state holds, for each case CASE of the .json, its weights under CASE/ and what comes out under CASE/positive and
CASE/null ([B, L, D], encoded together) and CASE/apart ([B, L, D], the null conditions encoded alone); MELODY/NAME are inputs.
"""
import json
from pathlib import Path

DIM = 3
CHROMA = {"sample_rate": 8000, "n_chroma": 12, "radix2_exp": 8, "argmax": True}


def chroma(**changes):
    return {"self_wav": {"model": "chroma_stem", "chroma_stem": {**CHROMA, **changes}}}


def lut(**changes):
    return {"description": {"model": "lut", "lut": {"n_bins": 37, "dim": 5, "tokenizer": "noop", **changes}}}


# name, conditioners, segment_duration, codec's rate, samples as [text, melody]
CASES = [
    ["lut", lut(), 30, 32000, [[None, None], ["rock", None], ["", None], ["Jeff Buckley", None], ["日本の音楽", None], ["x" * 200, None]]],
    ["lut-pad", lut(pad_idx=36, n_bins=37), 30, 32000, [["rock", None], [None, None]]],
    ["lut-whitespace", lut(tokenizer="whitespace"), 30, 32000, [[None, None], [None, None]]],
    ["t5-none", {"description": {"model": "t5", "t5": {"name": "t5-small", "finetune": False}}}, 30, 32000, [[None, None], ["", None]]],
    ["chroma-null", chroma(), 1.5, 8000, [[None, None]]],
    ["chroma-null-energies", chroma(argmax=False), 1.5, 8000, [[None, None], [None, None]]],
    ["chroma", chroma(), 1.5, 8000, [[None, "mono"]]],
    ["chroma-batch", chroma(), 1.5, 8000, [[None, "mono"], [None, None], [None, "short"]]],
    ["chroma-energies", chroma(argmax=False), 1.5, 8000, [[None, "mono"], [None, "short"]]],
    ["chroma-truncated", chroma(), 0.25, 8000, [[None, "mono"]]],
    ["chroma-one-sample", chroma(), 0.5, 8000, [[None, "sample"]]],
    ["chroma-stereo-resampled", chroma(argmax=False), 1.5, 11025, [[None, "stereo"], [None, "stereo-short"]]],
    ["chroma-up", chroma(argmax=False, sample_rate=16000), 0.5, 11025, [[None, "stereo"]]],
    ["chroma-norm-2", chroma(argmax=False, norm=2), 0.5, 8000, [[None, "mono"]]],
    ["chroma-norm-1", chroma(argmax=False, norm=1), 0.5, 8000, [[None, "mono"]]],
    ["chroma-norm-0", chroma(argmax=False, norm=0), 0.5, 8000, [[None, "mono"]]],
    ["chroma-24", chroma(argmax=False, n_chroma=24), 0.5, 8000, [[None, "mono"]]],
    ["chroma-windows", chroma(argmax=False, winlen=200, nfft=301, winhop=90), 0.7, 8000, [[None, "mono"]]],
    ["chroma-fractional-rate", chroma(argmax=False, sample_rate=7999.5), 0.5, 8000, [[None, "mono"]]],
    ["chroma-production", chroma(sample_rate=32000, radix2_exp=13), 30, 32000, [[None, "mono"]]],
    ["both", {**chroma(), **lut()}, 0.5, 8000, [["rock", "mono"], [None, None]]],
]
BANKS = [[32000, 16384, 12, 257], [16000, 512, 24, 9], [22050, 1025, 13, 19], [8000, 256, 1, 3], [44100, 4096, 12, 67], [0.5, 1024, 36, 23], [8000, 2, 3, 1]]
RATES = [[44100, 32000], [32000, 16000], [16000, 44100], [48000, 32000], [22050, 32000], [7, 5], [32000, 31999], [3, 1]]


def melody(torch, channels, samples, seed):
    """Notes that change every tenth of a second, with some noise."""
    torch.manual_seed(seed)
    t = torch.arange(samples) / 8000
    out = []
    for _ in range(channels):
        notes = torch.randint(45, 80, (samples // 800 + 1,)).repeat_interleave(800)[:samples]
        phase = torch.cumsum(440 * 2 ** ((notes - 69) / 12) / 8000, 0) * 6.283185307
        out.append(0.4 * torch.sin(phase) + 0.1 * torch.sin(2 * phase) + 0.02 * torch.randn(samples) * (t > 0.01))
    return torch.stack(out)


def refuse_ties(extractor_type):
    """A pitch class that is nearly a tie would make a poor reference: another FFT could choose the other."""
    original = extractor_type.forward

    def forward(self, wav):
        if self.argmax and wav.abs().max() > 0:
            self.argmax = False
            top = original(self, wav).topk(2, -1).values
            self.argmax = True
            gap = top[..., 0] - top[..., 1]
            gap[top[..., 0] == 0] = 1
            assert gap.min() > 1e-4, f"a tie within {gap.min()}: choose another melody"
        return original(self, wav)

    extractor_type.forward = forward


def write(folder: Path):
    import julius
    import librosa
    import torch
    from omegaconf import OmegaConf
    from audiocraft.data.audio_utils import convert_audio
    from audiocraft.models import builders
    from audiocraft.modules import conditioners as c
    from audiocraft.modules.chroma import ChromaExtractor

    refuse_ties(ChromaExtractor)
    melodies = {"mono": melody(torch, 1, 5000, 1), "short": melody(torch, 1, 1501, 2), "sample": torch.ones(1, 1),
                "stereo": melody(torch, 2, 3000, 3), "stereo-short": melody(torch, 2, 777, 4)}
    tensors = {f"melody/{name}": wave.clone() for name, wave in melodies.items()}
    table = []
    for index, (name, config, duration, rate, samples) in enumerate(CASES):
        torch.manual_seed(index)
        cfg = {"device": "cpu", "dataset": {"segment_duration": duration}, "conditioners": config}
        provider = builders.get_conditioner_provider(DIM, OmegaConf.create(cfg)).eval()
        for conditioner in provider.conditioners.values():  # as MusicGen.get_pretrained
            if isinstance(conditioner, c.WaveformConditioner):
                conditioner.match_len_on_eval, conditioner._use_masking = True, False
        attributes = []
        for text, wave in samples:
            attribute = c.ConditioningAttributes(text={"description": text})
            wav = melodies[wave][None] if wave else torch.zeros(1, 1, 1)
            attribute.wav["self_wav"] = c.WavCondition(wav, torch.tensor([wav.shape[-1] if wave else 0]), [rate], [None])
            attributes.append(attribute)
        nulls = c.ClassifierFreeGuidanceDropout(p=1.0)(attributes)
        with torch.no_grad():
            both = provider(provider.tokenize(attributes + nulls))
            apart = provider(provider.tokenize(nulls))
        for key in both:
            positive, null = both[key][0].split(len(samples))
            tensors.update({f"{name}/positive/{key}": positive.clone(), f"{name}/null/{key}": null.clone(),
                            f"{name}/apart/{key}": apart[key][0].clone()})
        for key, value in provider.state_dict().items():
            tensors[f"{name}/condition_provider.{key}"] = value
        table.append({"name": name, "config": OmegaConf.to_yaml(OmegaConf.create(cfg)), "rate": rate, "dim": DIM,
                      "samples": samples, "order": list(both)})
    for rate, n_fft, n_chroma, step in BANKS:
        tensors[f"bank/{rate}/{n_fft}/{n_chroma}"] = torch.from_numpy(
            librosa.filters.chroma(sr=rate, n_fft=n_fft, tuning=0, n_chroma=n_chroma))[:, ::step].clone()
    torch.manual_seed(9)
    tensors["resample/input"] = torch.randn(2, 777)
    for old, new in RATES:
        source = tensors["resample/input"][:, :40] if max(old, new) % 10 else tensors["resample/input"]
        tensors[f"resample/{old}/{new}/{source.shape[-1]}"] = julius.resample_frac(source, old, new).clone()
    tensors["resample/16000/44100/1"] = julius.resample_frac(tensors["resample/input"][:, :1], 16000, 44100).clone()
    for old, new, channels in [(44100, 32000, 1), (32000, 32000, 2), (16000, 32000, 2)]:
        tensors[f"convert/{old}/{new}/{channels}"] = convert_audio(tensors["resample/input"], old, new, channels).clone()
    folder.mkdir(parents=True, exist_ok=True)
    best_state = {key: value.contiguous() for key, value in tensors.items()}
    torch.save({"best_state": best_state, "xp.cfg": "{}", "version": "conditioner_cases.py", "exported": True},
               folder / "conditioners.pt")
    lines = ",\n  ".join(json.dumps(row) for row in table)
    banks = ", ".join(json.dumps(bank) for bank in BANKS)
    (folder / "conditioners.json").write_text(f'{{"cases": [\n  {lines}],\n "banks": [{banks}]}}\n')
