"""Commands with a deadline, of which nothing is left running. For scripts/gpu/run; Linux only."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 10  # in which make and ninja delete what they have half written: it would pass for done
TIMED_OUT = 124


class Interrupted(Exception):
    """A signal that asks to end; str() is the signal's name."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def end_on_signals() -> None:
    """SIGINT, SIGTERM and SIGHUP (a lost connection) raise Interrupted, once: clearing up is not to be interrupted."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number, _):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    for number in numbers:
        signal.signal(number, end)


def members(session: int) -> list:
    """The processes of a session that still run, whatever process group they have made for themselves."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc(5): pid (name) state ppid pgrp session; the name may hold anything.
            state, _, _, of = path.read_text(errors="replace").rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # has just ended
        if int(of) == session and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def end_session(session: int) -> None:
    for number, seconds in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        until, told = time.monotonic() + seconds, set()
        while left := members(session):
            for process in set(left) - told:
                told.add(process)
                try:
                    os.kill(process, number)
                except ProcessLookupError:
                    pass
            if time.monotonic() > until:
                break
            time.sleep(0.05)


def run(arguments: list, log, cwd: Path, environment: dict, deadline: float) -> int:
    """The exit status, TIMED_OUT past the deadline (time.monotonic()); what was started is gone in any case."""
    process = subprocess.Popen([str(argument) for argument in arguments], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                               stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    start = time.monotonic()
    try:
        while (left := deadline - time.monotonic()) > 0:
            try:
                return process.wait(min(left, 5))
            except subprocess.TimeoutExpired:
                if sys.stderr.isatty():
                    print(f"\r    {time.monotonic() - start:4.0f} s ", end="", file=sys.stderr, flush=True)
        return TIMED_OUT
    finally:
        end_session(process.pid)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            log.write(b"\na process can't be killed: it hangs in a driver\n")
