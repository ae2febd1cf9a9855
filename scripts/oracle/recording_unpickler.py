"""CPython's own unpicklers, made to resolve nothing: every name becomes a recorder that takes whatever the unpickler does
with it, so that the reading goes on as far as a real one could. What is harmless is real (containers, text, numbers), so that
names computed from it are those of a real run. Standard library only; Python 3.8 to 3.13.
"""
import collections
import io
import pickle
import _compat_pickle

REAL = {("builtins", name): getattr(__import__("builtins"), name)
        for name in ("dict", "list", "tuple", "set", "frozenset", "bytes", "bytearray", "object", "complex", "int", "float",
                     "str", "bool", "slice", "range")}
REAL.update({("collections", "OrderedDict"): collections.OrderedDict, ("collections", "defaultdict"): collections.defaultdict,
             ("collections", "deque"): collections.deque, ("_codecs", "encode"): __import__("_codecs").encode})
# torch.storage._storage_type_to_dtype_map, which torch's find_class looks into before it resolves anything.
STORAGES = {name + "Storage" for name in (
    "Double Float Half Long Int Short Char Byte Bool BFloat16 ComplexDouble ComplexFloat QUInt8 QInt8 QInt32 QUInt4x2 QUInt2x4").split()} | {"UntypedStorage"}


class Named(type):
    """The class of recorders: a class itself, since NEWOBJ wants one, whose BUILD is recorded as well."""

    def _setstate(cls):
        return lambda state: None

    __setstate__ = property(_setstate, lambda cls, value: None)

    def __setattr__(cls, name, value):
        pass


class Recorder(metaclass=Named):
    qualified = ""

    def __new__(cls, *args, **keywords):
        made = object.__new__(cls)
        made.__dict__.update(function=cls, args=args, keywords=keywords, states=[], items=[], pairs=[])
        return made

    def __init__(self, *args, **keywords):
        pass

    def __call__(self, *args, **keywords):
        return Recorder(self, *args, **keywords)

    def __setstate__(self, state):
        # An earlier state may have brought a __setstate__ of its own, which CPython would then call.
        for earlier in self.states:
            if isinstance(earlier, dict) and callable(earlier.get("__setstate__")):
                earlier["__setstate__"](state)
        self.states.append(state)

    def append(self, item):
        self.items.append(item)

    def extend(self, items):
        self.items.extend(items)

    def add(self, item):
        self.items.append(item)

    def update(self, items):
        self.items.extend(items)

    def __setitem__(self, key, value):
        self.pairs.append((key, value))

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)

    def __bool__(self):
        return True


class Storage:
    def __init__(self, pid):
        self.pid = pid


def recorder_of(qualified: str):
    return Named(str(qualified).encode("ascii", "replace").decode(), (Recorder,), {"qualified": qualified})


class Recording:
    """The part that both unpicklers share. `names`: what was resolved, (module, name) in order, as the real find_class maps them."""

    def start(self):
        self.names, self.protocol = [], 0

    def record(self, module, name):
        """As torch's UnpicklerWrapper.find_class, then pickle's own."""
        if type(name) is str and "Storage" in name and name in STORAGES:
            return recorder_of("torch." + name)
        if type(module) is str and module == "torch.tensor":
            module = "torch._tensor"
        if self.protocol_now() < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            elif module in _compat_pickle.IMPORT_MAPPING:
                module = _compat_pickle.IMPORT_MAPPING[module]
        if module == "":
            raise ValueError("Empty module name")  # as importing it does
        self.names.append((module, name))
        real = REAL.get((module, name))
        if real is not None:
            return real
        if (module, name) == ("collections", "Counter"):
            return type("Counter", (collections.Counter,), {"__module__": "collections"})
        return recorder_of(f"{module}.{name}")

    def persistent_load(self, pid):
        if not isinstance(pid, tuple):
            raise AssertionError("torch wants a tuple")
        return Storage(pid)

    def get_extension(self, code):
        self.names.append(("copyreg", f"extension_{code}"))
        return recorder_of(f"copyreg.extension_{code}")


class Plain(Recording, pickle._Unpickler):
    def __init__(self, data):
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self.start()

    def protocol_now(self):
        return self.proto

    def find_class(self, module, name):
        return self.record(module, name)

    def get_extension(self, code):
        self.append(Recording.get_extension(self, code))


class Native(Recording, pickle.Unpickler):
    """The C unpickler keeps its protocol to itself: the last PROTO of the pure one's run is close enough for names."""

    def __init__(self, data, protocols):
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self.start()
        self.protocols = protocols

    def protocol_now(self):
        return self.protocols[min(len(self.names), len(self.protocols) - 1)] if self.protocols else 0

    def find_class(self, module, name):
        return self.record(module, name)


class PlainWithProtocols(Plain):
    def start(self):
        super().start()
        self.protocols = []

    def find_class(self, module, name):
        self.protocols.append(self.proto)
        return super().find_class(module, name)


def run(data: bytes) -> dict:
    """{plain, native: {names, error, value}}; the value is kept, not copied."""
    plain = PlainWithProtocols(data)
    results = {"plain": attempt(plain)}
    results["native"] = attempt(Native(data, plain.protocols))
    return results


def attempt(unpickler) -> dict:
    value, error = None, None
    try:
        value = unpickler.load()
    except BaseException as problem:  # noqa: BLE001  (whatever it is, it is the result)
        if isinstance(problem, KeyboardInterrupt):
            raise
        try:
            error = f"{type(problem).__name__}: {problem}"[:120]
        except BaseException:  # noqa: BLE001  (a message made of values of the pickle)
            error = type(problem).__name__
    return {"names": [(str(module), str(name)) for module, name in unpickler.names], "error": error, "value": value}
