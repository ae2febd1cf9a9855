"""Pickles of torch.save as plain values, read without running anything and written back as protocol 2.

Reading: every global becomes an inert Global, calling one makes a Call that remembers its arguments; tensors, storages,
parameters and ordered dicts become values of their own. Writing: the same globals and persistent ids come out again.
"""
import io
import pickle
import pickletools
import struct
from collections import OrderedDict

TENSOR = ("torch._utils", "_rebuild_tensor_v2")
PARAMETER = ("torch._utils", "_rebuild_parameter")


class Raw:
    """Opcodes that leave one value on the stack, written as they are."""
    def __init__(self, opcodes: bytes):
        self.opcodes = opcodes


class Built:
    """`value`, then BUILD with `state`: __setstate__, or attributes."""
    def __init__(self, value, state):
        self.value, self.state = value, state


class Storage:
    """`data` are the bytes, `kind` the class's name (FloatStorage); a `numel` of None says what the bytes hold."""
    def __init__(self, kind: str, data: bytearray, location: str = "cpu", numel=None, key=None):
        self.kind, self.data, self.location, self.numel, self.key = kind, data, location, numel, key


class Tensor:
    def __init__(self, storage, offset, shape, strides, requires_grad=False, hooks=None, *metadata):
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)
        self.requires_grad, self.hooks, self.metadata = requires_grad, hooks, metadata


class Parameter:
    """torch.nn.Parameter around a Tensor."""
    def __init__(self, data, requires_grad=True, hooks=None):
        self.data, self.requires_grad, self.hooks = data, requires_grad, hooks


class Call:
    """What a REDUCE of an unknown global would have made; `new`: written as NEWOBJ."""
    def __init__(self, function, args, state=None, new=False):
        self.function, self.args, self.state, self.new = function, args, state, new

    def __setstate__(self, state):
        self.state = state


class Global:
    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __call__(self, *args):
        if (self.module, self.name) == TENSOR:
            return Tensor(*args)
        if (self.module, self.name) == PARAMETER:
            return Parameter(*args)
        return Call(self, args)


class Reader(pickle.Unpickler):
    def __init__(self, data: bytes, storage_of_key):
        super().__init__(io.BytesIO(data))
        self.storage_of_key = storage_of_key
        self.storages = {}

    def find_class(self, module, name):
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else Global(module, name)

    def persistent_load(self, pid):
        _, kind, key, location, numel = pid[:5]
        if key not in self.storages:
            self.storages[key] = Storage(kind.name, self.storage_of_key(key), location, numel, key)
        return self.storages[key]


def read(data: bytes, storage_of_key):
    """The value in `data`; `storage_of_key(key)` gives the bytes of each storage that it names."""
    return Reader(data, storage_of_key).load()


def end_of(data: bytes, at: int) -> int:
    """Where the pickle that starts at `at` ends."""
    *_, (_, _, stop) = pickletools.genops(io.BytesIO(data[at:]))
    return at + stop + 1


class Writer:
    """Emits one value. Strings and globals are memoised, as torch.save does; shared containers are written twice."""

    def __init__(self, key_of_storage, legacy: bool = False):
        self.key_of_storage, self.legacy = key_of_storage, legacy
        self.out, self.memo = bytearray(b"\x80\x02"), {}

    def finish(self, value) -> bytes:
        self.write(value)
        return bytes(self.out + b".")

    def memoised(self, identity, opcodes: bytes) -> None:
        if identity in self.memo:
            index = self.memo[identity]
            self.out += struct.pack("<cB", b"h", index) if index < 256 else struct.pack("<cI", b"j", index)
            return
        index = self.memo[identity] = len(self.memo)
        self.out += opcodes + (struct.pack("<cB", b"q", index) if index < 256 else struct.pack("<cI", b"r", index))

    def write_global(self, module: str, name: str) -> None:
        self.memoised((module, name), f"c{module}\n{name}\n".encode())

    def write_tuple(self, items) -> None:
        items = tuple(items)
        self.out += b"(" if len(items) > 3 else b""
        for item in items:
            self.write(item)
        self.out += {0: b")", 1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(items), b"t")

    def write_dict_items(self, items) -> None:
        if not items:
            return
        self.out += b"("
        for key, value in items:
            self.write(key)
            self.write(value)
        self.out += b"u"

    def write_int(self, value: int) -> None:
        if 0 <= value < 256:
            self.out += struct.pack("<cB", b"K", value)
        elif 0 <= value < 65536:
            self.out += struct.pack("<cH", b"M", value)
        elif -2**31 <= value < 2**31:
            self.out += struct.pack("<ci", b"J", value)
        else:
            number = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.out += struct.pack("<cB", b"\x8a", len(number)) + number

    def write_storage(self, storage: Storage) -> None:
        fields = ["storage", Global("torch", storage.kind), self.key_of_storage(storage), storage.location, storage.numel]
        self.write_tuple(fields + [None] if self.legacy else fields)
        self.out += b"Q"

    def write_call(self, function, args, state=None, new: bool = False) -> None:
        self.write(function)
        self.write_tuple(args)
        self.out += b"\x81" if new else b"R"
        if state is not None:
            self.write(state)
            self.out += b"b"

    def write(self, value) -> None:
        if value is None or isinstance(value, bool):
            self.out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif isinstance(value, int):
            self.write_int(value)
        elif isinstance(value, float):
            self.out += struct.pack(">cd", b"G", value)
        elif isinstance(value, str):
            text = value.encode()
            self.memoised(value, struct.pack("<cI", b"X", len(text)) + text)
        elif isinstance(value, tuple):
            self.write_tuple(value)
        elif isinstance(value, list):
            self.out += b"]("
            for item in value:
                self.write(item)
            self.out += b"e"
        elif isinstance(value, OrderedDict):
            self.write_call(Global("collections", "OrderedDict"), ())
            self.write_dict_items(value.items())
            if value.__dict__:  # nn.Module.state_dict() leaves _metadata there
                self.write(dict(value.__dict__))
                self.out += b"b"
        elif isinstance(value, dict):
            self.out += b"}"
            self.write_dict_items(value.items())
        elif isinstance(value, Tensor):
            self.write_call(Global(*TENSOR), (value.storage, value.offset, value.shape, value.strides,
                                              value.requires_grad, value.hooks or OrderedDict(), *value.metadata))
        elif isinstance(value, Parameter):
            self.write_call(Global(*PARAMETER), (value.data, value.requires_grad, value.hooks or OrderedDict()))
        elif isinstance(value, Storage):
            self.write_storage(value)
        elif isinstance(value, Global):
            self.write_global(value.module, value.name)
        elif isinstance(value, Call):
            self.write_call(value.function, value.args, value.state, value.new)
        elif isinstance(value, Raw):
            self.out += value.opcodes
        elif isinstance(value, Built):
            self.write(value.value)
            self.write(value.state)
            self.out += b"b"
        else:
            raise TypeError(f"cannot pickle a {type(value).__name__}")
