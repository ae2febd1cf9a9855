"""What a bomb is, and what several kinds of them use. scripts/bombs.py makes and judges them."""
from . import pickling

BOMBS = {}


class Bomb:
    """`plant(export)` edits a good export; `hub(folder)` makes the hub's cache, where it isn't that of the fixtures."""
    def __init__(self, plant, base, hub, verdicts):
        self.plant, self.base, self.hub, self.verdicts = plant, base, hub, verdicts
        self.what = " ".join(plant.__doc__.split())


def bomb(function=None, *, base="musicgen-tiny-mono", hub=None, passes=False):
    """Registers a bomb under the function's name. `passes`: it may pass, where its bytes can do no harm."""
    def register(plant):
        BOMBS[plant.__name__] = Bomb(plant, base, hub, {"fail", "incomplete"} | ({"pass"} if passes else set()))
        return plant
    return register(function) if function else register


def tensor(storage, offset=0, shape=(1,), strides=(1,)):
    return pickling.Tensor(storage, offset, shape, strides)


def floats(count: int, kind: str = "FloatStorage"):
    """A storage of its own, of zeros."""
    size = {"FloatStorage": 4, "HalfStorage": 2, "ByteStorage": 1}[kind]
    return pickling.Storage(kind, bytearray(count * size))


def config_of(export, file="language_model") -> str:
    return export.package(file)["xp.cfg"]


def set_config(export, text: str, file="language_model") -> None:
    export.package(file)["xp.cfg"] = text


def replace_line(export, key: str, value: str, file="language_model", under=None) -> None:
    """`key: ...` becomes `key: value`: the first one, or the first one below `under:`."""
    lines = config_of(export, file).split("\n")
    start = lines.index(f"{under}:") if under else 0
    for number in range(start, len(lines)):
        if lines[number].strip().startswith(f"{key}:"):
            indent = lines[number][:len(lines[number]) - len(lines[number].lstrip())]
            lines[number] = f"{indent}{key}: {value}"
            # A list or mapping that stood there goes.
            while number + 1 < len(lines) and (lines[number + 1].startswith(indent + " ") or
                                               lines[number + 1].startswith(indent + "- ")):
                del lines[number + 1]
            set_config(export, "\n".join(lines), file)
            return
    raise KeyError(f"{key} is not in the config")
