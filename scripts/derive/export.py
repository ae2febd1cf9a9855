"""An export that is being edited: files by name, each as bytes or as a parsed checkpoint, written at the end."""
import os
import shutil
from pathlib import Path

from . import archive, values

FILE_NAMES = {"language_model": "state_dict.bin", "codec": "compression_state_dict.bin"}
EDITS = {}


def edit(function):
    """Registers an edit: its name is the function's, its parameters are the keys of the recipe's object."""
    if function.__name__ in EDITS:
        raise ValueError(f"two edits are called {function.__name__}")
    EDITS[function.__name__] = function
    return function


class Export:
    def __init__(self, base: Path):
        self.base = Path(base)
        self.names = [name for name in sorted(os.listdir(base)) if (self.base / name).is_file()]
        self._bytes, self._checkpoints = {}, {}
        self.special = {}         # file name -> a function that makes it at a path, in the file's stead
        self.folder_is = "folder"  # or "file", "missing"

    @staticmethod
    def name_of(file: str) -> str:
        return FILE_NAMES.get(file, file)

    def read_bytes(self, file: str) -> bytes:
        """The file as it would be written now."""
        name = self.name_of(file)
        if name in self._checkpoints:
            self._bytes[name] = self._checkpoints.pop(name).to_zip()
        if name not in self._bytes:
            self._bytes[name] = (self.base / name).read_bytes()
        return self._bytes[name]

    def write_bytes(self, file: str, data: bytes) -> None:
        name = self.name_of(file)
        self._checkpoints.pop(name, None)
        self.special.pop(name, None)
        self._bytes[name] = bytes(data)
        if name not in self.names:
            self.names.append(name)

    def checkpoint(self, file: str) -> archive.Checkpoint:
        """The parsed file; what is changed in it will be written."""
        name = self.name_of(file)
        if name not in self._checkpoints:
            self._checkpoints[name] = archive.Checkpoint(self.read_bytes(file))
        return self._checkpoints[name]

    def package(self, file: str) -> dict:
        return self.checkpoint(file).package

    def state(self, file: str) -> dict:
        return self.package(file)["best_state"]

    def tensor(self, file: str, name: str):
        state = self.state(file)
        if name not in state:
            raise KeyError(f"{self.name_of(file)} has no tensor {name!r}")
        return values.plain(state[name])

    def remove(self, file: str) -> None:
        name = self.name_of(file)
        self.names = [other for other in self.names if other != name]
        self._bytes.pop(name, None)
        self._checkpoints.pop(name, None)

    def write(self, out: Path) -> None:
        if self.folder_is == "missing":
            return
        if self.folder_is == "file":
            out.write_bytes(self.read_bytes("language_model"))
            return
        out.mkdir(parents=True, exist_ok=True)
        for name in self.names:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            if name in self.special:
                self.special[name](out / name)
            elif name in self._bytes or name in self._checkpoints:
                (out / name).write_bytes(self.read_bytes(name))
            else:
                shutil.copyfile(self.base / name, out / name)
