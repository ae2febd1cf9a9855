"""Files as real writers lay them out, for `state_dict_integrity/FILE/unambiguous`: none of them may be refused.

usage: writers.py torch OUT [--large]     with the PyTorch that runs this: torch.save, ZIP and legacy, small; --large: a
                                          file beyond 4 GiB, whose last tensor begins there (6 GB of memory and disk)
       writers.py archivers FILE OUT      FILE packed again by Python's zipfile, and by zip, 7z and bsdtar where they are

Then an export of it and a file made by `torch` as its codec, or harness/checkpoint's tests, tell: see README.md.
"""
import argparse
import collections
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def package():
    import torch
    values = torch.arange(6.0)
    state = collections.OrderedDict(
        a=values.reshape(2, 3), empty=torch.zeros(0), half=torch.ones(3).half(), scalar=torch.tensor(1.5),
        view=values[2:5], transposed=values.reshape(2, 3).t(), integers=torch.arange(4), flags=torch.tensor([True]),
        parameter=torch.nn.Parameter(torch.ones(2)))
    return {"best_state": state, "xp.cfg": "sample_rate: 32000\n", "version": "1.3.0", "exported": True}


def with_torch(out: Path, large: bool) -> None:
    import torch
    saved = package()
    torch.save(saved, str(out / "zip.bin"))
    torch.save(saved, str(out / "a name with blanks, ü.th"))
    with open(out / "stream.bin", "wb") as stream:
        torch.save(saved, stream)
    torch.save(saved, str(out / "legacy.bin"), _use_new_zipfile_serialization=False)
    torch.save(saved, str(out / "protocol4.bin"), pickle_protocol=4)
    torch.save(saved, str(out / "legacy_protocol4.bin"), pickle_protocol=4, _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2).state_dict(), str(out / "state_dict.bin"))
    torch.save({}, str(out / "nothing.bin"))
    if hasattr(torch.serialization, "set_crc32_options"):
        torch.serialization.set_crc32_options(False)
        torch.save(saved, str(out / "without_crc.bin"))
        torch.serialization.set_crc32_options(True)
    if large:
        big = {"a": torch.zeros(2**32 + 10, dtype=torch.uint8), "b": torch.ones(3), "c": torch.zeros(0)}
        torch.save(big, str(out / "large.bin"))
        torch.save(big, str(out / "large_legacy.bin"), _use_new_zipfile_serialization=False)
    print(torch.__version__, sorted(path.name for path in out.iterdir()))


def with_archivers(file: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(scratch)
            for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                with zipfile.ZipFile(out / f"python_{method}.bin", "w", method) as again:
                    for info in archive.infolist():
                        again.writestr(info.filename, archive.read(info))
        folder = next(path.name for path in Path(scratch).iterdir())
        commands = {"zip": ["zip", "-qr"], "zip_stored": ["zip", "-qr0"], "zip_without_extra": ["zip", "-qrX"],
                    "7z": ["7z", "a", "-tzip", "-bso0"], "7z_stored": ["7z", "a", "-tzip", "-mx0", "-bso0"],
                    "bsdtar": ["bsdtar", "--format", "zip", "-cf"]}
        for name, command in commands.items():
            if shutil.which(command[0]) is None:
                print(f"{command[0]} is not installed", file=sys.stderr)
                continue
            target = (out / name).resolve().with_suffix(".zip")
            subprocess.run([*command, str(target), folder], cwd=scratch, check=True)
            target.rename(target.with_suffix(".bin"))
        if shutil.which("zip"):
            with open(out / "zip_to_a_pipe.bin", "wb") as stream:
                piped = subprocess.run(["zip", "-qr", "-", folder], cwd=scratch, check=True, stdout=subprocess.PIPE)
                stream.write(piped.stdout)
    print(sorted(path.name for path in out.iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("torch", "archivers"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    args.paths[-1].mkdir(parents=True, exist_ok=True)
    if args.what == "torch":
        with_torch(args.paths[-1], args.large)
    else:
        with_archivers(*args.paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
