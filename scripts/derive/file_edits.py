"""Edits of files as bytes, and of the archive's records. None of them touches what it does not name."""
from . import archive, values
from .export import edit


def record_of(export, file: str, record, tensor) -> str:
    """The record's name; a tensor's is that of its storage."""
    if tensor is None:
        return record
    return "data/" + values.plain(archive.Checkpoint(export.read_bytes(file)).package["best_state"][tensor]).storage.key


@edit
def truncate(export, file, keep):
    """Keeps the first `keep` bytes, or that fraction of the file where `keep` is below 1: a download that stopped."""
    data = export.read_bytes(file)
    export.write_bytes(file, data[:int(keep * len(data)) if keep < 1 else int(keep)])


@edit
def append(export, file, hex):
    """Adds bytes behind the end."""
    export.write_bytes(file, export.read_bytes(file) + bytes.fromhex(hex))


@edit
def remove_file(export, file):
    """Removes the file."""
    export.remove(file)


@edit
def rename_file(export, file, to):
    """Gives the file another name; a folder may stand in it ("model/state_dict.bin")."""
    data = export.read_bytes(file)
    export.remove(file)
    export.write_bytes(to, data)


@edit
def add_file(export, name, text):
    """Adds a file that is no part of an export."""
    export.write_bytes(name, text.encode())


@edit
def swap_files(export):
    """state_dict.bin and compression_state_dict.bin in each other's place."""
    first, second = export.read_bytes("language_model"), export.read_bytes("codec")
    export.write_bytes("language_model", second)
    export.write_bytes("codec", first)


@edit
def link_file(export, file, to):
    """A symbolic link in the file's place, to an absolute path."""
    export.write_bytes(file, b"")
    export.special[export.name_of(file)] = lambda path: path.symlink_to(to)


@edit
def copy_file(export, source, file):
    """The contents of `source` in the place of `file`."""
    export.write_bytes(file, export.read_bytes(source))


@edit
def file_from(export, file, base):
    """The file of another export (a folder beside the base) in this one's place."""
    name = export.name_of(file)
    export.write_bytes(name, (export.base.parent / base / name).read_bytes())


@edit
def replace_folder(export, what):
    """The export itself is a `file`, or `missing`."""
    if what not in ("file", "missing"):
        raise ValueError(f"replace_folder knows no {what!r}")
    export.folder_is = what


@edit
def patch_bytes(export, file, at, hex, record=None, tensor=None):
    """Overwrites bytes from offset `at` of the file (below 0: from its end), or of a record; CRCs stay as they were."""
    record, patch = record_of(export, file, record, tensor), bytes.fromhex(hex)
    data = bytearray(export.read_bytes(file))
    if record is not None:
        start = data.index(archive.find_entry(archive.read_zip(bytes(data)), record).data)
        at += start
    elif at < 0:
        at += len(data)
    data[at:at + len(patch)] = patch
    export.write_bytes(file, data)


def edit_entries(export, file, change):
    entries = archive.read_zip(export.read_bytes(file))
    export.write_bytes(file, archive.write_zip(change(entries) or entries))


@edit
def flip_bit(export, file, byte, bit, record=None, tensor=None):
    """Flips one bit of a record (or of a tensor's); the CRC stays what it was, as on a failing disk."""
    name = record_of(export, file, record, tensor)

    def change(entries):
        entry = archive.find_entry(entries, name)
        data = bytearray(entry.data)
        data[byte] ^= 1 << bit
        entry.data = bytes(data)
    edit_entries(export, file, change)


@edit
def zero_record(export, file, record=None, tensor=None, correct_crc=False):
    """Fills a record with zeros; the CRC stays what it was: a hole that a sparse copy left."""
    name = record_of(export, file, record, tensor)

    def change(entries):
        entry = archive.find_entry(entries, name)
        entry.__init__(entry.name, bytes(len(entry.data)), None if correct_crc else entry.crc, entry.deflate)
    edit_entries(export, file, change)


@edit
def set_record(export, file, record, hex):
    """Gives a record other contents, with their CRC."""
    def change(entries):
        entry = archive.find_entry(entries, record)
        entry.__init__(entry.name, bytes.fromhex(hex))
    edit_entries(export, file, change)


@edit
def mutate_pickle(export, file, at, hex):
    """Overwrites bytes of data.pkl, at that fraction of its length, with a right CRC: a writer gone wrong."""
    def change(entries):
        entry, patch = archive.find_entry(entries, "data.pkl"), bytes.fromhex(hex)
        start = int(at * (len(entry.data) - len(patch)))
        entry.__init__(entry.name, entry.data[:start] + patch + entry.data[start + len(patch):])
    edit_entries(export, file, change)


@edit
def drop_record(export, file, record=None, tensor=None):
    """Removes a record from the archive; the pickle still names it."""
    name = record_of(export, file, record, tensor)
    edit_entries(export, file, lambda entries: [e for e in entries if e is not archive.find_entry(entries, name)])


@edit
def double_record(export, file, record=None, tensor=None):
    """Lists a record twice under one name, the second time zeroed: readers disagree on which one counts."""
    name = record_of(export, file, record, tensor)

    def change(entries):
        entry = archive.find_entry(entries, name)
        return entries + [archive.Entry(entry.name, bytes(len(entry.data)))]
    edit_entries(export, file, change)


@edit
def shorten_record(export, file, by, record=None, tensor=None):
    """Cuts the last `by` bytes of a record, with the right CRC: fewer elements than the pickle says."""
    name = record_of(export, file, record, tensor)

    def change(entries):
        entry = archive.find_entry(entries, name)
        entry.__init__(entry.name, entry.data[:-by])
    edit_entries(export, file, change)


@edit
def rezip_deflate(export, file):
    """Packs the archive again with deflate, as a general ZIP tool does."""
    def change(entries):
        for entry in entries:
            entry.deflate = True
    edit_entries(export, file, change)


@edit
def rename_archive_folder(export, file, to):
    """Another name for the folder inside the archive, as after saving under another file name."""
    def change(entries):
        for entry in entries:
            entry.name = to + "/" + entry.name.split("/", 1)[1]
    edit_entries(export, file, change)


@edit
def zero_crc(export, file):
    """CRC 0 everywhere: torch.serialization.set_crc32_options(False)."""
    def change(entries):
        for entry in entries:
            entry.crc = 0
    edit_entries(export, file, change)


@edit
def to_legacy(export, file):
    """torch.save's format before the ZIP archive. Only file-level edits can follow."""
    export.write_bytes(file, archive.Checkpoint(export.read_bytes(file)).to_legacy())
