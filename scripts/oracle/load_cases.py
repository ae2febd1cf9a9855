"""Checkpoint files for load_differential.py: bases that torch.save writes, named cases (each found once, kept for ever), and
random ones. `bases` needs torch; the rest is standard library.
"""
import functools
import io
import pickle
import struct
import zipfile

import archive_forging
import pickle_forging
from archive_forging import Layout, Record, read_layout, record
from pickle_forging import by_name, integer, text, tuple_of

PAYLOAD = by_name(("posix", "mkdir")) + text("ran") + b"\x85R"
ORDERED = by_name(("collections", "OrderedDict"))


def bases(torch) -> dict:
    """{name: bytes}: tiny packages of every kind of writer. Storage 0 has six float32, 1 four float16, 2 three int64."""
    import argparse
    import pathlib
    from collections import OrderedDict
    import numpy
    import omegaconf

    def state(wrap=lambda tensor: tensor, plain=False):
        tensors = [("a.weight", torch.arange(6, dtype=torch.float32).reshape(2, 3)), ("b.weight", torch.arange(4, dtype=torch.float16) + 1),
                   ("c.steps", torch.tensor([3, 4, 5]))]
        return (dict if plain else OrderedDict)((name, wrap(t) if t.is_floating_point() else t) for name, t in tensors)

    def package(**changes):
        return {"best_state": state(), "xp.cfg": "sample_rate: 32000\n", "version": "1.3.0", "exported": True, **changes}

    def saved(value, **options):
        buffer = io.BytesIO()
        torch.save(value, buffer, **options)
        return buffer.getvalue()

    metadata = state()
    metadata._metadata = OrderedDict([("", {"version": 1})])
    transposed = state()
    transposed["d.weight"] = torch.arange(12.).reshape(3, 4).t()[1:]
    config = omegaconf.OmegaConf.create({"sample_rate": 32000, "nested": {"rates": [1, 2.5, None, "a"]}, "ref": "${sample_rate}"})
    attributed = state()
    attributed["a.weight"].note = "an attribute"
    found = {"plain": saved(package()), "legacy": saved(package(), _use_new_zipfile_serialization=False)}
    for protocol in (1, 3, 4, 5):
        found[f"protocol-{protocol}"] = saved(package(), pickle_protocol=protocol)
    found["parameters"] = saved(package(best_state=state(lambda t: torch.nn.Parameter(t))))
    found["metadata"] = saved(package(best_state=metadata))
    found["dict"] = saved(package(best_state=state(plain=True)))
    found["strided"] = saved(package(best_state=transposed))
    found["attributes"] = saved(package(best_state=attributed))
    found["omegaconf"] = saved(package(**{"xp.cfg": config}))
    found["numpy"] = saved(package(history=[numpy.float64(1.5), numpy.arange(3), numpy.array(["a", "b"]), numpy.bool_(True)]))
    found["extras"] = saved(package(args=argparse.Namespace(lr=1e-4), folder=pathlib.PosixPath("/a/b"), device=torch.device("cpu"), size=torch.Size([1, 2]), kind=torch.float16))
    found["legacy-views"] = saved(package(best_state=transposed), _use_new_zipfile_serialization=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out, zipfile.ZipFile(io.BytesIO(found["plain"])) as archive:
        for info in archive.infolist():
            out.writestr(info.filename, archive.read(info))
    found["deflated"] = buffer.getvalue()
    return found


# --- edits of a base

@functools.lru_cache(None)
def data_pickle(raw: bytes) -> bytes:
    return record(read_layout(raw), "data.pkl").data


def with_pickle(raw: bytes, pickled: bytes) -> bytes:
    layout = read_layout(raw)
    at = next(i for i, item in enumerate(layout.records) if item.name.endswith(b"/data.pkl"))
    layout.records[at] = Record(layout.records[at].name, pickled)
    return layout.write()


def add_key(pickled: bytes, opcodes: bytes, key: str = "comment") -> bytes:
    assert pickled.endswith(b"u.")
    return pickled[:-2] + text(key) + opcodes + b"u."


def behind_token(pickled: bytes, wanted: bytes, number: int, opcodes: bytes, start: bytes = b"") -> bytes:
    """`opcodes` behind the `number`th token that is exactly `wanted`, counted from the first token that begins with `start`."""
    ops = pickle_forging.tokens(pickled)
    begun = not start
    for at, op in enumerate(ops):
        begun = begun or op.startswith(start)
        if begun and op == wanted:
            if number == 0:
                return b"".join([*ops[:at + 1], opcodes, *ops[at + 1:]])
            number -= 1
    raise ValueError(f"no such token {wanted!r}")


def on_state(pickled: bytes, opcodes: bytes) -> bytes:
    """`opcodes` when best_state is on top of the stack, filled."""
    return behind_token(pickled, b"u", 0, opcodes)


def on_tensor(pickled: bytes, opcodes: bytes) -> bytes:
    """`opcodes` when the first tensor is on top of the stack."""
    return behind_token(pickled, b"R", 1, opcodes, b"Q")


def storage(key="0", kind="FloatStorage", numel=6) -> bytes:
    return tuple_of([text("storage"), by_name(("torch", kind)), text(key), text("cpu"), integer(numel)]) + b"Q"


def tensor(key="0", kind="FloatStorage", numel=6, offset=0, shape=(2, 3), strides=(3, 1), more=()) -> bytes:
    return by_name(("torch._utils", "_rebuild_tensor_v2")) + tuple_of(
        [storage(key, kind, numel), integer(offset), tuple_of(map(integer, shape)), tuple_of(map(integer, strides)), b"\x89", ORDERED + b")R", *more]) + b"R"


def numpy_cases() -> dict:
    """numpy made to follow a pointer out of the file."""
    plain = by_name(("numpy", "dtype")) + text("V8") + b"\x89\x88\x87R"
    objects = by_name(("numpy", "dtype")) + text("O8") + b"\x89\x88\x87R"
    state = lambda flags: tuple_of([integer(3), text("|"), b"N", text("f") + b"\x85", b"}" + text("f") + objects + integer(0) + b"\x86s", integer(8), integer(1), integer(flags)])  # noqa: E731
    forged = plain + state(0) + b"b"
    data = b"C\x08" + b"\x41" * 8
    text_of = lambda value: by_name(("builtins", "str")) + value + b"\x85R"  # noqa: E731
    shape = integer(1) + b"\x85"
    return {
        "frombuffer": text_of(by_name(("numpy.core.numeric", "_frombuffer")) + tuple_of([data, forged, shape, text("C")]) + b"R"),
        "ndarray": text_of(by_name(("numpy", "ndarray")) + shape + forged + data + b"\x87R"),
        "ndarray-new": text_of(by_name(("numpy", "ndarray")) + shape + forged + data + b"\x87\x81"),
        "reconstruct": text_of(by_name(("numpy.core.multiarray", "_reconstruct")) + by_name(("numpy", "ndarray")) + integer(0) + b"\x85C\x01b\x87R"
                               + tuple_of([integer(1), shape, forged, b"\x89", data]) + b"b"),
        "scalar": text_of(by_name(("numpy.core.multiarray", "scalar")) + forged + data + b"\x86R"),
        "align-flags": text_of(by_name(("numpy.core.numeric", "_frombuffer")) + tuple_of([data, plain + state(16) + b"b", shape, text("C")]) + b"R"),
        "itemsize": text_of(by_name(("numpy", "ndarray")) + shape + by_name(("numpy", "dtype")) + text("V8") + b"\x89\x88\x87R"
                            + tuple_of([integer(3), text("|"), b"N", b"N", b"N", integer(1 << 20), integer(1), integer(0)]) + b"b\x86R"),
        "subarray": text_of(by_name(("numpy", "ndarray")) + shape + plain + tuple_of(
            [integer(3), text("|"), objects + integer(1) + b"\x85\x86", b"N", b"N", integer(8), integer(1), integer(0)]) + b"b" + data + b"\x87R"),
    }


def frame_crossed() -> bytes:
    """A FRAME that ends inside an argument: the C unpickler drops the frame's rest, so that its program begins elsewhere."""
    code = by_name(("posix", "mkdir")) + text("ran") + b"\x85R0"
    room = code[0] - (len(code) - 1)
    code += b"N0" * ((room - 1) // 2) + b"N" if room % 2 else b"N0" * ((room - 4) // 2) + b"(N1N"
    # Read as written: a text of three, then bytes of ord('c'), dropped. To C: the text one byte later, `code`, None dropped.
    return b"\x95" + struct.pack("<Q", 3) + b"\x8c\x03xabC" + code + b"0"


def unfollowed_cases() -> dict:
    """Opcodes that CPython takes, with a call behind them: each must be named unsafe."""
    ranged = lambda n: by_name(("builtins", "tuple")) + by_name(("builtins", "range")) + integer(n) + b"\x85R\x85R"  # noqa: E731
    many = b"](" + b"N" * 2000 + b"e" + b"2" * 40 + b"0" * 40 + b"0"
    copies = b"](" + b"K\x01" * 2000 + b"eq\x7f0" + (by_name(("builtins", "tuple")) + b"h\x7f\x85R0") * 400
    odd = {
        "build-of-none": b"NNb0", "build-of-dict": b"}Nb0", "build-of-list": b"]Nb0", "setitem-on-list": b"](Ne" + integer(0) + b"Ns0",
        "append-on-bytearray": b"\x96" + struct.pack("<Q", 0) + integer(65) + b"a0", "appends-on-bytearray": by_name(("builtins", "bytearray")) + b")R(K\x01e0",
        "arguments-by-range": by_name(("builtins", "str")) + ranged(1) + b"R0", "arguments-of-a-size": by_name(("builtins", "str")) + by_name(("torch", "Size")) + b"]\x85R" + b"R0",
        "memo-underscore": b"Np1_0\n0", "memo-blank": b"Np 7\n0", "memo-plus": b"Np+7\n0", "int-hexadecimal": b"I0x10\n0", "long-blank": b"L 10L\n0", "int-underscore": b"I1_0\n0",
        "int-octal": b"I0o7\n0", "int-nul": b"F 1.5\n0", "counter-of-list": by_name(("collections", "Counter")) + b"](" + text("a") + text("b") + b"e\x85R0",
        "memo-far": b"Nr" + struct.pack("<I", 1 << 28) + b"0", "copies": many + copies, "deque-append": by_name(("collections", "deque")) + b")RK\x01a0",
        "true-elements": tuple_of([text("storage"), by_name(("torch", "ByteStorage")), text("0"), text("cpu"), b"\x88"]) + b"Q0",
        "additems-on-dict-keys": b"\x8f(K\x01\x900", "unhashable": by_name(("builtins", "object")) + b")R0", "python2-string": b"S'\\u0041'\n0",
        "encode-ascii": by_name(("_codecs", "encode")) + text("a") + text("ascii") + b"\x86R0", "bytes-of-int": by_name(("builtins", "bytes")) + integer(3) + b"\x85R0",
        "mapping-of-text": by_name(("builtins", "dict")) + b"](" + text("ab") + b"e\x85R0", "persid-size": tuple_of([text("storage"), by_name(("torch", "FloatStorage")), b"N", text("cpu"), integer(0)]) + b"Q0",
        "keywords-of-ordered": by_name(("builtins", "dict")) + b")" + ORDERED + b")R\x920", "string-in-single": b"S'a' \n0", "surrogate": b"V\\ud800\n0",
        "latin-string": b"U\x01A0", "exploded-tuple": by_name(("builtins", "str")) + text("x") * 0 + b")R0", "build-slots": by_name(("argparse", "Namespace")) + b")RN}\x86b0",
        "setitem-on-bytearray": b"\x96" + struct.pack("<Q", 2) + b"ab" + integer(0) + integer(1) + b"s0", "frozen-list-key": b"}" + by_name(("builtins", "frozenset")) + b")R" + b"Ns0",
    }
    return {name: opcodes + PAYLOAD for name, opcodes in odd.items()}


def name_cases() -> dict:
    """Names that only a run computes, or that are too long to be shown."""
    said = text("ran") + b"\x85R"
    computed = by_name(("builtins", "str")) + text("posix") + b"\x85R"
    return {
        "computed-module": computed + text("mkdir") + b"\x93" + said,
        "computed-name": text("posix") + by_name(("builtins", "str")) + text("mkdir") + b"\x85R\x93" + said,
        "long-name": b"\x80\x04" + text("os") + text("path.os." * 80 + "mkdir") + b"\x93" + said + b"\x80\x02" * 0,
        "dotted": b"\x80\x04" + by_name(("os", "path.os.mkdir")) + said, "extension": b"\x82\x01" + said,
        "python2-eval": by_name(("__builtin__", "eval")) + text("__import__('os').mkdir('ran')") + b"\x85R",
        "storage-in-name": by_name(("torch.serialization", "os.mkdir")) + said, "reduce-of-getattr": by_name(("builtins", "getattr")) + by_name(("posix", "mkdir")) + text("__call__") + b"\x86R" + said,
    }


def known_calls() -> dict:
    """Known functions in calls that nobody writes, which call, import or believe what they are given."""
    marker = by_name(("posix", "mkdir"))
    args = text("ran") + b"\x85"
    return {
        "from-type": by_name(("torch._tensor", "_rebuild_from_type_v2")) + tuple_of([marker, by_name(("torch", "Tensor")), args, b"}"]) + b"R",
        "defaultdict-factory": by_name(("collections", "defaultdict")) + marker + b"\x85R", "namespace-setstate": by_name(("argparse", "Namespace")) + b")R}" + text("__setstate__") + marker + b"sb" + text("ran") + b"b",
        "ordered-setstate": ORDERED + b")R}" + text("__setstate__") + marker + b"sb" + text("ran") + b"b", "tensor-setstate": tensor() + b"}" + text("__setstate__") + marker + b"sb" + text("ran") + b"b",
        "newobj": by_name(("copyreg", "__newobj__")) + tuple_of([marker, text("ran")]) + b"R", "deque-of-path": by_name(("collections", "deque")) + b"](NNe" + integer(2**40) + b"\x86R",
        "range-huge": by_name(("builtins", "list")) + by_name(("builtins", "range")) + integer(2**33) + b"\x85R\x85R", "bytes-huge": by_name(("builtins", "bytes")) + integer(2**40) + b"\x85R",
        "int-power": by_name(("builtins", "int")) + text("9" * 5000) + b"\x85R", "sparse": by_name(("torch._utils", "_rebuild_sparse_tensor")) + tuple_of(
            [by_name(("torch.serialization", "_get_layout")) + text("torch.sparse_coo") + b"\x85R", tuple_of([tensor("2", "LongStorage", 3, 0, (1, 3), (3, 1)), tensor(shape=(3,), strides=(1,)), integer(2) + b"\x85"])]) + b"R",
        "tensor-method": by_name(("torch", "Tensor._make_subclass")) + by_name(("torch", "Tensor")) + tensor() + b"\x86R",
        "qtensor": by_name(("torch._utils", "_rebuild_qtensor")) + tuple_of([storage("0", "ByteStorage", 24), integer(0), tuple_of([integer(2)]), tuple_of([integer(1)]),
                                                                            tuple_of([by_name(("torch", "per_tensor_affine")), struct.pack(">cd", b"G", 1.0), integer(0)]), b"\x89", ORDERED + b")R"]) + b"R",
        "wrapper-subclass": by_name(("torch._utils", "_rebuild_wrapper_subclass")) + tuple_of(
            [by_name(("torch", "Tensor")), by_name(("torch", "float32")), integer(6) + b"\x85", integer(1) + b"\x85", integer(0), by_name(("torch.serialization", "_get_layout")) + text("torch.strided") + b"\x85R",
             by_name(("torch", "device")) + text("cpu") + b"\x85R", b"\x89"]) + b"R",
        "device-from-numpy": by_name(("torch._utils", "_rebuild_device_tensor_from_numpy")) + tuple_of([by_name(("numpy", "ndarray")) + integer(2) + b"\x85\x85R", by_name(("torch", "float32")), text("cpu"), b"\x89"]) + b"R",
        "path-touch": by_name(("pathlib", "PosixPath.touch")) + by_name(("pathlib", "PosixPath")) + text("ran") + b"\x85R\x85R",
    }


def state_cases() -> dict:
    """{name: (where, opcodes)}: BUILD and its kin on what is judged already."""
    ones = by_name(("torch._utils", "_rebuild_tensor_v2"))
    del ones
    replaced = tuple_of([storage("0"), integer(0), tuple_of([integer(3), integer(2)]), tuple_of([integer(1), integer(1)])])
    other = tuple_of([storage("1", "HalfStorage", 4), integer(0), tuple_of([integer(2), integer(2)]), tuple_of([integer(2), integer(1)])])
    forge = lambda key, value: b"}" + text(key) + value + b"sb"  # noqa: E731
    pairs = by_name(("builtins", "dict")) + b")R" + text("a.weight") + tensor(shape=(3, 2), strides=(1, 1)) + b"s"
    return {
        "tensor-other-strides": (on_tensor, replaced + b"b"), "tensor-other-storage": (on_tensor, other + b"b"),
        "tensor-five": (on_tensor, tuple_of([storage("0"), integer(3), tuple_of([integer(1)]), tuple_of([integer(1)]), b"\x89"]) + b"b"),
        "tensor-six": (on_tensor, tuple_of([b"\x89", ORDERED + b")R", b"\x89"])[:0] + tuple_of([storage("0"), integer(3), tuple_of([integer(1)]), tuple_of([integer(1)])]) + b"b"),
        "tensor-data": (on_tensor, forge("data", tensor(shape=(3, 2), strides=(1, 1)))), "tensor-grad": (on_tensor, forge("grad", tensor())),
        "tensor-requires-grad": (on_tensor, forge("requires_grad", b"\x88")), "tensor-class": (on_tensor, forge("__class__", by_name(("torch.nn.parameter", "Parameter")))),
        "tensor-hooks": (on_tensor, forge("_backward_hooks", b"}" + integer(0) + by_name(("builtins", "str")) + b"s")), "tensor-dict": (on_tensor, forge("note", text("x"))),
        "tensor-method": (on_tensor, forge("detach", by_name(("builtins", "str")))), "tensor-function": (on_tensor, forge("__torch_function__", by_name(("builtins", "str")))),
        "state-keys": (on_state, forge("keys", by_name(("builtins", "list")))), "state-items": (on_state, forge("items", by_name(("builtins", "list")))),
        "state-keys-of-dict": (on_state, forge("keys", pairs + b"0" + by_name(("builtins", "dict")))), "state-setstate": (on_state, forge("__setstate__", by_name(("builtins", "list"))) + b"]b"),
        "state-getitem": (on_state, forge("__getitem__", by_name(("builtins", "str")))), "state-copy": (on_state, forge("copy", by_name(("builtins", "dict")))),
        "state-metadata": (on_state, forge("_metadata", ORDERED + b")R")), "state-metadata-odd": (on_state, forge("_metadata", integer(3))), "state-slots": (on_state, b"N}" + text("x") + b"Ns\x86b"),
        "state-class": (on_state, forge("__class__", by_name(("collections", "Counter")))), "state-iter": (on_state, forge("__iter__", by_name(("builtins", "list")))),
        "state-none": (on_state, b"Nb"), "state-list": (on_state, b"]b"), "state-tuple": (on_state, text("x") + b"N\x86b"), "state-key-twice": (on_state, text("a.weight") + tensor(shape=(3, 2), strides=(1, 1)) + b"s"),
        "state-key-one": (on_state, integer(1) + b"Ns"), "state-update": (on_state, text("b.weight") + tensor() + b"s"),
    }


def frames(raw: bytes) -> dict:
    base = data_pickle(raw)
    return {"frame-crossed": with_pickle(raw, add_key(base, frame_crossed()))}


def archive_cases(raw: bytes) -> dict:
    """Two readers, two archives."""
    base = data_pickle(raw)
    evil, other = add_key(base, PAYLOAD), on_tensor(base, b"0" + tensor(shape=(2, 3), strides=(1, 2)))
    found = {}

    def layout():
        return read_layout(raw)

    def twice(change, data, at):
        changed = layout()
        item = record(changed, "data.pkl")
        changed.records.insert(at, Record(change(item.name), data))
        return changed.write()

    for label, data in (("evil", evil), ("evil-plain", evil[2:]), ("other", other)):
        for at in (0, 1, 3):
            found[f"upper-{label}-{at}"] = twice(lambda name: name.split(b"/")[0] + b"/DATA.PKL", data, at)
            found[f"folder-upper-{label}-{at}"] = twice(bytes.upper, data, at)
    swapped = layout()
    record(swapped, "byteorder").data = record(swapped, "byteorder").payload = b"big"
    record(swapped, "byteorder").name = swapped.records[0].name.split(b"/")[0] + b"/BYTEORDER"
    found["byteorder-upper"] = swapped.write()
    swapped = layout()
    swapped.records.insert(0, Record(swapped.records[0].name.split(b"/")[0] + b"/ByteOrder", b"big"))
    found["byteorder-twice"] = swapped.write()
    for upper_at in (0, 2, 5):
        changed = layout()
        item = record(changed, "data/0")
        changed.records.insert(upper_at, Record(item.name.split(b"/")[0] + b"/DATA/0", bytes(24)))
        found[f"storage-upper-{upper_at}"] = changed.write()
    offsets = archive_forging.ArchiveForger.offsets_of(raw, layout())
    for label, data in (("evil", evil), ("other", other)):
        twin = Layout([r.copy() for r in layout().records])
        at = next(i for i, r in enumerate(twin.records) if r.name.endswith(b"/data.pkl"))
        twin.records[at] = Record(twin.records[at].name, data)
        twin.records[at].local["sizes"] = True
        body = twin.local_header(twin.records[at], len(raw)) + data
        directory = archive_forging.directory_of(twin, [*offsets[:at], len(raw), *offsets[at + 1:]])
        end = lambda lie: struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(offsets), len(offsets), len(directory), len(raw) + len(body), lie)  # noqa: E731
        found[f"two-ends-{label}"] = raw + body + directory + end(65535)
        found[f"two-ends-in-comment-{label}"] = raw[:-2] + struct.pack("<H", len(body) + len(directory) + 22) + body + directory + end(0)
        found[f"two-ends-in-comment-lie-{label}"] = raw[:-2] + struct.pack("<H", len(body) + len(directory) + 22) + body + directory + end(9)
    lost = layout()
    lost.locator["offset"] = 1 << 40
    record(lost, "data.pkl").data = record(lost, "data.pkl").payload = evil
    found["locator-nowhere-evil"] = lost.write()
    return found


MAGIC_AS_TEXT = b"L 119547037146038801333356L\n."


def legacy_cases(legacy: bytes, raw: bytes) -> dict:
    parts = archive_forging.legacy_parts(legacy)
    storages = b"\x80\x02" + PAYLOAD + b"0K\x00." + b"\x80\x02]."
    found = {"legacy-evil": b"".join(parts[:3] + [parts[3][:2] + PAYLOAD + b"0" + parts[3][2:]] + parts[4:]), "legacy-keys-evil": b"".join(parts[:4] + [parts[4][:2] + PAYLOAD + b"0" + parts[4][2:]] + parts[5:]),
             "legacy-int-keys": b"".join(parts[:4] + [pickle.dumps([0, 1, 2], 2)] + parts[5:]),
             "legacy-frame": b"".join(parts[:2] + [b"\x80\x04" + frame_crossed() + b"0}."] + parts[3:])}
    # What the reader can't follow in one pickle of the stream, and a call in a later one.
    for at, value in enumerate((MAGIC_AS_TEXT, b"\x80\x02I0x3e9\n.", parts[2][:2] + b"NNb0" + parts[2][2:], parts[3][:2] + b"I0x10\n0" + parts[3][2:])):
        for behind in range(at + 1, 5):
            changed = list(parts)
            changed[at] = value
            changed[behind] = parts[behind][:2] + PAYLOAD + b"0" + parts[behind][2:]
            found[f"legacy-odd-{at}-evil-{behind}"] = b"".join(changed)
    try:
        found["tar-polyglot"] = archive_forging.tar_polyglot(parts, storages)
    except (ValueError, struct.error):
        pass
    import tarfile
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (("storages", storages), ("tensors", b"\x80\x02K\x00."), ("pickle", data_pickle(raw))):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    found["tar-evil"] = buffer.getvalue()
    return found


def named(found: dict) -> dict:
    """{name: (kind, bytes)}: the regression list. `found`: what `bases` gives."""
    raw, legacy = found["plain"], found["legacy"]
    base = data_pickle(raw)
    cases = {name: ("base", data) for name, data in found.items()}
    for group in (numpy_cases(), unfollowed_cases(), name_cases(), known_calls()):
        cases.update({name: ("pickle", with_pickle(raw, add_key(base, opcodes))) for name, opcodes in group.items()})
    for name, (where, opcodes) in state_cases().items():
        cases[name] = ("pickle", with_pickle(raw, where(base, opcodes)))
    cases.update({name: ("pickle", data) for name, data in frames(raw).items()})
    cases.update({name: ("archive", data) for name, data in archive_cases(raw).items()})
    cases.update({name: ("legacy", data) for name, data in legacy_cases(legacy, raw).items()})
    return cases


def draw(rng, found: dict):
    """(kind, bytes) of a random case."""
    zips = [name for name in found if not name.startswith("legacy")]
    kind = rng.choice(["pickle", "pickle", "value", "value", "archive", "archive", "legacy"])
    raw = found[rng.choice(zips if rng.random() < 0.6 else ["plain"])]
    base = data_pickle(raw)
    forger = pickle_forging.Forger(rng, marker=True)
    forger.next_memo = 5000
    if kind == "pickle":
        others = [data_pickle(found[name]) for name in zips]
        return kind, with_pickle(raw, pickle_forging.mutate(rng, base, others, marker=True))
    if kind == "value":
        opcodes = rng.choice([forger.value, forger.value, forger.odd, forger.tensor, forger.numpy, forger.on_anything, forger.call])()
        if rng.random() < 0.3:
            opcodes += b"0" + forger.payload()
        form = rng.randrange(5)
        try:
            if form == 0:
                return kind, with_pickle(raw, on_state(base, forger.state() + b"b"))
            if form == 1:
                return kind, with_pickle(raw, on_tensor(base, forger.state() + b"b"))
            if form == 2:
                return kind, with_pickle(raw, on_tensor(base, b"0" + forger.tensor()))
            return kind, with_pickle(raw, add_key(base, opcodes))
        except (ValueError, AssertionError):
            return kind, with_pickle(found["plain"], add_key(data_pickle(found["plain"]), opcodes))
    if kind == "archive":
        try:
            evil, other = add_key(base, PAYLOAD), on_tensor(base, b"0" + tensor(shape=(2, 3), strides=(1, 2)))
        except (ValueError, AssertionError):
            raw = found["plain"]
            base = data_pickle(raw)
            evil, other = add_key(base, PAYLOAD), on_tensor(base, b"0" + tensor(shape=(2, 3), strides=(1, 2)))
        evil = evil[2:] if rng.random() < 0.5 else evil
        try:
            return kind, archive_forging.ArchiveForger(rng, evil, other).forge(read_layout(raw))
        except (struct.error, ValueError, KeyError, IndexError, OverflowError):
            return kind, archive_forging.ArchiveForger(rng, evil, other).flip(raw)
    parts = archive_forging.legacy_parts(found[rng.choice(["legacy", "legacy", "legacy-views"])])
    try:
        return kind, archive_forging.forge_legacy(rng, parts, PAYLOAD)
    except (struct.error, ValueError, OverflowError):
        return kind, b"".join(parts)
