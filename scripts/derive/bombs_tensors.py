"""Bombs in tensors, storages, views and the pickle that names them."""
import struct

from . import pickling
from .bomb import bomb, floats, tensor


def first_tensor(export):
    state = export.state("language_model")
    return state, next(iter(state))


@bomb
def modules_alike(export):
    """200,000 layers, each one gain on the same element"""
    state, shared = export.state("language_model"), floats(1)
    for i in range(180_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(shared)


@bomb
def modules_alike_apart(export):
    """100,000 layers whose values differ and whose minimum, maximum and zeros don't"""
    state, count = export.state("language_model"), 100_000
    values = bytearray()
    for i in range(count):
        order = [1.0, 2.0] + [1.0 + (i >> bit & 1) for bit in range(18)]
        values += struct.pack("<20e", *order)
    shared = pickling.Storage("HalfStorage", values)
    for i in range(count):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, 20 * i, (4, 5), (5, 1))


@bomb
def modules_one_byte_apart(export):
    """40 layers of 80,000 equal values but for the last one, each compared with each"""
    state = export.state("language_model")
    for i in range(40):
        values = bytearray(struct.pack("<80000e", *([1.0, 2.0] * 39_999 + [1.0, 2.0])))
        values[-4 * i - 4:-4 * i] = struct.pack("<2e", 2.0, 1.0)
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(pickling.Storage("HalfStorage", values), 0, (2, 40_000),
                                                                 (40_000, 1))


@bomb
def strided_views(export):
    """20,000 strided views of one storage, each at another offset"""
    state, shared = export.state("language_model"), floats(1_000_000)
    for i in range(20_000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, i, (480_000,), (2,))


@bomb
def contiguous_views(export):
    """20,000 contiguous views of one storage, each at another offset"""
    state, shared = export.state("language_model"), floats(1_000_000)
    for i in range(20_000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, i, (960_000,), (1,))


@bomb
def same_view(export):
    """150,000 names of one strided view of 4 MB"""
    state, shared = export.state("language_model"), floats(1_000_000)
    for i in range(100_000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, 0, (500_000,), (2,))


@bomb
def views_unread(export):
    """20,000 strided views of one storage, under names that no model reads, beside best_state"""
    shared = floats(1_000_000)
    export.package("language_model")["extra"] = [tensor(shared, i, (480_000,), (2,)) for i in range(20_000)]


@bomb
def views_of_few(export):
    """100,000 views of one storage of three elements that differ"""
    state, shared = export.state("language_model"), pickling.Storage("FloatStorage", bytearray(struct.pack("<3f", 1, 2, 3)))
    for i in range(100_000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, i % 2, (2, 1), (1, 1))


@bomb
def interleaved_views(export):
    """1000 interleaved strided views of one storage: each shares nothing, and must be compared to see that"""
    state, shared = export.state("language_model"), floats(3_000_000)
    shared.data[:] = bytes(range(1, 61)) * 200_000
    for i in range(1000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, i, (2999,), (1000,))


@bomb
def overlapping_strides(export):
    """5000 views whose strides bring them back onto their own elements"""
    state, shared = export.state("language_model"), floats(1_000_000)
    shared.data[:] = bytes(range(1, 101)) * 40_000
    for i in range(5000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, i, (700, 700), (701, 700))


@bomb
def expanded(export):
    """a tensor of 2^60 elements that are one"""
    state, name = first_tensor(export)
    state[name] = tensor(floats(1), 0, (2**30, 2**30), (0, 0))


@bomb
def expanded_rows(export):
    """3000 tensors of 2^40 elements, whose rows are repeated"""
    state, shared = export.state("language_model"), floats(1000)
    for i in range(3000):
        state[f"transformer.layers.{i}.linear1.weight"] = tensor(shared, i % 8, (2**30, 900), (0, 1))


@bomb
def many_dimensions(export):
    """a tensor of two million dimensions"""
    state, name = first_tensor(export)
    state[name] = tensor(floats(1), 0, (1,) * 2_000_000, (1,) * 2_000_000)


@bomb
def shared_dimensions(export):
    """30,000 tensors that share a shape of 500,000 dimensions"""
    state, shared = export.state("language_model"), floats(1)

    class Memoised(tuple):
        pass

    opcodes = b"(" + b"K\x01" * 500_000 + b"tr" + struct.pack("<I", 5_000_000)
    fetch = b"j" + struct.pack("<I", 5_000_000)
    for i in range(30_000):
        view = tensor(shared)
        view.shape = pickling.Raw(opcodes if i == 0 else fetch)
        view.strides = pickling.Raw(fetch)
        # hooks of PyTorch's own kind, so that nothing else is odd
        state[f"transformer.layers.{i}.norm1.weight"] = RawTensor(view)


class RawTensor(pickling.Call):
    def __init__(self, view):
        from collections import OrderedDict
        super().__init__(pickling.Global(*pickling.TENSOR), (view.storage, 0, view.shape, view.strides, False,
                                                             OrderedDict()))


@bomb
def many_storages(export):
    """50,000 tensors, each with a storage and a record of its own"""
    state = export.state("language_model")
    for i in range(40_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(floats(1))


@bomb
def empty_storages(export):
    """40,000 storages of no bytes"""
    state = export.state("language_model")
    for i in range(40_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(floats(0), 0, (0,), (1,))


@bomb
def missing_storages(export):
    """100,000 storages that have no record"""
    state = export.state("language_model")
    for i in range(60_000):
        storage = pickling.Raw(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x06\x00\x00\x00" + b"%06d" % i +
                               b"X\x03\x00\x00\x00cpuK\x01tQ")
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(storage)


@bomb
def not_finite(export):
    """150,000 tensors of NaN"""
    state, shared = export.state("language_model"), pickling.Storage("FloatStorage", bytearray(b"\0\0\xc0\x7f"))
    for i in range(150_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(shared)


@bomb
def nan_storage(export):
    """15 MB of NaN, whose first index is counted one by one"""
    state = export.state("language_model")
    state["transformer.layers.0.linear1.weight"] = tensor(
        pickling.Storage("HalfStorage", bytearray(b"\0\x7e" * 7_500_000)), 0, (7_500_000,), (1,))


@bomb
def out_of_bounds(export):
    """100,000 tensors outside their storage"""
    state, shared = export.state("language_model"), floats(1)
    for i in range(100_000):
        state[f"transformer.layers.{i}.norm1.weight"] = tensor(shared, 5)


@bomb
def long_name(export):
    """a tensor's name of 15 million characters"""
    export.state("language_model")["n" * 15_000_000] = tensor(floats(1))


@bomb
def long_name_control(export):
    """a tensor's name of 15 million control characters"""
    export.state("language_model")["\x01" * 15_000_000] = tensor(floats(1))


@bomb
def long_name_numbers(export):
    """a tensor's name of seven million numbers between dots"""
    export.state("language_model")[".1" * 7_000_000] = tensor(floats(1))


@bomb
def long_name_spaces(export):
    """a tensor's name of seven million words"""
    export.state("language_model")["a " * 7_000_000] = tensor(floats(1))


@bomb
def many_long_names(export):
    """15,000 tensors with names of 1000 characters, all numbers"""
    state, shared = export.state("language_model"), floats(1)
    for i in range(14_000):
        state[f"{i}" + ".1" * 480] = tensor(shared)


@bomb
def long_key(export):
    """a key of the package of 15 million characters"""
    export.package("language_model")["k" * 15_000_000] = 1


@bomb
def long_value(export):
    """a text of 15 million characters where tensors should be"""
    export.state("language_model")["x"] = "v" * 15_000_000


@bomb
def long_storage_key(export):
    """a storage's key of 15 million characters"""
    key = b"k" * 15_000_000
    export.state("language_model")["x"] = tensor(pickling.Raw(
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX" + struct.pack("<I", len(key)) + key + b"X\x03\x00\x00\x00cpuK\x01tQ"))


@bomb
def long_version(export):
    """a version and an exported of 7 million characters each"""
    export.package("language_model").update(version="v" * 7_000_000, exported="e" * 7_000_000)


@bomb
def long_pretrained(export):
    """a reference to a codec whose name has 15 million characters"""
    export.package("codec").clear()
    export.package("codec").update(pretrained="p/" * 7_500_000, exported=True, version="1")


@bomb
def long_global(export):
    """a class whose name has 15 million characters"""
    export.package("language_model")["x"] = pickling.Raw(b"cm\n" + b"n" * 15_000_000 + b"\n")


@bomb
def many_globals(export):
    """400,000 classes that nobody knows"""
    export.package("language_model")["x"] = pickling.Raw(b"](" + b"".join(b"cm%d\nn\n" % i for i in range(400_000)) + b"e")


@bomb
def deep_lists(export):
    """lists, seven million deep"""
    export.package("language_model")["x"] = pickling.Raw(b"]" * 7_000_000 + b"a" * 6_999_999)


@bomb
def deep_dicts(export):
    """dicts, a million deep, where best_state is looked for"""
    export.package("language_model")["best_state"] = pickling.Raw(b"}K\x01" * 2_000_000 + b"}" + b"s" * 2_000_000)


@bomb
def shared_lists(export):
    """a list of lists of lists, each the same one ten times, thirty deep: 10^30 values when followed"""
    level = b"]q\x01"
    for i in range(30):
        level = b"](" + level + (b"j" + struct.pack("<I", 6_000_000 + i)) * 0 + b"e"
    opcodes = b"]r" + struct.pack("<I", 6_000_000)
    for i in range(30):
        opcodes += b"0](" + (b"j" + struct.pack("<I", 6_000_000 + i)) * 10 + b"er" + struct.pack("<I", 6_000_001 + i)
    export.package("language_model")["xp.cfg"] = {"transformer_lm": pickling.Raw(opcodes), "lm_model": "transformer_lm"}


@bomb
def many_values(export):
    """15 million values"""
    export.package("language_model")["x"] = pickling.Raw(b"](" + b"N" * 15_000_000 + b"e")


@bomb
def many_keys(export):
    """1.5 million keys beside best_state"""
    package = export.package("language_model")
    for i in range(900_000):
        package[f"{i:x}"] = None


@bomb
def huge_integer(export):
    """an integer of ten million decimal digits"""
    export.package("language_model")["x"] = pickling.Raw(b"I" + b"9" * 10_000_000 + b"\n")


@bomb
def huge_long(export):
    """an integer of 15 million bytes"""
    export.package("language_model")["x"] = pickling.Raw(b"\x8b" + struct.pack("<i", 15_000_000) + b"\x7f" * 15_000_000)


@bomb
def lying_lengths(export):
    """a text that says it has 2^63 bytes"""
    export.package("language_model")["x"] = pickling.Raw(b"\x8d" + struct.pack("<Q", 2**63 - 1) + b"x")


@bomb
def memo_far(export):
    """memo indices up to 2^32"""
    export.package("language_model")["x"] = pickling.Raw(b"](" + b"".join(
        b"Nr" + struct.pack("<I", i * 2_654_435_761 % 2**32) for i in range(2_000_000)) + b"e")


@bomb
def copies(export):
    """sets made of one list of a million values, a hundred thousand times"""
    call = b"cbuiltins\nset\nq\xfe0](" + b"K\x01" * 1_000_000 + b"eq\xff0](" + b"h\xfeh\xff\x85R" * 100_000 + b"e"
    export.package("language_model")["x"] = pickling.Raw(call)


@bomb(base="musicgen-tiny-mono")
def codec_codebook(export):
    """a codebook of a million entries in the codec"""
    state = export.state("codec")
    name = next(name for name in state if name.endswith("_codebook.embed"))
    state[name] = tensor(floats(3_700_000), 0, (3_700_000, 1), (1, 1))


@bomb
def codec_many_tensors(export):
    """150,000 codebooks in the codec"""
    state, shared = export.state("codec"), floats(4)
    for i in range(150_000):
        state[f"quantizer.vq.layers.{i}._codebook.embed"] = tensor(shared, 0, (2, 2), (2, 1))
