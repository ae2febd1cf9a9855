#!/usr/bin/env python3
"""Derives an export from a good one by a list of edits. Standard library only; the same bytes every time.

usage: derive_export.py RECIPE.json OUT                     a recipe of fixtures/faults or fixtures/harmless
       derive_export.py --base DIR --edit '{"edit": ...}' [--edit ...] OUT
       derive_export.py --list                              every edit, with its parameters

An edit is an object: "edit" is its name, the other keys are its parameters; "file" is language_model, codec or a file
name. A recipe's "base" is a folder of fixtures/exports. Values are unpacked in Python: on a full-size export an edit
of all tensors takes minutes.
"""
import argparse
import inspect
import json
import sys
from pathlib import Path

from derive import (ambiguous_edits, archive_edits, codec_edits, entry_edits, file_edits, folder_edits,  # noqa: F401
                    foreign_files, package_edits, shard_edits, tensor_edits, trainer_edits, unsafe_edits)  # they register their edits
from derive.export import EDITS, Export

EXPORTS = Path(__file__).resolve().parents[1] / "fixtures" / "exports"


def edited(base: Path, edits: list) -> Export:
    """`base` with `edits` applied, in order, not yet written. The base is only read."""
    export = Export(base)
    for number, step in enumerate(edits, 1):
        parameters = dict(step)
        name = parameters.pop("edit")
        if name not in EDITS:
            raise ValueError(f"edit {number}: no edit is called {name!r}; derive_export.py --list names them")
        try:
            inspect.signature(EDITS[name]).bind(export, **parameters)
        except TypeError as error:
            raise ValueError(f"edit {number} ({name}): {error}") from None
        EDITS[name](export, **parameters)
    return export


def derive(base: Path, edits: list, out: Path) -> None:
    edited(base, edits).write(out)


def derive_recipe(recipe: dict, out: Path) -> None:
    derive(EXPORTS / recipe["base"], recipe["edits"], out)


def list_edits() -> None:
    for name, function in EDITS.items():
        parameters = list(inspect.signature(function).parameters.values())[1:]
        print(f"{name}({', '.join(str(parameter) for parameter in parameters)})")
        print("    " + inspect.getdoc(function).replace("\n", "\n    "))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", metavar="RECIPE.json OUT")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--edit", action="append", default=[], type=json.loads)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        list_edits()
        return 0
    if len(args.arguments) != (1 if args.base else 2):
        parser.error("give RECIPE.json OUT, or --base DIR --edit JSON OUT")
    out = Path(args.arguments[-1])
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        parser.error(f"{out} exists already")
    try:
        if args.base:
            derive(args.base, args.edit, out)
        else:
            derive_recipe(json.loads(Path(args.arguments[0]).read_text()), out)
    except (KeyError, ValueError, OSError) as error:
        print(f"derive_export.py: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
