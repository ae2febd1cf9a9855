"""Generated and mutated pickles: what does CPython's own unpickler resolve, and does this suite's reader know or name it?

usage: pickle_differential.py --probe build/bin/checkpoint_probe [--count 100000] [--seed 1] [--corpus FILE] [--table FILE]
       pickle_differential.py ... --keep DIR       leaves each pickle that disagrees in DIR, with a line in DIR/LIST.md
       pickle_differential.py ... --file FILE      this pickle alone, with everything that both say of it

Each pickle goes through pickle._Unpickler and through the C unpickler with a find_class that resolves nothing
(recording_unpickler.py), and through the probe. A pickle is accepted where the reader follows it to the end and finds
nothing foreign. Properties:
  accepted  => both unpicklers follow it to the end, every name that they resolve is one that the reader lists, and the
               value is the same
  refused   => every foreign name that they resolve before they stop is named, or what stands behind is said to be unsafe

Any Python from 3.8 on; its version is in the table. --corpus: pickles of torch, numpy and omegaconf (pickle_corpus.py).
Exit status 1 where a property does not hold.
"""
import argparse
import collections
import json
import os
import pickle
import random
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pickle_forging
import recording_unpickler

BATCH = 1000
MEMORY = 3 << 30
HERE = Path(__file__).resolve().parent

# What a disagreement is, and whether it counts as one.
CLASSES = {
    "agree: both follow it, same value": "the same names, the same value",
    "agree: refused, CPython raises": "nothing foreign is resolved before CPython raises",
    "agree: refused, named": "every foreign name that CPython resolves is named",
    "refused, not all names": "said to be unsafe, but a foreign name behind what can't be followed, or a computed one, is not listed",
    "stricter": "refused, nothing foreign in it: CPython reads it, no writer of checkpoints writes it",
    "not compared": "CPython ran out of memory or time, or of recursion depth",
    "DISAGREE: accepted, another name resolved": "a pass for a pickle that imports something that the reader did not see",
    "DISAGREE: accepted, CPython raises": "a pass for a pickle that does not load",
    "DISAGREE: accepted, another value": "a pass for other values than those that are loaded",
    "DISAGREE: not named unsafe": "refused as damaged only, while a foreign name is resolved before CPython stops",
}


def generate(seed, number, corpus):
    rng = random.Random(f"{seed}/{number}")
    if rng.random() < 0.5:
        return "generated", pickle_forging.Forger(rng).pickle()
    return "mutated", pickle_forging.mutate(rng, rng.choice(corpus), corpus)


class Probe:
    """Verdicts of the reader, in batches; whether a single name is foreign, remembered."""

    def __init__(self, program):
        self.program, self.names = program, {}

    def verdicts(self, pickles):
        packed = b"".join(struct.pack("<I", len(data)) + data for data in pickles)
        done = subprocess.run([self.program, "--pickles"], input=packed, stdout=subprocess.PIPE, timeout=600)
        lines = done.stdout.splitlines()
        if done.returncode != 0 or len(lines) != len(pickles):
            raise RuntimeError(f"the probe ended with {done.returncode} after {len(lines)} of {len(pickles)} pickles")
        return [json.loads(line) for line in lines]

    def foreign(self, names):
        """Those of `names` that the reader calls foreign when they stand alone."""
        new = sorted({name for name in names if name not in self.names})
        alone = [b"\x80\x04" + pickle_forging.text(module) + pickle_forging.text(name) + b"\x93." for module, name in new]
        for name, verdict in zip(new, self.verdicts(alone) if alone else []):
            self.names[name] = bool(verdict["foreign"]) or verdict["status"] != "" or verdict["safety"] != ""
        return [name for name in names if self.names[name]]


# --- values

def simple(value):
    """The Python value of a key's JSON, or a thing that equals nothing."""
    kind = value[0]
    if kind == "none":
        return None
    if kind == "bool":
        return value[1]
    if kind == "int":
        return int(value[1], 0)
    if kind == "float":
        return struct.unpack("<d", struct.pack("<Q", value[1]))[0]
    if kind == "str":
        return bytes.fromhex(value[1]).decode("utf-8", "surrogatepass")
    if kind == "bytes":
        return bytes.fromhex(value[1])
    if kind == "tuple":
        return tuple(simple(item) for item in value[1])
    return object()


def differs(ours, theirs, depth=0):
    """Where the two differ, or None. Opaque objects of the reader equal anything."""
    kind = ours[0]
    if kind in ("cut", "object", "absent") or depth > 200:
        return None
    if kind == "none":
        return None if theirs is None else f"None, {type(theirs).__name__}"
    if kind == "bool":
        return None if theirs is ours[1] else f"{ours[1]}, {theirs!r:.40}"
    if kind == "int":
        return None if type(theirs) is int and theirs == int(ours[1], 0) else f"{ours[1]}, {theirs!r:.40}"
    if kind == "float":
        same = type(theirs) is float and (struct.pack("<d", theirs) == struct.pack("<Q", ours[1]) or (theirs != theirs and simple(ours) != simple(ours)))
        return None if same else f"float {simple(ours)}, {theirs!r:.40}"
    if kind == "str":
        return None if isinstance(theirs, str) and theirs.encode("utf-8", "surrogatepass").hex() == ours[1] else f"text {simple(ours)!r:.40}, {theirs!r:.40}"
    if kind == "bytes":
        return None if isinstance(theirs, (bytes, bytearray)) and theirs.hex() == ours[1] else f"bytes {ours[1]:.40}, {theirs!r:.40}"
    if kind in ("list", "tuple"):
        right = isinstance(theirs, (list, collections.deque)) if kind == "list" else isinstance(theirs, tuple) or getattr(type(theirs), "qualified", "") == "torch.Size"
        if not right:
            return f"{kind}, {type(theirs).__name__}"
        if isinstance(theirs, recording_unpickler.Recorder):
            return None
        if len(ours[1]) != len(theirs):
            return None if any(item[0] == "cut" for item in ours[1]) else f"{kind} of {len(ours[1])}, {len(theirs)}"
        return first(differs(mine, item, depth + 1) for mine, item in zip(ours[1], theirs))
    if kind == "set":
        if not isinstance(theirs, (set, frozenset)):
            return f"set, {type(theirs).__name__}"
        return None if any(item[0] == "cut" for item in ours[1]) or len({repr(item) for item in ours[1]}) >= len(theirs) else "set, of another size"
    if kind == "dict":
        return differs_dict(ours, theirs, depth)
    if kind == "global":
        qualified = getattr(theirs, "qualified", None)
        if qualified is None:
            qualified = f"{getattr(theirs, '__module__', '')}.{getattr(theirs, '__name__', '')}"
        return None if qualified == ours[1] or "Storage" in ours[1] else f"{ours[1]}, {qualified}"
    if kind == "storage":
        return differs_storage(ours[1], theirs)
    if kind == "tensor":
        return differs_tensor(ours, theirs, depth)
    return f"an unknown kind {kind}"


def first(found):
    return next((difference for difference in found if difference), None)


def differs_dict(ours, theirs, depth):
    if not isinstance(theirs, dict):
        return f"dict, {type(theirs).__name__}"
    pairs = {}
    for key, value in ours[1]:
        if key[0] == "cut" or value[0] == "cut":
            return None
        pairs[simple(key) if hashable(key) else id(key)] = value
    if isinstance(theirs, collections.Counter) or len(pairs) != len(theirs):
        return None if isinstance(theirs, collections.Counter) else f"dict of {len(pairs)}, {len(theirs)}"
    extra = vars(theirs) if hasattr(theirs, "__dict__") else {}
    if extra and ours[2][0] == "absent":
        return f"no attributes, {list(extra)[:3]}"
    return first(differs(mine, value, depth + 1) for mine, value in zip(pairs.values(), theirs.values()))


def hashable(key):
    return key[0] in ("none", "bool", "int", "float", "str", "bytes") or (key[0] == "tuple" and all(hashable(item) for item in key[1]))


def differs_storage(ours, theirs):
    if not isinstance(theirs, recording_unpickler.Storage):
        return f"storage, {type(theirs).__name__}"
    pid = theirs.pid
    if len(pid) < 5 or str(pid[2]) != ours[0] or pid[4] != ours[2]:
        # A view of the old legacy format names two storages.
        return None if len(pid) == 6 and isinstance(pid[5], tuple) else f"storage {ours}, {pid!r:.80}"
    return None


def differs_tensor(ours, theirs, depth):
    for _ in range(4):  # parameters and types around it
        if not isinstance(theirs, recording_unpickler.Recorder):
            return f"tensor, {type(theirs).__name__}"
        if theirs.states and ours[5][0] == "absent":
            return "a tensor without state, one that BUILD gave a state"
        name = theirs.function.qualified if isinstance(theirs.function, type) else ""
        if name.endswith(("_rebuild_parameter", "_rebuild_parameter_with_state", "Parameter")):
            theirs = theirs.args[0]
            continue
        args = theirs.args[2] if name.endswith("_rebuild_from_type_v2") else theirs.args
        if args and isinstance(args[0], recording_unpickler.Recorder):
            theirs = args[0]
            continue
        said = [list(args[2]), list(args[3])]
        if args[1] != ours[2] or type(args[1]) is bool or said != [ours[3], ours[4]]:
            return f"tensor at {ours[2:5]}, {args[1:4]!r:.80}"
        return differs_storage(ours[1], args[0])
    return None


# --- one pickle

def judge(verdict, theirs, probe):
    """(class, what is different)."""
    stopped = [r["error"] for r in theirs.values() if r["error"] and r["error"].startswith(("MemoryError", "TimeLimit", "RecursionError"))]
    names = list(dict.fromkeys(name for r in theirs.values() for name in r["names"]))
    if verdict["accepted"]:
        known = set(verdict["known"])
        unknown = [name for name in names if ".".join(name) not in known]
        if unknown:
            return "DISAGREE: accepted, another name resolved", str(unknown[:3])
        if stopped:
            return "not compared", stopped[0]
        errors = [f"{which}: {r['error']}" for which, r in theirs.items() if r["error"]]
        if errors:
            return "DISAGREE: accepted, CPython raises", "; ".join(errors)
        different = [f"{which}: {r['differs']}" for which, r in theirs.items() if r["differs"]]
        if different:
            return "DISAGREE: accepted, another value", "; ".join(different)
        return "agree: both follow it, same value", ""
    foreign = probe.foreign(names)
    if not foreign:
        follows = any(r["error"] is None for r in theirs.values())
        return ("stricter" if follows else "agree: refused, CPython raises"), ""
    if verdict["safety"] == "":
        return "DISAGREE: not named unsafe", f"{foreign[:3]} resolved; the reader: {verdict['status']}"
    named = set(verdict["foreign"])
    missing = [name for name in foreign if ".".join(name) not in named and ".".join(name) not in verdict["safety"]]
    return ("refused, not all names", str(missing[:3])) if missing else ("agree: refused, named", "")


class TimeLimit(BaseException):
    pass


def out_of_time(*_):
    raise TimeLimit()


def read_with_cpython(pickles, verdicts, write_end):
    """In a process of its own, with bounds: one result a pickle, written as it is known."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, out_of_time)
    sys.setrecursionlimit(1500)
    with os.fdopen(write_end, "wb") as pipe:
        for data, verdict in zip(pickles, verdicts):
            signal.setitimer(signal.ITIMER_REAL, 2.0)
            try:
                results = recording_unpickler.run(data)
                for result in results.values():
                    value = result.pop("value")
                    result["differs"] = None
                    if verdict["accepted"] and result["error"] is None:
                        result["differs"] = differs(verdict["value"], value)
                    del value
            except (TimeLimit, MemoryError, RecursionError) as error:
                results = {"plain": {"names": [], "error": type(error).__name__, "differs": None}}
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.write(pickle.dumps(results))
            pipe.flush()


def cpython(pickles, verdicts):
    """The results of all, even where one ends the process that reads them."""
    results = []
    while len(results) < len(pickles):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            code = 1
            try:
                read_with_cpython(pickles[len(results):], verdicts[len(results):], write_end)
                code = 0
            finally:
                os._exit(code)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            while True:
                try:
                    results.append(pickle.load(pipe))
                except (EOFError, pickle.UnpicklingError):
                    break
        os.waitpid(child, 0)
        if len(results) < len(pickles):
            results.append({"plain": {"names": [], "error": "MemoryError: the process ended", "differs": None}})
    return results


def corpus_of(path):
    found = pickle_forging.plain_pickles()
    if path:
        found += [bytes.fromhex(line) for line in path.read_text().split()]
    return [data for data in found if len(data) < 20000]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--keep-each", type=int, default=5, help="of each class of disagreement and pickle, so many at most")
    parser.add_argument("--file", type=Path)
    args = parser.parse_args()
    probe = Probe(args.probe.resolve())
    if args.file:
        data = args.file.read_bytes()
        verdict = probe.verdicts([data])[0]
        results = cpython([data], [verdict])[0]
        print(json.dumps(verdict, indent=1), "\n", results, "\n", judge(verdict, results, probe))
        return 0
    corpus = corpus_of(args.corpus)
    counts, examples, kept = collections.Counter(), {}, collections.Counter()
    for start in range(0, args.count, BATCH):
        drawn = [generate(args.seed, number, corpus) for number in range(start, min(start + BATCH, args.count))]
        pickles = [data for _, data in drawn]
        verdicts = probe.verdicts(pickles)
        for number, ((kind, data), verdict, theirs) in enumerate(zip(drawn, verdicts, cpython(pickles, verdicts)), start):
            result, detail = judge(verdict, theirs, probe)
            counts[kind, result] += 1
            if result.startswith("DISAGREE"):
                examples.setdefault(result, []).append((len(data), number, detail))
                if args.keep and kept[result] < args.keep_each:
                    kept[result] += 1
                    args.keep.mkdir(parents=True, exist_ok=True)
                    name = f"pickle-{args.seed}-{number}.pkl"
                    (args.keep / name).write_bytes(data)
                    with open(args.keep / "LIST.md", "a") as listing:
                        listing.write(f"- `{name}`: seed {args.seed}/{number}, {result[10:]}: {detail[:200]}\n")
        if sys.stderr.isatty():
            print(f"\r{start + BATCH} of {args.count}", end="", file=sys.stderr)
    table = render(args, counts, examples)
    print(table)
    if args.table:
        args.table.write_text(table)
    return 1 if examples else 0


def render(args, counts, examples) -> str:
    kinds = ("generated", "mutated")
    disagreements = sum(len(found) for found in examples.values())
    version = ".".join(map(str, sys.version_info[:3]))
    lines = [f"Python {version}, seed {args.seed}: {sum(counts.values())} pickles, {disagreements} disagreements.", "",
             "| outcome | generated | mutated | what it means |", "|---|---|---|---|"]
    for result, meaning in CLASSES.items():
        row = [counts[kind, result] for kind in kinds]
        if any(row) or result.startswith("DISAGREE"):
            lines.append(f"| {result} | {row[0]} | {row[1]} | {meaning} |")
    for result, found in examples.items():
        lines += ["", f"{result}, the shortest:"]
        lines += [f"- {number} ({size} bytes): {detail}" for size, number, detail in sorted(found)[:12]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
