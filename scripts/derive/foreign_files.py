"""What people find under a checkpoint's name: files of other formats and links, each as small as its format allows."""
import gzip
import hashlib
import json
import os
import struct

from . import archive
from .export import FILE_NAMES, edit


def safetensors() -> bytes:
    header = json.dumps({"emb.0.weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


def gguf() -> bytes:
    """Version 3, no tensor, one key."""
    text = lambda value: struct.pack("<Q", len(value)) + value  # noqa: E731
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(b"general.architecture") + struct.pack("<I", 8) + text(b"musicgen")


def onnx() -> bytes:
    """A ModelProto: ir_version 8, producer_name, producer_version, an empty graph, opset 17."""
    return b"\x08\x08\x12\x07pytorch\x1a\x052.1.0\x3a\x06\x12\x04main\x42\x02\x10\x11"


def torchscript() -> bytes:
    """What torch.jit.save writes of a module without parameters."""
    code = ("class Identity(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
            "  def forward(self: __torch__.Identity,\n    x: Tensor) -> Tensor:\n    return x\n")
    module = b"\x80\x02c__torch__\nIdentity\n)\x81}X\x08\x00\x00\x00training\x89sb."
    return archive.write_zip([archive.Entry(f"model/{name}", data) for name, data in (
        ("data.pkl", module), ("code/__torch__.py", code.encode()), ("constants.pkl", b"\x80\x02)."), ("version", b"3\n"))])


@edit
def replace_with(export, file, what):
    """Puts something else in the file's place: lfs_pointer, html, json, safetensors, gguf, onnx, torchscript, gzip (of the
    file), pickle (pickle.dump of a dict), empty, zeros, text, folder, dangling_link, link_to_itself."""
    name, original = export.name_of(file), export.read_bytes(file)
    contents = {
        "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 +
                       b"\nsize %d\n" % len(original),
        "html": b"<!DOCTYPE html>\n<html><head><title>401 Unauthorized</title></head><body>Please log in.</body></html>\n",
        "json": b'{"error": "Entry not found"}\n',
        "safetensors": safetensors(),
        "gguf": gguf(),
        "onnx": onnx(),
        "torchscript": torchscript(),
        "gzip": gzip.compress(original, mtime=0),
        "pickle": b"\x80\x04}\x8c\x04loss\x47\x40\x11\x00\x00\x00\x00\x00\x00s.",
        "empty": b"",
        "zeros": bytes(len(original)),
        "text": b"state_dict.bin: see the shared drive\n"}
    specials = {"folder": lambda path: path.mkdir(),
                "dangling_link": lambda path: os.symlink("../blobs/0123abcd", path),
                "link_to_itself": lambda path: os.symlink(path.name, path)}
    export.write_bytes(file, contents.get(what, b""))
    if what in specials:
        export.special[name] = specials[what]
    elif what not in contents:
        raise ValueError(f"replace_with knows no {what!r}")


@edit
def link_into_blobs(export):
    """Both files as links into a folder of blobs, each named by its SHA-256: a snapshot of a hub cache."""
    for file in FILE_NAMES:
        data = export.read_bytes(file)
        target = f"blobs/{hashlib.sha256(data).hexdigest()}"

        def link(path, data=data, target=target):
            (path.parent / "blobs").mkdir(exist_ok=True)
            (path.parent / target).write_bytes(data)
            os.symlink(target, path)
        export.special[export.name_of(file)] = link
