"""Whole checkpoint files, generated and by hand: what this suite accepts, does the real torch.load read the same from it?

usage: load_differential.py --probe build/bin/checkpoint_probe [--count 20000] [--seed 1] [--cases-only] [--table FILE]
       load_differential.py ... --keep DIR        leaves each file that disagrees in DIR, with a line in DIR/LIST.md
       load_differential.py ... --later PYTHON    accepted files are read by this Python's torch, too (a later release)
       load_differential.py ... --only NAME|NUMBER [--keep DIR]    this case alone, with everything that both say

Run with the reference's Python (README.md). Each file is read by the probe, then by torch.load in a process of its own
(load_reader.py), where a payload can only create an empty folder, and that is noticed. Properties:
  accepted => torch.load succeeds, nothing ran, and every tensor of best_state has the same name, type, shape and bytes
  what ran => is named unsafe, or its archive is refused as one that two readers read differently
Exit status 1 where one does not hold.
"""
import argparse
import collections
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import load_cases

HERE = Path(__file__).resolve().parent
BATCH = 200
KINDS = ("base", "named", "pickle", "value", "archive", "legacy")

CLASSES = {
    "agree: both read the same": "accepted, loaded, nothing ran, the same tensors",
    "agree: both refuse": "refused, and torch.load raises or dies; nothing ran",
    "agree: refused, it runs": "refused, and named unsafe or ambiguous; the payload ran there",
    "stricter": "refused, torch.load loads it and runs nothing: what no writer writes",
    "refused, named, not loaded": "refused, and named unsafe or ambiguous: one of ten of these is loaded, for the figures",
    "not compared": "torch.load ran out of memory or time",
    "DISAGREE: accepted, it runs": "a pass for a file that runs something",
    "DISAGREE: accepted, torch.load dies": "a pass for a file that kills the process",
    "DISAGREE: accepted, torch.load raises": "a pass for a file that does not load",
    "DISAGREE: accepted, other tensors": "a pass for other weights than those that are loaded",
    "DISAGREE: it runs, not named": "refused as damaged only, while torch.load runs the payload",
    "DISAGREE: the probe died": "the reader crashed or hung",
    "DISAGREE: a later torch reads other tensors": "accepted, and two releases of torch read different weights",
}


class Reader:
    """load_reader.py under some Python, kept running."""

    def __init__(self, python, scratch, environment=None):
        self.process = subprocess.Popen([python, "-W", "ignore", HERE / "load_reader.py", scratch], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        self.version = json.loads(self.process.stdout.readline())["torch"]

    def read(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def probe_files(program, paths):
    done = subprocess.run([program], input="".join(f"{path}\n" for path in paths), stdout=subprocess.PIPE, text=True, timeout=600)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) == len(paths):
        return lines
    died = {"accepted": False, "died": done.returncode}
    return lines + [died] + (probe_files(program, paths[len(lines) + 1:]) if len(lines) + 1 < len(paths) else [])


def entries(state):
    return sorted(json.dumps(entry) for entry in state)


def judge(ours, theirs, later=None):
    if "died" in ours:
        return "DISAGREE: the probe died", str(ours["died"])
    ran, error = theirs["ran"], theirs.get("error", "")
    if ours["accepted"]:
        if ran:
            return "DISAGREE: accepted, it runs", f"{ran} {error}"
        if error.startswith("killed"):
            return "DISAGREE: accepted, torch.load dies", error
        if "still running" in error or error.startswith("MemoryError"):
            return "not compared", error
        if not theirs["ok"]:
            return "DISAGREE: accepted, torch.load raises", error
        if entries(ours["best_state"]) != entries(theirs["best_state"]):
            different = [pair for pair in zip(ours["best_state"], theirs["best_state"]) if pair[0] != pair[1]]
            return "DISAGREE: accepted, other tensors", str(different[:1] or "their number")
        if later is not None and later["ran"]:
            return "DISAGREE: a later torch reads other tensors", f"ran {later['ran']}"
        if later is not None and later["ok"] and entries(later["best_state"]) != entries(ours["best_state"]):
            return "DISAGREE: a later torch reads other tensors", ""
        return "agree: both read the same", ""
    if ran:
        named = ours.get("safety") or ours.get("unambiguous")
        return ("agree: refused, it runs", "") if named else ("DISAGREE: it runs, not named", (ours.get("structure") or ours.get("pickle") or str(ours))[:200])
    if theirs["ok"]:
        return "stricter", next((ours[key] for key in ("structure", "unambiguous", "safety", "pickle", "storage", "tensor", "loads", "checksums", "package") if ours.get(key)), "")[:160]
    return "agree: both refuse", ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases-only", action="store_true")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--keep-each", type=int, default=6)
    parser.add_argument("--later", type=Path)
    parser.add_argument("--only")
    parser.add_argument("--strict", action="store_true", help="say why harmless files are refused")
    parser.add_argument("--kinds", default="", help="archive,legacy: random files of these kinds only")
    args = parser.parse_args()
    import torch
    bases = load_cases.bases(torch)
    cases = load_cases.named(bases)
    plan = [(name, "base" if kind == "base" else "named") for name, (kind, _) in cases.items()]
    if not args.cases_only:
        plan += [(number, None) for number in range(args.count)]
    if args.only:
        plan = [(args.only, "named") if args.only in cases else (int(args.only), None)]
    counts, disagreements, strict, kept, weighed = collections.Counter(), [], collections.Counter(), collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        reader = Reader(sys.executable, f"{scratch}/reference")
        later = Reader(args.later, f"{scratch}/later") if args.later else None
        for start in range(0, len(plan), BATCH):
            batch = []
            for name, kind in plan[start:start + BATCH]:
                if kind is None:
                    kind, data = load_cases.draw(random.Random(f"{args.seed}/{name}"), bases)
                    if args.kinds and kind not in args.kinds.split(","):
                        continue
                else:
                    data = cases[name][1]
                path = Path(scratch) / f"{name}.bin"
                path.write_bytes(data)
                batch.append((name, kind, path))
            for (name, kind, path), ours in zip(batch, probe_files(args.probe.resolve(), [path for _, _, path in batch])):
                sampled = kind not in ("base", "named") and bool(ours.get("safety") or ours.get("unambiguous")) and not args.only
                if sampled and int(name) % 10:
                    counts[kind, "refused, named, not loaded"] += 1
                    path.unlink()
                    continue
                theirs = reader.read(path)
                newer = later.read(path) if later and ours["accepted"] else None
                result, detail = judge(ours, theirs, newer)
                counts[kind, result] += 1
                if kind not in ("base", "named"):
                    weighed[result] += 10 if sampled else 1
                if result == "stricter":
                    strict[kind, detail.partition(".bin")[2][:60].split(" at ")[0]] += 1
                if args.only:
                    print(json.dumps(ours, indent=1), json.dumps(theirs), newer, result, detail)
                if result.startswith("DISAGREE"):
                    disagreements.append((result, str(name), kind, path.stat().st_size, detail))
                    print(f"{result} [{kind} {name}] {detail[:300]}", flush=True)
                if args.keep and (args.only or (result.startswith("DISAGREE") and (kind == "named" or kept[kind, result] < args.keep_each))):
                    kept[kind, result] += 1
                    args.keep.mkdir(parents=True, exist_ok=True)
                    target = f"load-{name}.bin" if kind in ("named", "base") else f"load-{args.seed}-{name}.bin"
                    (args.keep / target).write_bytes(path.read_bytes())
                    with open(args.keep / "LIST.md", "a") as listing:
                        listing.write(f"- `{target}`: {kind} {args.seed}/{name}, {result[10:]}: {detail[:240]}\n")
                path.unlink()
            if sys.stderr.isatty():
                print(f"\r{start + len(batch)} of {len(plan)}", end="", file=sys.stderr)
    if args.strict:
        print("\n".join(f"{n:5} {kind} {what}" for (kind, what), n in strict.most_common(40)))
    table = render(args, counts, weighed, disagreements, reader.version, later and later.version)
    print(table)
    if args.table:
        args.table.write_text(table)
    return 1 if disagreements else 0


def render(args, counts, weighed, disagreements, version, later) -> str:
    total = sum(counts.values())
    loaded = weighed["stricter"] + weighed["agree: both read the same"]
    lines = [f"torch {version}{f', accepted files also by torch {later}' if later else ''}, seed {args.seed}: {total} files, {len(disagreements)} disagreements. "
             f"Of some {loaded} random files that torch.load reads without running anything, the suite refuses some {weighed['stricter']}.", "",
             "| outcome | " + " | ".join(KINDS) + " | what it means |", "|---" * (len(KINDS) + 2) + "|"]
    for result, meaning in CLASSES.items():
        row = [counts[kind, result] for kind in KINDS]
        if any(row) or result.startswith("DISAGREE"):
            lines.append(f"| {result} | " + " | ".join(map(str, row)) + f" | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
