"""Writes into each recipe, as `production`, what the reference does with the export that it makes.

usage: verdicts.py [--check] [RECIPE.json ...]     default: all of fixtures/faults and fixtures/harmless

For each recipe: derive, MusicGen.get_pretrained, 2 s with top_k sampling (seed 0, unconditional), 0.8 s greedy with no
prompt and 0.4 s with one, on the CPU. --check writes nothing and fails where the recorded outcome differs. Each runs in
a process of its own, in an empty folder: recipes with unsafe pickles only ever run `touch`, and that is recorded.
T5 and referenced codecs come from fixtures/hub and fixtures/home; a recipe with "hub": false sees an empty cache.
"""
import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import forked
import production
from families import TEXTS

HERE = Path(__file__).resolve().parent
FIXTURES = production.FIXTURES
sys.path.insert(0, str(HERE.parent))
from derive.hub import derive_hub  # noqa: E402
from derive_export import derive_recipe  # noqa: E402


def rounded(value: float):
    """Numbers that JSON can hold and that do not change from machine to machine."""
    return float(f"{value:.2g}") if value == value and abs(value) != float("inf") else str(value)


def run_production(name: str) -> dict:
    """Loads and generates as a user would; what an exception says is the result as well."""
    import torch
    from audiocraft.models import MusicGen
    stage = "load"
    torch.manual_seed(0)  # a reference to the debug codec has random weights
    try:
        model = MusicGen.get_pretrained(name, device="cpu")
        stage = "generate"
        model.set_generation_params(duration=2.0)
        torch.manual_seed(0)
        audio, tokens = model.generate([None], return_tokens=True)
        greedy = []
        for duration_s, prompt in ((0.8, None), (0.4, TEXTS[0])):
            model.set_generation_params(duration=duration_s, use_sampling=False)
            greedy_audio, greedy_tokens = model.generate([prompt], return_tokens=True)
            greedy.append((greedy_tokens[0].tolist(), greedy_audio[0].tolist()))
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is the verdict)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = f"{type(error).__name__}: {' '.join(lines[:2])}"
        return {"outcome": "raises", "stage": stage, "error": text[:200]}
    audio = audio[0].double()
    return {"outcome": "runs", "shape": list(audio.shape), "sample_rate": model.sample_rate,
            "rms": rounded(audio.square().mean().sqrt().item()), "mean": rounded(audio.mean().item()),
            "peak": rounded(audio.abs().max().item()), "clipped": rounded((audio.abs() >= 1).double().mean().item()),
            "distinct_tokens": [row.unique().numel() for row in tokens[0]],
            "greedy": greedy}


def in_process(body, folder: Path) -> dict:
    """What `body` returns in a process of its own (audiocraft is imported already), in `folder`, with a time limit."""
    def noting_what_ran():
        result = body()
        if os.path.exists("executed"):
            result["executed"] = True
        return result

    result, ended = forked.run(noting_what_ran, folder)
    return {"outcome": "raises", "stage": "load", "error": ended} if ended else result


def in_child(recipe: dict) -> dict:
    """Derives and runs in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        name = recipe.get("run_as", "export")
        derive_recipe(recipe, Path(scratch) / name)
        return in_folder(Path(scratch), name if "run_as" in recipe else os.path.join(scratch, name), recipe.get("hub", True))


def in_folder(scratch: Path, path: str, hub) -> dict:
    """The export `path`, below `scratch` or relative to it, in a process of its own; `hub` as in a recipe."""
    other_hub = scratch / "hub"
    if isinstance(hub, list):
        derive_hub(FIXTURES / "hub", hub, other_hub)

    def body():
        if hub is not True:
            production.use_hub(other_hub, empty=not hub)
        return run_production(path)

    result = in_process(body, scratch)
    if "error" in result:
        result["error"] = result["error"].replace(str(scratch), "TMP")
    return result


def prepare() -> None:
    """Imports what every forked process needs."""
    production.set_up()
    import audiocraft.models  # noqa: F401


def same(first, second) -> bool:
    """Equal tokens, and audio within what another order of the same sums can change."""
    for (tokens, audio), (other_tokens, other_audio) in zip(first, second):
        pairs = [pair for rows in zip(audio, other_audio) for pair in zip(*rows)]
        if tokens != other_tokens or not all(abs(a - b) < 1e-5 for a, b in pairs):
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("recipes", nargs="*", type=Path)
    args = parser.parse_args()
    prepare()
    import audiocraft

    bases, differing = {}, []
    for path in args.recipes or sorted(FIXTURES.glob("faults/*.json")) + sorted(FIXTURES.glob("harmless/*.json")):
        recipe = json.loads(path.read_text())
        release = recipe.get("audiocraft", audiocraft.__version__)
        if release != audiocraft.__version__:
            print(f"{path.parent.name}/{path.stem}: needs audiocraft {release}", file=sys.stderr)
            continue
        base = recipe["base"]
        production = in_child(recipe)
        if production["outcome"] == "runs":
            if base not in bases:
                bases[base] = in_child({"base": base, "edits": []})["greedy"]
            production["same_as_base"] = same(production.pop("greedy"), bases[base])
        print(f"{path.parent.name}/{path.stem}: {json.dumps(production)}", flush=True)
        if path.parent.name == "harmless" and production["outcome"] != "runs":
            print("    harmless, and yet the reference fails", file=sys.stderr)
            differing.append(path.stem)
        if args.check and recipe.get("production") != production:
            differing.append(path.stem)
        if not args.check:
            recipe["production"] = production
            path.write_text(dump(recipe))
    if differing:
        print("not as expected: " + ", ".join(differing), file=sys.stderr)
    return 1 if differing else 0


def dump(recipe: dict) -> str:
    """JSON with one edit, or one advice, a line, so that a diff shows which one changed."""
    parts = []
    for key, value in recipe.items():
        if key in ("edits", "advice"):
            text = "[\n" + ",\n".join("    " + json.dumps(edit) for edit in value) + "\n  ]"
        else:
            text = json.dumps(value)
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
