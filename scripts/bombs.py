#!/usr/bin/env python3
"""Makes exports of a few megabytes that ask for too much, judges each, and reports what that took.

usage: bombs.py [--program build/bin/conformance_judge] [--markdown] [NAME ...]     all, or these
       bombs.py --write FOLDER NAME          leaves the export there, to be looked at
       bombs.py --list

A bomb is an export of fixtures/exports with something in it that is small in the file and large in a reader. No file
has more than 16 MB on the disk. Goal: each is judged in under 10 s and 400 MB, in a sentence that names the limit
(harness/LIMITS.md). Time and memory are measured, and no test compares them. Standard library only.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from ctest_run import ROOT, UNTRAINED
from derive import bombs_config, bombs_files, bombs_tensors  # noqa: F401  they register their bombs
from derive.bomb import BOMBS
from derive.export import Export

BASE = "musicgen-tiny-mono"
SECONDS, MEGABYTES, DISK_MEGABYTES, REPORT_MEGABYTES = 10, 400, 16, 4
GIVE_UP_S, GIVE_UP_BYTES = 60, 6 << 30  # of the program under test


def make(name: str, folder: Path) -> None:
    bomb = BOMBS[name]
    export = Export(ROOT / "fixtures" / "exports" / bomb.base)
    bomb.plant(export)
    export.write(folder)
    for path in folder.iterdir():
        if path.stat().st_blocks * 512 > DISK_MEGABYTES * 10**6:
            raise ValueError(f"{name}: {path.name} has {path.stat().st_size} bytes")


def in_child(work) -> int:
    """Runs work() in a process of its own: what it leaves in memory would count as the next program's peak."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:  # noqa: B902
            print(f"bombs.py: {error!r}", file=sys.stderr)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def judge(program: str, folder: Path, out: Path, hub: Path):
    """Seconds by the clock and of the processor, megabytes at the peak, the exit status, bytes written, the report."""
    environment = {"AUDIOCRAFT_EXPORT_DIR": str(folder), "CONFORMANCE_OUTPUT_DIR": str(out), "PATH": os.environ["PATH"],
                   "HF_HUB_CACHE": str(hub), "HOME": str(hub), "CONFORMANCE_PROFILE": str(UNTRAINED)}
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_DATA, (GIVE_UP_BYTES, GIVE_UP_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (GIVE_UP_S, GIVE_UP_S))
        log = os.open(str(out) + ".log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execve(program, [program], environment)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(5 * GIVE_UP_S)  # where other programs take the processor
    _, status, usage = os.wait4(child, 0)
    signal.alarm(0)
    seconds = time.monotonic() - start
    report = out / "report.json"
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) + os.stat(str(out) + ".log").st_size
    return (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), size,
            json.loads(report.read_text()) if report.exists() else {})


def first_word(report: dict) -> str:
    """The check that says so first."""
    said = [check["id"] for status in ("fail", "unsupported") for check in report.get("checks", []) if check["status"] == status]
    return said[0] if said else ""


def table(rows: list) -> str:
    """Rows of (name, seconds, of processor, megabytes, verdict, said by); the bombs of one number each are one line."""
    lines, families = [], {}
    for row in rows:
        family = re.fullmatch(r"([a-z0-9]+)_.*_(1e06|1e09|5e18)", row[0])
        if family:
            families.setdefault(family[1], []).append(row)
        else:
            lines.append((f"`{row[0]}`", BOMBS[row[0]].what, *row[1:]))
    for family, members in families.items():
        lines.append((f"`{family}_*`", f"{len(members)} bombs, each with one number of 10^6, 10^9 or 2^62",
                      *(max(member[column] for member in members) for column in (1, 2, 3)),
                      " or ".join(sorted({member[4] for member in members})), "options, config and others"))
    head = "| bomb | what is in it | seconds | of processor | peak MB | verdict | said by |\n|---|---|---|---|---|---|---|"
    return "\n".join([head] + [f"| {name} | {what} | {seconds:.1f} | {cpu:.1f} | {megabytes:.0f} | {verdict} | {says} |"
                               for name, what, seconds, cpu, megabytes, verdict, says in lines])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--program", default=str(ROOT / "build" / "bin" / "conformance_judge"))
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--verdicts", action="store_true", help="compare the verdicts, not time and memory")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    names = args.names or list(BOMBS)
    if unknown := [name for name in names if name not in BOMBS]:
        parser.error(f"there is no bomb {unknown[0]!r}; --list names them")
    if args.list:
        for name in names:
            print(f"{name}\n    {BOMBS[name].what}")
        return 0
    if args.write:
        return in_child(lambda: make(names[0], args.write))
    missed, rows = [], []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="bomb-") as temporary:
            folder, out, hub = (Path(temporary) / part for part in ("export", "out", "hub"))
            out.mkdir()
            shutil.copytree(ROOT / "fixtures" / "hub", hub) if BOMBS[name].hub is None else hub.mkdir()
            if in_child(lambda: (make(name, folder), BOMBS[name].hub and BOMBS[name].hub(hub))) != 0:
                missed.append(f"{name} was not made")
                continue
            seconds, cpu, megabytes, status, size, report = judge(args.program, folder, out, hub)
            verdict, says = report.get("verdict", f"none (exit {status})"), first_word(report)
            within = min(seconds, cpu) < SECONDS and megabytes < MEGABYTES and size < REPORT_MEGABYTES * 10**6
            ok = verdict in BOMBS[name].verdicts and (within or args.verdicts)
            if not ok:
                missed.append(f"{name}: {seconds:.1f} s ({cpu:.1f} s of processor), {megabytes:.0f} MB, verdict {verdict}, {size} bytes written")
            rows.append((name, seconds, cpu, megabytes, verdict, says))
            if not args.markdown:
                print(f"{'ok  ' if ok else 'MISS'} {name:28} {seconds:6.1f} s {cpu:6.1f} s cpu {megabytes:6.0f} MB {verdict:22} "
                      f"{size / 1000:8.0f} kB  {says}", flush=True)
    if args.markdown:
        print(table(rows))
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
