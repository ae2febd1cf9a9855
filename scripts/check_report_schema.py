#!/usr/bin/env python3
"""Holds every kind of report.json against harness/report/report.schema.json: those of the unit tests, and those of real runs.

usage: check_report_schema.py --build BUILD [CASE ...]      all cases, or the named ones

Needs the package jsonschema (Debian: python3-jsonschema); without it nothing is checked, and the exit status is 77.
"""
import copy
import json
import subprocess
import sys
from pathlib import Path

from ctest_run import FAULTS, GOOD, ROOT, cases_in, clean_environment, expect, main, untrained
from derive_export import derive, derive_recipe

try:
    # Draft 7 is the newest one that the package of Ubuntu 22.04 knows.
    from jsonschema import Draft7Validator
except ImportError:
    Draft7Validator = None

SCHEMA = json.loads((ROOT / "harness" / "report" / "report.schema.json").read_text())


def problems(document, schema=None) -> list:
    """The place of each error, and the word of the schema that it breaks."""
    errors = Draft7Validator(schema or SCHEMA).iter_errors(document)
    return [("/".join(map(str, error.absolute_path)), error.validator, error.message[:200]) for error in errors]


def read_valid(path: Path) -> dict:
    report = json.loads(path.read_text())
    expect(not problems(report), f"{path.name}: {problems(report)[:3]}")
    return report


def samples(build: Path, folder: Path) -> dict:
    subprocess.run([build / "bin" / "report_samples", folder], check=True)
    return {path.stem: read_valid(path) for path in folder.glob("*.json")}


def case_described(build: Path, folder: Path) -> None:
    """The schema is one, a sentence describes each key, and the objects that are always whole require all their keys."""
    Draft7Validator.check_schema(SCHEMA)

    def check(schema: dict, place: str) -> None:
        for key, value in schema.get("properties", {}).items():
            words = value.get("description", "")
            expect(words.endswith(".") and " " in words, f"{place}{key} is not described by a sentence: '{words}'")
            check(value, f"{place}{key}/")

    check(SCHEMA, "")
    for name, definition in SCHEMA["definitions"].items():
        check(definition, f"{name}/")
    for whole in (SCHEMA, SCHEMA["definitions"]["check"], SCHEMA["definitions"]["generation"]):
        expect(list(whole["properties"]) == whole["required"], f"not all keys are required: {whole['required']}")


def case_samples(build: Path, folder: Path) -> None:
    reports = samples(build, folder)
    expect(set(reports) == {"full", "empty", "hostile"}, f"samples: {sorted(reports)}")
    statuses = {check["status"] for check in reports["full"]["checks"]}
    expect(statuses == set(SCHEMA["definitions"]["check"]["properties"]["status"]["enum"]), f"statuses: {statuses}")
    keys = list(SCHEMA["definitions"]["check"]["properties"])
    expect(list(reports["full"]["checks"][0]) == keys, f"the keys of a check stand in another order than in the schema: {keys}")


# What must be refused: a name, an edit of the full sample, where the error is, and the word of the schema that it breaks.
# Checks 2 and 3 of the sample are a failing and a blocked one.
REFUSED = [
    ("an unknown status", lambda r: r["checks"][0].update(status="unknown"), "checks/0/status", "enum"),
    ("a missing key", lambda r: r["checks"][0].pop("remedy"), "checks/0", "required"),
    ("an unknown key", lambda r: r["checks"][0].update(advice="x"), "checks/0", "additionalProperties"),
    ("an empty remedy", lambda r: r["checks"][0].update(remedy=""), "checks/0/remedy", "minLength"),
    ("a sentence as a reason", lambda r: r["checks"][0].update(reason="No device"), "checks/0/reason", "pattern"),
    ("a failure without a message", lambda r: r["checks"][2].update(message=""), "checks/2/message", "minLength"),
    ("blocked by nothing", lambda r: r["checks"][3].update(blocked_by=None), "checks/3/blocked_by", "type"),
    ("an unknown requirement", lambda r: r["checks"][5].update(requirement="gpu"), "checks/5/requirement", "enum"),
    ("an earlier schema", lambda r: r.update(schema="1"), "schema", "const"),
    ("an unknown verdict", lambda r: r.update(verdict="good"), "verdict", "enum"),
    ("a report without checks", lambda r: r.pop("checks"), "", "required"),
    ("an environment with more", lambda r: r["environment"].update(user="x"), "environment", "additionalProperties"),
    ("a seed that is a text", lambda r: r["generation"][0].update(seed="0"), "generation/0/seed", "type"),
]


def case_refused(build: Path, folder: Path) -> None:
    full = samples(build, folder)["full"]
    for name, edit, place, word in REFUSED:
        edited = copy.deepcopy(full)
        edit(edited)
        found = [problem[:2] for problem in problems(edited)]
        expect(found == [(place, word)], f"{name}: {found}, expected {(place, word)}")


def judge(build: Path, folder: Path, program: str, *arguments, export=GOOD, **variables) -> dict:
    """The report of a run; T5 is found where HF_HUB_CACHE is not given."""
    profile = folder / "profile.yaml"
    profile.write_text(untrained("devices: [cpu]\ngeneration: {prompts: [null, a beat], duration_s: 0.4}\n"))
    variables = {"CONFORMANCE_OUTPUT_DIR": str(folder / "out"), "HF_HUB_CACHE": str(ROOT / "fixtures" / "hub"), **variables}
    environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_PROFILE=str(profile), **variables)
    done = subprocess.run([build / "bin" / program, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    path = Path(variables["CONFORMANCE_OUTPUT_DIR"]) / "report.json"
    expect(path.is_file() or "CONFORMANCE_STAGED" in variables, f"no report: {done.stdout.decode()[-900:]}")
    return read_valid(path) if path.is_file() else {}


def expect_report(name: str, report: dict, verdict: str, *statuses: str) -> None:
    found = {check["status"] for check in report["checks"]}
    expect(report["verdict"] == verdict and found >= set(statuses), f"{name}: {report['verdict']}, {sorted(found)}")


def case_generated(build: Path, folder: Path) -> None:
    report = judge(build, folder, "conformance")
    expect_report("a good export", report, "pass", "pass")
    expect({result["prompt"] for result in report["generation"]} == {None, "a beat"}, f"generated: {report['generation']}")
    report = judge(build, folder, "conformance", HF_HUB_CACHE=str(folder / "none"))
    expect_report("without T5", report, "pass", "pass", "skip")
    expect("text" in report["not_run"], f"not_run: {report['not_run']}")


def case_judged(build: Path, folder: Path) -> None:
    broken, unsupported = folder / "broken", folder / "unsupported"
    derive_recipe(json.loads((FAULTS / "codec-bit-flipped.json").read_text()), broken)
    derive(GOOD, [{"edit": "set_config", "file": "codec", "key": "seanet.activation", "value": "RReLU"},
                  {"edit": "set_config", "file": "codec", "key": "seanet.activation_params", "value": {}}], unsupported)
    expect_report("a flipped bit", judge(build, folder, "conformance_judge", export=broken), "fail", "pass", "fail", "blocked")
    report = judge(build, folder, "conformance_judge", export=unsupported)
    expect_report("an activation that the suite does not know", report, "incomplete", "pass", "unsupported")
    expect_report("no export there", judge(build, folder, "conformance_judge", export=folder / "none"), "fail", "fail", "blocked")
    report = judge(build, folder, "conformance_judge", "--gtest_filter=FilePresence.*")
    expect_report("a filter", report, "incomplete", "pass")
    expect("part" in report["environment"], "a filtered report does not say so")


def case_staged(build: Path, folder: Path) -> None:
    """What each process of a ctest run leaves of its check is of the same schema."""
    for argument in ("--stage=begin", "--stage=payload", "--gtest_filter=*.Holds/*", "--stage=report"):
        report = judge(build, folder, "conformance_judge", argument, CONFORMANCE_STAGED="1")
    results = list((folder / "out" / "checks").glob("*.json"))
    expect(len(results) == len(report["checks"]) > 60, f"{len(results)} results, {len(report['checks'])} checks")
    for path in results:
        found = problems(json.loads(path.read_text()), {**SCHEMA["definitions"]["check"], "definitions": SCHEMA["definitions"]})
        expect(not found, f"{path.name}: {found}")


if __name__ == "__main__":
    if Draft7Validator is None:
        print("skipped: this Python has no package jsonschema. Install python3-jsonschema (scripts/bootstrap --tests)")
        sys.exit(77)
    sys.exit(main(__doc__, cases_in(globals())))
