"""What torch.load makes of files, each in a process of its own: the other side of load_differential.py.

usage: load_reader.py SCRATCH < PATHS        with the Python whose torch is asked; prints one JSON object a line

{"ok": true, "best_state": [[name, dtype, shape, crc32], ...], "ran": [...]}, or {"ok": false, "error": ..., "ran": [...]}.
"ran": what is new in the child's working folder. A child is forked with torch imported; it has no rights of root, may start
no process, and has bounds of time, memory and file size: what a file may run creates an empty folder there, and no more.
"""
import gc
import json
import os
import resource
import shutil
import sys
import warnings
import zlib

import forked

TIME_S = 10
NOBODY = 65534
WEIGHTS_ONLY = os.environ.get("LOAD_READER_WEIGHTS_ONLY") == "1"


def state_of(torch, package):
    """What load_state_dict would be given: it copies the dict into an OrderedDict first, and so does this."""
    from collections import OrderedDict
    state = package["best_state"]
    copied = OrderedDict(state)
    entries = []
    for name, value in copied.items():
        value = torch.nn.Parameter(torch.zeros_like(value), requires_grad=False).data.copy_(value)
        entries.append([str(name), str(value.dtype).replace("torch.", ""), list(value.shape), crc_of(torch, value)])
    return entries


def crc_of(torch, tensor):
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.detach().reshape(-1))
    return zlib.crc32(flat.view(torch.uint8).numpy().tobytes()) if flat.numel() else 0


def load(torch, path):
    warnings.simplefilter("ignore")
    package = torch.load(path, map_location="cpu", **({"weights_only": WEIGHTS_ONLY} if torch.__version__ >= "2" else {}))
    str(package.get("xp.cfg"))
    return state_of(torch, package)


def contained(torch, path):
    """In the child: bounds and no rights, then what torch.load makes of the file."""
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    for limit, value in ((resource.RLIMIT_AS, used + (3 << 30)), (resource.RLIMIT_CPU, TIME_S), (resource.RLIMIT_FSIZE, 1 << 20), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    try:
        result = {"ok": True, "best_state": load(torch, path)}
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is the result)
        try:
            said = f"{type(error).__name__}: {error}"[:160]
        except BaseException:  # noqa: BLE001
            said = type(error).__name__
        result = {"ok": False, "error": said}
    result["ran"] = os.listdir(".")
    return result


def read(torch, path, folder):
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    result, ended = forked.run(lambda: contained(torch, path), folder)
    if ended:
        result = {"ok": False, "error": ended, "ran": []}
    result["ran"] = sorted({*result["ran"], *os.listdir(folder)})
    shutil.rmtree(folder, ignore_errors=True)
    return result


def preload():
    """What a pickle may name: the child has no rights to read a Python that lies in root's home."""
    import encodings
    import importlib
    import pkgutil
    names = [f"encodings.{module.name}" for module in pkgutil.iter_modules(encodings.__path__) if module.name not in ("mbcs", "oem")]
    names += ["argparse", "datetime", "decimal", "fractions", "imaplib", "nt", "pathlib", "tarfile", "typing", "uuid", "_codecs",
              "numpy.core.multiarray", "numpy.core.numeric", "numpy._core.multiarray", "torch._utils", "torch._tensor", "torch.nn.parameter",
              "torch.distributed", "torch.distributed._shard.sharded_tensor", "torch.fx.passes.shape_prop", "omegaconf.dictconfig"]
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001  (some releases have no such module)
            pass


def main():
    scratch = os.path.abspath(sys.argv[1])
    os.makedirs(scratch, exist_ok=True)
    os.chmod(scratch, 0o755)
    temporary = os.path.join(scratch, "tmp")
    os.makedirs(temporary, exist_ok=True)
    os.chmod(temporary, 0o777)
    os.environ.update(HOME=temporary, TMPDIR=temporary)
    import numpy  # noqa: F401
    import omegaconf  # noqa: F401
    import torch
    preload()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # so that a child writes into no page of what is imported
    gc.disable()
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for number, line in enumerate(sys.stdin):
        print(json.dumps(read(torch, line.rstrip("\n"), os.path.join(scratch, str(number)))), flush=True)


if __name__ == "__main__":
    main()
