"""Follows what the suite advises of each fault, and asks the suite and the reference again: `advice` of every recipe.

usage: follow_advice.py --program BUILD/bin/conformance --judge BUILD/bin/conformance_judge [--check | --again]
                        [RECIPE.json ...]

For each recipe of fixtures/faults, or those given: derive, judge, take what the first failing check advises
(scripts/advice.py knows the forms), and for each advice derive, follow, judge by --judge, and load and generate as
verdicts.py does. What is recorded is `suite` (pass, or the check that fails first) and `production` (runs, runs as the
base, or what it raises). A recipe whose advice is recorded already is passed over, so that a run can be stopped and go
on; --again asks again, --check does so and writes nothing. That the suite passes what production refuses is an error.
"""
import argparse
import fnmatch
import json
import os
import sys
import tempfile
from pathlib import Path

import verdicts

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import advice  # noqa: E402
import check_fixtures  # noqa: E402
from derive.export import FILE_NAMES  # noqa: E402


def run_python(step: dict, base: str, export: Path) -> None:
    """`best_state` is that of the step's file; BASE, or base, the export from which the recipe derives."""
    import torch
    code = step["python"].replace("'BASE/", f"'{base}/").replace("'base/", f"'{base}/")
    if "file" not in step:
        exec(compile(code, "advice", "exec"), {"torch": torch})
        return
    path = export / FILE_NAMES[step["file"]]
    package = torch.load(path, map_location="cpu")
    names = {"torch": torch, "fnmatch": fnmatch, "best_state": package["best_state"]}
    exec(compile(code, "advice", "exec"), names)
    package["best_state"] = names["best_state"]
    torch.save(package, path)


def follow(recipe: dict, step: dict, judge: Path, greedy_of) -> dict:
    """What the suite and the reference say of the recipe's export where the advice is followed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        given, hub = advice.follow(recipe, step, folder)
        if "python" in step:
            export = folder / recipe.get("run_as", "export")

            def body():
                os.chdir(export)
                try:
                    run_python(step, str(advice.EXPORTS / recipe["base"]), export)
                except Exception as error:  # noqa: BLE001  (a package that is not here, or an advice that does not run)
                    return {"error": f"{type(error).__name__}: {error}"[:100]}
                return {}

            result = verdicts.in_process(body, folder)
            if result.get("error"):
                return {"production": f"not followed: {result['error']}"}
        first = check_fixtures.first_failure(judge, recipe, folder, given, hub)
        done = verdicts.in_folder(folder, given, hub)
    suite = first["id"] if first else "pass"
    if done["outcome"] == "raises":
        return {"suite": suite, "production": f"raises {done['error'][:100]}"}
    same = verdicts.same(done["greedy"], greedy_of(recipe["base"]))
    return {"suite": suite, "production": "runs as the base" if same else "runs"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("recipes", nargs="*", type=Path)
    args = parser.parse_args()
    program, judge = args.program.resolve(), args.judge.resolve()
    verdicts.prepare()
    bases, wrong = {}, []

    def greedy_of(base: str):
        if base not in bases:
            bases[base] = verdicts.in_child({"base": base, "edits": []})["greedy"]
        return bases[base]

    for path in args.recipes or sorted(verdicts.FIXTURES.glob("faults/*.json")):
        recipe = json.loads(path.read_text())
        if recipe.get("needs") == "cuda":
            continue
        with tempfile.TemporaryDirectory() as scratch:
            given, hub = advice.follow(recipe, {}, Path(scratch))
            first = check_fixtures.first_failure(judge, recipe, Path(scratch), given, hub)
            if first is None or first["status"] != "fail" and "require" not in recipe:
                first = check_fixtures.first_failure(program, recipe, Path(scratch), given, hub)
            steps = advice.advised(first, recipe, Path(scratch) / given)
        recorded = recipe.get("advice", [])
        if not (args.check or args.again) and advice.actions(recorded) == steps:
            continue
        found = [{**step, **follow(recipe, step, judge, greedy_of)} for step in steps]
        for entry in found:
            print(f"{path.stem}: {json.dumps(entry)}", flush=True)
        if any(map(advice.misleads, found)) or args.check and found != recorded:
            wrong.append(path.stem)
        if not args.check:
            recipe.pop("advice", None)
            if found:
                recipe["advice"] = found
            path.write_text(verdicts.dump(recipe))
    if wrong:
        print("not as recorded, or passed by the suite and not by production: " + ", ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
