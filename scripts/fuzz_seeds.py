#!/usr/bin/env python3
"""Writes seeds for each fuzz target: OUT/TARGET/NAME. Standard library only; the same bytes every time.

usage: fuzz_seeds.py OUT

They are the fixtures, made small: exports with a handful of tensors, and every recipe that can be derived from them, so
that a new recipe is a new seed by itself. harness/fuzz/README.md says what each target takes.
"""
import hashlib
import io
import json
import shutil
import struct
import sys
import tempfile
import wave
from pathlib import Path

from derive import archive
from derive.export import Export
from derive_export import EXPORTS, edited

FIXTURES = EXPORTS.parent
FILES = ("state_dict.bin", "compression_state_dict.bin")
KEPT_TENSORS = 3        # of each file, the smallest
KEPT_PIECES = 300       # of a SentencePiece model
LONGEST = 40_000        # bytes of a seed; the whole exports are longer
LARGEST = 10_000_000    # that an edit may add: deflated, it is longer than a seed, and takes seconds
WHOLE_EXPORTS = 6
ARCHIVE_TARGETS = ("archive", "checkpoint", "torch_reader")
T5_FILES = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json",
            "model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "spiece.model")


class Seeds:
    def __init__(self, out: Path):
        self.out, self.seen = out, set()

    def add(self, target: str, name: str, data: bytes) -> None:
        key = (target, hashlib.sha256(data).digest())
        if not data or key in self.seen:
            return
        self.seen.add(key)
        folder = self.out / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name.replace("/", "-")).write_bytes(data)


def bundle(files: list) -> bytes:
    """As harness/fuzz/fuzz_input.h reads it."""
    return b"".join(struct.pack("<I", len(data)) + data for data in files[:-1]) + files[-1]


def shrink(base: Path, out: Path) -> None:
    export = Export(base)
    for name in FILES:
        state = export.package(name).get("best_state")
        if not state:
            continue
        by_size = sorted(state, key=lambda key: len(getattr(state[key], "data", state[key]).storage.data))
        for key in set(state) - set(by_size[:KEPT_TENSORS]):
            del state[key]
    export.write(out)


def checkpoint_seeds(seeds: Seeds, name: str, data: bytes) -> None:
    if len(data) > LONGEST:
        return
    seeds.add("checkpoint", name, data)
    if not data.startswith(b"PK"):
        seeds.add("pickle", name, data)
        return
    for target in ARCHIVE_TARGETS:
        seeds.add(target, name, data)
    try:
        entry = archive.find_entry(archive.read_zip(data), "data.pkl")
        seeds.add("pickle", name, entry.data)
        seeds.add("config", name, archive.Checkpoint(data).package["xp.cfg"].encode())
    except Exception:  # noqa: BLE001: a recipe may break anything; what is left is a seed for those that read it
        pass


def export_seeds(seeds: Seeds, name: str, export: Export) -> None:
    present = set(export.names) - set(export.special) if export.folder_is == "folder" else set()
    files = [export.read_bytes(file) if file in present else b"" for file in FILES]
    for file, data in zip(("lm", "codec"), files):
        checkpoint_seeds(seeds, f"{name}.{file}", data)
    if sum(map(len, files)) <= LONGEST:
        seeds.add("export", name, bundle(files))


def fixture_seeds(seeds: Seeds) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        small = {}
        for base in sorted(EXPORTS.iterdir()):
            small[base.name] = Path(scratch) / base.name
            shrink(base, small[base.name])
            export_seeds(seeds, base.name, Export(small[base.name]))
        for path in sorted([*(FIXTURES / "faults").glob("*.json"), *(FIXTURES / "harmless").glob("*.json")]):
            recipe = json.loads(path.read_text())
            if any(edit.get("size", 0) > LARGEST for edit in recipe["edits"]):
                continue
            try:
                export_seeds(seeds, path.stem, edited(small[recipe["base"]], recipe["edits"]))
            except Exception:  # noqa: BLE001: edits of a tensor, a file or a size that the small export does not have
                pass
    for base in sorted(EXPORTS.iterdir(), key=lambda path: sum((path / file).stat().st_size for file in FILES)):
        if len(list((seeds.out / "export").glob("whole-*"))) < WHOLE_EXPORTS:
            seeds.add("export", f"whole-{base.name}", bundle([(base / file).read_bytes() for file in FILES]))


def small_safetensors(data: bytes) -> bytes:
    size = struct.unpack("<Q", data[:8])[0]
    header, payload, kept, out = json.loads(data[8:8 + size]), data[8 + size:], {}, b""
    if "__metadata__" in header:
        kept["__metadata__"] = header.pop("__metadata__")
    length = lambda name: header[name]["data_offsets"][1] - header[name]["data_offsets"][0]  # noqa: E731
    for name in sorted(header, key=length)[:KEPT_TENSORS]:
        begin, end = header[name]["data_offsets"]
        kept[name] = {**header[name], "data_offsets": [len(out), len(out) + end - begin]}
        out += payload[begin:end]
    text = json.dumps(kept).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + out


def fields(message: bytes):
    """(field number, the field as it stands, its bytes or None) of a protocol buffer."""
    def varint(at):
        value = shift = 0
        while True:
            byte, at = message[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value, at
    at = 0
    while at < len(message):
        start = at
        tag, at = varint(at)
        if tag & 7 == 2:
            size, at = varint(at)
            at += size
            yield tag >> 3, message[start:at], message[at - size:at]
        else:
            at = varint(at)[1] if tag & 7 == 0 else at + (4 if tag & 7 == 5 else 8)
            yield tag >> 3, message[start:at], None


def small_sentencepiece(model: bytes) -> bytes:
    """With fewer pieces, and without the table that most of its bytes are (normalizer_spec.precompiled_charsmap)."""
    out, pieces = b"", 0
    for number, raw, content in fields(model):
        if number == 1:
            pieces += 1
            out += raw if pieces <= KEPT_PIECES else b""
        elif number == 3:
            kept = b"".join(part for part_number, part, _ in fields(content) if part_number != 2)
            out += b"\x1a" + bytes([len(kept)]) + kept if len(kept) < 128 else raw
        else:
            out += raw
    return out


def t5_seeds(seeds: Seeds) -> None:
    for folder in sorted((FIXTURES / "hub").glob("models--*/snapshots/*")):
        name = folder.parts[-3].replace("models--", "")
        files = {file: (folder / file).read_bytes() for file in T5_FILES if (folder / file).is_file()}
        if "model.safetensors" in files:
            files["model.safetensors"] = small_safetensors(files["model.safetensors"])
            seeds.add("safetensors", name, files["model.safetensors"])
        if "spiece.model" not in files:
            continue
        whole = dict(files)
        files["spiece.model"] = small_sentencepiece(files["spiece.model"])
        seeds.add("t5_files", name, bundle([files.get(file, b"") for file in T5_FILES]))
        if name == "t5-small":
            seeds.add("t5_files", f"{name}-whole", bundle([whole.get(file, b"") for file in T5_FILES]))


def audio_seeds(seeds: Seeds) -> None:
    arrays = sorted(EXPORTS.glob("*/golden/*.npy"), key=lambda path: (path.stat().st_size, path.parts[-3], path.name))
    for path in arrays[:4] + [p for p in arrays if b"<f4" in p.read_bytes()[:100]][:2]:
        seeds.add("audio_files", f"{path.parts[-3]}-{path.name}", b"\0" + path.read_bytes())
    for channels, width in ((1, 2), (2, 3)):
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setparams((channels, width, 32000, 0, "NONE", ""))
            file.writeframes(bytes(range(96)) * channels)
        seeds.add("audio_files", f"pcm-{channels}-{width}.wav", b"\1" + out.getvalue())
    samples = struct.pack("<16f", *[i / 16 for i in range(16)])
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 32000, 128000, 4, 32) + struct.pack("<4sI", b"data", 64) + samples
    seeds.add("audio_files", "float.wav", b"\1" + struct.pack("<4sI4s", b"RIFF", 4 + len(chunk), b"WAVE") + chunk)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(sys.argv[1])
    if out.exists():
        shutil.rmtree(out)
    seeds = Seeds(out)
    fixture_seeds(seeds)
    t5_seeds(seeds)
    audio_seeds(seeds)
    for folder in sorted(out.iterdir()):
        sizes = [path.stat().st_size for path in folder.iterdir()]
        print(f"{folder.name}: {len(sizes)} seeds, {sum(sizes)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
