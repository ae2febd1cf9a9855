"""What a failing check advises, as something that a program can do: each form in which the suite words a remedy, and
how it is followed. Standard library only.

An advice is one of: {"edits": [...]} of scripts/derive; {"python": "..."}, with "file" of best_state there, else with
whole files in the export's folder; {"shell": "..."} there; {"given": "..."}, another folder to give; {"hub": true}, the
cache as it should be.
"""
import os
import re
import subprocess
from pathlib import Path

from derive import config_text
from derive.export import FILE_NAMES
from derive_export import EXPORTS, edited

KEY = r"(?P<key>[A-Za-z_][\w.-]*\w)"
VALUE = r"(?P<value>\[[^\]]*\]|\{\}|[\w.+-]*\w)"
CODE = r"(?P<code>(?:best_state(?: = |\[)|del best_state|for i in|base = torch|p = torch).*)"
END_OF_CODE = r"\.? *$|\. [A-Z]|,? and save|[;,] (?:where|else|or|and) "


class Place:
    """Where an advice applies: the check that gives it, and the export that it was given for."""

    def __init__(self, check: dict, export):
        self.message, self.export = check["message"], export
        named = re.search(r"in (\w+\.bin)", check["remedy"]) or re.match(r"(?:\S*/)?(\w+\.bin)", self.message)
        self.file = next((role for role, name in FILE_NAMES.items() if named and named[1] == name), "language_model")

    def set(self, key: str, value: str) -> dict:
        return {"edit": "set_config", "file": self.file, "key": key, "value": value}

    def listed(self, key: str) -> list:
        """The entries of a list of the config, in whichever style it is written."""
        lines = self.export.package(self.file)["xp.cfg"].splitlines()
        first, end, _ = config_text.locate(lines, key)
        inline = lines[first].partition(": ")[2]
        return re.findall(r"[\w.]+", inline) if inline else [line.strip()[2:] for line in lines[first + 1:end]]


def beside(key: str, other: str) -> str:
    """`other` as it stands beside `key` in a sentence: nothing, .name, or a key of its own."""
    if not other:
        return key
    return key.rpartition(".")[0] + other if other.startswith(".") else other


def set_with_alternatives(place, match, rest):
    """Set KEY: VALUE [with KEY: VALUE] [..., or [.KEY]: VALUE]; Set KEY to VALUE [..., or [KEY] to VALUE]."""
    too = re.match(rf" with {KEY}: {VALUE}", rest)
    yield [place.set(found["key"], found["value"]) for found in (match, too) if found]
    other = re.match(rf"[^.]*?(?:,|;) or (?P<other>[\w.]*?)(?::| ?to) {VALUE}", rest)
    if other:
        yield [place.set(beside(match["key"], other["other"]), other["value"])]


def one_of(place, match, rest):
    for value in re.split(r", | and | or ", match["values"]):
        yield [place.set(match["key"], value)]


def add_to_fuser(place, match, rest):
    for way in ("cross", "prepend", "input_interpolate"):
        yield [place.set(f"fuser.{way}", "[" + ", ".join([*place.listed(f"fuser.{way}"), match["name"]]) + "]")]


def remove_options(place, match, rest):
    keys = re.findall(rf"(?<![\\\w.]){KEY} is not a parameter", place.message)
    yield [{"edit": "remove_config", "file": place.file, "key": key} for key in dict.fromkeys(keys)]


def rename_weight_norm(place, match, rest):
    yield [{"edit": "rename_tensors", "file": place.file, "pattern": rf"\.parametrizations\.weight\.{old}$", "to": f".{new}"}
           for old, new in (("original0", "weight_g"), ("original1", "weight_v"))]


def rename_found(place, match, rest):
    found = re.search(r"The folder holds (.+?): ", place.message)
    yield [{"edit": "rename_file", "file": found[1], "to": match["name"]}]


# What a remedy says, and the edits that follow it, each alternative by itself.
EDITS = [
    (rf"[Ww]ith `{KEY}: (?P<value>[^`]+)` in its xp\.cfg", lambda p, m, rest: [[p.set(m["key"], m["value"])]]),
    (rf"\b[Ss]et {KEY}(?::| to) (?!what |the ){VALUE}(?! in the profile| there|\w)", set_with_alternatives),
    (rf"\b[Ss]et {KEY} above (?P<value>\d+)", lambda p, m, rest: [[p.set(m["key"], str(int(m["value"]) + 1))]]),
    (rf"\b[Ss]et {KEY} to what the \w+ was trained with: (?:only )?(?P<values>[\w, ]+?)(?: run)?$", one_of),
    (rf"\bWrite (?P<values>true or false) in {KEY}", one_of),
    (rf"\bWrite {VALUE} (?:without quotes )?in {KEY}", lambda p, m, rest: [[p.set(m["key"], m["value"])]]),
    (rf"\bWrite an empty mapping, {KEY}: (?P<value>{{}})", lambda p, m, rest: [[p.set(m["key"], m["value"])]]),
    (r"\bAdd (?P<name>\S+) to fuser\.cross, prepend or input_interpolate", add_to_fuser),
    (r"\bRemove what is not a parameter", remove_options),
    (r"\bremove the key where the file has weights", lambda p, m, rest: [[{"edit": "remove_key", "file": p.file,
                                                                           "key": "pretrained"}]]),
    (r"export_pretrained_compression_model\('(?P<name>[^']+)'", lambda p, m, rest: [[{"edit": "reference_codec",
                                                                                      "name": m["name"]}]]),
    (r"Rename parametrizations\.weight\.original0 to weight_g, and original1 to weight_v", rename_weight_norm),
    (r"Rename it to (?P<name>\S+)", rename_found),
    (r"Exchange the names of the two files", lambda p, m, rest: [[{"edit": "swap_files"}]]),
]
# What is done in the folder, or beside it.
ACTIONS = [
    (r"`(?P<shell>(?:tar|unzip|gunzip|zip) [^`]*)`|Join them: (?P<joined>cat .*)",
     lambda m, folder: {"shell": m["shell"] or m["joined"]}),
    (r"Give that folder: (?P<path>\S+)", lambda m, folder: {"given": os.path.relpath(m["path"], folder)}),
    (r"Rename the folder, or give it with its path \('(?P<path>[^']+)'\)", lambda m, folder: {"given": m["path"]}),
    (r"`hf download (?P<model>[\w/-]+)(?: --force-download)?`", lambda m, folder: {"hub": True}),
]


def code_in(remedy: str):
    """The Python that a remedy quotes, up to the words behind it; None where there is none that Python reads."""
    found = re.search(rf"(?<![\w\['(]){CODE}", remedy)
    for end in reversed(list(re.finditer(END_OF_CODE, found["code"]))) if found else ():
        code = found["code"][:end.start()]
        try:
            compile(code, "remedy", "exec")
        except SyntaxError:
            continue
        return code
    return None


def advised(check: dict, recipe: dict, folder: Path) -> list:
    """Each thing that the check says can be done, in order; `folder` is where the recipe's export lies."""
    remedy, found = check["remedy"] or "", []
    place = Place({**check, "remedy": remedy}, edited(EXPORTS / recipe["base"], recipe["edits"]))
    code = code_in(remedy)
    if code:
        found.append({"python": code} if code.startswith("p = ") else {"python": code, "file": place.file})
        remedy = remedy.replace(code, "")
    for pattern, make in EDITS:
        for match in re.finditer(pattern, remedy):
            found += [{"edits": edits} for edits in make(place, match, remedy[match.end():]) if edits]
    for pattern, make in ACTIONS:
        found += [make(match, folder) for match in re.finditer(pattern, remedy)]
    return found


def follow(recipe: dict, advice: dict, folder: Path):
    """Derives `recipe` in `folder` and follows what needs no PyTorch: (what to give as the export, the hub to use), or
    None where this machine lacks the command."""
    name = recipe.get("run_as", "export")
    edited(EXPORTS / recipe["base"], recipe["edits"] + advice.get("edits", [])).write(folder / name)
    if "shell" in advice:
        command = advice["shell"].replace("FILE", "state_dict.bin").replace("FOLDER", "unpacked").replace("OTHER", "other")
        done = subprocess.run(["sh", "-c", command], cwd=folder / name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 127:
            return None
        if "unpacked" in command:
            os.replace(folder / name / "unpacked" / "state_dict.bin", folder / name / "state_dict.bin")
        if "other" in command:
            os.replace(folder / name / "other", folder / name / "state_dict.bin")
    given = advice.get("given", "")
    if "run_as" in recipe:
        return given or name, advice.get("hub", recipe.get("hub", True))
    return str(folder / name / given) if given else str(folder / name), advice.get("hub", recipe.get("hub", True))


def actions(recorded: list) -> list:
    """What is done, of a recipe's `advice`, without what came of it."""
    return [{key: value for key, value in step.items() if key not in ("suite", "production")} for step in recorded]


def misleads(step: dict) -> bool:
    """The suite passes what production refuses."""
    return step.get("suite") == "pass" and not step["production"].startswith("runs")
