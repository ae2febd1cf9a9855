"""Pickles as an attacker or an odd writer makes them: programs of opcodes, generated with a stack in mind, and mutations
of real pickles at the borders of their opcodes. The same ones for the same random.Random. Standard library only.

A foreign name of PAYLOADS is called, or only named, where a generator chooses to: with `marker`, only by functions that
create an empty folder, so that a real unpickler may read the result in a scratch folder.
"""
import pickle
import pickletools
import struct

KNOWN = [("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "Counter"), ("builtins", "dict"),
         ("builtins", "list"), ("builtins", "tuple"), ("torch", "Size"), ("builtins", "set"), ("builtins", "frozenset"),
         ("builtins", "bytes"), ("builtins", "bytearray"), ("_codecs", "encode"), ("builtins", "object"), ("builtins", "complex"),
         ("builtins", "int"), ("builtins", "float"), ("builtins", "str"), ("builtins", "bool"), ("builtins", "slice"),
         ("builtins", "range"), ("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("collections", "deque"),
         ("argparse", "Namespace"), ("datetime", "datetime"), ("datetime", "timedelta"), ("pathlib", "PosixPath"),
         ("pathlib", "PurePosixPath"), ("uuid", "UUID"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("typing", "Any"),
         ("omegaconf.dictconfig", "DictConfig"), ("omegaconf.base", "ContainerMetadata"), ("omegaconf.nodes", "AnyNode"),
         ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "scalar"),
         ("numpy.core.numeric", "_frombuffer"), ("numpy", "float64"), ("torch", "Tensor"), ("torch", "device"),
         ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"),
         ("torch._utils", "_rebuild_parameter_with_state"), ("torch._tensor", "_rebuild_from_type_v2"),
         ("torch.nn.parameter", "Parameter"), ("torch", "FloatStorage"), ("torch", "HalfStorage"), ("torch", "LongStorage"),
         ("torch.storage", "UntypedStorage"), ("torch", "float32"), ("torch.serialization", "_get_layout"),
         ("torch._utils", "_rebuild_sparse_tensor"), ("torch._utils", "_rebuild_device_tensor_from_numpy"),
         ("torch._utils", "_rebuild_wrapper_subclass"), ("torch.storage", "TypedStorage"), ("torch", "Generator")]
FOREIGN = [("posix", "system"), ("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "exec"),
           ("builtins", "getattr"), ("builtins", "__import__"), ("imaplib", "IMAP4_stream"), ("torch", "load"), ("numpy", "load"),
           ("operator", "methodcaller"), ("functools", "partial"), ("types", "FunctionType"), ("pickle", "loads"),
           ("__builtin__", "eval"), ("__builtin__", "apply"), ("exceptions", "ValueError"), ("cPickle", "loads"),
           ("itertools", "imap"), ("os", "path.os.system"), ("builtins", "str.__class__"), ("collections", "abc.sys.modules"),
           ("collections", "OrderedDict.__reduce__"), ("omegaconf.base", "sys"), ("my_trainer.models", "Config"),
           ("collections", "UserDict"), ("UserDict", "UserDict"), ("os.path", "os.system"), ("builtins", "print")]
# Each makes an empty folder of a relative name, and does nothing else.
MARKERS = [("posix", "mkdir"), ("os", "mkdir"), ("os", "makedirs"), ("nt", "mkdir"), ("os", "path.os.mkdir")]
PYTHON2 = [("__builtin__", "str"), ("__builtin__", "unicode"), ("__builtin__", "long"), ("__builtin__", "xrange"),
           ("__builtin__", "object"), ("copy_reg", "_reconstructor"), ("__builtin__", "set"), ("torch.tensor", "Tensor")]

EDGE_INTEGERS = [0, 1, 2, 3, -1, 5, 7, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, -2**31, 2**31, 2**40, 2**63 - 1, 2**63, -2**63, 2**70]
ODD_INTEGER_TEXTS = ["1_0", " 7", "7 ", "0x10", "0X1f", "0o17", "0b11", "010", "00", "01", "+5", "-0", "1L", "10L", " 10L", "", "1__0", "1.0",
                     "\t3", "99999999999999999999", "\u0663", "0_0", "-0x2", "1\x00", "5\r"]
ODD_FLOAT_TEXTS = ["1_0.5", " 1.5 ", "nan", "inf", "-infinity", "0x1p3", "1e400", ".5", "5.", "1e", "", "1.5\x00", "infinity", "NAN"]


def u32(value: int) -> bytes:
    return struct.pack("<I", value & 0xffffffff)


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + u32(len(data)) + data


def short(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(data)]) + data if len(data) < 256 else text(value)


def by_name(name) -> bytes:
    return f"c{name[0]}\n{name[1]}\n".encode()


def integer(value: int) -> bytes:
    if 0 <= value < 256:
        return bytes([0x4b, value])
    if -2**31 <= value < 2**31:
        return struct.pack("<ci", b"J", value)
    number = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(number)]) + number


def tuple_of(items) -> bytes:
    items = list(items)
    return b"(" + b"".join(items) + b"t"


class Forger:
    """Draws opcodes that leave one value on the stack, most of them well formed; `names`: foreign names to draw from."""

    def __init__(self, rng, marker: bool = False):
        self.rng, self.marker = rng, marker
        self.foreign = MARKERS if marker else FOREIGN + MARKERS
        self.memo, self.next_memo, self.depth = [], 0, 0
        self.storages = [("0", "FloatStorage", 6), ("1", "HalfStorage", 4), ("2", "LongStorage", 3)]

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    # --- scalars

    def int(self) -> bytes:
        rng = self.rng
        value = rng.choice(EDGE_INTEGERS) if self.chance(0.3) else rng.randrange(0, 12)
        form = rng.randrange(8)
        if form == 0:
            return b"I" + rng.choice(ODD_INTEGER_TEXTS).encode() + b"\n"
        if form == 1:
            return b"L" + rng.choice(ODD_INTEGER_TEXTS).encode() + b"\n"
        if form == 2:
            return f"I{value}\n".encode()
        if form == 3:
            return f"L{value}L\n".encode()
        if form == 4:
            number = value.to_bytes(12, "little", signed=True)
            return b"\x8b" + u32(len(number)) + number
        return integer(value)

    def float(self) -> bytes:
        if self.chance(0.3):
            return b"F" + self.rng.choice(ODD_FLOAT_TEXTS).encode() + b"\n"
        value = self.rng.choice([0.0, -0.0, 1.5, float("nan"), float("inf"), 1e300])
        return struct.pack(">cd", b"G", value) if self.chance(0.5) else f"F{value!r}\n".encode()

    def str(self, value=None) -> bytes:
        rng = self.rng
        if value is None:
            value = rng.choice(["", "a", "key", "0", "cpu", "storage", "__setstate__", "keys", "items", "os", "posix", "system",
                                "mkdir", "é", "\u2028", "latin1", "__class__", "__dict__", "x" * 300])
        form = rng.randrange(10)
        data = value.encode()
        if form == 0:
            return b"S" + repr(value).encode("ascii", "backslashreplace") + b"\n"
        if form == 1:
            return b"V" + value.encode("raw-unicode-escape").replace(b"\n", b"\\u000a") + b"\n"
        if form == 2:
            return b"T" + u32(len(data)) + data
        if form == 3 and len(data) < 256:
            return b"U" + bytes([len(data)]) + data
        if form == 4:
            return b"\x8d" + struct.pack("<Q", len(data)) + data
        if form == 5 and self.chance(0.2):
            return rng.choice([b"S'a\n", b"S\"\\x4\"\n", b"S'a' \n", b"Sab\n", b"V\\ud800\n", b"V\\u12\n", b"S'\\N{DIGIT ONE}'\n", b"U\x01\xff", b"S''\n",
                               b"S'\\u0041'\n", b"S'a'b'\n", b"S'\xc3\xa9'\n", b"S'\\\n", b"S' '\n", b"S 'a'\n"])
        return short(value) if form < 8 else text(value)

    def bytes(self) -> bytes:
        data = self.rng.choice([b"", b"abc", b"\x00" * 8, bytes(range(16))])
        return self.rng.choice([b"B" + u32(len(data)) + data, b"C" + bytes([len(data)]) + data,
                                b"\x8e" + struct.pack("<Q", len(data)) + data, b"\x96" + struct.pack("<Q", len(data)) + data])

    def scalar(self) -> bytes:
        return self.rng.choice([self.int, self.int, self.float, self.str, self.str, self.bytes, lambda: b"N", lambda: b"\x88",
                                lambda: b"\x89"])()

    # --- names and calls

    def computed(self, value: str) -> bytes:
        """Text that is no literal: str('os'), bytes.decode-like calls, OrderedDict of ..."""
        rng = self.rng
        return rng.choice([
            lambda: by_name(("builtins", "str")) + self.str(value) + b"\x85R",
            lambda: by_name(("builtins", "str")) + b"C" + bytes([len(value)]) + value.encode() + text("ascii") + b"\x86R",
            lambda: by_name(("builtins", "str")) + b"(" + self.str(value) + b"t\x81",
            lambda: b"(" + by_name(("builtins", "str")) + self.str(value) + b"o",
            lambda: b"(" + self.str(value) + b"ibuiltins\nstr\n"])()

    def name(self, name=None) -> bytes:
        """A global, by any of the ways that name one."""
        rng = self.rng
        if name is None:
            name = rng.choice(self.foreign) if self.chance(0.15) else rng.choice(PYTHON2) if self.chance(0.05) else rng.choice(KNOWN)
        form = rng.randrange(8)
        if form <= 2:
            return by_name(name)
        if form == 3 or form == 4:
            return self.str(name[0]) + self.str(name[1]) + b"\x93"
        if form == 5:
            return self.computed(name[0]) + self.str(name[1]) + b"\x93" if self.chance(0.5) else self.str(name[0]) + self.computed(name[1]) + b"\x93"
        if form == 6:
            a, b = self.index(), self.index()
            return self.str(name[0]) + self.put(a) + b"0" + self.str(name[1]) + self.put(b) + b"0" + self.get(a) + self.get(b) + b"\x93"
        return by_name(("os", "path.os." * rng.choice([1, 60, 80]) + "mkdir")) if self.chance(0.1) else by_name(name)

    def arguments(self, values=None) -> bytes:
        rng = self.rng
        if values is None:
            values = [self.value() for _ in range(rng.choice([0, 1, 1, 2, 3, 4]))]
        if self.chance(0.1):  # a tuple that is computed
            return rng.choice([
                by_name(("builtins", "tuple")) + b"](" + b"".join(values) + b"e\x85R",
                by_name(("builtins", "tuple")) + by_name(("builtins", "range")) + integer(len(values)) + b"\x85R\x85R",
                by_name(("torch", "Size")) + b"(" + b"".join(values) + b"t\x85R",
                b"](" + b"".join(values) + b"e", b"(" + b"".join(values) + b"\x91",
                by_name(("collections", "OrderedDict")) + b")R"])
        if not values and self.chance(0.7):
            return b")"
        if 1 <= len(values) <= 3 and self.chance(0.5):
            return b"".join(values) + bytes([0x84 + len(values)])
        return tuple_of(values)

    def call(self, name=None, values=None) -> bytes:
        rng = self.rng
        form = rng.randrange(10)
        if name is None:
            name = rng.choice(self.foreign) if self.chance(0.1) else rng.choice(KNOWN)
        if form <= 5:
            return self.name(name) + self.arguments(values) + b"R"
        if form == 6:
            return self.name(name) + self.arguments(values) + b"\x81"
        if form == 7:
            return self.name(name) + self.arguments(values) + rng.choice([b"}", b"}", self.dict()]) + b"\x92"
        parts = values if values is not None else [self.value() for _ in range(rng.randrange(3))]
        if form == 8:
            return b"(" + self.name(name) + b"".join(parts) + b"o"
        return b"(" + b"".join(parts) + f"i{name[0]}\n{name[1]}\n".encode()

    def payload(self) -> bytes:
        """A call of something foreign, which must be noticed wherever it stands."""
        rng = self.rng
        name = rng.choice(self.foreign)
        marker = f"ran-{rng.randrange(1000)}"
        if self.chance(0.1):
            return b"\x82" + bytes([rng.randrange(1, 5)]) if self.chance(0.3) else self.name(name)
        if self.chance(0.15):  # passed to a known function that calls what it is given
            return rng.choice([
                by_name(("torch._tensor", "_rebuild_from_type_v2")) + b"(" + by_name(name) + by_name(("torch", "Tensor")) + text(marker) + b"\x85}tR",
                by_name(("collections", "defaultdict")) + by_name(name) + b"\x85R",
                by_name(("copyreg", "__newobj__")) + b"(" + by_name(name) + text(marker) + b"tR",
                by_name(("copyreg", "_reconstructor")) + b"(" + by_name(name) + by_name(name) + text(marker) + b"tR",
                by_name(("torch._utils", "_rebuild_wrapper_subclass")) + b"(" + by_name(name) + b"tR",
                by_name(("collections", "OrderedDict")) + b")R}" + text("__setstate__") + by_name(name) + b"sb" + text(marker) + b"b",
                by_name(("argparse", "Namespace")) + b")R}" + text("__setstate__") + by_name(name) + b"sb" + text(marker) + b"b"])
        return self.call(name, [text(marker)])

    # --- memo

    def index(self) -> int:
        self.next_memo += 1
        return self.next_memo + (0 if self.chance(0.9) else self.rng.choice([1000, 70000, 2**20]))

    def put(self, index: int) -> bytes:
        form = self.rng.randrange(6)
        if form == 0:
            digits = str(index)
            return b"p" + (digits[0] + "_" + digits[1:] if len(digits) > 1 and self.chance(0.3) else self.rng.choice(["", " ", "+", "0"]) + digits if self.chance(0.2) else digits).encode() + b"\n"
        if form < 3 and index < 256:
            return b"q" + bytes([index])
        return b"r" + u32(index)

    def get(self, index: int) -> bytes:
        form = self.rng.randrange(6)
        if form == 0:
            return b"g" + (self.rng.choice(["", "", " ", "+", "0"]) + str(index)).encode() + b"\n"
        if form < 3 and index < 256:
            return b"h" + bytes([index])
        return b"j" + u32(index)

    # --- containers and the rest

    def dict(self) -> bytes:
        pairs = [(self.key(), self.value()) for _ in range(self.rng.randrange(3))]
        form = self.rng.randrange(4)
        if form == 0:
            return b"(" + b"".join(k + v for k, v in pairs) + b"d"
        if form == 1:
            return b"}" + b"".join(k + v + b"s" for k, v in pairs)
        return b"}(" + b"".join(k + v for k, v in pairs) + b"u"

    def key(self) -> bytes:
        return self.str() if self.chance(0.8) else self.value()

    def list(self) -> bytes:
        items = [self.value() for _ in range(self.rng.randrange(3))]
        form = self.rng.randrange(3)
        if form == 0:
            return b"(" + b"".join(items) + b"l"
        return b"]" + (b"".join(i + b"a" for i in items) if form == 1 else b"(" + b"".join(items) + b"e")

    def set(self) -> bytes:
        items = b"".join(self.scalar() for _ in range(self.rng.randrange(3)))
        return b"(" + items + b"\x91" if self.chance(0.3) else b"\x8f(" + items + b"\x90"

    def on_anything(self) -> bytes:
        """An opcode that changes what is below it, on any kind of target."""
        rng, target = self.rng, self.value()
        return rng.choice([
            lambda: target + self.value() + b"a", lambda: target + b"(" + self.value() + b"e",
            lambda: target + self.key() + self.value() + b"s", lambda: target + b"(" + self.key() + self.value() + b"u",
            lambda: target + b"(" + self.value() + b"\x90", lambda: target + self.state() + b"b",
            lambda: target + self.state() + b"b" + self.value() + b"b", lambda: target + b"(e", lambda: target + b"(u",
            lambda: target + integer(rng.randrange(3)) + self.value() + b"s", lambda: target + b"(" + self.key() + b"u",
            lambda: b"(" + self.value() + self.value() + self.value() + b"d"])()

    def state(self) -> bytes:
        rng = self.rng
        return rng.choice([
            self.dict, self.dict, lambda: b"N", lambda: b"}" + text(rng.choice(
                ["__setstate__", "keys", "items", "__class__", "__dict__", "_metadata", "data", "values", "__iter__", "_content"])) + rng.choice(
                [self.value, self.name, self.payload])() + b"s",
            lambda: self.dict() + self.dict() + b"\x86", lambda: b"N" + self.dict() + b"\x86", self.value,
            lambda: self.tensor_state(), lambda: self.dtype_state()])()

    def storage(self) -> bytes:
        key, kind, numel = self.rng.choice(self.storages)
        if self.chance(0.25):
            key = self.rng.choice(["9", "", "../0", "0x0", key.upper(), "00"])
        if self.chance(0.1):
            numel = self.rng.choice([0, 1, -1, numel + 1, 2**40])
        name = ("torch", kind if self.chance(0.9) else self.rng.choice(["DoubleStorage", "UntypedStorage", "BoolStorage", "QInt8Storage"]))
        size = b"\x88" if self.chance(0.03) else integer(numel)
        said = [text("storage"), by_name(name), self.str(key), text(self.rng.choice(["cpu", "cuda:0", "meta", "cpu:1"])), size]
        if self.chance(0.05):
            said = self.rng.choice([said[:4], said + [b"N"], [text("module")] + said[1:], [self.bytes()] + said[1:], said[::-1]])
        return tuple_of(said) + b"Q"

    def tensor_state(self) -> bytes:
        """What Tensor.__setstate__ takes: a storage, an offset, a shape and strides in the place of those judged."""
        return tuple_of([self.storage(), integer(self.rng.choice([0, 1])), tuple_of([integer(2), integer(self.rng.choice([1, 3]))]),
                         tuple_of([integer(1), integer(1)])][:self.rng.choice([4, 4, 3])]
                        + ([b"\x89", b"}"] if self.chance(0.3) else []))

    def tensor(self) -> bytes:
        rng = self.rng
        shape = rng.choice([(2, 3), (6,), (1,), (), (3, 2), (2, 2), (0,), (1, 6, 1)])
        strides, step = [], 1
        for size in reversed(shape):
            strides.insert(0, step)
            step *= max(size, 1)
        if self.chance(0.15):
            strides = [rng.choice([0, 1, 2, -1, 2**62]) for _ in shape]
        tuple_form = (lambda v: tuple_of(map(integer, v))) if self.chance(0.9) else (lambda v: b"(" + b"".join(map(integer, v)) + b"l")
        offset = b"\x88" if self.chance(0.03) else integer(0 if self.chance(0.8) else rng.choice([1, 2, -1, 5, 2**62]))
        hooks = rng.choice([by_name(("collections", "OrderedDict")) + b")R"] * 8 + [b"N", b"}", self.value()])
        said = [self.storage(), offset, tuple_form(shape), tuple_form(strides), rng.choice([b"\x89", b"\x89", b"\x88", integer(1), self.value()]), hooks]
        if self.chance(0.05):
            said = rng.choice([said[:4], said + [b"}"], said + [b"N"], said + [self.value()], said[:5], said + [by_name(("torch", "float16"))]])
        function = rng.choice(["_rebuild_tensor_v2"] * 8 + ["_rebuild_tensor", "_rebuild_tensor_v3"])
        if function == "_rebuild_tensor" and self.chance(0.8):
            said = said[:4]
        made = by_name(("torch._utils", function)) + tuple_of(said) + b"R"
        form = rng.randrange(16)
        if form == 0:
            made = by_name(("torch._utils", "_rebuild_parameter")) + tuple_of([made, b"\x88", by_name(("collections", "OrderedDict")) + b")R"]) + b"R"
        elif form == 1:
            made = by_name(("torch._utils", "_rebuild_parameter_with_state")) + tuple_of(
                [made, b"\x88", rng.choice([b"}", by_name(("collections", "OrderedDict")) + b")R", self.value()]), self.state()]) + b"R"
        elif form == 2:
            made = by_name(("torch._tensor", "_rebuild_from_type_v2")) + tuple_of(
                [by_name(("torch._utils", function)), rng.choice([by_name(("torch", "Tensor")), by_name(("torch.nn.parameter", "Parameter")), self.name()]),
                 tuple_of(said), self.state()]) + b"R"
        elif form == 3:
            made += self.state() + b"b"
        elif form == 4:
            made += self.tensor_state() + b"b"
        return made

    def dtype_state(self) -> bytes:
        """What numpy.dtype.__setstate__ takes: (version, order, subarray, names, fields, size, alignment, flags[, metadata])."""
        rng = self.rng
        objects = by_name(("numpy", "dtype")) + text("O8") + b"\x89\x88\x87R"
        fields = b"}" + text("f") + objects + integer(0) + b"\x86s"
        return tuple_of([integer(rng.choice([3, 4, 2])), text(rng.choice("<|>")), b"N", rng.choice([b"N", text("f") + b"\x85"]),
                         rng.choice([b"N", fields]), integer(rng.choice([8, -1])), integer(rng.choice([1, -1])), integer(rng.choice([0, 16, 63]))])

    def numpy(self) -> bytes:
        rng = self.rng
        dtype = by_name(("numpy", "dtype")) + text(rng.choice(["f8", "i4", "V8", "O8", "f4", "U1"])) + b"\x89\x88\x87R"
        if self.chance(0.7):
            dtype += self.dtype_state() + b"b"
        data = b"C\x08" + rng.choice([b"\x41" * 8, b"\0" * 8, b"\1\0\0\0\0\0\0\0"])
        form = rng.randrange(6)
        if form == 0:
            array = by_name(("numpy.core.multiarray", "scalar")) + dtype + data + b"\x86R"
        elif form == 1:
            array = by_name(("numpy.core.numeric", "_frombuffer")) + tuple_of([data, dtype, integer(1) + b"\x85", text("C")]) + b"R"
        elif form == 2:
            array = by_name(("numpy", "ndarray")) + integer(1) + b"\x85" + dtype + data + b"\x87R"
        elif form == 3:
            array = by_name(("numpy", "ndarray")) + integer(1) + b"\x85" + dtype + data + b"\x87\x81"
        else:
            array = (by_name(("numpy.core.multiarray", "_reconstruct")) + by_name(("numpy", "ndarray")) + integer(0) + b"\x85" + b"C\x01b\x87R"
                     + tuple_of([integer(1), integer(1) + b"\x85", dtype, b"\x89", data]) + b"b")
        return by_name(("builtins", "str")) + array + b"\x85R" if self.chance(0.3) else array

    def odd(self) -> bytes:
        """What CPython takes and few readers follow; leaves one value."""
        rng = self.rng
        return rng.choice([
            lambda: b"NNb", lambda: b"]" + integer(0) + b"Ns", lambda: b"](K\x01e" + integer(0) + b"Ns", lambda: b"\x96" + struct.pack("<Q", 0) + integer(65) + b"a",
            lambda: b"}}b", lambda: b"}Nb", lambda: self.list() + b"Nb", lambda: by_name(("collections", "Counter")) + b"](" + text("a") + text("b") + b"e\x85R",
            lambda: by_name(("collections", "deque")) + b"](K\x01K\x02e\x85RK\x03a", lambda: b"\x80" + bytes([rng.randrange(8)]) + b"N",
            lambda: b"\x95" + struct.pack("<Q", rng.choice([0, 1, 5, 2**20, 2**63])) + b"N", lambda: b"N" + b"r" + u32(rng.choice([2**20, 2**24, 2**28, 2**32 - 1])),
            lambda: b"Np" + rng.choice([b"1_0", b" 3", b"0x3", b"-1", b"+4", b"007", b"268435456", b"99999999999999999999", b""]) + b"\n",
            lambda: b"P" + rng.choice([b"0", b"storage", b""]) + b"\n", lambda: b"\x97", lambda: b"N\x98", lambda: b"C\x01a\x98", lambda: self.str() + b"Q",
            lambda: b"(NNN1N", lambda: b"N2\x86", lambda: b"(0N", lambda: by_name(("collections", "OrderedDict")) + b"})R" if self.chance(0.1) else b"N0N",
            lambda: by_name(("builtins", "set")) + self.list() + b"\x85R(NK\x01\x90", lambda: by_name(("builtins", "bytearray")) + b")RK\x01a",
            lambda: by_name(("builtins", "list")) + by_name(("builtins", "range")) + b"K\x05\x85R\x85R", lambda: by_name(("builtins", "str")) + b"}b",
            lambda: by_name(("collections", "OrderedDict")) + b")}\x92", lambda: by_name(("builtins", "object")) + b")\x81Nb",
            lambda: by_name(("builtins", "int")) + text(rng.choice(["7", "0x7", " 7 "])) + b"\x85R",
            lambda: by_name(("collections", "OrderedDict")) + b")R}" + text("keys") + self.value() + b"sb",
            lambda: b"}" + self.value() + self.value() + b"s", lambda: b"(" + self.value() + b"d", lambda: b"I" + rng.choice(ODD_INTEGER_TEXTS).encode() + b"\n",
            lambda: b"](K\x01K\x02e(K\x03e", lambda: b"(K\x01l" + b"(K\x02e", lambda: b")Na", lambda: b"K\x01" + b"}b"])()

    def value(self) -> bytes:
        self.depth += 1
        try:
            if self.depth > 5 or self.chance(0.3):
                return self.scalar()
            if self.memo and self.chance(0.1):
                return self.get(self.rng.choice(self.memo))
            made = self.rng.choice([self.dict, self.list, self.set, self.arguments, self.call, self.call, self.tensor, self.tensor, self.numpy,
                                    self.odd, self.odd, self.on_anything, self.name])()
            if self.chance(0.1):
                index = self.index()
                made += self.put(index)
                self.memo.append(index)
            if self.chance(0.03):
                made += b"\x94"
            return made
        finally:
            self.depth -= 1

    def pickle(self) -> bytes:
        """A whole pickle; three of four have a payload, before, behind or inside what is odd."""
        rng = self.rng
        start = b"" if self.chance(0.1) else b"\x80" + bytes([rng.choice([0, 1, 2, 2, 2, 3, 4, 4, 5, 6])])
        parts = [self.value() for _ in range(rng.choice([1, 1, 2, 3]))]
        if self.chance(0.6):
            parts.insert(rng.randrange(len(parts) + 1), self.payload())
        end = rng.choice([b".", b".", b".", b"..", b"", b"." + b"\x80\x02" + self.payload() + b"."])
        body = b"0".join(parts) if self.chance(0.5) else b"(" + b"".join(parts) + b"t"
        return start + body + end


def tokens(data: bytes) -> list:
    """The opcodes of a pickle with their arguments, each as bytes; what does not parse is the last one."""
    out, last = [], 0
    try:
        for _, _, at in pickletools.genops(data):
            if at > last:
                out.append(data[last:at])
            last = at
    except Exception:  # noqa: BLE001  (whatever pickletools raises, the rest is one token)
        pass
    return [*out, data[last:]]


BARE = [bytes([c]) for c in b"(.012NRbade]l}stu)Qo"] + [bytes([c]) for c in (0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x97, 0x98)]


def mutate(rng, data: bytes, others: list, marker: bool = False) -> bytes:
    """One to four changes of a real pickle, at the borders of opcodes or of single bytes."""
    ops = tokens(data)
    forger = Forger(rng, marker)
    forger.next_memo = 3000
    for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
        at = rng.randrange(len(ops))
        form = rng.randrange(15)
        if form == 0:
            del ops[at]
        elif form == 1:
            ops.insert(at, rng.choice(ops))
        elif form == 2:
            other = tokens(rng.choice(others))
            start = rng.randrange(len(other))
            ops[at:at] = other[start:start + rng.randrange(1, 8)]
        elif form == 3:
            ops[at] = rng.choice(BARE)
        elif form == 4:
            ops.insert(at, rng.choice(BARE))
        elif form == 5:  # dropped behind anything: value, POP
            ops.insert(at, forger.value() + b"0")
        elif form == 6:
            ops.insert(at, forger.odd() + b"0" + (forger.payload() + b"0" if rng.random() < 0.5 else b""))
        elif form == 7:
            ops.insert(at, forger.payload() + b"0")
        elif form == 8:
            ops.insert(at, forger.state() + b"b")
        elif form == 9 and len(ops[at]) > 1:
            token = bytearray(ops[at])
            token[rng.randrange(1, len(token))] = rng.randrange(256)
            ops[at] = bytes(token)
        elif form == 10:
            ops[at] = forger.scalar()
        elif form == 11:
            ops.insert(at, b"\x80" + bytes([rng.randrange(7)]))
        elif form == 12:
            other = rng.randrange(len(ops))
            ops[at], ops[other] = ops[other], ops[at]
        elif form == 13:  # a frame that ends inside some later opcode, or at its end
            room = len(b"".join(ops[at:at + 6]))
            ops.insert(at, b"\x95" + struct.pack("<Q", rng.randrange(room + 2)))
        else:
            ops[at] = forger.value()
        if not ops:
            return b"."
    out = b"".join(ops)
    if rng.random() < 0.03:
        out = out[:rng.randrange(len(out) + 1)]
    return out


def plain_pickles() -> list:
    """What Python's own pickler writes of plain values, in every protocol."""
    import argparse
    import collections
    import datetime
    import pathlib
    import uuid
    ordered = collections.OrderedDict([("weight", [1, 2.5]), ("bias", None)])
    ordered._metadata = collections.OrderedDict([("", {"version": 1})])
    shared = ["shared", 2**70, -1]
    values = [{"best_state": ordered, "xp.cfg": "sample_rate: 32000\n", "version": "1.3.0", "exported": True},
              [shared, shared, (1, 2, 3, 4), (), ("one",)], {1: b"bytes", 2.5: bytearray(b"more"), None: {1, 2}, (1, "a"): frozenset([3])},
              collections.Counter("abca"), collections.defaultdict(list, {"a": [1]}), argparse.Namespace(lr=1e-4, name="run"),
              pathlib.PurePosixPath("/a/b"), datetime.datetime(2023, 1, 2, 3, 4, 5), datetime.timedelta(3), uuid.UUID(int=7), 1j, slice(1, 2), range(3),
              collections.deque([1, 2], 3), "é\u2028\n\\"]
    return [pickle.dumps(value, protocol) for value in values for protocol in range(6)]
