"""Edits of the folder: files that are packed, cut, unpacked, or that hold both models."""
import gzip
import io
import re
import tarfile
import zipfile
from pathlib import PurePosixPath

from . import archive
from .export import edit
from .tensor_edits import matching


def packed(contents: dict, to: str) -> bytes:
    out = io.BytesIO()
    if to.endswith(".zip"):
        with zipfile.ZipFile(out, "w") as file:
            for name, data in contents.items():
                file.writestr(zipfile.ZipInfo(name), data)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0) if to.endswith("gz") else out.getvalue()


@edit
def pack(export, files, to, kind=None):
    """`files` in an archive, and no longer beside it; `kind` (zip, tar, tar.gz) where the name does not say it."""
    contents = {export.name_of(file): export.read_bytes(file) for file in files}
    for file in files:
        export.remove(file)
    export.write_bytes(to, packed(contents, kind or to))


@edit
def cut_file(export, file, parts):
    """NAME.000, NAME.001, ... in the file's place."""
    data, name = export.read_bytes(file), export.name_of(file)
    size = -(-len(data) // parts)
    export.remove(file)
    for part in range(parts):
        export.write_bytes(f"{name}.{part:03}", data[part * size:(part + 1) * size])


@edit
def unzip_file(export, file):
    """What unzip makes of the file: its records, in the archive's folder."""
    entries = archive.read_zip(export.read_bytes(file))
    export.remove(file)
    for entry in entries:
        export.write_bytes(str(PurePosixPath(entry.name)), entry.data)


@edit
def copy_tensors_between(export, source, file, pattern, to):
    """Copies of the matching tensors of `source` under other names in `file`: one file that holds both models."""
    for name in matching(export, source, pattern):
        export.state(file)[re.sub(pattern, to, name)] = export.tensor(source, name)
