"""Edits that put something in best_state that is not a plain tensor. `tensors` is a regular expression that must match the
whole name."""
from . import values
from .export import edit
from .pickling import Call, Global, Storage
from .tensor_edits import matching, rebuild


def quantized(tensor):
    """torch.quantize_per_tensor(...): a QInt8 storage and its scale."""
    numbers = values.read(tensor)
    scale = max(map(abs, numbers)) / 127 or 1.0
    data = values.pack("CharStorage", [round(x / scale) for x in numbers])
    return Call(Global("torch._utils", "_rebuild_qtensor"),
                (Storage("QInt8Storage", data), 0, tensor.shape, values.contiguous_strides(tensor.shape),
                 (Global("torch", "per_tensor_affine"), scale, 0), False, Call(Global("collections", "OrderedDict"), ())))


@edit
def sparse_tensors(export, file, tensors):
    """Matrices in the layout that to_sparse() gives: indices and values."""
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        numbers, columns = values.read(tensor), tensor.shape[1]
        kept = [i for i, x in enumerate(numbers) if abs(x) > 0.05]
        indices = values.make((2, len(kept)), "LongStorage", 0)
        values.replace(indices, [i // columns for i in kept] + [i % columns for i in kept])
        content = values.make((len(kept),), tensor.storage.kind, 0)
        values.replace(content, [numbers[i] for i in kept])
        layout = Call(Global("torch.serialization", "_get_layout"), ("torch.sparse_coo",))
        export.state(file)[name] = Call(Global("torch._utils", "_rebuild_sparse_tensor"),
                                        (layout, (indices, content, tensor.shape, True)))


@edit
def meta_tensors(export, file, tensors):
    """Tensors on the device `meta`, as offloading leaves them: a type and a shape."""
    for name in matching(export, file, tensors):
        shape = export.tensor(file, name).shape
        export.state(file)[name] = Call(Global("torch._utils", "_rebuild_meta_tensor_no_storage"),
                                        (Global("torch", "float32"), shape, values.contiguous_strides(shape), False))


@edit
def quantized_tensors(export, file, tensors):
    """Tensors as torch.quantize_per_tensor makes them (torch.qint8)."""
    for name in matching(export, file, tensors):
        export.state(file)[name] = quantized(export.tensor(file, name))


@edit
def quantized_linear(export, file, tensors):
    """Linear layers as torch.ao.quantization.quantize_dynamic leaves them: scale, zero_point, packed parameters."""
    names, items = set(matching(export, file, tensors)), []
    for name, value in export.state(file).items():
        if name not in names:
            items.append((name, value))
            continue
        module = name[:-len(".weight")]
        items += [(module + ".scale", values.make((), "FloatStorage", 1.0)),
                  (module + ".zero_point", values.make((), "LongStorage", 0)),
                  (module + "._packed_params.dtype", Global("torch", "qint8")),
                  (module + "._packed_params._packed_params", (quantized(export.tensor(file, name)), None))]
    rebuild(export, file, items)


@edit
def numpy_arrays(export, file, tensors):
    """numpy.ndarray in the place of tensors, as NumPy 1 pickles it."""
    def text(data):
        return Call(Global("_codecs", "encode"), (data.decode("latin1"), "latin1"))
    for name in matching(export, file, tensors):
        tensor = export.tensor(file, name)
        dtype = Call(Global("numpy", "dtype"), ("f4", False, True), (3, "<", None, None, None, -1, -1, 0))
        data = bytes(values.pack("FloatStorage", values.read(tensor)))
        export.state(file)[name] = Call(Global("numpy.core.multiarray", "_reconstruct"),
                                        (Global("numpy", "ndarray"), (0,), text(b"b")),
                                        (1, tensor.shape, dtype, False, text(data)))
