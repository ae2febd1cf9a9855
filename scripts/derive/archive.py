"""The ZIP archive of torch.save, entry by entry, and the checkpoint in it.

An Entry keeps the CRC-32 that the archive states, so that edits can leave a wrong one. Writing lays the archive out as
torch.save does: stored, each payload at a multiple of 64 bytes, sizes in a data descriptor.
"""
import io
import struct
import zipfile
import zlib

from . import pickling

ELEMENT_BYTES = {"DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8,
                 "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1,
                 "QInt8Storage": 1}


class Entry:
    def __init__(self, name: str, data: bytes, crc=None, deflate: bool = False):
        self.name, self.data, self.deflate = name, data, deflate
        self.crc = zlib.crc32(data) if crc is None else crc


def read_zip(raw: bytes) -> list:
    entries = []
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for info in archive.infolist():
            name_bytes, extra_bytes = struct.unpack("<HH", raw[info.header_offset + 26:info.header_offset + 30])
            start = info.header_offset + 30 + name_bytes + extra_bytes
            data = raw[start:start + info.compress_size]
            deflated = info.compress_type == zipfile.ZIP_DEFLATED
            entries.append(Entry(info.filename, zlib.decompress(data, -15) if deflated else data, info.CRC, deflated))
    return entries


def record(entry: Entry, header_at: int) -> tuple:
    """The bytes of one record that begins at `header_at`, and its entry in the directory."""
    name, payload = entry.name.encode(), entry.data
    if entry.deflate:
        compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
        payload = compressor.compress(entry.data) + compressor.flush()
    method = 8 if entry.deflate else 0
    padding = -(header_at + 30 + len(name) + 4) % 64
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, 0x0808, method, 0, 0, 0, 0, 0, len(name), 4 + padding)
    local += name + struct.pack("<2sH", b"FB", padding) + b"Z" * padding + payload
    local += struct.pack("<IIII", 0x08074B50, entry.crc, len(payload), len(entry.data))
    listed = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 0, 0, 0x0808, method, 0, 0, entry.crc, len(payload),
                         len(entry.data), len(name), 0, 0, 0, 0, 0, header_at) + name
    return local, listed


def end_records(count: int, size: int, offset: int) -> bytes:
    """Of a directory of `size` bytes at `offset`, which they follow: a ZIP64 end record, as torch.save leaves one."""
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, count, count, size, offset)
    end += struct.pack("<IIQI", 0x07064B50, 0, offset + size, 1)
    return end + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, offset, 0)


def write_zip(entries: list) -> bytes:
    """For archives below 4 GiB: no ZIP64 sizes."""
    out, directory = bytearray(), bytearray()
    for entry in entries:
        local, listed = record(entry, len(out))
        out += local
        directory += listed
    if len(out) + len(directory) >= 2**32:
        raise ValueError("this writer stops at 4 GiB; edit bytes in place instead")
    return bytes(out + directory) + end_records(len(entries), len(directory), len(out))


def find_entry(entries: list, record: str) -> Entry:
    """By full name, or by its name inside the archive's folder: `data/0`."""
    for entry in entries:
        if record in (entry.name, entry.name.split("/", 1)[-1]):
            return entry
    raise KeyError(f"no record {record!r}; there are {', '.join(e.name for e in entries[:8])}, ...")


class Checkpoint:
    """The package (a value of pickling.py) and the records beside it (byteorder, version, ...)."""

    def __init__(self, raw: bytes):
        entries = read_zip(raw)
        self.folder = entries[0].name.split("/", 1)[0]
        contents = {entry.name.split("/", 1)[1]: bytearray(entry.data) for entry in entries}
        self.package = pickling.read(bytes(contents["data.pkl"]), lambda key: contents.get(f"data/{key}", bytearray()))
        self.other = {name: bytes(data) for name, data in contents.items()
                      if name != "data.pkl" and not name.startswith("data/")}

    def storages_and_pickle(self, legacy: bool = False):
        keys, storages = {}, {}

        def key_of(storage):
            """Its own key; a new storage gets the next free number."""
            if id(storage) not in keys:
                key = storage.key
                if key is None or key in storages:
                    key = str(10000 + len(storages))
                keys[id(storage)], storages[key] = key, storage
                if storage.numel is None:
                    storage.numel = len(storage.data) // ELEMENT_BYTES[storage.kind]
            return keys[id(storage)]

        return storages, pickling.Writer(key_of, legacy).finish(self.package)

    def to_zip(self) -> bytes:
        storages, pickled = self.storages_and_pickle()
        named = [("data.pkl", pickled)]
        named += [("byteorder", self.other["byteorder"])] if "byteorder" in self.other else []
        named += [(f"data/{key}", bytes(storages[key].data)) for key in sorted(storages)]
        named += [item for item in self.other.items() if item[0] != "byteorder"]
        return write_zip([Entry(f"{self.folder}/{name}", data) for name, data in named])

    def to_legacy(self) -> bytes:
        """torch.save(..., _use_new_zipfile_serialization=False): five pickles, then every storage with its length."""
        storages, pickled = self.storages_and_pickle(legacy=True)
        plain = lambda value: pickling.Writer(None).finish(value)  # noqa: E731
        out = plain(0x1950A86A20F9469CFC6C) + plain(1001)
        out += plain({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}})
        out += pickled + plain(sorted(storages))
        for key in sorted(storages):
            data = storages[key].data
            out += struct.pack("<q", len(data) // ELEMENT_BYTES[storages[key].kind]) + bytes(data)
        return out
