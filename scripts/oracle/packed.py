"""Goldens as one file that our own reader opens: a zip of torch.save's, deflated and the same bytes every time."""
import io
import zipfile

import torch


def save(value, path, name: str) -> None:
    """`name`: the archive's folder. The pickle repeats itself: deflated it takes a tenth."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            record = zipfile.ZipInfo(entry.filename.replace("archive/", name + "/"))
            record.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(record, source.read(entry), compresslevel=9)
