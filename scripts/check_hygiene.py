#!/usr/bin/env python3
"""Tests what leaves the program: text from files can't steer terminals and pages, nothing of this machine is shown, only one
run uses the output folder, and the export does not fail for what this machine lacks.

usage: check_hygiene.py --build BUILD [CASE ...]      all cases, or the named ones

Standard library only. Python's own Unicode data says what is unsafe to show, not the program's table.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import OrderedDict
from pathlib import Path

from ctest_run import FAULTS, GOOD, Run, cases_in, clean_environment, expect, main
from derive.archive import Entry, find_entry, read_zip, write_zip
from derive.export import Export
from derive.pickling import Raw, Tensor
from derive.unsafe_edits import call, text
from derive_export import derive, derive_recipe

# Each steers something: a terminal, a line of a log, GitHub, Azure, TeamCity, the direction of text, a line of JavaScript,
# what is seen at all, an XML parser, a UTF-8 decoder.
EVIL = ("\x1b[31m\x1b]0;t\x07\r\n::error::one\n##vso[task.complete]##[error]x ::error::two \u00a0::error::three\n##teamcity[x]\x85\x9b1m"
        "\u202egnp\u202c\u2066x\u2069\u2028\u2029\ufeff\u200b\ufffe\uffff\ufdd0\U0001ffff\U000e0041\x7f")
WITHOUT_CONTROLS = EVIL.replace("\x1b", "").replace("\x07", "").replace("\x7f", "")
NAME = EVIL.replace("/", "")
YAML = '"' + EVIL.encode("unicode_escape").decode().replace('"', '\\"') + '"'  # as a double-quoted scalar


def unsafe(text_found: str) -> list:
    """What is wrong with a text that is shown, in words."""
    problems = [f"U+{ord(c):04X}" for c in set(text_found)
                if (unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") and c != "\n") or ord(c) & 0xFFFE == 0xFFFE
                or 0xFDD0 <= ord(c) <= 0xFDEF]
    problems += [f"the line {line!r}" for line in text_found.splitlines()
                 if line.strip().startswith("::") or re.search(r"##(\[|vso\[|teamcity\[)", line)]
    return problems


def strings(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


class Judged:
    """One run of conformance_judge (or of `program`) on an export: everything that it wrote and printed."""

    def __init__(self, build: Path, folder, export, program="conformance_judge", arguments=(), prefix="", **variables):
        self.output = Path(os.fsdecode(folder)) / "out"
        xml = Path(os.fsdecode(folder)) / "gtest.xml"
        environment = clean_environment(**{"AUDIOCRAFT_EXPORT_DIR": os.fsdecode(export), "CONFORMANCE_OUTPUT_DIR": str(self.output), **variables})
        command = f'{prefix} exec "$0" "$@"'
        done = subprocess.run(["bash", "-c", command, str(build / "bin" / program), f"--gtest_output=xml:{xml}", *arguments],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        self.status, self.raw = done.returncode, done.stdout
        self.text = done.stdout.decode(errors="replace")
        out = Path(environment["CONFORMANCE_OUTPUT_DIR"])
        self.files = {path.name: path.read_bytes() for path in sorted(out.rglob("*.*")) if path.suffix in (".json", ".html")} \
            if out.is_dir() else {}
        if xml.exists():
            self.files["gtest.xml"] = xml.read_bytes()
        self.report = json.loads(self.files["report.json"]) if "report.json" in self.files else None

    def failing(self) -> list:
        return [check["id"] for check in self.report["checks"] if check["status"] == "fail"]

    def everything(self) -> bytes:
        return b"\n".join([self.raw, *self.files.values()])

    def check_shown(self, what: str) -> None:
        """Nothing unsafe in any output; each well formed for its own strict reader."""
        for name, data in {"the terminal": self.raw, **self.files}.items():
            try:
                problems = unsafe(data.decode("utf-8"))
            except UnicodeDecodeError as error:
                problems = [str(error)]
            expect(not problems, f"{what}: {name} shows {problems[:5]}")
        ElementTree.fromstring(self.files["gtest.xml"])
        for check in self.report["checks"]:
            problems = [problem for found in strings(check) for problem in unsafe(found)]
            expect(not problems, f"{what}: {check['id']} of report.json says {problems[:5]}")


def with_entry(export: Export, file: str, change) -> None:
    entries = read_zip(export.read_bytes(file))
    export.write_bytes(file, write_zip(change(entries) or entries))


def set_config(file: str, key: str, value: str):
    return lambda export: derive_edit(export, {"edit": "set_config", "file": file, "key": key, "value": value})


def derive_edit(export: Export, step: dict) -> None:
    from derive.export import EDITS
    parameters = dict(step)
    EDITS[parameters.pop("edit")](export, **parameters)


def add_key(file: str, parent: str):
    return lambda export: derive_edit(export, {"edit": "config_text_replace", "file": file, "find": f"\n{parent}:\n",
                                               "replace": f"\n{parent}:\n  {YAML}: 1\n"})


def tensor_without_bytes(export: Export) -> None:
    derive_edit(export, {"edit": "patch_pickle", "file": "codec", "opcodes_hex": "4e", "key": NAME})
    state = export.state("codec")
    first = export.tensor("codec", next(iter(state)))
    state[NAME] = Tensor(first.storage, 10**9, first.shape, first.strides, False, OrderedDict())


def extra_record(export: Export) -> None:
    def change(entries):
        folder = entries[0].name.split("/", 1)[0]
        return entries + [Entry(f"{folder}/{NAME}.pkl", b"\x80\x02" + call("posix.system", EVIL) + b".")]
    with_entry(export, "language_model", change)


def rename_first_record(export: Export) -> None:
    def change(entries):
        entries[0].name = f"{NAME}/data.pkl"
    with_entry(export, "codec", change)


def rename_storage(export: Export) -> None:
    def change(entries):
        entry = find_entry(entries, "data.pkl")
        expect(text("0") in entry.data, "no storage has the key 0")
        entry.__init__(entry.name, entry.data.replace(text("0"), text(NAME)))
    with_entry(export, "codec", change)


def flip_in_record(export: Export) -> None:
    def change(entries):
        entry = find_entry(entries, "data/0")
        expect(text("0") in find_entry(entries, "data.pkl").data, "no storage has the key 0")
        pickled = find_entry(entries, "data.pkl")
        pickled.__init__(pickled.name, pickled.data.replace(text("0"), text(NAME)))
        entry.name, entry.crc = entry.name[:-1] + NAME, entry.crc ^ 1
    with_entry(export, "codec", change)


# Where text from the files reaches a message, each the first thing that is wrong with the export.
PLACES = {
    "the name of a tensor": tensor_without_bytes,
    "an added tensor": lambda e: e.state("codec").__setitem__(NAME, next(iter(e.state("codec").values()))),
    "a key of the package": lambda e: e.package("language_model").__setitem__(NAME, Raw(call("posix.system", "true"))),
    "a key of best_state that holds no tensor": lambda e: e.state("language_model").__setitem__(NAME, EVIL),
    "best_state": lambda e: e.package("codec").__setitem__("best_state", EVIL),
    "a record": extra_record,
    "the key of a storage": rename_storage,
    "a record with a wrong checksum": flip_in_record,
    "the archive's folder": rename_first_record,
    "a class": lambda e: e.package("codec").__setitem__("comment", Raw(b"\x8c\x07my.code" + text(EVIL) + b"\x93")),
    "a module": lambda e: e.package("codec").__setitem__("comment", Raw(text("my" + EVIL) + b"\x8c\x01f\x93)R")),
    "an argument of a call": lambda e: e.package("codec").__setitem__("comment", Raw(call("posix.system", EVIL))),
    "a codec reference": lambda e: derive_edit(e, {"edit": "reference_codec", "name": EVIL}),
    "a codec reference that is a path": lambda e: derive_edit(e, {"edit": "reference_codec", "name": "/no/" + EVIL}),
    "a choice": set_config("language_model", "transformer_lm.norm", YAML),
    "a number": set_config("language_model", "transformer_lm.dim", YAML),
    "a key": add_key("language_model", "transformer_lm"),
    "a key of the codec": add_key("codec", "seanet"),
    "an interpolation": set_config("language_model", "transformer_lm.dim", YAML[:-1] + '${no.such}"'),
    "a key in an interpolation": set_config("language_model", "transformer_lm.dim", '"${' + YAML[1:-1] + '}"'),
    "a variable": set_config("language_model", "transformer_lm.dim", "\"${oc.env:'" + YAML[1:-1] + "'}\""),
    "the text encoder": set_config("language_model", "conditioners.description.t5.name", YAML),
    "the kind of model": set_config("language_model", "lm_model", YAML),
    "a tag": set_config("language_model", "transformer_lm.dim", '!!' + "x%1b%0a::error::" + " 1"),
    "no YAML": lambda e: e.package("codec").__setitem__("xp.cfg", "a: [\n::error::" + EVIL),
    "a file that is text": lambda e: e.write_bytes("codec", WITHOUT_CONTROLS.encode()),
    "a file that is JSON": lambda e: e.write_bytes("codec", ("{" + WITHOUT_CONTROLS).encode()),
    "a file of bytes": lambda e: e.write_bytes("codec", EVIL.encode()),
    "a Git LFS pointer": lambda e: e.write_bytes(
        "codec", f"version https://git-lfs.github.com/spec/v1\noid sha256:{NAME}\nsize {NAME}\n".encode()),
    "a pickle": lambda e: e.write_bytes("codec", b"\x80\x04" + call("posix.system", EVIL) + b"."),
    "no UTF-8": lambda e: e.write_bytes("codec", b"\x80\x02cos\nsys\xff\xfe\x1b\n."),
    "a file's name": lambda e: (e.write_bytes("state_dict.bin" + NAME, b"x"), e.remove("language_model")),
}


NOT_SHOWN = ("no YAML", "a tag", "no UTF-8", "a file of bytes")  # or not this part of it


def case_text(build: Path, folder: Path) -> None:
    for number, (what, change) in enumerate(PLACES.items()):
        export = Export(GOOD)
        change(export)
        here = folder / str(number)
        export.write(here / "export")
        judged = Judged(build, here, here / "export")
        expect(judged.status == 1 and (judged.failing() or judged.report["verdict"] == "incomplete"),
               f"{what}: exit status {judged.status}, so nothing was shown: {judged.text[-400:]}")
        shown = " ".join(check["message"] for check in judged.report["checks"])
        expect(what in NOT_SHOWN or "\\x1b" in shown or "error::" in shown, f"{what} is in no message: {judged.failing()}")
        judged.check_shown(what)
        shutil.rmtree(here)


def case_text_through_ctest(build: Path, folder: Path) -> None:
    """ctest -V, and its JUnit."""
    export = Export(GOOD)
    PLACES["the name of a tensor"](export)
    export.write(folder / "export")
    run = Run(build, folder / "run", folder / "export", arguments=("-V",))
    expect(run.status != 0 and "\\x1b[31m" in run.text, f"exit status {run.status}, or the name is not shown")
    junit = "".join("".join(case.itertext()) for case in run.cases.values())
    for name, shown in (("ctest -V", run.text), ("JUnit", junit)):
        problems = unsafe(shown.replace("\t", " "))  # ctest writes tabs of its own
        expect(not problems, f"{name} shows {problems[:5]}")


def case_folder_names(build: Path, folder: Path) -> None:
    """Bytes that are no UTF-8, and characters that steer, in the names of the export and of the output folder."""
    base = os.fsencode(folder)
    for number, name in enumerate((b"caf\xe9\xff", NAME.encode())):
        export, out = base + b"/e" + name, base + b"/o%d" % number + name
        shutil.copytree(os.fsencode(GOOD), export)
        environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=os.fsdecode(export), CONFORMANCE_OUTPUT_DIR=os.fsdecode(out))
        xml = folder / f"{number}.xml"
        done = subprocess.run([build / "bin" / "conformance_judge", f"--gtest_output=xml:{xml}", "--gtest_filter=-Generation.*:AudioOutput.*"],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        shown = {"the terminal": done.stdout, "gtest.xml": xml.read_bytes(), "report.json": Path(os.fsdecode(out) + "/report.json").read_bytes(),
                 "report.html": Path(os.fsdecode(out) + "/report.html").read_bytes()}
        expect(done.returncode == 0, f"{name!r}: exit status {done.returncode}: {done.stdout.decode(errors='replace')[-600:]}")
        for what, data in shown.items():
            problems = unsafe(data.decode("utf-8"))
            expect(not problems, f"{name!r}: {what} shows {problems[:5]}")
        ElementTree.fromstring(shown["gtest.xml"])
        report = json.loads(shown["report.json"])
        expect(report["verdict"] != "fail", f"{name!r}: {report['verdict']}")


SECRET = "hunter2horsebatterystaple"
VARIABLES = {"SECRET": SECRET, "SECRET_LIST": f"[{SECRET}, 123454321]", "SECRET_MAP": f"{{{SECRET}: 123454321}}", "SECRET_NUMBER": "123454321",
             "SECRET_NAME": SECRET, "SECRET_TEXT": "${" + SECRET + "}", "SECRET_BROKEN": "[" + SECRET, "SECRET_SIZE": "123454321"}
# What a config can do with a variable; `None`: the export is still right.
FROM_ENVIRONMENT = [
    ("transformer_lm.dim", "${oc.env:SECRET}"),
    ("transformer_lm.dim", "x${oc.env:SECRET}y"),
    ("transformer_lm.dim", "${oc.decode:${oc.env:SECRET_NUMBER}}"),
    ("transformer_lm.card", "${oc.decode:${oc.env:SECRET_SIZE}}"),
    ("transformer_lm.n_q", "${oc.env:SECRET_SIZE}"),
    ("transformer_lm.dim", "${oc.decode:${oc.env:SECRET_LIST}}"),
    ("transformer_lm.dim", "${oc.decode:${oc.env:SECRET_MAP}}"),
    ("transformer_lm.dim", "${oc.decode:${oc.env:SECRET_TEXT}}"),
    ("transformer_lm.dim", "${oc.decode:${oc.env:SECRET_BROKEN}}"),
    ("transformer_lm.dim", "${oc.decode:'[${oc.env:SECRET}'}"),
    ("transformer_lm.dim", "${oc.decode:'{${oc.env:SECRET}: 1}'}"),
    ("transformer_lm.dim", "${oc.env:${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${oc.env:NO_SUCH_VARIABLE,${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${oc.select:no.such,${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${oc.select:${oc.env:SECRET},7}"),
    ("transformer_lm.dim", "${oc.deprecated:${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${oc.dict.keys:${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${oc.create:${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${sample_rate.${oc.env:SECRET}}"),
    ("transformer_lm.dim", "${${oc.env:SECRET}:1}"),
    ("transformer_lm.dim", "${mine}"),
    ("transformer_lm.norm", "${oc.env:SECRET}"),
    ("transformer_lm.activation", "${oc.env:SECRET}"),
    ("transformer_lm.positional_embedding", "${oc.env:SECRET}"),
    ("transformer_lm.weight_init", "${oc.env:SECRET}"),
    ("transformer_lm.causal", "${oc.env:SECRET}"),
    ("transformer_lm", "${oc.decode:${oc.env:SECRET_MAP}}"),
    ("transformer_lm", "${oc.env:SECRET}"),
    ("lm_model", "${oc.env:SECRET}"),
    ("codebooks_pattern.modeling", "${oc.env:SECRET}"),
    ("codebooks_pattern.delay.delays", "${oc.decode:${oc.env:SECRET_LIST}}"),
    ("fuser.cross", "['${oc.env:SECRET}']"),
    ("fuser.cross", "${oc.decode:${oc.env:SECRET_LIST}}"),
    ("fuser.cross", "${oc.dict.keys:mine_map}"),
    ("conditioners", "${oc.decode:${oc.env:SECRET_MAP}}"),
    ("conditioners.description.model", "${oc.env:SECRET}"),
    ("conditioners.description.t5.name", "${oc.env:SECRET}"),
    ("conditioners.description.t5.name", "t5-${oc.env:SECRET}"),
    ("conditioners.description.t5.word_dropout", "${oc.env:SECRET}"),
    ("attribute_dropout", "${oc.decode:${oc.env:SECRET_MAP}}"),
    ("classifier_free_guidance.inference_coef", "${oc.decode:${oc.env:SECRET_NUMBER}}"),
    ("dataset.segment_duration", "${oc.decode:${oc.env:SECRET_NUMBER}}"),
    ("dataset.segment_duration", "${oc.env:SECRET}"),
    ("compression_model_n_q", "${oc.decode:${oc.env:SECRET_NUMBER}}"),
    ("compression_model_n_q", "${oc.env:SECRET}"),
    ("interleave_stereo_codebooks", "${oc.decode:${oc.env:SECRET_MAP}}"),
]


def case_environment(build: Path, folder: Path) -> None:
    for number, (key, value) in enumerate(FROM_ENVIRONMENT):
        here = folder / str(number)
        quoted = json.dumps(value) if not value.startswith("[") else value
        derive(GOOD, [{"edit": "set_config", "file": "language_model", "key": "mine", "value": '"${oc.env:SECRET}"'},
                      {"edit": "set_config", "file": "language_model", "key": "mine_map", "value": '"${oc.decode:${oc.env:SECRET_MAP}}"'},
                      {"edit": "set_config", "file": "language_model", "key": key, "value": quoted}], here / "export")
        judged = Judged(build, here, here / "export", **VARIABLES)
        expect(judged.status == 1, f"{key}: {value}: exit status {judged.status}")
        expect(judged.failing() or any("SECRET" in check["message"] for check in judged.report["checks"]),
               f"{key}: {value}: nothing is said of it")
        for word in (SECRET, SECRET[:8], SECRET[-8:], "123454321"):
            expect(word.encode() not in judged.everything(), f"{key}: {value} shows the variable's value: " +
                   next((c["message"] for c in judged.report["checks"] if word in json.dumps(c)), "somewhere"))
        shutil.rmtree(here)


def case_environment_unread(build: Path, folder: Path) -> None:
    """A variable where nothing reads it is nobody's concern, whether it is set or not."""
    derive(GOOD, [{"edit": "set_config", "file": "language_model", "key": "dora.dir", "value": "/checkpoint/${oc.env:SECRET}"}], folder / "export")
    judged = Judged(build, folder, folder / "export", **VARIABLES)
    expect(judged.failing() == [] and SECRET.encode() not in judged.everything(), f"{judged.failing()}")


def case_outside(build: Path, folder: Path) -> None:
    """Links and references that leave the export: what they lead to is named in kind, and not shown."""
    private = folder / "private"
    private.mkdir()
    contents = {"text": f"password: {SECRET}\n".encode(), "json": json.dumps({"token": SECRET}).encode(), "page": f"<html>{SECRET}".encode(),
                "pickle": b"\x80\x04" + call("posix.system", SECRET) + b".", "binary": b"\x01\x02\x03" + SECRET.encode(),
                "lfs": f"version https://git-lfs.github.com/spec/v1\noid sha256:{SECRET}\nsize {SECRET}\n".encode(),
                "zip": b"PK\x03\x04" + SECRET.encode()}
    export = Export(GOOD)
    export.state("codec")[SECRET] = next(iter(export.state("codec").values()))
    contents["tensor"] = export.read_bytes("codec")
    export = Export(GOOD)
    derive_edit(export, {"edit": "set_config", "file": "codec", "key": "seanet.norm", "value": SECRET})
    contents["config"] = export.read_bytes("codec")
    export = Export(GOOD)
    derive_edit(export, {"edit": "reference_codec", "name": "/no/such/" + SECRET})
    contents["reference"] = export.read_bytes("codec")
    for kind, data in contents.items():
        (private / kind).write_bytes(data)
        for way in ("link", "reference"):
            if way == "link" and kind in ("tensor", "config", "reference"):
                continue  # a checkpoint behind a link is the export's, and judged as such
            here = folder / f"{kind}-{way}"
            export = Export(GOOD)
            if way == "reference":
                derive_edit(export, {"edit": "reference_codec", "name": str(private / kind)})
            export.write(here / "export")
            if way == "link":
                (here / "export" / "compression_state_dict.bin").unlink()
                (here / "export" / "compression_state_dict.bin").symlink_to(private / kind)
            judged = Judged(build, here, here / "export")
            expect(judged.status == 1 and judged.failing(), f"{kind} by {way}: exit status {judged.status}")
            for word in (SECRET, SECRET.encode()[:8].hex(" ").encode().decode(), SECRET[:12]):
                expect(word.encode() not in judged.everything(), f"{kind} by {way} is shown: " +
                       next((c["message"] for c in judged.report["checks"] if word in json.dumps(c)), "somewhere"))
            messages = " ".join(check["message"] for check in judged.report["checks"] if check["status"] == "fail")
            expect("utside of the export" in messages, f"{kind} by {way}: nothing says that it lies outside: {messages[:400]}")
    # A hub cache's snapshot is links to blobs, and is the export; any other link is good, and worth a note.
    snapshot = folder / "models--me--mine" / "snapshots" / "0123"
    blobs = folder / "models--me--mine" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (folder / "linked").mkdir()
    for name in ("state_dict.bin", "compression_state_dict.bin"):
        shutil.copyfile(GOOD / name, blobs / name[:4])
        (snapshot / name).symlink_to(f"../../blobs/{name[:4]}")
        (folder / "linked" / name).symlink_to(GOOD / name)
    for export, noted in ((snapshot, False), (folder / "linked", True)):
        judged = Judged(build, folder, export)
        notes = [check["message"] for check in judged.report["checks"] if check["status"] == "pass" and "outside of the export" in check["message"]]
        expect(not judged.failing() and bool(notes) == noted, f"{export.name}: {judged.failing()} {notes}")


def case_lock(build: Path, folder: Path) -> None:
    """Two runs in one folder: the second one stops, and says who has it. A run that was killed is no obstacle."""
    output = folder / "out"
    derive_recipe(json.loads((FAULTS / "codec-bit-flipped.json").read_text()), folder / "other")
    environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(GOOD), CONFORMANCE_OUTPUT_DIR=str(output))
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    # A run that waits: for the reader of its output.
    first = subprocess.Popen(["bash", "-c", f'exec "$0" "$@" > {fifo}', str(build / "bin" / "conformance_judge"), "--gtest_repeat=100000"],
                             env=environment, stderr=subprocess.DEVNULL)
    with open(fifo, "rb") as reader:
        reader.read(1000)
        other = Judged(build, folder, folder / "other")
        expect(other.status == 2 and "is in use" in other.text and str(first.pid) in other.text and str(GOOD) in other.text,
               f"a second run: exit status {other.status}: {other.text[-500:]}")
        begin = subprocess.run([build / "bin" / "conformance_judge", "--stage=begin"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={**environment, "CONFORMANCE_STAGED": "1"})
        expect(begin.returncode == 2 and b"is in use" in begin.stdout, f"a staged run: {begin.returncode} {begin.stdout!r}")
        first.send_signal(signal.SIGKILL)
    first.wait()
    after = Judged(build, folder, folder / "other")
    expect(after.status == 1 and after.failing(), f"after a killed run: exit status {after.status}: {after.text[-500:]}")


def case_lock_of_stages(build: Path, folder: Path) -> None:
    """The folder belongs to the ctest that began, not to one of its processes: between two of them it is taken as well."""
    output = folder / "out"
    judge = build / "bin" / "conformance_judge"

    def environment(export) -> dict:
        return clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(output), CONFORMANCE_STAGED="1")

    def stage(name: str, through_another_process: bool, export=GOOD):
        command = [str(judge), f"--stage={name}"]
        if through_another_process:  # which waits, and so is the parent
            command = ["bash", "-c", '"$0" "$@"; exit $?', *command]
        done = subprocess.run(command, env=environment(export), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode()

    status, said = stage("begin", False)
    expect(status == 0, said)
    for name in ("begin", "payload", "report"):
        status, said = stage(name, True, FAULTS)
        expect(status == 2 and "is in use" in said, f"{name} of another run: {status} {said}")
    status, said = stage("payload", False)
    expect(status == 0, said)
    status, said = stage("report", False)
    expect(status in (0, 1), said)
    status, said = stage("begin", True)
    expect(status == 0, f"after the report the folder is free: {said}")
    status, said = stage("begin", False)
    expect(status == 0, f"a run whose process is gone is no obstacle: {said}")


def case_place(build: Path, folder: Path) -> None:
    """Inside of the export, by name, by link, or being it; and an export where a run writes."""
    export = folder / "export"
    derive(GOOD, [], export)
    (folder / "link").symlink_to(export)
    before = sorted(export.rglob("*"))
    for output in (export, export / "out", export / "a" / ".." / "out" / "deep", folder / "link" / "out", folder / "link"):
        judged = Judged(build, folder, export, CONFORMANCE_OUTPUT_DIR=str(output))
        expect(judged.status == 2 and "CONFORMANCE_OUTPUT_DIR" in judged.text and "export" in judged.text, f"{output}: {judged.status} {judged.text[-300:]}")
        expect(sorted(export.rglob("*")) == before, f"{output}: something was written into the export")
    inner = folder / "runs" / "generation" / "mine"
    derive(GOOD, [], inner)
    judged = Judged(build, folder, inner, CONFORMANCE_OUTPUT_DIR=str(folder / "runs"))
    expect(judged.status == 2, f"an export where a run writes: {judged.status}")
    judged = Judged(build, folder, export, CONFORMANCE_OUTPUT_DIR=str(folder))
    expect(not judged.failing() and judged.status != 2, f"an export beside the output: {judged.status} {judged.text[-300:]}")


def case_limits(build: Path, folder: Path) -> None:
    """A full disk, a folder that can't be written, limits of this machine: exit status 2, and no check fails for it."""
    def judge(what: str, prefix: str, program="conformance_judge", words=("",), **variables):
        here = folder / what.replace(" ", "-")
        here.mkdir()
        judged = Judged(build, here, GOOD, program, prefix=prefix, **variables)
        expect(judged.status == 2, f"{what}: exit status {judged.status}: {judged.text[-700:]}")
        expect(all(word in judged.text for word in words), f"{what}: {judged.text[-700:]}")
        expect("[  FAILED  ]" not in judged.text, f"{what}: a test fails: {judged.text[-900:]}")
        if judged.report is not None:
            expect(not judged.failing() and judged.report["verdict"] == "incomplete", f"{what}: {judged.report['verdict']} {judged.failing()}")

    judge("files of no size", "ulimit -f 0;", words=("CONFORMANCE_OUTPUT_DIR",))
    judge("small files", "ulimit -f 4;", words=("the run failed, not the export", "report.json"))
    judge("small files of the generation", "ulimit -f 64;", "conformance", words=("the run failed, not the export",))
    large = Export(GOOD)  # too large for the address space that is left, not for the machine
    large.write(folder / "large")
    with open(folder / "large" / "state_dict.bin", "r+b") as file:
        file.truncate(1 << 32)
    judge("no memory", "ulimit -v 2000000;", words=("the run failed, not the export", "memory"), AUDIOCRAFT_EXPORT_DIR=str(folder / "large"))
    judge("few open files", "ulimit -n 4; set -- --quiet;", words=("the run failed, not the export", "Too many open files"))
    judge("the standard output is full", "exec > /dev/full;") if os.path.exists("/dev/full") else None
    (folder / "file").write_text("")
    judge("the folder is a file", "", words=("CONFORMANCE_OUTPUT_DIR",), CONFORMANCE_OUTPUT_DIR=str(folder / "file" / "out"))
    if os.geteuid() != 0:
        (folder / "closed").mkdir(mode=0o555)
        judge("a folder that can't be written", "", words=("CONFORMANCE_OUTPUT_DIR",), CONFORMANCE_OUTPUT_DIR=str(folder / "closed" / "out"))
    judge("a folder of the system", "", words=("CONFORMANCE_OUTPUT_DIR",), CONFORMANCE_OUTPUT_DIR="/proc/self/out")


if __name__ == "__main__":
    sys.exit(main(__doc__, cases_in(globals())))
