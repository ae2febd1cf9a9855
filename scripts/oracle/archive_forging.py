"""ZIP archives and legacy streams as an attacker lays them out: every field of every header may lie, and what hides behind
the lie is another pickle or other weights, so that a reader who believes it is noticed. Standard library only.
"""
import io
import struct
import tarfile
import zipfile
import zlib

import pickle_forging
from pickle_forging import text


class Record:
    """One record; a field that is None is written as it should be."""

    def __init__(self, name, data, method=0):
        self.name = name.encode() if isinstance(name, str) else name
        self.data, self.method = data, method
        self.payload = deflate(data) if method == 8 else data
        self.local, self.central = {}, {}  # name, flags, method, crc, compressed, size, extra, (central) offset, comment, disk
        self.before = b""                  # bytes in front of the local header
        self.in_directory = self.has_local = True

    def copy(self, data=None):
        return Record(self.name, self.data if data is None else data, self.method)


def deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


class Layout:
    def __init__(self, records):
        self.records = records
        self.prefix = self.suffix = self.before_directory = self.behind_directory = self.comment = b""
        self.end, self.end64, self.locator = {}, {}, {}
        self.with_end64 = True
        self.order = None  # of the directory; None: that of the records

    def write(self) -> bytes:
        out = bytearray(self.prefix)
        entries = {}
        for index, record in enumerate(self.records):
            out += record.before
            offset = len(out)
            if record.has_local:
                out += self.local_header(record, offset) + record.payload
                if not record.local.get("sizes"):
                    out += struct.pack("<IIII", 0x08074B50, self.crc(record), len(record.payload), len(record.data))
            entries[index] = self.directory_entry(record, offset)
        out += self.before_directory
        start = len(out)
        order = [i for i in (self.order or range(len(self.records))) if self.records[i].in_directory]
        directory = b"".join(entries[i] for i in order)
        out += directory + self.behind_directory
        return bytes(out + self.ends(len(order), len(directory), start, len(out)) + self.suffix)

    @staticmethod
    def crc(record):
        return zlib.crc32(record.data)

    def local_header(self, record, offset):
        said = record.local
        name, method = said.get("name", record.name), said.get("method", record.method)
        extra = said.get("extra")
        if extra is None:
            padding = -(offset + 30 + len(name) + 4) % 64
            extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        plain = bool(said.get("sizes"))
        compressed, size = said.get("compressed", len(record.payload) if plain else 0), said.get("size", len(record.data) if plain else 0)
        return struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, said.get("flags", 0x0800 if plain else 0x0808), method, 0, 0,
                           said.get("crc", self.crc(record) if plain else 0), compressed & 0xffffffff, size & 0xffffffff,
                           said.get("name_size", len(name)), said.get("extra_size", len(extra))) + name + extra

    def directory_entry(self, record, offset):
        said = record.central
        name, extra, comment = said.get("name", record.name), said.get("extra", b""), said.get("comment", b"")
        return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, said.get("made", 0), 0, said.get("flags", 0x0808), said.get("method", record.method), 0, 0,
                           said.get("crc", self.crc(record)), said.get("compressed", len(record.payload)) & 0xffffffff,
                           said.get("size", len(record.data)) & 0xffffffff, len(name), len(extra), len(comment), said.get("disk", 0), 0,
                           said.get("attributes", 0), said.get("offset", offset) & 0xffffffff) + name + extra + comment

    def ends(self, entries, size, start, at):
        out = b""
        if self.with_end64:
            said = self.end64
            out += struct.pack("<IQHHIIQQQQ", said.get("signature", 0x06064B50), said.get("length", 44), 0x031E, 45, 0, 0, said.get("entries", entries),
                               said.get("entries", entries), said.get("size", size), said.get("start", start)) + said.get("behind", b"")
            out += struct.pack("<IIQI", 0x07064B50, 0, self.locator.get("offset", at), self.locator.get("disks", 1))
        said = self.end
        return out + struct.pack("<IHHHHIIH", 0x06054B50, said.get("disk", 0), 0, said.get("entries", entries) & 0xffff, said.get("entries", entries) & 0xffff,
                                 said.get("size", size) & 0xffffffff, said.get("start", start) & 0xffffffff,
                                 said.get("comment_size", len(self.comment))) + self.comment


def read_layout(raw: bytes) -> Layout:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return Layout([Record(info.filename, archive.read(info)) for info in archive.infolist()])


def record(layout, name):
    return next(item for item in layout.records if item.name.split(b"/", 1)[-1] == name.encode())


def directory_of(layout, offsets):
    """The directory alone, of records that lie at `offsets`."""
    return b"".join(layout.directory_entry(item, offset) for item, offset in zip(layout.records, offsets))


CASES = [str.upper, str.capitalize, str.swapcase, lambda s: s[:-1] + s[-1].upper(), str.title]


class ArchiveForger:
    """Lies about an archive; `evil` and `other` are data.pkl with a payload, and with other values."""

    def __init__(self, rng, evil: bytes, other: bytes):
        self.rng, self.evil, self.other = rng, evil, other

    def swapped(self, item):
        """Other content for a record: what is loaded in its place would be noticed."""
        name = item.name.split(b"/", 1)[-1]
        if name.lower().endswith(b"data.pkl"):
            return self.rng.choice([self.evil, self.evil, self.other])
        if name.lower() == b"byteorder":
            return self.rng.choice([b"big", b"big", b"little", b"BIG"])
        if name.lower() == b"version":
            return self.rng.choice([b"3\n", b"99\n", b"1", b"x"])
        return bytes(byte ^ 0x40 for byte in item.data)

    def forge(self, layout) -> bytes:
        rng = self.rng
        late = None
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
            lie = rng.choice([self.case_variant, self.case_variant, self.duplicate, self.local_lie, self.central_lie, self.zip64_lie, self.two_ends, self.two_ends,
                              self.two_ends, self.order, self.around, self.names, self.deflated, self.small_records, self.hidden, self.shared_local])
            done = lie(layout)
            late = done or late
        raw = layout.write()
        if late is not None:
            raw = late(raw)
        if rng.random() < 0.15:
            raw = self.flip(raw)
        return raw

    def add(self, layout, item):
        layout.records.insert(self.rng.randrange(len(layout.records) + 1), item)
        layout.order = None

    def case_variant(self, layout):
        item = self.rng.choice(layout.records)
        folder, _, name = item.name.decode("latin1").partition("/")
        change = self.rng.choice(CASES)
        name = change(name) if self.rng.random() < 0.8 else name
        folder = change(folder) if self.rng.random() < 0.3 else folder
        twin = Record(f"{folder}/{name}".encode("latin1"), self.swapped(item))
        if self.rng.random() < 0.3:
            item.name, twin.name = twin.name, item.name
        self.add(layout, twin) if self.rng.random() < 0.8 else layout.records.remove(item)

    def duplicate(self, layout):
        item = self.rng.choice(layout.records)
        self.add(layout, item.copy(self.swapped(item) if self.rng.random() < 0.8 else None))

    def local_lie(self, layout):
        rng, item = self.rng, self.rng.choice(layout.records)
        twin = item.copy(self.swapped(item))
        item.local.update(rng.choice([
            {"name": twin.name.upper()}, {"name": twin.name + b"x"}, {"method": 8}, {"size": len(item.data) + 4}, {"compressed": 1, "size": 1}, {"flags": 0},
            {"flags": 1}, {"sizes": True}, {"sizes": True, "crc": 1}, {"sizes": True, "size": len(item.data) + 1}, {"extra": b""}, {"extra": b"\1\0\x10\0" + b"\xff" * 16},
            {"extra": b"FB\x04\0abcd" + struct.pack("<HH", 0x7075, 9) + b"\1abcdname"}, {"extra_size": 2}, {"name_size": len(item.name) - 1},
            {"name_size": len(item.name) + 1}, {"compressed": -1, "size": -1, "extra": b"\1\0\x10\0" + struct.pack("<QQ", 5, 5)}]))

    def central_lie(self, layout):
        rng, item = self.rng, self.rng.choice(layout.records)
        size = len(item.data)
        item.central.update(rng.choice([
            {"crc": 0}, {"crc": 1}, {"size": size + 1, "compressed": size + 1}, {"size": max(size - 1, 0), "compressed": max(size - 1, 0)}, {"size": size + 1},
            {"compressed": size + 1}, {"method": 8}, {"method": 1}, {"flags": 1}, {"flags": 0}, {"flags": 0x0800}, {"flags": 0x20}, {"offset": 0}, {"disk": 1}, {"attributes": 0x10},
            {"made": 0x0314, "attributes": 0x41ED0010}, {"comment": b"PK\5\6" + b"\0" * 18}, {"comment": b"x" * 10}, {"name": item.name.upper()},
            {"size": -1, "compressed": -1, "extra": struct.pack("<HHQQ", 1, 16, size, size)}, {"size": -1, "compressed": -1, "extra": struct.pack("<HHQQ", 1, 16, size + 1, size + 1)},
            {"offset": -1, "extra": struct.pack("<HHQ", 1, 8, 0)}, {"extra": struct.pack("<HHQQ", 1, 16, size - 1, size - 1)}, {"extra": struct.pack("<HHQ", 1, 8, 0) + b"xx"},
            {"size": -1, "extra": struct.pack("<HHQHHQ", 1, 8, size, 1, 8, size + 1)}, {"extra": struct.pack("<HH", 0x7075, 13) + b"\1\0\0\0\0data.pkl"}, {"extra": b"\1\0"},
            {"attributes": 0xA1FF0000, "made": 0x0300}]))

    def zip64_lie(self, layout):
        rng = self.rng
        form = rng.randrange(9)
        if form == 0:
            layout.locator["offset"] = rng.choice([0, 1, 2**40, 2**63, 12])
        elif form == 1:
            layout.end64["signature"] = 0
        elif form == 2:
            layout.with_end64 = False
        elif form == 3:
            layout.end.update(rng.choice([{"entries": 0xffff}, {"start": -1}, {"size": -1}, {"entries": 0xffff, "start": -1, "size": -1}]))
        elif form == 4:
            layout.end64.update(rng.choice([{"entries": 1}, {"entries": 2**40}, {"start": 0}, {"size": 0}, {"length": 45, "behind": b"x"}, {"length": 2**60}, {"length": 0}]))
        elif form == 5:
            layout.end.update(rng.choice([{"entries": 1}, {"start": 0}, {"size": 1}, {"disk": 1}]))
        elif form == 6:
            layout.locator["disks"] = rng.choice([0, 2])
        elif form == 7:
            layout.with_end64 = False
            layout.behind_directory = rng.choice([b"PK\6\7" + b"\0" * 16, struct.pack("<IIQI", 0x07064B50, 0, 2**50, 1), b"x" * 20])
        else:
            layout.end64["behind"] = b"y" * rng.choice([1, 20])

    def two_ends(self, layout):
        """A second directory (of evil content) and a second end record, in front of, behind or inside the first's comment."""
        rng = self.rng
        form = rng.randrange(6)

        def late(raw):
            index, item = rng.choice(list(enumerate(layout.records)))
            if rng.random() < 0.6:
                index, item = next(((i, r) for i, r in enumerate(layout.records) if r.name.endswith(b"/data.pkl")), (index, item))
            twin = item.copy(self.swapped(item))
            twin.local["sizes"] = True
            offsets = self.offsets_of(raw, layout)
            if offsets is None:
                return raw
            body = layout.local_header(twin, len(raw)) + twin.payload
            offsets[index] = len(raw)
            evil = Layout([r.copy() for r in layout.records])
            evil.records[index] = twin
            directory = directory_of(evil, offsets)
            start = len(raw) + len(body)
            lie = rng.choice([0, 0, 65535, 1, 100, 22])
            end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(offsets), len(offsets), len(directory), start, lie)
            if form == 0:
                return raw + body + directory + end
            if form == 1:  # the first end record's comment holds the second archive
                whole = body + directory + end
                return raw[:-2] + struct.pack("<H", len(whole) & 0xffff) + whole
            if form == 2:
                return raw + body + directory + end + b"\0" * rng.choice([1, 4, 22, 100])
            if form == 3:
                return raw + body + directory + end + raw[-22:-2] + struct.pack("<H", rng.choice([0, 65535, 1]))
            if form == 4:
                end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, len(offsets), len(offsets), len(directory), start)
                locator = struct.pack("<IIQI", 0x07064B50, 0, start + len(directory), 1)
                return raw[:-42] + body + directory + end64 + locator + raw[-22:] if rng.random() < 0.5 else raw + body + directory + end64 + locator + end
            return raw + body + directory + end + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 0)[:rng.choice([4, 10, 21, 22])]

        return late

    @staticmethod
    def offsets_of(raw, layout):
        offsets, at = [], 0
        for _ in layout.records:
            at = raw.find(b"PK\3\4", at)
            if at < 0:
                return None
            offsets.append(at)
            at += 4
        return offsets

    def order(self, layout):
        layout.order = list(range(len(layout.records)))
        self.rng.shuffle(layout.order)

    def around(self, layout):
        rng = self.rng
        junk = rng.choice([b"\0" * 3, b"\0" * 64, b"PK\5\6" + b"\0" * 18, b"PK\3\4" + b"\0" * 26, self.evil, b"\n", b"PK\5\6" + b"\xff" * 17])
        where = rng.randrange(5)
        if where == 0:
            layout.prefix = junk
        elif where == 1:
            layout.suffix = junk
        elif where == 2:
            layout.before_directory = junk
        elif where == 3:
            layout.behind_directory = junk
        else:
            layout.comment = junk
            if rng.random() < 0.4:
                layout.end["comment_size"] = rng.choice([0, 1, len(junk) + 1, 65535])

    def names(self, layout):
        rng, item = self.rng, self.rng.choice(layout.records)
        folder, _, name = item.name.partition(b"/")
        if rng.random() < 0.3:
            folder = rng.choice([b"Archive", b"", b"a/b", b".", b"..", b"\xff", "é".encode(), folder.upper(), folder + b"\0", b"x" * 300])
            for each in layout.records:
                each.name = folder + b"/" + each.name.partition(b"/")[2]
            return
        changed = rng.choice([b"/" + name, folder + b"//" + name, folder + b"/./" + name, folder + b"\\" + name, folder + b"/" + name + b"\0x", folder + b"/" + name + b"/",
                              folder + b"/" + name + b" ", b"./" + item.name, folder + b"/x/../" + name, name, folder + b"/" + name.replace(b"d", b"\xc7\x84"),
                              folder + b"/" + name[::-1]])
        if rng.random() < 0.5:
            item.name = changed
        else:
            self.add(layout, Record(changed, self.swapped(item)))

    def deflated(self, layout):
        rng = self.rng
        for item in [rng.choice(layout.records)] if rng.random() < 0.7 else layout.records:
            item.method, item.payload = 8, deflate(item.data)
            form = rng.randrange(8)
            if form == 0:
                item.payload += b"\0" * rng.choice([1, 9])
            elif form == 1:
                item.central["size"] = len(item.data) + rng.choice([-1, 1, 10])
            elif form == 2:
                item.payload = deflate(item.data + b"more")
            elif form == 3:
                item.payload = zlib.compress(item.data)
            elif form == 4:
                item.payload += deflate(self.evil)

    def small_records(self, layout):
        rng = self.rng
        folder = layout.records[0].name.partition(b"/")[0]
        name, data = rng.choice([
            (b"byteorder", b"big"), (b"byteorder", b"little"), (b"byteorder", b"little\n"), (b"byteorder", b""), (b"BYTEORDER", b"big"), (b"ByteOrder", b"big"), (b"version", b"3"),
            (b"version", b""), (b"version", b" 3"), (b"version", b"3x"), (b"version", b"0x3"), (b"version", b"+3"), (b"VERSION", b"99"), (b".data/version", b"3"), (b".data/version", b"99"),
            (b"constants.pkl", b"\x80\x02]."), (b"CONSTANTS.PKL", b"\x80\x02]."), (b".data/serialization_id", b"1" * 40), (b".format_version", b"1"), (b".format_version", b"9"),
            (b".storage_alignment", b"64"), (b".storage_alignment", b"7"), (b"data/", b""), (b"data", b""), (b"extra", b"x"), (b"extra.pkl", self.evil), (b"code/x.py", b"x")])
        same = [item for item in layout.records if item.name == folder + b"/" + name]
        if same and rng.random() < 0.8:
            index = layout.records.index(same[0])
            layout.records[index] = Record(same[0].name, data)
            if rng.random() < 0.2:
                del layout.records[index]
                layout.order = None
        else:
            self.add(layout, Record(folder + b"/" + name, data))

    def hidden(self, layout):
        """Local records that no directory lists, and entries whose local header is not there."""
        item = self.rng.choice(layout.records)
        twin = item.copy(self.swapped(item))
        if self.rng.random() < 0.6:
            twin.in_directory = False
        else:
            twin.has_local = False
            twin.central["offset"] = self.rng.choice([0, 64, 100])
        self.add(layout, twin)

    def shared_local(self, layout):
        """Two entries of one local record."""
        item = self.rng.choice(layout.records)
        twin = item.copy()
        twin.has_local = False
        twin.name = self.rng.choice([item.name, item.name + b"2", item.name.upper()])
        at = layout.records.index(item)
        layout.records.insert(at + 1, twin)
        layout.order = None
        raw = layout.write()
        offsets = self.offsets_of(raw, layout)
        if offsets and at < len(offsets):
            twin.central["offset"] = offsets[at]

    def flip(self, raw):
        rng, data = self.rng, bytearray(raw)
        for _ in range(rng.choice([1, 1, 2])):
            signature = rng.choice([b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7"])
            places = [at for at in range(len(data)) if data[at:at + 4] == signature] or [0]
            at = min(rng.choice(places) + rng.randrange(60), len(data) - 1)
            data[at] = rng.choice([data[at] ^ 1 << rng.randrange(8), 0, 255])
        return bytes(data)


# --- the legacy stream

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


def legacy_parts(raw: bytes) -> list:
    """The five pickles of a legacy file, and what follows."""
    parts, at = [], 0
    for _ in range(5):
        ops = list(pickle_forging.pickletools.genops(raw[at:at + 100000]))
        end = at + ops[-1][2] + 1
        parts.append(raw[at:end])
        at = end
    return [*parts, raw[at:]]


def forge_legacy(rng, parts: list, evil: bytes) -> bytes:
    """Lies about a legacy stream: its five pickles, its list of keys, its payload."""
    parts = list(parts)
    forger = pickle_forging.Forger(rng, marker=True)
    for _ in range(rng.choice([1, 1, 2])):
        form = rng.randrange(10)
        if form <= 2:
            at = rng.choice([0, 1, 2, 3, 3, 4])
            parts[at] = pickle_forging.mutate(rng, parts[at], parts[:5], marker=True)
        elif form == 3:
            at = rng.randrange(5)
            parts[at] = parts[at][:2] + forger.value() + b"0" + parts[at][2:]
        elif form == 4:
            parts[0] = rng.choice([b"L119547037146038801333356L\n.", b"I119547037146038801333356\n.", b"L 119547037146038801333356\n.", b"\x80\x02N0" + MAGIC[2:],
                                   b"\x80\x02\x8a\x0bl\xfc\x9cF\xf9 j\xa8P\x19\x00.", b"L0x1950a86a20f9469cfc6c\n."])
        elif form == 5:
            keys = rng.choice([["0", "1", "2"], ["2", "1", "0"], ["0", "1"], ["0", "0", "1", "2"], [0, 1, 2], ["0", "1", "2", "9"], ["1", "2", "0"], ("0", "1", "2"), "012", {"0": 1, "1": 2, "2": 3}])
            import pickle
            parts[4] = pickle.dumps(keys, 2)
        elif form == 6:
            tail = bytearray(parts[5])
            at = rng.randrange(len(tail))
            tail[at] ^= 1 << rng.randrange(8)
            parts[5] = bytes(tail)
        elif form == 7:
            parts[5] = rng.choice([parts[5][:-1], parts[5] + b"x", parts[5] + parts[5], b"\0" + parts[5]])
        elif form == 8:
            parts[2] = rng.choice([b"\x80\x02}.", b"\x80\x02N.", b"\x80\x02}X\x0d\x00\x00\x00little_endian\x89s.", b"\x80\x02]."])
        else:
            # A view of a storage: (key, offset, size) in the sixth member.
            view = pickle_forging.tuple_of([text(rng.choice(["0", "1", "v", "0v"])), pickle_forging.integer(rng.choice([0, 1, 2, -1])),
                                            pickle_forging.integer(rng.choice([1, 3, 6, 7]))])
            parts[3] = parts[3].replace(b"NtQ", view + b"tQ", rng.choice([1, 1, 2, 3]))
    return b"".join(parts)


def tar_polyglot(parts: list, member: bytes) -> bytes:
    """A legacy file that is a tar archive as well: its first member's name is made of the magic pickles, `storages` is `member`."""
    head = (parts[0] + parts[1])[:100]
    rest = b"".join(parts[2:])
    header = bytearray(512)
    # The system information's pickle swallows the rest of the header: a text of exactly that length, dropped.
    # A member of that odd name holds the stream; the member `storages` follows.
    name = head
    header[:len(name)] = name
    filler = 512 - len(name)
    swallow = b"U\xff" if filler > 257 else b""
    body = b"\x80\x02B" + struct.pack("<I", filler - 7)
    header[len(name):len(name) + len(body)] = body
    at = len(name) + len(body)
    stream = b"0" + rest[2:]
    size = len(stream)
    header[100:108], header[108:116], header[116:124] = (header[100:108], header[108:116], header[116:124])
    if at > 100:
        raise ValueError("the magic pickles leave no room")
    header[124:136] = b"%011o\0" % size
    header[136:148] = b"%011o\0" % 0
    header[156:157] = b"0"
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    del swallow
    out = bytes(header) + stream + b"\0" * (-len(stream) % 512)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("storages")
        info.size = len(member)
        archive.addfile(info, io.BytesIO(member))
    return out + buffer.getvalue()
