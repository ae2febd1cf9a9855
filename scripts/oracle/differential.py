"""Random faults: does this suite's verdict agree with what the reference, the real audiocraft, does?

usage: differential.py --program build/bin/conformance [--count 320] [--seed 1] [--table FILE] [--keep DIR]
       differential.py ... --only 17,203      the same faults, these only, with every message

Each fault is drawn from the edits of derive_export.py over every good export, judged by the program (greedy, 0.4 s),
then loaded and run by MusicGen.get_pretrained in a process of its own. Where both run, the greedy tokens must be the
same. A fault whose pickle this suite finds unsafe is not loaded.

Exit status 1 where the suite passes what the reference refuses, where tokens differ, or where the suite fails what
the reference runs for a reason outside CLASSES.
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

import verdicts
from production import HUB
from mutations import Mutator

HERE = Path(__file__).resolve().parent
EXPORTS = HERE.parents[1] / "fixtures" / "exports"
sys.path.insert(0, str(HERE.parent))
from derive_export import derive  # noqa: E402

PROFILE = "devices: [cpu]\nexpect_trained: false\nbelonging: quick\ngeneration: {prompts: [null], duration_s: 0.4, sampling: greedy}\n"

# Where the suite fails on purpose what the reference runs: check ids (prefixes), why, and, where the check alone does not
# say it, words of the message, one of which must be there.
CLASSES = [
    ("damaged", ("state_dict_integrity/*/archive", "state_dict_integrity/*/checksums"),
     "the bytes are not those that were written; PyTorch ignores an archive's CRC, and the damage is heard or will be"),
    ("unsafe", ("state_dict_integrity/*/safety",), "loading runs what the pickle says: it was not loaded here"),
    ("no writer's", ("state_dict_integrity/*/pickle",), "CPython reads it, and no writer writes it: refused, not interpreted",
     "writers number them", "every writer numbers them"),
    ("two readings", ("state_dict_integrity/*/unambiguous",),
     "another reader may see another file in the same bytes: refused, not interpreted"),
    ("beyond the record", ("state_dict_integrity/*/storages",),
     "a tensor reaches bytes that are not its own: torch.load reads past the end of a record in silence"),
    ("not finite", ("state_dict_integrity/*/finite", "audio_output/*/finite"), "NaN or infinity reaches the sound"),
    ("float16", ("state_dict_integrity/language_model/float16_range",), "infinite on CUDA, where the reference runs in float16"),
    ("never trained", ("state_dict_integrity/*/zero", "state_dict_integrity/*/constant", "state_dict_integrity/*/copies",
                       "state_dict_integrity/*/initial_values", "state_dict_integrity/*/dead_codebooks"),
     "constant weights, empty codebooks: silent or one tone"),
    ("trainer asserts", ("codec_compatibility/*",),
     "a pair of language model and codec that audiocraft's own trainer asserts against, or that plays wrong"),
    ("wrong sound", ("audio_output/*",), "silent, constant, clipped, looping or collapsed"),
    ("another type", ("shape_config_agreement/*/options",),
     "'false' in quotes is text, and text is true to Python: the model is built with what was switched off; a list is no"
     " switch, either, true no number though it counts as 1, and 0.5 no count", "must be true or false, found",
     "must be a number, found", "must be an integer, found", "must be a list of texts, found"),
    ("a name of a model", ("file_presence/folder_name",), "taken as a model's name before any path is looked at"),
]


def class_of(check: str, message: str):
    for name, patterns, _, *words in CLASSES:
        for pattern in patterns:
            head, star, tail = pattern.partition("*")
            if check.startswith(head) and (check.endswith(tail) if star else check == head) and (not words or any(w in message for w in words)):
                return name
    return None


def native(program: Path, export: Path, folder: Path) -> dict:
    profile = folder / "profile.yaml"
    profile.write_text(PROFILE)
    environment = {**os.environ, "AUDIOCRAFT_EXPORT_DIR": str(export), "CONFORMANCE_OUTPUT_DIR": str(folder / "out"),
                   "CONFORMANCE_PROFILE": str(profile), "HF_HUB_CACHE": str(HUB), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([program, "--quiet"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    report = folder / "out" / "report.json"
    if done.returncode < 0 or not report.is_file():
        return {"verdict": "crash", "check": None, "message": done.stdout.decode(errors="replace")[-300:], "tokens": None}
    content = json.loads(report.read_text())
    failing = [check for check in content["checks"] if check["status"] == "fail"]
    runs = [check for check in content["checks"] if check["id"] == "generation/cpu/prompt0/runs"]
    runs = runs or [{"status": "skip", "message": "no part of the run: codec_compatibility/weights says why"}]
    tokens = folder / "out" / "generation" / "cpu" / "prompt0" / "tokens.npy"
    return {"verdict": content["verdict"], "check": failing[0]["id"] if failing else None, "failing": len(failing),
            "message": f"{failing[0]['message']}. {failing[0]['remedy'] or ''}" if failing else "", "ran": runs[0]["status"], "why_not": runs[0]["message"],
            "tokens": tokens if tokens.is_file() else None}


def run_reference(name: str) -> dict:
    import numpy as np
    import torch
    from audiocraft.models import MusicGen
    stage = "load"
    try:
        model = MusicGen.get_pretrained(name, device="cpu")
        stage = "generate"
        torch.manual_seed(0)
        model.set_generation_params(duration=0.4)
        model.generate([None])
        model.set_generation_params(duration=0.4, use_sampling=False)
        audio, tokens = model.generate([None], return_tokens=True)
    except BaseException as error:  # noqa: BLE001
        text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
        return {"outcome": "raises", "stage": stage, "error": f"{type(error).__name__}: {text}"[:160]}
    return {"outcome": "runs", "tokens": tokens[0].tolist(), "finite": bool(np.isfinite(audio.numpy()).all())}


def judge(ours: dict, theirs: dict) -> str:
    """'agree: ...', a class, or 'DISAGREE: ...'"""
    if ours["verdict"] == "crash":
        return "DISAGREE: the program crashed"
    if theirs is None:
        return "unsafe"
    if theirs["outcome"] == "raises" and "explosion/spacy-models" in theirs["error"]:
        return "not judged"  # spaCy's English model, which the reference fetches; the report lists it under `fetches`
    if theirs["outcome"] == "raises":
        if ours["verdict"] == "pass" and ours["ran"] == "pass":
            return "DISAGREE: passes, the reference raises"
        return "agree: both refuse" if ours["verdict"] == "fail" else "not judged"
    if ours["verdict"] == "fail":
        return class_of(ours["check"], ours["message"]) or "DISAGREE: fails, the reference runs"
    if ours["ran"] != "pass":
        return "not judged"
    import numpy as np
    if np.load(ours["tokens"]).tolist() != theirs["tokens"]:
        return "DISAGREE: other tokens"
    return "agree: both run, same tokens" if theirs["finite"] else "DISAGREE: passes, the reference's sound is not finite"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--keep", type=Path, help="leave the faults that disagree in DIR/NUMBER")
    args = parser.parse_args()
    verdicts.prepare()

    exports = bases()
    only = {int(number) for number in args.only.split(",") if number}
    rows, disagreements = [], []
    for number in range(args.count):
        if only and number not in only:
            continue
        rng = random.Random(f"{args.seed}/{number}")
        base = rng.choice(exports)
        mutator = Mutator(EXPORTS / base, [name for name in exports if name != base] or [base], rng)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            while True:
                try:
                    kind, edits = mutator.draw()
                    derive(EXPORTS / base, edits, folder / "export")
                    break
                except (KeyError, ValueError, OverflowError, IndexError, AttributeError, TypeError):
                    continue  # this edit can't be made on this tensor or key: draw again
            ours = native(args.program.resolve(), folder / "export", folder)
            unsafe = (ours["check"] or "").endswith("/safety")
            theirs = None if unsafe else verdicts.in_process(lambda: run_reference(str(folder / "export")), folder)
            result = judge(ours, theirs)
            rows.append((number, base, kind, edits, result, ours["check"]))
            if result.startswith("DISAGREE") or only:
                outcome = {key: value for key, value in (theirs or {}).items() if key != "tokens"}
                print(f"{number} {base} {kind} {json.dumps(edits)}\n    {result}\n    ours: {ours['verdict']} {ours['check']}: "
                      f"{ours['message'][:400]} {ours.get('ran')} {ours.get('why_not', '')[:200]}\n    reference: {outcome}", flush=True)
                if args.keep and not only:
                    derive(EXPORTS / base, edits, args.keep / str(number))
            if result.startswith("DISAGREE"):
                disagreements.append(number)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {args.count}", end="", file=sys.stderr)
    counts = collections.Counter((kind, result) for _, _, kind, _, result, _ in rows)
    table = render(args, rows, counts, disagreements)
    print(table)
    if args.table:
        args.table.write_text(table)
    return 1 if disagreements else 0


def bases() -> list:
    """The good exports that this environment's audiocraft can load: of its version, and DAC's where DAC is installed."""
    import importlib.util
    import audiocraft
    found = []
    for path in sorted(EXPORTS.glob("*/golden/golden.json")):
        export = path.parents[1]
        if json.loads(path.read_text())["versions"]["audiocraft"] != audiocraft.__version__:
            print(f"left out: {export.name}, which another audiocraft than {audiocraft.__version__} made")
        elif b"dac_" in (export / "compression_state_dict.bin").read_bytes()[:4096] and not importlib.util.find_spec("dac"):
            print(f"left out: {export.name}: descript-audio-codec is not installed")
        else:
            found.append(export.name)
    return found


def render(args, rows, counts, disagreements) -> str:
    results = sorted({result for _, result in counts})
    kinds = sorted({kind for kind, _ in counts})
    lines = ["# This suite's verdict against the reference's", "",
             f"`scripts/oracle/differential.py --program build/bin/conformance --count {args.count} --seed {args.seed}`"
             " wrote this table.", "",
             f"{len(rows)} random faults, {len(disagreements)} disagreements.", "",
             "| outcome | " + " | ".join(kinds) + " | all |", "|---" * (len(kinds) + 2) + "|"]
    for result in results:
        line = [counts[kind, result] for kind in kinds]
        lines.append(f"| {result} | " + " | ".join(str(n) for n in line) + f" | {sum(line)} |")
    lines += ["", "What the reference runs and the suite fails, on purpose:", "", "| class | why |", "|---|---|"]
    lines += [f"| {name} | {why} |" for name, _, why, *_ in CLASSES if any(name == result for result in results)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
