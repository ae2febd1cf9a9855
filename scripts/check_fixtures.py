#!/usr/bin/env python3
"""Runs the conformance program on fixtures and compares its report with what each fixture expects.

usage: check_fixtures.py --program build/bin/conformance --fixture faults/codec-nan.json [--fixture ...] [--keep DIR]
                         [--judge build/bin/conformance_judge]
       check_fixtures.py --list                  every fixture, found in fixtures/

A fixture is exports/NAME (must pass), harmless/NAME.json (must pass) or faults/NAME.json (must fail, with the expected
check first), with the line that conformance/CHECKS.md quotes of its message. What the message advises must be what scripts/oracle/follow_advice.py has
followed, and, where that needs no PyTorch, the suite's verdict on what comes of it. T5 and referenced codecs come from
fixtures/hub and fixtures/home; a recipe with "hub": false sees none. With --judge, that program runs what must fail
before anything is generated, but for one in eight: --program first loads LibTorch, which takes most of its time there.
Exit status: 0 all as expected, 1 not, 77 where every fixture needs something that this machine lacks.
Standard library only.
"""
import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import advice
from ctest_run import UNTRAINED, said
from derive.hub import derive_hub
from derive_export import derive, derive_recipe

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"
CHECKS = ROOT / "conformance" / "CHECKS.md"
# A good export that nothing fails because nothing ran would prove nothing.
GOOD = {"expect": {"verdict": "pass", "passing": [f"generation/cpu/prompt{n}/runs" for n in range(2)]}}
MOST_FAILING_CHECKS = 3  # one root cause must not read as a dozen
TIME_LIMIT_S = 300
SKIPPED = 77
REQUIRED = {"text": "generation/text_encoder", "codec": "codec_compatibility/weights"}  # what says why it is not run
PROMPT = "upbeat lo fi hip hop beat"
VARIABLES = ("CONFORMANCE_REQUIRE", "AUDIOCRAFT_PYTHON", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "GTEST_FILTER",
             "GTEST_OUTPUT", "MY_EXPERIMENT_DIM", "NO_SUCH_VARIABLE")


STATIC = ("file_presence", "state_dict_integrity", "shape_config_agreement", "codec_compatibility")


def is_static(name: str, expect: dict) -> bool:
    """Whether a program without LibTorch shall find it; one in eight, by name, is for the whole program all the same."""
    checks = [expect.get("check", ""), *expect.get("failing", [])]
    return (expect["verdict"] == "fail" and all(check.split("/")[0] in STATIC for check in checks) and
            zlib.crc32(name.encode()) % 8 != 0)


def find_fixtures() -> list:
    exports = [path.parent for path in FIXTURES.glob("exports/*/state_dict.bin")]
    recipes = list(FIXTURES.glob("faults/*.json")) + list(FIXTURES.glob("harmless/*.json"))
    return sorted(path.relative_to(FIXTURES).as_posix() for path in exports + recipes)


def documented() -> dict:
    """What CHECKS.md says: {fault: (check id, first line of its message)}, "..." for what varies; {harmless: None}."""
    lines = CHECKS.read_text().partition("\n## Kinds of fault\n")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    found = {f"faults/{name}.json": (row[1].strip("`"), row[2])
             for row in rows if len(row) == 4 and row[0] != "kind" for name in row[3].split(", ")}
    found.update({f"harmless/{name}.json": None
                  for row in rows if len(row) == 2 and row[0] != "kind" for name in row[1].split(", ")})
    return found


def matches(line: str, pattern: str) -> bool:
    return re.match(".*".join(re.escape(piece.strip()) for piece in pattern.split("...")), line) is not None


def digest(path: Path) -> dict:
    files = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.is_file())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def run(program: Path, folder: Path, given: str, device: str, hub, require: str, base: Path):
    """(exit status, report or None, output). Everything the program may write is below `folder`/artifacts.
    `base`: the export that it derives from; golden/profile.yaml there says what is expected of it."""
    hub_cache = FIXTURES / "hub" if hub is True else folder / "hub"
    if isinstance(hub, list):
        derive_hub(FIXTURES / "hub", hub, hub_cache)
    profile = folder / "profile.yaml"
    own = base / "golden" / "profile.yaml"
    expected = own.read_text() if own.exists() else UNTRAINED.read_text()
    profile.write_text(f"{expected}devices: [{device}]\ngeneration:\n  prompts: [null, {PROMPT}]\n")
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment.update(AUDIOCRAFT_EXPORT_DIR=given, CONFORMANCE_OUTPUT_DIR=str(folder / "artifacts"),
                       CONFORMANCE_PROFILE=str(profile), USER="nobody",
                       HF_HUB_CACHE=str(hub_cache), CONFORMANCE_REQUIRE=require,
                       HOME=str(FIXTURES / "home" if hub else folder / "no-home"),
                       OMP_NUM_THREADS="1")  # toy models: threads only wait for each other
    try:
        done = subprocess.run([str(program)], cwd=folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired as late:
        return None, None, (late.output or b"").decode(errors="replace") + f"\nstill running after {TIME_LIMIT_S} s"
    path = folder / "artifacts" / "report.json"
    report = None
    if path.is_file():
        try:
            report = json.loads(path.read_text())
        except ValueError as error:
            return done.returncode, None, f"report.json is not JSON: {error}"
    return done.returncode, report, done.stdout.decode(errors="replace")


def decisive(report: dict):
    """The first check that fails; where none does, the first one that did not run of what a recipe may require; else None."""
    failing = [check for check in report["checks"] if check["status"] == "fail"]
    skipped = [check for check in report["checks"] if check["status"] in ("skip", "unsupported") and check["id"] in REQUIRED.values()]
    return next(iter(failing + skipped), None)


def compare(expect: dict, status, report, output: str) -> list:
    """What differs, in sentences; empty where everything is as expected."""
    if status is None:
        return [output.splitlines()[-1]]
    if status < 0:
        return [f"the program was ended by {signal.Signals(-status).name}"]
    if "terminate called" in output or "Sanitizer" in output:
        return ["the program reported an error of its own: see its output"]
    if report is None:
        return [f"no report.json, exit status {status}; output ends: {output[-600:]}"]
    problems = []
    verdict = report.get("verdict")
    failing = [check for check in report.get("checks", []) if check["status"] == "fail"]
    if verdict != expect["verdict"]:
        problems.append(f"verdict: expected {expect['verdict']}, found {verdict}")
    if (status != 0) != (verdict in ("fail", "incomplete")):
        problems.append(f"exit status {status} with verdict {verdict}")
    if (verdict == "fail") != bool(failing):
        problems.append(f"verdict {verdict} with {len(failing)} failing checks")
    statuses = {check["id"]: check["status"] for check in report.get("checks", [])}
    problems += [f"{name}: expected pass, found {statuses.get(name)}" for name in expect.get("passing", [])
                 if statuses.get(name) != "pass"]
    messages = {check["id"]: said(check) for check in report.get("checks", [])}
    problems += [f"{name}: its note does not contain {word!r}" for name, words in expect.get("notes", {}).items()
                 for word in words if word not in messages.get(name, "")]
    if "check" not in expect or expect["verdict"] != verdict:
        return problems
    first = decisive(report)
    if first["id"] != expect["check"]:
        problems.append(f"first failing check: expected {expect['check']}, found {first['id']}")
    missing = [word for word in expect["message"] if word not in said(first)]
    if missing:
        problems.append(f"the message of {first['id']} does not contain {', '.join(map(repr, missing))}")
    shown = [word for word in expect.get("absent", []) if word in said(first)]
    if shown:
        problems.append(f"the message of {first['id']} contains {', '.join(map(repr, shown))}")
    if len(failing) > MOST_FAILING_CHECKS:
        problems.append(f"{len(failing)} checks fail, at most {MOST_FAILING_CHECKS} may")
    problems += [f"{name}: expected fail, found {statuses.get(name)}" for name in expect.get("failing", [])
                 if statuses.get(name) != "fail"]
    return problems


def base_of(name: str, recipe: dict) -> Path:
    return FIXTURES / "exports" / recipe["base"] if "base" in recipe else FIXTURES / name


def first_failure(program: Path, recipe: dict, folder: Path, given: str, hub):
    """The check that decides about the export `given`; None where nothing fails."""
    _, report, output = run(program, folder, given, "cpu", hub, recipe.get("require", ""), base_of("", recipe))
    if report is None:
        raise RuntimeError(f"no report.json; output ends: {output[-600:]}")
    return decisive(report)


def check_advice(judge, recipe: dict, first: dict, export: Path) -> list:
    """What differs between what is advised and what the recipe has recorded of following it."""
    recorded, steps = recipe.get("advice", []), advice.advised(first, recipe, export)
    if advice.actions(recorded) != steps:
        return [f"{first['id']} advises {json.dumps(steps)}, which scripts/oracle/follow_advice.py has not followed"]
    problems = [f"who follows this passes here, and {step['production']} in production: {json.dumps(step)}"
                for step in recorded if advice.misleads(step)]
    for step in recorded:
        if judge is None or "python" in step:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            where = advice.follow(recipe, step, Path(scratch))
            found = where and first_failure(judge, recipe, Path(scratch), *where)
        if where and (found["id"] if found else "pass") != step["suite"]:
            problems.append(f"who follows this finds {found['id'] if found else 'pass'}: {json.dumps(step)}")
    return problems


def check(program: Path, judge, name: str, folder: Path):
    """Problems, or None where this machine can't run the fixture."""
    path = FIXTURES / name
    recipe = json.loads(path.read_text()) if path.suffix == ".json" else GOOD
    if judge and is_static(name, recipe["expect"]):
        program = judge
    device = recipe.get("needs", "cpu")
    if device == "cuda" and not os.path.exists("/dev/nvidiactl"):
        return None
    run_as = recipe.get("run_as", "export")
    export = folder / run_as
    if path.suffix == ".json":
        derive_recipe(recipe, export)
    else:
        derive(path, [], export)
    before, names = digest(export), set(os.listdir(folder))
    status, report, output = run(program, folder, run_as if "run_as" in recipe else str(export), device,
                                 recipe.get("hub", True), recipe.get("require", ""),
                                 base_of(name, recipe))
    problems = compare(recipe["expect"], status, report, output)
    if not problems and DOCUMENTED.get(name):
        identifier, pattern = DOCUMENTED[name]
        first = decisive(report)
        if first["id"] != identifier or not matches(said(first).splitlines()[0], pattern):
            problems.append(f"conformance/CHECKS.md says {identifier}: {pattern}")
    if not problems and name.startswith("faults/") and device == "cpu":
        problems += check_advice(judge, recipe, decisive(report), export)
    if digest(export) != before:
        problems.append("the export was changed")
    left = set(os.listdir(folder)) - names - {"artifacts", "profile.yaml", "hub"}
    if left:
        problems.append(f"left outside CONFORMANCE_OUTPUT_DIR: {', '.join(sorted(left))}")
    if problems:
        (folder / "output.txt").write_text(output)
        problems += [f"    {c['status']} {c['id']}: {said(c)}" for c in (report or {}).get("checks", [])
                     if c["status"] == "fail"]
    return problems


DOCUMENTED = documented()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--fixture", action="append", default=[])
    parser.add_argument("--keep", type=Path, help="leave what was derived and written in DIR/NAME")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        print("\n".join(find_fixtures()))
        return 0
    if not args.program or not args.fixture:
        parser.error("give --program and at least one --fixture, or --list")
    program, judge = args.program.resolve(), args.judge and args.judge.resolve()
    for path in filter(None, (program, judge)):
        if not os.access(path, os.X_OK):
            parser.error(f"{path} is not a program")
    unknown = [name for name in args.fixture if name not in find_fixtures()]
    if unknown:
        parser.error(f"no such fixture: {', '.join(unknown)}; --list names them")
    failed = skipped = 0
    for name in args.fixture:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            if args.keep:
                folder = args.keep.resolve() / name.replace("/", "-").replace(".json", "")
                folder.mkdir(parents=True)
            problems = check(program, judge, name, folder)
        if problems is None:
            skipped += 1
            print(f"skip  {name}: needs a CUDA device")
        elif problems:
            failed += 1
            print(f"FAIL  {name}")
            print("\n".join(f"      {problem}" for problem in problems))
        else:
            print(f"ok    {name}")
    if failed:
        return 1
    return SKIPPED if skipped == len(args.fixture) else 0


if __name__ == "__main__":
    sys.exit(main())
