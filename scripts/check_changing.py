#!/usr/bin/env python3
"""Changes an export while it is judged, and ends the process that judges it: each run must leave a report.

usage: check_changing.py [--program build/bin/conformance_judge] [--rounds 100] [--seed 1]

Each round takes a copy of a good export with 24 MB more of weights, starts the program, waits for a random part of the
time that a quiet run takes, and then cuts, overwrites or replaces a file, or ends the judging process by a signal. What
must hold: the program itself is not ended by a signal; report.json is there; where other bytes came under it, or the
process died, the verdict is not `pass` and the report says why; some of the changes are noticed. A change in the last part
of a run may come after the last look at the file: then `pass` is right. Standard library only.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ctest_run import ROOT, UNTRAINED
from derive import pickling
from derive.export import Export

FILE = "state_dict.bin"
LAST_PART = 0.25


def make(folder: Path) -> None:
    export = Export(ROOT / "fixtures" / "exports" / "musicgen-tiny-mono")
    storage = pickling.Storage("FloatStorage", bytearray(os.urandom(1 << 10) * (24 << 10)))
    export.package("language_model")["more"] = pickling.Tensor(storage, 0, (6 << 20,), (1,))
    export.write(folder)


def cut(folder: Path, rng) -> None:
    os.truncate(folder / FILE, rng.randrange((folder / FILE).stat().st_size))


def overwrite(folder: Path, rng) -> None:
    with open(folder / FILE, "r+b") as file:
        file.seek(rng.randrange((folder / FILE).stat().st_size))
        file.write(b"x")


def replace(folder: Path, rng) -> None:
    shutil.copyfile(folder / FILE, folder / "new")
    os.replace(folder / "new", folder / FILE)


def child_of(process) -> int:
    """The process that judges; 0 before there is one, or once it is gone."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        return 0
    return int(children[0]) if children else 0


def run(program: str, folder: Path, out: Path, delay: float, act):
    environment = {**os.environ, "AUDIOCRAFT_EXPORT_DIR": str(folder), "CONFORMANCE_OUTPUT_DIR": str(out),
                   "HF_HUB_CACHE": str(ROOT / "fixtures" / "hub"), "CONFORMANCE_PROFILE": str(UNTRAINED),
                   "OMP_NUM_THREADS": "1"}  # a toy model: threads only wait for each other
    start = time.monotonic()
    process = subprocess.Popen([program, "--quiet"], env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(delay)
    acted = act(process) if process.poll() is None else False
    changed_at = time.time()
    code = process.wait()
    path, took = out / "report.json", time.monotonic() - start
    if acted and path.exists() and changed_at > path.stat().st_mtime - LAST_PART * took:
        acted = False
    return code, took, acted, json.loads(path.read_text()) if path.exists() else None


def problem(kind: str, code: int, acted: bool, report) -> str:
    if code < 0:
        return f"the program was ended by signal {-code}"
    if report is None:
        return f"no report.json, exit status {code}"
    if report["verdict"] == "pass" and acted and kind != "replace":  # by the same bytes
        return "verdict pass"
    if not acted:
        return ""
    if kind == "kill" and code != 0:
        part = report["environment"].get("part", "")
        return "" if "SIG" in part else f"no word of the signal: {part}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build" / "bin" / "conformance_judge"))
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, wrong, counts = random.Random(args.seed), [], {}
    with tempfile.TemporaryDirectory(prefix="changing-") as temporary:
        good, folder, out = (Path(temporary) / name for name in ("good", "export", "out"))
        make(good)
        code, quiet_s, _, report = run(args.program, good, out, 0, lambda process: False)
        if report is None or any(check["status"] == "fail" for check in report["checks"]):
            print(f"check_changing.py: a quiet run has exit status {code}, and fails a check", file=sys.stderr)
            return 1
        for number in range(args.rounds):
            kind = ("cut", "overwrite", "replace", "kill")[number % 4]
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(good, folder)

            def act(process, kind=kind):
                if kind == "kill":
                    # Before the run has its folder, a child looks at what applies: without it the run goes on.
                    child = child_of(process) if (out / ".conformance-run").exists() else 0
                    if child:
                        os.kill(child, rng.choice((signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT)))
                    return bool(child)
                {"cut": cut, "overwrite": overwrite, "replace": replace}[kind](folder, rng)
                # A run that ended meanwhile was over before the change.
                return process.poll() is None
            code, _, acted, report = run(args.program, folder, out, rng.random() * quiet_s, act)
            said = problem(kind, code, acted, report)
            if said:
                wrong.append(f"round {number} ({kind}): {said}")
            noticed = report is not None and any(
                check["status"] == "fail" and ("changed while it was read" in check["message"] or
                                               "was ended by" in check["message"]) for check in report["checks"])
            counts.setdefault(kind, [0, 0, 0])
            counts[kind][0] += 1
            counts[kind][1] += acted
            counts[kind][2] += noticed
    for kind, (rounds, acted, noticed) in counts.items():
        print(f"{kind}: {rounds} rounds, {acted} while it ran, {noticed} of them named as a change or an end")
    if not sum(noticed for _, _, noticed in counts.values()):
        wrong.append("no change was noticed")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
