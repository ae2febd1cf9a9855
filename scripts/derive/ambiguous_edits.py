"""Files in which two readers see two things: what a check reads need not be what torch.load reads. And harmless layouts
of other writers, which a check must not take for these."""
import io
import struct
import tarfile
import zipfile
import zlib

from . import archive
from .export import edit
from .file_edits import edit_entries
from .unsafe_edits import ARGUMENT, FUNCTION, call

END_BYTES, ENDS_BYTES = 22, 22 + 20 + 56


def runs_first(pickle: bytes, protocol: bool = True) -> bytes:
    """The pickle, with a call in front of it whose result is dropped; without PROTO it doesn't look like one."""
    return (b"\x80\x02" if protocol else b"") + call(FUNCTION, ARGUMENT) + b"0" + pickle[2:]


def split(data: bytes) -> tuple:
    """Records, directory, end records."""
    size, offset = struct.unpack("<II", data[-10:-2])
    return data[:offset], data[offset:offset + size], data[offset + size:]


def second_directory(data: bytes, at: int) -> tuple:
    """A record at `at` of another data.pkl, which runs something first, and a directory that leads there."""
    _, directory, _ = split(data)
    entry = archive.find_entry(archive.read_zip(data), "data.pkl")
    local, listed = archive.record(archive.Entry(entry.name, runs_first(entry.data)), at)
    size = 46 + len(entry.name.encode())  # data.pkl comes first
    return local, listed + directory[size:]


def count_of(data: bytes) -> int:
    return struct.unpack("<H", data[-12:-10])[0]


@edit
def two_ends(export, file, style="behind"):
    """A good archive, and a second directory and end record behind it. Styles: behind (the last end record announces a
    comment that isn't there), comment (all of it is the first one's comment), zip64 (one end record; its ZIP64 record
    leads to the second directory), disk (the second end record says disk 1 of 1)."""
    data = export.read_bytes(file)
    records, directory, _ = split(data)
    count = count_of(data)
    if style == "zip64":
        local, other = second_directory(data, len(records))
        at = len(records) + len(local) + len(directory)
        ends = archive.end_records(count, len(other), at)
        short = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(records) + len(local), 0)
        export.write_bytes(file, records + local + directory + other + ends[:-END_BYTES] + short)
        return
    local, other = second_directory(data, len(data))
    disk, comment = (1 if style == "disk" else 0), (65535 if style == "behind" else 0)
    end = struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, count, count, len(other), len(data) + len(local), comment)
    behind = local + other + end
    if style != "behind":
        data = data[:-2] + struct.pack("<H", len(behind))
    export.write_bytes(file, data + behind)


@edit
def add_record(export, file, record, like=None, runs=False, text=None, size=None, deflate=False, first=False):
    """One more record in the archive's folder: the bytes of the record `like` (`runs`: a call in front of the pickle), or
    `text`, or `size` zeros."""
    def change(entries):
        folder = entries[0].name.split("/", 1)[0]
        if like is not None:
            data = archive.find_entry(entries, like).data
            data = runs_first(data, protocol=False) if runs else bytes(len(data)) if size == 0 else data
        else:
            data = text.encode() if text is not None else bytes(size)
        added = archive.Entry(f"{folder}/{record}", data, deflate=deflate)
        return [added] + entries if first else entries + [added]
    edit_entries(export, file, change)


@edit
def rename_record(export, file, record, to, text=None):
    """Gives a record another name in the archive's folder, and other contents."""
    def change(entries):
        entry = archive.find_entry(entries, record)
        entry.__init__(f"{entry.name.split('/', 1)[0]}/{to}", entry.data if text is None else text.encode())
    edit_entries(export, file, change)


@edit
def pad_pickle(export, file, size, deflate=False):
    """Zeros behind the STOP of data.pkl: torch.load doesn't read them."""
    def change(entries):
        entry = archive.find_entry(entries, "data.pkl")
        entry.__init__(entry.name, entry.data + bytes(size), deflate=deflate)
    edit_entries(export, file, change)


@edit
def unlist_record(export, file, record):
    """A record, with its bytes, that the directory doesn't list."""
    data = export.read_bytes(file)
    records, directory, _ = split(data)
    out, at = b"", 0
    while at < len(directory):
        size = 46 + sum(struct.unpack("<HHH", directory[at + 28:at + 34]))
        name = directory[at + 46:at + size].decode()
        out += b"" if name.split("/", 1)[1] == record else directory[at:at + size]
        at += size
    export.write_bytes(file, records + out + archive.end_records(count_of(data) - 1, len(out), len(records)))


@edit
def second_name(export, file, record, to):
    """Info-ZIP's Unicode path field in the directory: the record has another name to readers that know the field."""
    data = export.read_bytes(file)
    records, directory, _ = split(data)
    at = 0
    while directory[at + 46:].split(b"PK\x01\x02", 1)[0].decode().split("/", 1)[1] != record:
        at += 46 + struct.unpack("<H", directory[at + 28:at + 30])[0]
    size = 46 + struct.unpack("<H", directory[at + 28:at + 30])[0]
    name = directory[at + 46:at + size]
    other = name.split(b"/", 1)[0] + b"/" + to.encode()
    field = struct.pack("<HHBI", 0x7075, 5 + len(other), 1, zlib.crc32(name)) + other
    entry = directory[at:at + 30] + struct.pack("<H", len(field)) + directory[at + 32:at + size] + field
    directory = directory[:at] + entry + directory[at + size:]
    export.write_bytes(file, records + directory + archive.end_records(count_of(data), len(directory), len(records)))


def tar_of(members: dict, form: str) -> bytes:
    """`form`: ustar, or v7 (no magic at 257, as before POSIX)."""
    out = b""
    for name, data in members.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        header = info.tobuf(tarfile.USTAR_FORMAT)
        if form == "v7":
            header = header[:148] + b" " * 8 + header[156:257] + bytes(255)
            header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
        out += header + data + bytes(-len(data) % 512)
    return out + bytes(1024)


def tar_members() -> dict:
    """A checkpoint as before PyTorch 0.1.10, as text; the first pickle's value is the number of storages."""
    runs = "c{}\n{}\n(S'{}'\ntR.".format(*FUNCTION.rsplit(".", 1), ARGUMENT).encode()
    return {"storages": runs + b"(l.", "tensors": b"I0\n.", "pickle": b"(d."}


@edit
def to_tar(export, file, form="ustar", first=None):
    """A tar checkpoint whose storages run something. `first`: the name of a member before them."""
    members = {first: b"x"} if first else {}
    export.write_bytes(file, tar_of({**members, **tar_members()}, form))


@edit
def to_legacy_and_tar(export, file):
    """The legacy format, a tar archive at once: a text that the system information drops holds the tar's headers and
    members; the first member's name is made of the magic number."""
    data = archive.Checkpoint(export.read_bytes(file)).to_legacy()
    at = data.index(b"\x80\x02", data.index(b"\x80\x02", 2) + 2)  # of the system information
    text_at = at + 2 + 5
    members = tar_of(tar_members(), "v7")
    text = bytearray(512 - text_at)
    for where, field in ((100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"), (124, b"00000000000\0"),
                         (136, b"00000000000\0"), (148, b" " * 8), (156, b"0")):
        text[where - text_at:where - text_at + len(field)] = field
    start = data[:at] + b"\x80\x02X" + struct.pack("<I", len(text) + len(members))
    # The sum must be even in UTF-8: every byte of the text is ASCII.
    checksum = b"%06o\0 " % sum(start + text)
    text[148 - text_at:156 - text_at] = checksum
    export.write_bytes(file, start + bytes(text) + members + b"0" + data[at + 2:])


@edit
def rezip(export, file, style):
    """The archive as other programs write it. Styles: python, python_deflated (zipfile), streamed (zipfile to a pipe: sizes
    in descriptors), zip64 (sizes in ZIP64 fields though small), infozip (zip -r: folder entries, times and owners in
    extra fields), comment (an archive comment, of which the end record knows)."""
    entries = archive.read_zip(export.read_bytes(file))
    out = io.BytesIO()
    if style == "streamed":
        class Pipe(io.RawIOBase):
            def writable(self):
                return True

            def write(self, data):
                return out.write(data)
        target = Pipe()
    else:
        target = out
    deflate = zipfile.ZIP_DEFLATED if style in ("python_deflated", "infozip") else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", deflate) as archived:
        folders = set()
        for entry in entries:
            parts = entry.name.split("/")[:-1]
            for depth in range(1, len(parts) + 1) if style == "infozip" else ():
                folder = "/".join(parts[:depth]) + "/"
                if folder not in folders:
                    folders.add(folder)
                    archived.writestr(info_of(folder, style, zipfile.ZIP_STORED), b"")
            with archived.open(info_of(entry.name, style, deflate), "w", force_zip64=style == "zip64") as stream:
                stream.write(entry.data)
        if style == "comment":
            archived.comment = b"Exported for the demo; PK and all."
    export.write_bytes(file, out.getvalue())


def info_of(name: str, style: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
    info.compress_type = method
    if style == "infozip":
        info.create_system, info.external_attr = 3, 0o644 << 16
        info.extra = struct.pack("<HHBI", 0x5455, 5, 1, 1704164646) + struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, 1000, 4, 1000)
    return info
