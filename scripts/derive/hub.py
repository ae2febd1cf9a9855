"""A hub cache that differs from fixtures/hub: what a recipe's "hub" lists, where T5 or a referenced codec is the fault.

Each entry names a "file" as MODEL/FILE (t5-small/config.json) and one change: "remove": true; "keep": 0.5 (the first
half of it); "set": {key: value} (of a JSON file); "from": another model's MODEL/FILE in its place.
"""
import json
import os
from pathlib import Path


def place(hub: Path, name: str) -> Path:
    """Where the hub's client has MODEL/FILE: models--ORG--MODEL/snapshots/REVISION/FILE."""
    model, file = name.rsplit("/", 1)
    folder = hub / ("models--" + model.replace("/", "--"))
    return folder / "snapshots" / (folder / "refs" / "main").read_text().strip() / file


def derive_hub(source: Path, edits: list, out: Path) -> None:
    """Writes `source` with the edits applied to the folder `out`; what stays as it was is a link."""
    for folder, _, files in os.walk(source):
        there = out / Path(folder).relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        for file in files:
            (there / file).symlink_to((Path(folder) / file).resolve())
    for step in edits:
        changed, unchanged = place(out, step["file"]), place(source, step["file"])
        changed.unlink(missing_ok=True)
        if "keep" in step:
            data = unchanged.read_bytes()
            changed.write_bytes(data[:int(len(data) * step["keep"])])
        elif "set" in step:
            changed.write_text(json.dumps({**json.loads(unchanged.read_text()), **step["set"]}, indent=2) + "\n")
        elif "from" in step:
            changed.symlink_to(place(source, step["from"]).resolve())
        elif "remove" not in step:
            raise ValueError(f"the hub's edit of {step['file']} changes nothing")
