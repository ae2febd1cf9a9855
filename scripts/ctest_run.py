"""CTest runs of the suite in a folder of their own, and what scripts of cases share. Standard library only."""
import argparse
import json
import os
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNTRAINED = ROOT / "fixtures" / "untrained.yaml"
GOOD = ROOT / "fixtures" / "exports" / "musicgen-tiny-mono"
FAULTS = ROOT / "fixtures" / "faults"


class Run:
    """One ctest run over the conformance label; `arguments` go to ctest."""

    def __init__(self, build: Path, folder: Path, export=None, cwd=None, arguments=(), **variables):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "CTestTestfile.cmake").write_text(f'subdirs("{build / "conformance"}")\n')
        self.output = folder / "artifacts"
        environment = clean_environment(CONFORMANCE_OUTPUT_DIR=str(self.output), **variables)
        if export is not None:
            environment["AUDIOCRAFT_EXPORT_DIR"] = str(export)
        if cwd is not None:
            environment["PWD"] = str(cwd)
        junit = folder / "junit.xml"
        done = subprocess.run(["ctest", "--test-dir", str(folder), "-L", "conformance", "--output-junit", str(junit), *arguments],
                              cwd=cwd or folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.status, self.text = done.returncode, done.stdout.decode(errors="replace")
        self.cases = {case.get("name"): case for case in ElementTree.parse(junit).getroot().iter("testcase")}

    def named(self, status: str) -> dict:
        return {name: "".join(case.itertext()) for name, case in self.cases.items() if case.get("status") == status}

    def report(self) -> dict:
        return json.loads((self.output / "report.json").read_text())


def untrained(more: str) -> str:
    """A profile for exports of random weights."""
    return UNTRAINED.read_text() + more


def clean_environment(**variables) -> dict:
    names = ("CONFORMANCE_", "AUDIOCRAFT_", "GTEST_", "HF_", "HUGGINGFACE_", "XDG_CACHE", "CUDA_VISIBLE", "CTEST_RESOURCE",
             "SLURM_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    # Most fixtures have random weights.
    environment.update({"OMP_NUM_THREADS": "1", "CONFORMANCE_PROFILE": str(UNTRAINED), **variables})
    return environment


def said(check: dict) -> str:
    """What a person reads of a check in report.json: the message and the remedy."""
    return ". ".join(filter(None, (check["message"], check["remedy"])))


def expect(condition, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def run_cases(cases: dict, chosen: list, *given) -> int:
    """Runs the chosen ones, or all, each with a folder of its own after what is given; the exit status."""
    failed = 0
    for name in chosen or cases:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                cases[name](*given, Path(scratch))
                print(f"ok    {name}")
            except AssertionError as problem:
                failed += 1
                print(f"FAIL  {name}: {problem}")
    return 1 if failed else 0


def cases_in(*modules: dict) -> dict:
    """The functions case_NAME of some modules' globals(), by NAME."""
    return {name[5:]: function for names in modules for name, function in list(names.items()) if name.startswith("case_")}


def main(description: str, cases: dict, of_a_build: bool = True) -> int:
    """The command line of a script of cases: [--build BUILD] [CASE ...]; the exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if of_a_build:
        parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(cases)}")
    args = parser.parse_args()
    return run_cases(cases, args.cases, *([args.build.resolve()] if of_a_build else []))
