"""What the real T5Tokenizer makes of texts, and the real T5EncoderModel of tokens: harness/text/testdata

    tokens.json                 for each set of files beside spiece.model, texts and their tokens
    bin/, states.json           a T5 of width 16 with gated SiLU and a pytorch_model.bin; states of T5 models for batches

usage: HF_HUB_OFFLINE=1 t5_cases.py      Uses fixtures/hub (hub.py --fixtures).
"""
import json
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HUB, OUT = ROOT / "fixtures" / "hub", ROOT / "harness" / "text" / "testdata"

TEXTS = [
    "", " ", "   ", "\n", "\t", "a", "upbeat lo fi hip hop beat", "  leading and trailing  ", "two  spaces   three",
    "line\nbreak", "line\r\nbreak\ttab", "UPPER case Rock", "Techno-House, 80s!", "jazz" * 30, "zzz qqq xyz", "é è ü ñ",
    "e\u0301 combining", "\ufb01 ligature ﬁ", "ｆｕｌｌｗｉｄｔｈ １２３", "①②③ ½ ™", "日本語の音楽", "한국어", "Ёлка", "مرحبا",
    "🎸 guitar 🎹", "👩‍🎤", "\u200bzero\u200bwidth", "\ufeffbom", "nb\u00a0space", "em\u2003space", "ideographic\u3000space",
    "\u2581under\u2581line", "\u2581", "soft\u00adhyphen", "\x00nul", "a\x00b", "\x07bell", "\x7fdel", "</s>", "rock</s>", "rock </s>",
    "rock </s> jazz", "</s> jazz rock", "</s></s>", "<pad>", "rock <pad> jazz", "<unk>", "<unk> rock", "<extra_id_0>", "a<extra_id_0>b",
    "a <extra_id_1> b", "a  <extra_id_10>  b", "<extra_id_1><extra_id_11>", "<extra_id_99> x", "<extra_id_100> x",
    "<extra_id_", "<<extra_id_3>>", "< /s>", "<s>", "<mood> rock <mood>", "x<mood>y", "\u3000<extra_id_2>\u3000z", "'quotes' \"double\"",
    "100% & more; #1 @home", "a" * 200, "tempo: 120bpm, key: C#m", "http://example.org/a?b=c", "rock\u2028jazz", "ＲＯＣＫ　ＪＡＺＺ",
    "\U0001d517\U0001d522", "\u0130stanbul", "\ud7a3\uac00", "ﷺ", "rock" + " " * 50 + "jazz", "‘curly’ “quotes” – dash — …",
]
# Files beside spiece.model. None: not there.
EXTRA = [f"<extra_id_{i}>" for i in range(100)]
AS_OBJECT = {"content": "<mood>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
SETS = {
    "Nothing": {},
    "AsOnTheHub": {"tokenizer_config.json": {
        "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 100, "model_max_length": 512,
        "additional_special_tokens": EXTRA}},
    "Modern": {"tokenizer_config.json": {"legacy": False}},
    "ModernWithoutPrefix": {"tokenizer_config.json": {"legacy": False, "add_prefix_space": False}},
    "FewExtraIds": {"tokenizer_config.json": {"extra_ids": 3}},
    "NoExtraIds": {"tokenizer_config.json": {"extra_ids": 0}},
    "OwnSpecialToken": {"tokenizer_config.json": {"additional_special_tokens": ["<mood>"], "extra_ids": 4}},
    "SpecialTokensMap": {"special_tokens_map.json": {
        "eos_token": {**AS_OBJECT, "content": "</s>"}, "pad_token": "<pad>", "unk_token": "<unk>",
        "additional_special_tokens": [AS_OBJECT] + EXTRA}},
    "AddedTokens": {"added_tokens.json": {"<mood>": 188, "<extra_id_0>": 187},
                    "special_tokens_map.json": {"additional_special_tokens": EXTRA}},
    "FastTokens": {"tokenizer.json": {"added_tokens": [
        {"id": 1, **AS_OBJECT, "content": "</s>", "special": True}, {"id": 187, **AS_OBJECT, "content": "<extra_id_0>", "special": True},
        {"id": 190, **AS_OBJECT, "single_word": True, "lstrip": False, "special": False}]}},
    "AddedTokensDecoder": {"tokenizer_config.json": {
        "added_tokens_decoder": {"0": {**AS_OBJECT, "content": "<pad>", "special": True},
                                 "189": {**AS_OBJECT, "rstrip": True, "special": False}},
        "additional_special_tokens": EXTRA}, "added_tokens.json": {"not read": 3}},
    "OneBeginsAnother": {"tokenizer_config.json": {"additional_special_tokens": ["<mo", "<mood>", "<m"]}},
    "ModernFastTokens": {"tokenizer_config.json": {"legacy": False}, "tokenizer.json": {"added_tokens": [
        {"id": 1, **AS_OBJECT, "content": "</s>", "rstrip": True, "special": True}]}},
    "ModernFastTokensNamed": {"tokenizer_config.json": {"legacy": False, "eos_token": "</s>"}, "tokenizer.json": {
        "added_tokens": [{"id": 1, **AS_OBJECT, "content": "</s>", "rstrip": True, "special": True}]}},
    "ModernOldTokensNamed": {
        "tokenizer_config.json": {"legacy": False}, "added_tokens.json": {"</s>": 1},
        "special_tokens_map.json": {"eos_token": {**AS_OBJECT, "content": "</s>", "rstrip": True}}},
    "OtherEos": {"tokenizer_config.json": {"eos_token": "<mood>"}},
    "SplitSpecialTokens": {"tokenizer_config.json": {"split_special_tokens": True}},
    "PadLeft": {"tokenizer_config.json": {"padding_side": "left"}},
}
REFUSED = {
    "ExtraIdsDisagree": {"tokenizer_config.json": {"extra_ids": 5, "additional_special_tokens": ["<extra_id_0>"]}},
}
BATCHES = [["upbeat lo fi hip hop beat", "jazz", ""], ["slow ambient pad with soft drums and piano " * 3, "rock </s>"],
           ["zzz"], ["", ""]]


def tokenizer_cases(vocabulary: Path) -> dict:
    from transformers import T5Tokenizer
    rows, refused = [], []
    for name, files in {**SETS, **REFUSED}.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            shutil.copy(vocabulary, folder)
            for file, content in files.items():
                (folder / file).write_text(json.dumps(content))
            try:
                tokenizer = T5Tokenizer.from_pretrained(folder)
            except ValueError:
                refused.append({"name": name, "files": files})
                continue
            batch = tokenizer(["jazz rock", ""], padding=True)
            # Lone codes of one text each: a golden of the whole batch would repeat the padding.
            rows.append({"name": name, "files": files, "ids": [tokenizer(text)["input_ids"] for text in TEXTS],
                         "batch": [batch["input_ids"], batch["attention_mask"]]})
    assert [row["name"] for row in refused] == list(REFUSED)
    return {"texts": TEXTS, "sets": rows, "refused": refused}


def states(model_folder: str, name: str) -> dict:
    import torch
    from transformers import T5EncoderModel, T5Tokenizer
    tokenizer, model = T5Tokenizer.from_pretrained(model_folder), T5EncoderModel.from_pretrained(model_folder).eval()
    rows = []
    for texts in BATCHES:
        inputs = tokenizer(texts, return_tensors="pt", padding=True)
        for i, text in enumerate(texts):
            if text == "":
                inputs["attention_mask"][i] = 0  # T5Conditioner.tokenize
        with torch.no_grad():
            out = model(**inputs).last_hidden_state
        width = [0, 1, out.shape[-1] // 2, out.shape[-1] - 1]  # every token, a few of its values, and their norm
        rows.append({"texts": texts, "ids": inputs["input_ids"].tolist(), "mask": inputs["attention_mask"].tolist(),
                     "columns": width, "values": [[[round(v, 7) for v in token] for token in row] for row in out[..., width].tolist()],
                     "norms": [[round(v, 6) for v in row] for row in out.norm(dim=-1).tolist()]})
    return {"name": name, "batches": rows}


def make_bin(folder: Path, vocabulary: Path) -> None:
    import torch
    from transformers import T5Config, T5EncoderModel
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(vocabulary, folder)
    torch.manual_seed(5)
    model = T5EncoderModel(T5Config(vocab_size=188, d_model=16, d_kv=6, d_ff=20, num_layers=2, num_heads=3,
                                    feed_forward_proj="gated-silu", layer_norm_epsilon=1e-3))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder, safe_serialization=False)
    for file in folder.iterdir():
        file.chmod(0o644)


def main() -> None:
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(HUB))
    OUT.mkdir(parents=True, exist_ok=True)
    vocabulary = next(HUB.glob("models--t5-small/snapshots/*/spiece.model"))
    (OUT / "tokens.json").write_text(json.dumps(tokenizer_cases(vocabulary), separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
    make_bin(OUT / "bin", vocabulary)
    folders = {"t5-small": "t5-small", "google/flan-t5-small": "google/flan-t5-small", "bin": str(OUT / "bin")}
    rows = [states(folder, name) for name, folder in folders.items()]
    (HUB / "version.txt").unlink(missing_ok=True)  # transformers writes it into any cache
    (OUT / "bin" / "spiece.model").unlink()  # the one of fixtures/hub: not kept twice
    (OUT / "states.json").write_text(json.dumps(rows, separators=(",", ":")).replace('{"texts"', '\n{"texts"') + "\n")


if __name__ == "__main__":
    main()
