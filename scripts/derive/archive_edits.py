"""Edits of how the archive and its storages are laid out: what a directory or a pickle claims of bytes that lie elsewhere,
and tensors that share them."""
import struct

from . import values
from .export import edit
from .file_edits import record_of
from .pickling import Storage
from .tensor_edits import matching


def directory_entry(data: bytes, record: str) -> int:
    """Where the entry of `record` stands in the ZIP directory; by its full name, or that inside the archive's folder."""
    at, = struct.unpack("<I", data[-6:-2])
    while data[at:at + 4] == b"PK\x01\x02":
        name_bytes, extra_bytes, comment_bytes = struct.unpack("<HHH", data[at + 28:at + 34])
        name = data[at + 46:at + 46 + name_bytes].decode()
        if record in (name, name.split("/", 1)[-1]):
            return at
        at += 46 + name_bytes + extra_bytes + comment_bytes
    raise KeyError(f"no record {record!r}")


@edit
def lie_in_directory(export, file, record=None, tensor=None, size=None, where_is=None, attributes=None):
    """What the archive's directory says of a record (or a tensor's): another size in bytes, the place of the record
    (or the tensor) `where_is`, so that the two overlap, or other external attributes (16: a folder). The bytes stay."""
    data = bytearray(export.read_bytes(file))
    at = directory_entry(data, record_of(export, file, record, tensor))
    if size is not None:
        data[at + 20:at + 28] = struct.pack("<II", size, size)
    if attributes is not None:
        data[at + 38:at + 42] = struct.pack("<I", attributes)
    if where_is is not None:
        names = export.state(file)
        other = record_of(export, file, None, where_is) if where_is in names else where_is
        entry = directory_entry(data, other)
        data[at + 42:at + 46] = data[entry + 42:entry + 46]
    export.write_bytes(file, data)


@edit
def same_tensor(export, file, tensors, of=None):
    """Every matching tensor is a view of the last one (or of the tensor `of`), with its own shape and no bytes of its own:
    one buffer that was filled again and again."""
    names = matching(export, file, tensors)
    source = export.tensor(file, of or names[-1])
    for name in names:
        tensor = export.tensor(file, name)
        tensor.storage, tensor.offset, tensor.strides = source.storage, source.offset, values.contiguous_strides(tensor.shape)


@edit
def overlapping_tensors(export, file, first, second, by):
    """Both tensors in one storage, the second beginning `by` elements before the first ends, and written last."""
    one, other = export.tensor(file, first), export.tensor(file, second)
    kind, numbers = one.storage.kind, values.read(one)
    start = len(numbers) - by
    numbers[start:] = values.read(other)
    storage = Storage(kind, values.pack(kind, numbers))
    for tensor, offset in ((one, 0), (other, start)):
        tensor.storage, tensor.offset, tensor.strides = storage, offset, values.contiguous_strides(tensor.shape)


@edit
def interleaved_views(export, file, tensors):
    """Matrices of one shape side by side in one storage, row after row: views whose ranges overlap, and whose elements
    don't. What torch.chunk(..., dim=1) leaves of a matrix."""
    found = [export.tensor(file, name) for name in matching(export, file, tensors)]
    rows, columns = found[0].shape
    kind, contents = found[0].storage.kind, [values.read(tensor) for tensor in found]
    numbers = [x for row in range(rows) for numbers in contents for x in numbers[row * columns:(row + 1) * columns]]
    storage = Storage(kind, values.pack(kind, numbers))
    for index, tensor in enumerate(found):
        tensor.storage, tensor.offset, tensor.strides = storage, index * columns, (len(found) * columns, 1)
