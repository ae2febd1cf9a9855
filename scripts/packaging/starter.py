"""The command musicgen-conformance: finds the LibTorch of the installed `torch` package and becomes the program on it.

Nothing of torch is imported, and no Python runs beside the program.
"""
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

__version__ = "@VERSION@"
TORCH = "@TORCH@"  # what the program was built with: LibTorch's C++ interface holds for a minor version

HERE = Path(__file__).resolve().parent


def refuse(problem: str, remedy: str) -> int:
    print(f"musicgen-conformance: {problem}\nWhat to do: {remedy}", file=sys.stderr)
    return 2


def main() -> int:
    minor = ".".join(TORCH.split(".")[:2])
    remedy = f"pip install 'torch~={minor}.0', in an environment of its own if this one needs another torch"
    try:
        spec = importlib.util.find_spec("torch")
        found = importlib.metadata.version("torch")
    except (ImportError, importlib.metadata.PackageNotFoundError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        return refuse("this Python has no package torch, whose LibTorch is needed", remedy)
    if ".".join(found.split("+")[0].split(".")[:2]) != minor:
        return refuse(f"this Python has torch {found}; this package was built and tested with {minor}", remedy)
    libraries = Path(list(spec.submodule_search_locations)[0]) / "lib"
    environment = dict(os.environ)
    if libraries.resolve() != (HERE.parent / "torch" / "lib").resolve():
        # Not beside this package, where the program looks by itself.
        environment["CONFORMANCE_LIBRARY_PATH"] = str(libraries)
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, (str(libraries), environment.get("LD_LIBRARY_PATH"))))
    # OpenMP's threads wait asleep: spinning, they slow down whatever else uses the cores.
    environment.setdefault("GOMP_SPINCOUNT", "1000")
    arguments = sys.argv[1:]
    if not arguments and "AUDIOCRAFT_EXPORT_DIR" not in environment:
        print("no export was named: this validates the example that the package brings", file=sys.stderr)
        arguments = [str(HERE / "example")]
    program = HERE / "bin" / "conformance"
    os.execve(program, ["musicgen-conformance", *arguments], environment)
