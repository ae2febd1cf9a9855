"""Bombs in archives, in what lies beside them, and in the hub's cache."""
import json
import shutil
import struct
import zlib
from pathlib import Path

from . import archive, pickling
from .bomb import bomb, floats, tensor

FIXTURE_HUB = Path(__file__).resolve().parents[2] / "fixtures" / "hub"


def repack(export, change, file="language_model") -> None:
    """change(entries) edits the list of archive records."""
    entries = archive.read_zip(export.read_bytes(file))
    folder = entries[0].name.split("/", 1)[0]
    change(entries, folder)
    export.write_bytes(file, archive.write_zip(entries))


class Deflated(archive.Entry):
    """A record of `count` bytes that are zero, without making them."""


def zeros_deflated(megabytes: int):
    """Deflated zeros and their checksum, piece by piece."""
    compressor, piece, crc, out = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(1 << 20), 0, b""
    for _ in range(megabytes):
        out += compressor.compress(piece)
        crc = zlib.crc32(piece, crc)
    return out + compressor.flush(), crc, megabytes << 20


def zip_of(records) -> bytes:
    """An archive of (name, payload, method, crc, size): payloads as they will stand in the file."""
    out, directory = bytearray(), bytearray()
    for name, payload, method, crc, size in records:
        at, name = len(out), name.encode()
        padding = -(at + 30 + len(name) + 4) % 64
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, 0, method, 0, 0, crc, len(payload), min(size, 2**32 - 1),
                           len(name), 4 + padding) + name + struct.pack("<2sH", b"FB", padding) + b"Z" * padding + payload
        extra = struct.pack("<HHQ", 1, 8, size) if size >= 2**32 - 1 else b""
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0, 0, 0, method, 0, 0, crc, len(payload),
                                 min(size, 2**32 - 1), len(name), len(extra), 0, 0, 0, 0, at) + name + extra
    out_len, count = len(out), len(records)
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, count, count, len(directory), out_len)
    end += struct.pack("<IIQI", 0x07064B50, 0, out_len + len(directory), 1)
    end += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, min(count, 65535), min(count, 65535), len(directory), out_len, 0)
    return bytes(out + directory + end)


def stored(entries):
    return [(e.name, e.data, 0, e.crc, len(e.data)) for e in entries]


def deflated_weights(export, gigabytes: int, storages: int) -> None:
    """best_state gets `storages` tensors, each a deflated record of zeros, `gigabytes` in all."""
    state = export.state("language_model")
    each = gigabytes * 1024 // storages
    for i in range(storages):
        state[f"transformer.layers.{i}.linear9.weight"] = tensor(
            pickling.Storage("FloatStorage", bytearray(), numel=each << 18, key=f"9{i}"), 0, (each << 18,), (1,))
    entries = archive.read_zip(export.read_bytes("language_model"))
    payload, crc, size = zeros_deflated(each)
    records = [(e.name, payload, 8, crc, size) if e.name.split("/")[-1].startswith("9") and "/data/" in e.name
               else (e.name, e.data, 0, e.crc, len(e.data)) for e in entries]
    export.write_bytes("language_model", zip_of(records))


@bomb
def deflated_13_gb(export):
    """13 GB of zeros as 13 weights, deflated to 14 MB"""
    deflated_weights(export, 13, 13)


@bomb
def deflated_2_gb_one(export):
    """2 GB of zeros in one deflated weight"""
    deflated_weights(export, 2, 1)


@bomb(passes=True)
def deflated_unreferenced(export):
    """8 GB of deflated zeros that no tensor uses"""
    entries = archive.read_zip(export.read_bytes("language_model"))
    folder = entries[0].name.split("/", 1)[0]
    payload, crc, size = zeros_deflated(1024)
    export.write_bytes("language_model", zip_of(stored(entries) + [(f"{folder}/data/9{i}", payload, 8, crc, size)
                                                                   for i in range(8)]))


@bomb
def deflated_pickle(export):
    """data.pkl of 4 GB of opcodes that do nothing, deflated to 4 MB"""
    entries = archive.read_zip(export.read_bytes("language_model"))
    payload, crc, size = zeros_deflated(4000)
    export.write_bytes("language_model", zip_of([(e.name, payload, 8, crc, size) if e.name.endswith("/data.pkl") else
                                                 (e.name, e.data, 0, e.crc, len(e.data)) for e in entries]))


@bomb(passes=True)
def deflated_pickles(export):
    """60 records NAME.pkl of 250 MB each, deflated"""
    entries = archive.read_zip(export.read_bytes("language_model"))
    folder = entries[0].name.split("/", 1)[0]
    payload, crc, size = zeros_deflated(250)
    export.write_bytes("language_model", zip_of(stored(entries) + [(f"{folder}/p{i}.pkl", payload, 8, crc, size)
                                                                   for i in range(55)]))


def with_hole(export, size: int, referenced: bool) -> None:
    """A record of `size` bytes that are a hole in the file."""
    if referenced:
        export.state("language_model")["transformer.layers.0.linear9.weight"] = tensor(
            pickling.Storage("FloatStorage", bytearray(), numel=size // 4, key="99999"), 0, (size // 4,), (1,))
    entries = archive.read_zip(export.read_bytes("language_model"))
    folder = entries[0].name.split("/", 1)[0]
    entries = [e for e in entries if not e.name.endswith("/data/99999")]
    plain = stored(entries)
    whole = zip_of(plain)
    # The hole's record stands behind all others: its header, the hole, then the directory with 64-bit sizes.
    directory_at = struct.unpack("<Q", whole[-98 + 48:-98 + 56])[0]
    name = f"{folder}/data/99999".encode()
    header = struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(name), 20) + name
    header += struct.pack("<HHQQ", 1, 16, size, size)
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0, 45, 0, 0, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(name),
                        len(extra), 0, 0, 0, 0, directory_at) + name + extra
    directory = whole[directory_at:-98] + entry
    new_at, count = directory_at + len(header) + size, len(plain) + 1
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, count, count, len(directory), new_at)
    end += struct.pack("<IIQI", 0x07064B50, 0, new_at + len(directory), 1)
    end += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), 2**32 - 1, 0)

    def write(path):
        with open(path, "wb") as out:
            out.write(whole[:directory_at] + header)
            out.seek(new_at)
            out.write(directory + end)
    export.special["state_dict.bin"] = write


@bomb(passes=True)
def hole_unreferenced(export):
    """a record of 1 TB that no tensor uses, a hole in the file"""
    with_hole(export, 1 << 40, False)


@bomb
def hole_referenced(export):
    """a weight of 1 TB, a hole in the file"""
    with_hole(export, 1 << 40, True)


@bomb(passes=True)
def many_records(export):
    """100,000 records that no tensor uses"""
    repack(export, lambda entries, folder: entries.extend(archive.Entry(f"{folder}/x{i}", b"") for i in range(60_000)))


@bomb
def records_same_name(export):
    """60,000 records of one name"""
    repack(export, lambda entries, folder: entries.extend(archive.Entry(f"{folder}/x", b"") for i in range(60_000)))


@bomb
def records_long_names(export):
    """110 records with names of 65,000 characters"""
    repack(export, lambda entries, folder: entries.extend(archive.Entry(f"{folder}/{i:05}" + "\x01" * 65_000, b"")
                                                          for i in range(110)))


@bomb
def records_outside(export):
    """60,000 records outside the archive's folder"""
    repack(export, lambda entries, folder: entries.extend(archive.Entry(f"y{i}/x", b"") for i in range(60_000)))


@bomb
def records_bad_crc(export):
    """40,000 storages whose checksum is wrong"""
    state = export.state("language_model")
    for i in range(40_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(floats(1))

    def change(entries, folder):
        for entry in entries:
            if "/data/" in entry.name:
                entry.crc = 1
    repack(export, change)


@bomb
def legacy_many(export):
    """the legacy format with 100,000 storages"""
    state = export.state("language_model")
    for i in range(80_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(floats(1))
    export.write_bytes("language_model", export.checkpoint("language_model").to_legacy())


@bomb
def directory_lies(export):
    """an end record that says 2^60 records"""
    raw = bytearray(export.read_bytes("language_model"))
    raw[-98 + 24:-98 + 40] = struct.pack("<QQ", 2**60, 2**60)
    export.write_bytes("language_model", bytes(raw))


@bomb
def text_file(export):
    """15 MB of JSON in place of a checkpoint"""
    export.write_bytes("language_model", b"{" + b'"a":{' * 3_000_000)


@bomb
def stray_pickle(export):
    """15 MB of pickle in place of a checkpoint"""
    export.write_bytes("language_model", b"\x80\x02](" + b"N" * 15_000_000 + b"e.")


@bomb
def many_files(export):
    """a folder of 100,000 other files, and no language model"""
    export.remove("state_dict.bin")

    def make(path):
        path.write_bytes(b"")
        for i in range(20_000):
            (path.parent / f"{i}{'x' * 200}").write_bytes(b"")
    export.names.append("z")
    export.special["z"] = make


def hub_with(change, model="models--t5-small"):
    """A copy of the fixtures' hub, in which change(snapshot folder) has edited one model."""
    def make(hub):
        shutil.rmtree(hub)
        shutil.copytree(FIXTURE_HUB, hub)
        change(next((hub / model / "snapshots").iterdir()))
    return make


def t5(name: str, doc: str, change) -> None:
    """The export is good, but fine-tunes its T5, so that the cache's T5 is looked at."""
    def plant(export):
        pass
    plant.__name__, plant.__doc__ = name, doc
    bomb(plant, base="musicgen-tiny-t5-finetune", hub=hub_with(change), passes=True)


def edit_json(name: str, **changes):
    """A value may be a function that gives it."""
    def change(snapshot):
        path, made = snapshot / name, {key: value() if callable(value) else value for key, value in changes.items()}
        path.write_text(json.dumps({**json.loads(path.read_text()), **made}))
    return change


def header_of(text):
    def change(snapshot):
        header = text()
        (snapshot / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return change


def many_entries(snapshot):
    entries = {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(200_000)}
    header_of(lambda: json.dumps(entries).encode())(snapshot)


for _key in ("num_layers", "d_model", "d_ff", "d_kv", "num_heads", "vocab_size", "relative_attention_num_buckets"):
    for _value in (10**6, 10**9, 2**62):
        t5(f"t5_{_key}_{_value:.0e}".replace("+", ""), f"T5's config.json has {_key}: {_value}",
           edit_json("config.json", **{_key: _value}))
t5("t5_config_deep", "T5's config.json is 15 million brackets", lambda s: (s / "config.json").write_text("[" * 15_000_000))
t5("t5_config_keys", "T5's config.json has a million keys",
   lambda s: edit_json("config.json", **{f"k{i:x}": 1 for i in range(1_000_000)})(s))
t5("t5_config_long", "T5's config.json has a value of 15 million characters",
   edit_json("config.json", feed_forward_proj=lambda: "x" * 15_000_000))
t5("t5_config_number", "T5's config.json has a number of 15 million digits",
   lambda s: (s / "config.json").write_text('{"d_model": ' + "9" * 15_000_000 + "}"))
t5("t5_header_entries", "200,000 tensors in the header of model.safetensors", many_entries)
t5("t5_header_deep", "15 million brackets in the header of model.safetensors", header_of(lambda: b"[" * 15_000_000))
t5("t5_header_blank", "15 MB of blanks in the header of model.safetensors", header_of(lambda: b"{}" + b" " * 15_000_000))
t5("t5_header_lies", "a header of model.safetensors that says 2^62 bytes",
   lambda s: (s / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}"))
t5("t5_header_shape", "a tensor of two million dimensions in model.safetensors", header_of(
    lambda: b'{"shared.weight":{"dtype":"F32","shape":[' + b"1," * 2_000_000 + b'1],"data_offsets":[0,4]}}    '))
t5("t5_header_metadata", "15 MB of metadata in the header of model.safetensors",
   header_of(lambda: b'{"__metadata__":{"a":"' + b"x" * 15_000_000 + b'"}}'))
t5("t5_pieces", "a tokenizer of three million pieces", lambda s: (s / "spiece.model").write_bytes(
    b"\n\x02\n\x00" * 3_700_000))
t5("t5_piece_long", "a tokenizer with a piece of 15 million bytes",
   lambda s: (s / "spiece.model").write_bytes(b"\n\x85\xc6\x93\x07\n\x80\xc6\x93\x07" + b"x" * 15_000_000))
t5("t5_added_tokens", "100,000 added tokens beside the tokenizer",
   edit_json("tokenizer_config.json", added_tokens_decoder=lambda: {
       str(200 + i): {"content": f"<x{i}>", "special": True} for i in range(100_000)}))
t5("t5_extra_ids", "a tokenizer of 10^9 extra ids", edit_json("tokenizer_config.json", extra_ids=10**9))


@bomb
def reference_chain(export):
    """a codec that is a reference to a folder whose codec is a reference to itself"""
    export.package("codec").clear()
    export.package("codec").update(pretrained="./compression_state_dict.bin", exported=True, version="1")


def encodec(name: str, doc: str, change) -> None:
    def plant(export):
        pass
    plant.__name__, plant.__doc__ = name, doc
    bomb(plant, base="musicgen-tiny-ref-encodec", hub=hub_with(change, "models--facebook--encodec_32khz"), passes=True)


for _key in ("num_filters", "num_residual_layers", "num_lstm_layers", "codebook_size", "hidden_size", "codebook_dim",
             "kernel_size", "sampling_rate", "compress"):
    for _value in (10**6, 10**9, 2**62):
        encodec(f"hub_{_key}_{_value:.0e}".replace("+", ""), f"the referenced codec's config.json has {_key}: {_value}",
                edit_json("config.json", **{_key: _value}))
encodec("hub_upsampling", "the referenced codec's config.json has a million upsampling_ratios",
        edit_json("config.json", upsampling_ratios=lambda: [1] * 1_000_000))
encodec("hub_bandwidths", "the referenced codec's config.json has a bandwidth of 10^300",
        edit_json("config.json", target_bandwidths=[1e300]))
