#!/usr/bin/env python3
"""What the real conditioners make of their options, and of texts and melodies.

    python scripts/oracle/conditioner_cases.py --reference REF --audiocraft14 DIR
        writes harness/architecture/testdata/conditioner_cases.json   every option: does get_pretrained load it, does generate run
               harness/model/testdata/conditioners.pt, .json  embeddings, chroma filter banks, resampled audio

REF as for make_fixtures.py (README.md). DIR holds audiocraft 1.4, where the style conditioner is:
    pip install --no-deps --target DIR tts-webui-audiocraft==1.4.0a2

Demucs is not run: the stems of a wav are replaced by the wav itself, at the conditioner's rate and mono, as the suite
replaces them. The rows of the table:
    [name, edits, audiocraft, outcome, detail]     edits: [[path, value], ...]; a value of "__delete__" removes the key
    outcome: "build" or "load" (builders.get_lm_model or load_lm_model raises), "generate" (MusicGen.generate raises), "ok";
    detail: the exception's type, or {tensor: shape} of the conditioners
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

BASE = """
lm_model: transformer_lm
sample_rate: 1000
device: cpu
dtype: float32
transformer_lm: {n_q: 4, card: 400, dim: 16, num_heads: 2, num_layers: 1, causal: true, custom: true}
codebooks_pattern: {modeling: delay, delay: {delays: [0, 1, 2, 3]}}
attribute_dropout: {}
classifier_free_guidance: {training_dropout: 0.3, inference_coef: 3.0}
fuser: {sum: [], cross: [], prepend: [self_wav, description], input_interpolate: []}
conditioners:
  self_wav: {model: chroma_stem, chroma_stem: {sample_rate: "${sample_rate}", n_chroma: 12, radix2_exp: 10, argmax: true,
    match_len_on_eval: false, eval_wavs: null, n_eval_wavs: 100, cache_path: null}}
  description: {model: t5, t5: {name: t5-small, finetune: false, word_dropout: 0.2, normalize_text: false}}
dataset: {segment_duration: 30}
"""
T5, CHROMA, LUT = "conditioners.description.t5.", "conditioners.self_wav.chroma_stem.", "conditioners.description.lut."
STYLE, CLAP = "conditioners.self_wav.style.", "conditioners.description.clap."
AS_LUT = [["conditioners.description", {"model": "lut", "lut": {"n_bins": 50, "dim": 8, "tokenizer": "noop"}}]]
AS_STYLE = [["conditioners.self_wav", {"model": "style", "style": {
    "model_name": "encodec", "transformer_scale": "xsmall", "sample_rate": 32000, "encodec_n_q": 2, "length": 3.0,
    "encodec_checkpoint": "//pretrained/facebook/encodec_32khz", "n_q_out": 2, "eval_q": 2, "bins": 16}}]]
AS_CLAP = [["conditioners.description", {"model": "clap", "clap": {
    "checkpoint": "clap.pt", "model_arch": "HTSAT-base", "enable_fusion": False, "sample_rate": 48000,
    "max_audio_length": 10, "audio_stride": 1, "dim": 8, "attribute": "description", "normalize": True, "quantize": True,
    "n_q": 2, "bins": 16, "kmeans_iters": 50, "text_p": 0.0, "cache_path": None}}]]
DELETE = "__delete__"


def each(prefix, values, before=()):
    """A row for each value of each key."""
    for key, options in values.items():
        for value in options:
            yield [f"{prefix}{key}={json.dumps(value)}", [*before, [prefix + key, value]]]


def rows():
    yield ["base", []]
    yield ["conditioners null", [["conditioners", None], ["fuser.prepend", []]]]
    yield ["conditioners empty", [["conditioners", {}], ["fuser.prepend", []]]]
    yield ["conditioners missing", [["conditioners", DELETE], ["fuser.prepend", []]]]
    for name in ("text", "genre", "self_wav2"):
        yield [f"text called {name}", [["conditioners", {name: {"model": "t5", "t5": {"name": "t5-small", "finetune": False}}}],
                                       ["fuser.prepend", [name]]]]
    for name in ("a.b", "type", "float", "pop", ""):
        yield [f"text called '{name}'", [["conditioners", {name: {"model": "t5", "t5": {"name": "t5-small", "finetune": False}}}]]]
    yield ["wav called wav", [["conditioners", {"wav": {"model": "chroma_stem", "chroma_stem": {"sample_rate": 1000, "n_chroma": 12, "radix2_exp": 10}}}],
                              ["fuser.prepend", ["wav"]]]]
    yield ["wav called description", [["conditioners", {"description": {"model": "chroma_stem", "chroma_stem": {"sample_rate": 1000, "n_chroma": 12, "radix2_exp": 10}}}],
                                      ["fuser.prepend", ["description"]]]]
    yield ["text called self_wav", [["conditioners", {"self_wav": {"model": "lut", "lut": {"n_bins": 4, "dim": 2, "tokenizer": "noop"}}}],
                                    ["fuser.prepend", ["self_wav"]]]]
    yield ["wav only", [["conditioners.description", DELETE]]]
    yield ["text only", [["conditioners.self_wav", DELETE]]]
    yield ["description in no list", [["fuser.prepend", ["self_wav"]]]]
    yield ["self_wav in no list", [["fuser.prepend", ["description"]]]]
    yield ["a list names more", [["fuser.prepend", ["self_wav", "description", "genre"]]]]
    yield ["description twice", [["fuser.sum", ["description"]]]]
    yield ["a key beside the arguments", [["conditioners.self_wav.foo", 1]]]
    yield ["model missing", [["conditioners.self_wav.model", DELETE]]]
    yield ["model null", [["conditioners.self_wav.model", None]]]
    yield ["model unknown", [["conditioners.self_wav.model", "chroma"], ["conditioners.self_wav.chroma", {}]]]
    yield ["arguments missing", [["conditioners.self_wav.chroma_stem", DELETE]]]
    yield ["arguments null", [["conditioners.self_wav.chroma_stem", None]]]
    yield ["conditioner null", [["conditioners.self_wav", None]]]
    for what, value in (("null", None), ("text", "abc"), ("list", []), ("integer", 3)):
        yield [f"chroma_stem {what} beside another model",
               [["conditioners", {"self_wav": {**AS_LUT[0][1], "chroma_stem": value}}], ["fuser.prepend", ["self_wav"]]]]
    yield from each("conditioners.args.", {"drop_desc_p": [0.5], "merge_text_conditions_p": [0.5], "other": [1], "device": ["cpu"]})
    yield ["conditioners.args null", [["conditioners.args", None]]]

    yield from each(T5, {"finetune": [True, None, 1, "x", DELETE], "autocast_dtype": [None, "float16", "float99"],
                         "word_dropout": [None, "x", 2, True, DELETE], "normalize_text": [None, 0, True],
                         "name": ["t5-tiny", "google/flan-t5-xl", 3, DELETE], "device": ["cpu"], "output_dim": [3], "extra": [1]})
    yield ["lut", AS_LUT]
    yield from each(LUT, {"pad_idx": [49, 50, -1, None, 1.0, 1.5, "1", True], "tokenizer": ["whitespace", "x", DELETE], "extra": [1],
                          "n_bins": [1, 0, 50.0, True, "50", DELETE], "dim": [1, 8.0, "8", DELETE]}, AS_LUT)
    yield from each(CHROMA, {
        "sample_rate": [16000, 0, -1, 32000.0, 999.5, "32000", None, DELETE],
        "n_chroma": [24, 1, 13, 0, 12.0, -3, True, DELETE],
        "radix2_exp": [0, 1, -1, 10.0, None, "10", DELETE],
        "nfft": [2048, 1025, 1023, 512, 0, None, 2048.0, -1],
        "winlen": [512, 700, 0, 2048, 1, 3, -4, None],
        "winhop": [100, 5000, 0, -1, 100.5, "100", None],
        "argmax": [False, "no", None, 1, DELETE],
        "norm": [2, 1.0, 0, -1, None, "inf", "fro", "nuc"],
        "match_len_on_eval": [True, None, "x", DELETE],
        "eval_wavs": ["/no/such.jsonl", "", DELETE], "n_eval_wavs": [None, "x", DELETE], "cache_path": ["/no/such", DELETE],
        "device": ["cpu"], "duration": [3], "output_dim": [3], "tuning": [0]})
    yield ["winlen without radix2_exp", [[CHROMA + "winlen", 512], [CHROMA + "radix2_exp", DELETE]]]
    yield ["winlen with radix2_exp null", [[CHROMA + "winlen", 512], [CHROMA + "radix2_exp", None]]]
    yield ["clap", AS_CLAP]
    yield from each(CLAP, {"quantize": [False, DELETE], "attribute": ["other", DELETE], "extra": [1], "text_p": [DELETE],
                           "n_q": [DELETE], "dimension": [3], "decay": [0.9]}, AS_CLAP)
    yield ["clap without quantize ignores the rest", [*AS_CLAP, [CLAP + "quantize", False], [CLAP + "extra", 1]]]
    yield ["style", AS_STYLE]


def style_rows():
    yield ["style", AS_STYLE]
    yield from each(STYLE, {
        "eval_q": [1, 3, 0, -1, DELETE], "n_q_out": [0, -1, DELETE], "transformer_scale": ["none", "x", DELETE],
        "batch_norm": [False, None, DELETE], "encodec_n_q": [0, 1, DELETE], "bins": [1, DELETE], "ds_factor": [1, 0, -2, "x", DELETE],
        "varying_lengths": [None], "q_dropout": [False], "length": ["x", DELETE], "sample_rate": ["x", DELETE],
        "model_name": ["wav", DELETE], "encodec_checkpoint": [DELETE], "dim": [3], "extra": [1], "compute_mask": [False],
        "use_middle_of_segment": [True], "num_codebooks_lm": ["x"], "ds_rate_compression": [0],
        "rvq_threshold_ema_dead_code": [0]}, AS_STYLE)
    yield ["mert", [*AS_STYLE, [STYLE + "model_name", "mert"]]]


def prepare():
    """Stubs for what the conditioners fetch; then imports."""
    import demucs.pretrained
    import torch
    import types

    class NoDemucs(torch.nn.Module):
        sources, samplerate, audio_channels = ["drums", "bass", "other", "vocals"], 44100, 2

    class NoClap(torch.nn.Module):
        def __init__(self, **kwargs):
            super().__init__()

    demucs.pretrained.get_model = lambda *args, **kwargs: NoDemucs()
    sys.modules["laion_clap"] = types.SimpleNamespace(CLAP_Module=NoClap)
    import spacy
    import transformers
    spacy.load = lambda language: spacy.blank("en")
    transformers.RobertaTokenizer.from_pretrained = classmethod(lambda cls, name: None)
    transformers.AutoModel.from_pretrained = lambda name, **kwargs: torch.nn.Identity()  # MERT
    from audiocraft.data.audio_utils import convert_audio
    from audiocraft.modules import conditioners
    conditioners.load_clap_state_dict = lambda model, path: None
    conditioners.ChromaStemConditioner._get_stemmed_wav = (
        lambda self, wav, rate: convert_audio(wav, rate, self.sample_rate, 1))


def edited(text, edits):
    from omegaconf import OmegaConf
    cfg = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    for path, value in edits:
        *parents, last = [path] if path in cfg else path.split(".")
        node = cfg
        for part in parents:
            node = node.setdefault(part, {})
        if value == DELETE:
            node.pop(last, None)
        else:
            node[last] = json.loads(json.dumps(value))
    return OmegaConf.to_yaml(OmegaConf.create(cfg))


def judge(text, folder):
    import torch
    from omegaconf import OmegaConf
    from audiocraft.models import MusicGen, builders, loaders
    torch.manual_seed(0)
    tensors = {}
    try:
        lm = builders.get_lm_model(OmegaConf.create(text)).eval()
        tensors = {name: list(tensor.shape) for name, tensor in lm.state_dict().items() if name.startswith("condition_provider.")}
        torch.save({"xp.cfg": text, "best_state": lm.state_dict()}, folder / "state_dict.bin")
    except Exception as error:
        return "build", type(error).__name__
    try:
        lm = loaders.load_lm_model(str(folder))
        if "self_wav" in lm.condition_provider.conditioners:  # as get_pretrained
            lm.condition_provider.conditioners["self_wav"].match_len_on_eval = True
            lm.condition_provider.conditioners["self_wav"]._use_masking = False
        model = MusicGen("x", builders.get_debug_compression_model("cpu", 32000), lm)
        model.set_generation_params(duration=0.05, use_sampling=False)
    except Exception as error:
        return "load", type(error).__name__
    try:
        model.generate([None])
    except Exception as error:
        return "generate", type(error).__name__
    return "ok", tensors


def judged(cases, version):
    prepare()
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for name, edits in cases:
            table.append([name, edits, version, *judge(edited(BASE, edits), Path(folder))])
            print(table[-1][0], *table[-1][3:], file=sys.stderr)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--audiocraft14", type=Path, help="also the style conditioner's rows")
    parser.add_argument("--style-rows", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["options", "embeddings"])
    arguments = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(arguments.reference.resolve() / "hub"), USER="nobody")
    import torch
    torch.set_num_threads(1)
    if arguments.style_rows:
        sys.path.insert(0, str(arguments.audiocraft14.resolve()))
        print(json.dumps(judged(style_rows(), "1.4.0a2")))
        return
    if arguments.only != "embeddings":
        table = judged(rows(), "1.3.0")
        if arguments.audiocraft14:
            command = [sys.executable, __file__, "--reference", str(arguments.reference), "--audiocraft14",
                       str(arguments.audiocraft14), "--style-rows"]
            table += json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
        out = ROOT / "harness" / "spec" / "testdata" / "conditioner_cases.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n  ".join(json.dumps(row) for row in table)
        out.write_text(f'{{"base": {json.dumps(BASE)},\n "rows": [\n  {lines}\n]}}\n')
    if arguments.only != "options":
        from conditioner_embeddings import write
        prepare()
        write(ROOT / "harness" / "model" / "testdata")


if __name__ == "__main__":
    main()
