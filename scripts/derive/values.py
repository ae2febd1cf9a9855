"""The numbers in a Tensor: reading, writing, casting."""
import struct
from math import prod

from .archive import ELEMENT_BYTES
from .pickling import Parameter, Storage, Tensor

FORMATS = {"DoubleStorage": "d", "FloatStorage": "f", "HalfStorage": "e", "LongStorage": "q", "IntStorage": "i",
           "ShortStorage": "h", "CharStorage": "b", "ByteStorage": "B", "BoolStorage": "?"}
KIND_OF_DTYPE = {"float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage",
                 "bfloat16": "BFloat16Storage", "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage",
                 "int8": "CharStorage", "uint8": "ByteStorage", "bool": "BoolStorage"}


def pack(kind: str, numbers) -> bytearray:
    numbers = list(numbers)
    if kind == "BFloat16Storage":  # the upper half of a float32, rounded to nearest even
        words = struct.unpack(f"<{len(numbers)}I", struct.pack(f"<{len(numbers)}f", *numbers))
        halves = [(w >> 16) | 0x40 if w & 0x7FFFFFFF > 0x7F800000 else (w + 0x7FFF + (w >> 16 & 1)) >> 16 for w in words]
        return bytearray(struct.pack(f"<{len(halves)}H", *halves))
    if FORMATS[kind] in "qihbB?":
        numbers = [int(number) for number in numbers]
    return bytearray(struct.pack(f"<{len(numbers)}{FORMATS[kind]}", *numbers))


def unpack(kind: str, data: bytes) -> list:
    count = len(data) // ELEMENT_BYTES[kind]
    if kind == "BFloat16Storage":
        words = struct.pack(f"<{count}I", *[half << 16 for half in struct.unpack(f"<{count}H", data)])
        return list(struct.unpack(f"<{count}f", words))
    return list(struct.unpack(f"<{count}{FORMATS[kind]}", data))


def contiguous_strides(shape) -> tuple:
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= size
    return tuple(strides)


def plain(value) -> Tensor:
    """The tensor itself, or the one in a Parameter."""
    return value.data if isinstance(value, Parameter) else value


def element_offsets(tensor: Tensor) -> list:
    """Where each element, row-major, lies in the storage."""
    offsets = [tensor.offset]
    for size, stride in zip(tensor.shape, tensor.strides):
        offsets = [offset + i * stride for offset in offsets for i in range(size)]
    return offsets


def read(tensor: Tensor) -> list:
    numbers = unpack(tensor.storage.kind, tensor.storage.data)
    if tensor.offset == 0 and tensor.strides == contiguous_strides(tensor.shape) and prod(tensor.shape) == len(numbers):
        return numbers
    return [numbers[offset] for offset in element_offsets(tensor)]


def replace(tensor: Tensor, numbers, shape=None, kind=None) -> None:
    """Gives the tensor a storage of its own with these numbers."""
    shape, kind = tensor.shape if shape is None else tuple(shape), kind or tensor.storage.kind
    tensor.storage = Storage(kind, pack(kind, numbers), tensor.storage.location, None, tensor.storage.key)
    tensor.offset, tensor.shape, tensor.strides = 0, shape, contiguous_strides(shape)


def make(shape, kind: str, fill) -> Tensor:
    storage = Storage(kind, pack(kind, [fill] * prod(shape)))
    return Tensor(storage, 0, shape, contiguous_strides(shape))
