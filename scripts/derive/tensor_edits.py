"""Edits of the tensors in best_state: values, names, shapes, types, and how they lie in their storages. CRCs are right
afterwards. `tensors` is a regular expression that must match the whole name."""
import re
from collections import OrderedDict
from math import prod

from . import values
from .export import edit
from .pickling import Parameter, Storage


def matching(export, file, tensors) -> list:
    names = [name for name in export.state(file) if re.fullmatch(tensors, name)]
    if not names:
        raise KeyError(f"no tensor of {export.name_of(file)} matches {tensors!r}")
    return names


def number(value):
    """JSON has no NaN and no infinity: "nan", "inf", "-inf"."""
    return float(value) if isinstance(value, str) else value


def rebuild(export, file, items) -> None:
    """Replaces the entries of best_state in place, so that its _metadata stays."""
    state = export.state(file)
    items = list(items)
    state.clear()
    state.update(items)


@edit
def set_values(export, file, tensors, value, at=0):
    """One element (flat index `at`, row-major) of each tensor: a number, "nan", "inf" or "-inf"."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        numbers = values.read(tensor)
        numbers[at] = number(value)
        values.replace(tensor, numbers)


@edit
def fill(export, file, tensors, value, row=None, from_row=0):
    """Every element of each tensor, or of one row (first dimension), or of all rows from `from_row` on."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        numbers, size = values.read(tensor), prod(tensor.shape[1:])
        first, end = (from_row * size, len(numbers)) if row is None else (row * size, (row + 1) * size)
        numbers[first:end] = [number(value)] * (end - first)
        values.replace(tensor, numbers)


@edit
def scale(export, file, tensors, factor=1.0, add=0.0):
    """Each element times `factor` plus `add`."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        values.replace(tensor, [x * factor + add for x in values.read(tensor)])


@edit
def repeat_rows(export, file, tensors, row=0):
    """Every row (first dimension) becomes a copy of one."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        numbers, size = values.read(tensor), prod(tensor.shape[1:])
        values.replace(tensor, numbers[row * size:(row + 1) * size] * tensor.shape[0])


@edit
def perturb_rows(export, file, tensors, step):
    """Adds `step` times its number to every element of each row (first dimension)."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        size = prod(tensor.shape[1:])
        values.replace(tensor, [x + step * (i // size) for i, x in enumerate(values.read(tensor))])


@edit
def permute_blocks(export, file, tensors, order):
    """Cuts the first dimension into len(order) blocks and puts them in this order: q, k, v of another convention."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        numbers = values.read(tensor)
        size = len(numbers) // len(order)
        values.replace(tensor, [x for block in order for x in numbers[block * size:(block + 1) * size]])


@edit
def copy_tensor_from(export, file, tensor, source, source_file=None):
    """The values of another tensor of the same number of elements."""
    values.replace(export.tensor(file, tensor), values.read(export.tensor(source_file or file, source)))


@edit
def rename_tensors(export, file, pattern, to):
    """re.sub over every name in best_state."""
    before = list(export.state(file))
    rebuild(export, file, [(re.sub(pattern, to, name), value) for name, value in export.state(file).items()])
    if list(export.state(file)) == before:
        raise KeyError(f"{pattern!r} changes no name")


@edit
def drop_tensors(export, file, tensors):
    """Removes tensors from best_state."""
    names = set(matching(export, file, tensors))
    rebuild(export, file, [item for item in export.state(file).items() if item[0] not in names])


@edit
def add_tensor(export, file, name, shape, dtype="float32", value=0.0):
    """Adds one tensor at the end."""
    export.state(file)[name] = values.make(shape, values.KIND_OF_DTYPE[dtype], number(value))


@edit
def copy_tensors(export, file, pattern, to):
    """Adds a copy of each matching tensor under another name: a layer more."""
    for name in matching(export, file, pattern):
        original = export.tensor(file, name)
        copy = values.make(original.shape, original.storage.kind, 0)
        values.replace(copy, values.read(original))
        export.state(file)[re.sub(pattern, to, name)] = copy


@edit
def set_entry(export, file, name, value):
    """Puts a plain value (no tensor) into best_state."""
    export.state(file)[name] = value


@edit
def reshape_tensor(export, file, tensors, shape):
    """Another shape of the same or another number of elements: cut, or repeated from the start."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        numbers, count = values.read(tensor), prod(shape)
        values.replace(tensor, (numbers * (count // len(numbers) + 1))[:count], shape)


@edit
def resize_rows(export, file, tensors, rows):
    """The first `rows` rows, repeated from the start where there are fewer."""
    for name in matching(export, file, tensors):
        reshape_tensor(export, file, re.escape(name), [rows, *export.tensor(file, name).shape[1:]])


def transposed(numbers, rows: int) -> list:
    columns = len(numbers) // rows
    return [numbers[r * columns + c] for c in range(columns) for r in range(rows)]


@edit
def transpose_tensor(export, file, tensors):
    """Rows and columns exchanged, values and shape (a square one keeps its shape and is wrong in silence)."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        values.replace(tensor, transposed(values.read(tensor), tensor.shape[0]), tensor.shape[::-1])


@edit
def shard_rows(export, file, ranks, tensors=".*"):
    """The first of `ranks` parts of each tensor's first dimension, as torch.chunk cuts it: what rank 0 holds."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        rows, size = -(-tensor.shape[0] // ranks), prod(tensor.shape[1:])
        values.replace(tensor, values.read(tensor)[:rows * size], [rows, *tensor.shape[1:]])


@edit
def flatten_shards(export, file, ranks, tensors=".*"):
    """The first of `ranks` parts of each tensor's elements, as one dimension: FSDP's use_orig_params on rank 0."""
    for name in matching(export, file, tensors):
        numbers = values.read(export.tensor(file, name))
        count = -(-len(numbers) // ranks)
        values.replace(export.tensor(file, name), numbers[:count], [count])


@edit
def cast_dtype(export, file, dtype, tensors=".*"):
    """Another element type; floating tensors only, where `dtype` is a floating type."""
    kind = values.KIND_OF_DTYPE[dtype]
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        floating = tensor.storage.kind in ("DoubleStorage", "FloatStorage", "HalfStorage", "BFloat16Storage")
        if floating or "float" not in dtype:
            values.replace(tensor, values.read(tensor), None, kind)


@edit
def strided_view(export, file, tensors):
    """The same matrix as a transposed view: column-major storage, strides (1, rows)."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        rows, _ = tensor.shape
        values.replace(tensor, transposed(values.read(tensor), rows))
        tensor.strides = (1, rows)


@edit
def expanded_view(export, file, tensors):
    """A tensor of equal elements as a view of one element, strides 0."""
    for name in matching(export, file, tensors):
        tensor, shape = export.tensor(file, name), export.tensor(file, name).shape
        values.replace(tensor, values.read(tensor)[:1], (1,))
        tensor.shape, tensor.strides = shape, (0,) * len(shape)


@edit
def shared_storage(export, file, tensors):
    """One storage that all matching tensors view, one behind the other: parameters of a flat buffer."""
    found = [export.tensor(file, name) for name in matching(export, file, tensors)]
    kind, numbers = found[0].storage.kind, []
    for tensor in found:
        values.replace(tensor, values.read(tensor), None, kind)
        tensor.offset = len(numbers)
        numbers += values.unpack(kind, tensor.storage.data)
    storage = Storage(kind, values.pack(kind, numbers))
    for tensor in found:
        tensor.storage = storage


@edit
def make_parameters(export, file, tensors=".*"):
    """torch.nn.Parameter around each tensor: a state dict that was not detached."""
    state = export.state(file)
    for name in matching(export, file, tensors):
        state[name] = Parameter(state[name])


@edit
def cuda_tags(export, file, location="cuda:3"):
    """Storages that say they were saved on a device."""
    for name in matching(export, file, ".*"):
        export.tensor(file, name).storage.location = location


@edit
def plain_dict(export, file):
    """best_state as a dict without the _metadata that nn.Module.state_dict() leaves on its OrderedDict."""
    package = export.package(file)
    package["best_state"] = dict(OrderedDict(package["best_state"]))


@edit
def lie(export, file, tensor, shape=None, strides=None, offset=None, numel=None):
    """What the pickle says of a tensor, or of its storage's length, without touching the bytes."""
    view = export.tensor(file, tensor)
    view.shape = view.shape if shape is None else tuple(shape)
    view.strides = view.strides if strides is None else tuple(strides)
    view.offset = view.offset if offset is None else offset
    view.storage.numel = view.storage.numel if numel is None else numel
