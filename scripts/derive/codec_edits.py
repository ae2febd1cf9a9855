"""Edits that need a codec of fixtures/hub beside the export."""
import json
import re
import struct
from pathlib import Path

from . import values
from .export import edit
from .hub import place

KINDS = {"F32": "FloatStorage", "F16": "HalfStorage"}


def read_safetensors(path: Path):
    """(name, shape, kind, numbers) of each tensor."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            kind = KINDS[entry["dtype"]]
            yield name, entry["shape"], kind, values.unpack(kind, data[start + first:start + end])


@edit
def weights_of_hub_codec(export, file, model):
    """The weights of fixtures/hub's `model` under audiocraft's names, in the place of a codec's of the same layers."""
    hub = export.base.parent.parent / "hub"
    for name, shape, kind, numbers in read_safetensors(place(hub, model + "/model.safetensors")):
        ours = re.sub(r"^quantizer\.layers\.(\d+)\.codebook", r"quantizer.vq.layers.\1._codebook", name)
        ours = re.sub(r"^(encoder|decoder)\.layers", r"\1.model", ours)
        if ours not in export.state(file):
            ours = next(longer for longer in (ours.replace(".conv.", ".conv.conv."), ours.replace(".conv.", ".convtr.convtr."))
                        if longer in export.state(file))
        values.replace(export.tensor(file, ours), numbers, shape, kind)
