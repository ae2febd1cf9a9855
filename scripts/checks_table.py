#!/usr/bin/env python3
"""Writes into conformance/CHECKS.md what its tables repeat of the code and of the recipes.

usage: checks_table.py --program build/bin/conformance_judge [--check]

A table of ids gets a row for each check of the graph (`--list-checks=json`), in its order, and in the column "fault"
the recipes of fixtures/faults whose `expect.check` it is: at most three, those first that stand there already. What a
person wrote stays: the other cells, and what follows a semicolon in "fault". A new id gets a row with empty cells, which
are to be filled in. A table of kinds gets the check that its recipes expect.
--check writes nothing. Exit status: 0 the page is current and complete, 1 it is not, and why. Standard library only.
"""
import argparse
import difflib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from ctest_run import ROOT, clean_environment

PAGE = ROOT / "conformance" / "CHECKS.md"
RECIPES = ROOT / "fixtures"
IDS, KINDS, HARMLESS = ["id", "validates", "fault", "what to do"], ["kind", "check", "first line of the message", "fault"], ["kind", "recipe"]
MOST_RECIPES = 3
NAMES = re.compile(r"[\w.-]+(, [\w.-]+)*( and \d+ more)?")


def read_graph(program: Path) -> list:
    """The ids of a run with everything in it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as profile:
        profile.write("devices: [cpu, cuda]\ngeneration: {prompts: [null]}\n")
        profile.flush()
        listed = subprocess.run([program, "--list-checks=json"], check=True, stdout=subprocess.PIPE, env=clean_environment(
            CONFORMANCE_PROFILE=profile.name, CONFORMANCE_PLAN="cpu cuda text codec", AUDIOCRAFT_PYTHON=sys.executable))
    return [check["id"] for check in json.loads(listed.stdout)]


def in_page(identifier: str, ids) -> str:
    """The id of the row that stands for this one: for all devices and prompts, and for both files where both have it."""
    identifier = re.sub(r"/(cpu|cuda)/(prompt\d+|melody)/", "/DEVICE/promptN/", identifier)
    both = [re.sub("/(language_model|codec)/", f"/{role}/", identifier) for role in ("language_model", "codec")]
    return re.sub("/(language_model|codec)/", "/FILE/", identifier) if set(both) <= set(ids) else identifier


def read_recipes(ids) -> tuple:
    """{fault: the check that it expects}, {row: its faults}, the harmless."""
    expected = {path.stem: json.loads(path.read_text())["expect"]["check"] for path in sorted(RECIPES.glob("faults/*.json"))}
    rows = {}
    for fault, check in expected.items():
        rows.setdefault(in_page(check, ids), []).append(fault)
    return expected, rows, {path.stem for path in RECIPES.glob("harmless/*.json")}


def faults_cell(old: str, faults: list) -> str:
    parts = old.split("; ")
    named = [name for part in parts if NAMES.fullmatch(part) for name in part.partition(" and ")[0].split(", ")]
    chosen = [name for name in named if name in faults]
    chosen = (chosen + [name for name in faults if name not in chosen])[:MOST_RECIPES]
    more = f" and {len(faults) - len(chosen)} more" if len(faults) > len(chosen) else ""
    by_hand = [part for part in parts if part and not NAMES.fullmatch(part)]
    return "; ".join([", ".join(chosen) + more] * bool(chosen) + by_hand)


def cells(line: str) -> list:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def row(of: list) -> str:
    return "| " + " | ".join(of) + " |"


class Page:
    def __init__(self, ids: list):
        self.rows = list(dict.fromkeys(in_page(identifier, ids) for identifier in ids))
        self.expected, self.faults, self.harmless = read_recipes(ids)
        self.problems, self.categories = [], set()

    def ids_table(self, category: str, old: list) -> list:
        self.categories.add(category)
        by_hand = {of[0].strip("`"): of for of in old}
        new = []
        for identifier in (name for name in self.rows if name.split("/")[0] == category):
            _, validates, fault, remedy = by_hand.get(identifier, ["", "", "", ""])
            new.append([f"`{identifier}`", validates, faults_cell(fault, self.faults.get(identifier, [])), remedy])
            self.problems += [f"{identifier}: the cell \"{name}\" is empty" for name, cell in zip(IDS, new[-1]) if not cell]
        return new

    def kinds_table(self, _, old: list) -> list:
        new = []
        for kind, check, message, names in old:
            expected = {self.expected.get(name, f"there is no recipe {name}") for name in names.split(", ")}
            if len(expected) > 1 or any(" " in each for each in expected):
                self.problems.append(f"kind \"{kind}\": one check for all its recipes: {', '.join(sorted(expected))}")
            else:
                check = f"`{expected.pop()}`"
            new.append([kind, check, message, names])
        return new

    def harmless_table(self, _, old: list) -> list:
        named = {name for _, names in old for name in names.split(", ")}
        self.problems += [f"there is no recipe {name}" for name in sorted(named - self.harmless)]
        return old

    def current(self, text: str) -> str:
        """The page as it should be; fills `problems`."""
        tables = {tuple(IDS): self.ids_table, tuple(KINDS): self.kinds_table, tuple(HARMLESS): self.harmless_table}
        lines, out, heading = text.splitlines(), [], ""
        while lines:
            out.append(lines.pop(0))
            if out[-1].startswith("#"):
                heading = out[-1].lstrip("# ")
            table = tables.get(tuple(cells(out[-1]))) if out[-1].startswith("|") else None
            if table:
                out.append(lines.pop(0))
                old = []
                while lines and lines[0].startswith("|"):
                    old.append(cells(lines.pop(0)))
                out += map(row, table(heading, old))
        self.problems += [f"no table for {category}" for category in
                          sorted({name.split("/")[0] for name in self.rows} - self.categories)]
        return "\n".join(out) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    page = Page(read_graph(args.program.resolve()))
    old = PAGE.read_text()
    new = page.current(old)
    if args.check:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "CHECKS.md", "current", n=0))
        page.problems += ["scripts/checks_table.py makes it current"] * (new != old)
    else:
        PAGE.write_text(new)
    print(*(f"CHECKS.md: {problem}" for problem in page.problems), sep="\n", end="\n" if page.problems else "", file=sys.stderr)
    return 1 if page.problems else 0


if __name__ == "__main__":
    sys.exit(main())
