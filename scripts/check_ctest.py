#!/usr/bin/env python3
"""Runs the suite as its users do: through CTest, with the environment's variables, into JUnit; and its stages.

usage: check_ctest.py --build BUILD [CASE ...]      all cases, or the named ones

Runs the conformance tests of a build folder from a folder of its own, so that a ctest around it keeps its records.
Standard library only.
"""
import json
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import check_ctest_cuda
from ctest_run import FAULTS, GOOD, ROOT, Run, cases_in, clean_environment, expect, main, said, untrained
from derive_export import derive, derive_recipe

NO_CARD = {"CUDA_VISIBLE_DEVICES": ""}  # also on a machine that has one


def case_good(build: Path, folder: Path) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in GOOD.iterdir()}
    run = Run(build, folder, GOOD, **NO_CARD)
    expect(run.status == 0, f"exit status {run.status}: {run.text[-2000:]}")
    expect(not run.named("fail"), f"failures: {list(run.named('fail'))}")
    skipped = run.named("notrun") or run.named("disabled")
    expect(any("no CUDA device" in text or "CUDA" in text for text in skipped.values()), "no skip that says why CUDA did not run")
    report = run.report()
    expect(report["verdict"] == "pass", report["verdict"])
    checks = [name for name in run.cases if "stage" not in name]
    expect(len(report["checks"]) == len(checks) > 60, f"{len(report['checks'])} checks in the report, {len(checks)} tests")
    # Only what applies is a test; for each thing that did not run, one says so.
    expect(len(run.cases) < 81 and len(skipped) <= 3, f"{len(run.cases)} tests, {len(skipped)} skipped: {sorted(skipped)}")
    expect({"cuda", "text"} <= set(report["not_run"]), f"not_run hides what did not run: {report['not_run']}")
    expect((run.output / "report.html").is_file(), "no report.html")
    run_folder = run.output / "generation" / "cpu" / "prompt0"
    expect((run_folder / "audio.wav").is_file() and (run_folder / "tokens.npy").is_file(), "no artifacts")
    after = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in GOOD.iterdir()}
    expect(before == after, "the export was changed")


def case_relative_path(build: Path, folder: Path) -> None:
    run = Run(build, folder, "fixtures/exports/musicgen-tiny-mono", cwd=ROOT)
    expect(run.status == 0 and run.report()["verdict"] == "pass", run.text[-2000:])


def case_fault(build: Path, folder: Path) -> None:
    derive_recipe(json.loads((FAULTS / "codec-bit-flipped.json").read_text()), folder / "export")
    run = Run(build, folder, folder / "export")
    expect(run.status != 0, "ctest passed on a flipped bit")
    failures = run.named("fail")
    expect(sorted(failures) == ["conformance.StateDictIntegrity.Holds/CodecChecksums", "conformance.stage.report"],
           f"failing tests: {list(failures)}")
    text = failures["conformance.StateDictIntegrity.Holds/CodecChecksums"]
    expect("CRC-32" in text and "_codebook.embed" in text, f"JUnit does not say why: {text[:600]}")
    blocked = run.named("notrun")
    expect(any("blocked by state_dict_integrity/codec/checksums" in text for text in blocked.values()), "nothing says what blocks it")


def case_unjudged(build: Path, folder: Path) -> None:
    """An export that nothing fails, and that this suite can't judge: nobody can say that it is good."""
    edits = [{"edit": "set_config", "file": "codec", "key": "seanet.activation", "value": "RReLU"},
             {"edit": "set_config", "file": "codec", "key": "seanet.activation_params", "value": {}}]
    derive(GOOD, edits, folder / "export")
    environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(folder / "export"), CONFORMANCE_OUTPUT_DIR=str(folder / "out"))
    done = subprocess.run([build / "bin" / "conformance", "--quiet"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    report = json.loads((folder / "out" / "report.json").read_text())
    expect(not [check["id"] for check in report["checks"] if check["status"] == "fail"], "a check fails")
    expect(done.returncode == 1 and report["verdict"] == "incomplete", f"{done.returncode} {report['verdict']}")
    expect("is RReLU" in done.stdout.decode(), f"nothing says why: {done.stdout.decode()[-900:]}")


def case_filtered(build: Path, folder: Path) -> None:
    """A part of the checks, or all of them without a generation, give no verdict; a part has an exit status of its own."""
    cases = ((True, "FilePresence.*", 0, "incomplete"), (False, "FilePresence.*", 1, "fail"),
             (False, "StateDictIntegrity.Holds/CodecChecksums", 1, "fail"), (True, "*", 1, "incomplete"))
    for number, (good, tests, status, verdict) in enumerate(cases):
        export, output = GOOD, folder / f"out{number}"
        if not good:
            export = folder / f"export{number}"
            derive(GOOD, [{"edit": "remove_file", "file": "codec"}], export)
        environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(output))
        done = subprocess.run([build / "bin" / "conformance_judge", f"--gtest_filter={tests}"], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        report = json.loads((output / "report.json").read_text())
        found = (done.returncode, report["verdict"])
        expect(found == (status, verdict), f"{tests} of {export.name}: {found}")
        part, why = report["environment"].get("part", ""), "nothing was generated" if tests == "*" else "--gtest_filter"
        expect(why in part, f"{tests}: environment.part does not say why: '{part}'")


def case_unset(build: Path, folder: Path) -> None:
    run = Run(build, folder)
    expect(run.status == 0, f"exit status {run.status}")
    expect(not run.named("run") and not run.named("fail"), "something ran without an export")
    text = run.named("notrun")["conformance.FilePresence.Holds/Folder"]
    expect("AUDIOCRAFT_EXPORT_DIR is not set" in text, f"the reason is lost: {text[:300]}")
    expect(not run.output.exists(), "something was written without an export")


def case_required_export(build: Path, folder: Path) -> None:
    run = Run(build, folder, CONFORMANCE_REQUIRE="export")
    expect(run.status != 0, "CONFORMANCE_REQUIRE=export passes without one")


def case_required_text(build: Path, folder: Path) -> None:
    run = Run(build, folder, GOOD, CONFORMANCE_REQUIRE="text")
    expect(run.status != 0, "CONFORMANCE_REQUIRE=text passes, although text did not run")
    expect(run.report()["verdict"] == "incomplete", run.report()["verdict"])
    expect(any("CONFORMANCE_REQUIRE names text" in text for text in run.named("fail").values()), "no test says so")


def case_resources(build: Path, folder: Path) -> None:
    """The stage on CUDA takes the GPU that ctest assigns, of those that a scheduler left visible."""
    spec = folder / "resources.json"
    gpus = [{"id": "1", "slots": 1}]
    spec.write_text(json.dumps({"version": {"major": 1, "minor": 0}, "local": [{"gpus": gpus}]}))
    profile = folder / "profile.yaml"
    profile.write_text(untrained("devices: [cuda]\ngeneration: {prompts: [null], duration_s: 0.4}\n"))
    card = check_ctest_cuda.with_stand_in(build, CUDA_STAND_IN_BACKEND=str(check_ctest_cuda.backend(build)), CONFORMANCE_PROFILE=str(profile))
    only = ["-R", "stage.generate-cuda", "-V"]
    for name, arguments, variables, words in (
            ("no specification", [], {}, "stage.generate-cuda"),
            ("one GPU", ["--resource-spec-file", str(spec)], {}, "CTest assigned id:1,slots:1: CUDA_VISIBLE_DEVICES=1"),
            ("of a scheduler", ["--resource-spec-file", str(spec)], {"CUDA_VISIBLE_DEVICES": "5,7"}, "CUDA_VISIBLE_DEVICES=7"),
            ("too few", ["--resource-spec-file", str(spec)], {"CUDA_VISIBLE_DEVICES": "5"}, "leaves no device of that number")):
        run = Run(build, folder / name.replace(" ", "-"), GOOD, arguments=only + arguments, **{**card, **variables})
        expect(words in run.text, f"{name}: the stage does not say '{words}': {run.text[-1500:]}")
        expect(("leaves no device" in words) == (run.status != 0), f"{name}: exit status {run.status}")
    environment = clean_environment(BUILD_DIR=str(build), CONFORMANCE_OUTPUT_DIR=str(folder / "many"))
    two = str(folder / "two")
    shutil.copytree(GOOD, two)
    done = subprocess.run([ROOT / "scripts" / "validate", "--no-build", "--resource-spec-file", spec, GOOD, two], cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    reports = [json.loads(path.read_text()) for path in (folder / "many").glob("*/report.json")]
    expect(done.returncode == 0 and len(reports) == 2, f"two exports: {done.returncode} {done.stdout.decode()[-1500:]}")
    choices = {report["environment"]["gpu_choice"] for report in reports}
    expect(choices == {"CTest assigned id:1,slots:1: CUDA_VISIBLE_DEVICES=1"}, f"two exports on {choices}")
    example = json.loads((ROOT / "scripts" / "cluster" / "resources.json").read_text())
    expect(example["local"][0]["gpus"], "the example names no GPU")


def case_many(build: Path, folder: Path) -> None:
    """Several exports by one command, and a list of them shared by the tasks of a job array (a stand-in's)."""
    script, program = ROOT / "scripts" / "cluster" / "conformance.sbatch", str(build / "bin" / "conformance")
    profile = folder / "profile.yaml"
    profile.write_text(untrained("devices: [cpu]\ngeneration: {prompts: [null], duration_s: 0.4}\n"))
    broken = folder / "broken"
    derive_recipe(json.loads((FAULTS / "codec-bit-flipped.json").read_text()), broken)
    exports = [str(GOOD), str(broken), str(GOOD) + "/"]
    (folder / "list.txt").write_text("\n".join(exports))

    def run(command, output: Path, **variables) -> subprocess.CompletedProcess:
        environment = clean_environment(CONFORMANCE_OUTPUT_DIR=str(output), CONFORMANCE_PROFILE=str(profile), **variables)
        return subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def expect_all(done: subprocess.CompletedProcess, output: Path, what: str, wanted=("PASS", "FAIL", "PASS")) -> None:
        text = done.stdout.decode()
        verdicts = [line.split()[0].rstrip(",") for line in text.splitlines() if line.startswith(("PASS", "FAIL", "NO VERDICT"))]
        expect(done.returncode == 1 and sorted(verdicts) == sorted(wanted), f"{what}: {done.returncode} {text}")
        suites = ElementTree.parse(output / "junit.xml").getroot().findall("testsuite")
        expect([suite.get("name") for suite in suites] == exports, f"{what}: suites {[suite.get('name') for suite in suites]}")
        failures = [int(suite.get("failures")) + int(suite.get("errors")) for suite in suites]
        expect([bool(number) for number in failures] == [verdict != "PASS" for verdict in wanted], f"{what}: {failures}")

    for what, arguments in (("in turn", exports), ("at a time", ["--jobs", "2", *exports]), ("of a list", ["--from-file", str(folder / "list.txt")])):
        output = folder / what.replace(" ", "-")
        done = run([program, *arguments], output)
        expect_all(done, output, what)
        expect((output / "3-musicgen-tiny-mono" / "report.html").is_file(), f"{what}: no page")
        text = done.stdout.decode()
        for words in ("checksum", "What to do: ", f"Report  {output}/2-broken/report.html", f"Reports  {output}/NUMBER-NAME/report.html"):
            expect(words in text, f"{what}: nothing of '{words}': {text}")
    case = ElementTree.parse(output / "junit.xml").getroot().find("testsuite[2]/testcase/failure")
    expect("checksum" in case.get("message") and "What to do" in case.text, f"a failure says: {case.get('message')}")

    array = folder / "array"
    tasks = [run(["bash", str(script), str(folder / "list.txt")], array, MUSICGEN_CONFORMANCE=program, SLURM_ARRAY_TASK_ID=str(5 + task),
                 SLURM_ARRAY_TASK_COUNT="2", SLURM_ARRAY_TASK_MIN="5").returncode for task in range(2)]
    expect(tasks == [0, 1], f"of three exports, the second fails: {tasks}")
    collect = [program, "--collect", "--from-file", str(folder / "list.txt")]
    expect_all(run(collect, array), array, "collected")
    (array / "1-musicgen-tiny-mono" / "report.json").unlink()
    expect_all(run(collect, array), array, "without one", ("NO", "FAIL", "PASS"))
    # A run that fails says nothing of its export, whatever an earlier one left there.
    taken = folder / "taken"
    (taken / "1-musicgen-tiny-mono" / "report.json" / "folder").mkdir(parents=True)
    done = run([program, *exports], taken)
    expect(done.returncode == 2 and "NO VERDICT" in done.stdout.decode(), f"a report that can't be left: {done.returncode} {done.stdout.decode()}")
    for arguments, words in ((["", str(GOOD)], "the argument is empty"), (["--jobs", "x", str(GOOD)], "found 'x'"), (["--job", "2"], "unknown option --job")):
        done = run([program, *arguments], folder / "refused")
        expect(done.returncode == 2 and words in done.stdout.decode(), f"{arguments}: {done.returncode} {done.stdout.decode()}")


def case_bad_settings(build: Path, folder: Path) -> None:
    (folder / "profile.yaml").write_text("generation: {duration: 2}\n")
    for variables, words in (({"CONFORMANCE_REQUIRE": "gpu"}, "found 'gpu'"),
                             ({"CONFORMANCE_PROFILE": str(folder / "profile.yaml")}, "generation.duration"),
                             ({"CONFORMANCE_PROFILE": str(folder / "none.yaml")}, "is not a file")):
        environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(GOOD), CONFORMANCE_OUTPUT_DIR=str(folder / "out"), **variables)
        done = subprocess.run([build / "bin" / "conformance"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(done.returncode == 2 and words in done.stdout.decode(), f"{variables}: {done.returncode} {done.stdout.decode()[:300]}")

    (folder / "file").touch()
    python = folder / "python"  # starts, and has no audiocraft
    python.write_text("""#!/bin/sh
echo '{"outcome": "raises", "stage": "import", "error": "ModuleNotFoundError: No module named audiocraft"}'
""")
    python.chmod(0o755)
    profile = folder / "good.yaml"
    profile.write_text(untrained("devices: [cpu]\ngeneration: {prompts: [null], duration_s: 0.4}\n"))
    hub = str(ROOT / "fixtures" / "hub")
    for variables, words in (({"CONFORMANCE_OUTPUT_DIR": str(folder / "file" / "out")}, "can't be written: Not a directory"),
                             ({"AUDIOCRAFT_PYTHON": str(python)}, f"AUDIOCRAFT_PYTHON: {python} can't import audiocraft: ModuleNotFoundError"),
                             ({"AUDIOCRAFT_PYTHON": str(folder / "none")}, f"AUDIOCRAFT_PYTHON: {folder}/none can't be started (")):
        environment = clean_environment(**{"AUDIOCRAFT_EXPORT_DIR": str(GOOD), "CONFORMANCE_OUTPUT_DIR": str(folder / "out"),
                                           "CONFORMANCE_PROFILE": str(profile), "HF_HUB_CACHE": hub, **NO_CARD, **variables})
        done = subprocess.run([build / "bin" / "conformance", "--quiet"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(done.returncode == 2 and words in done.stdout.decode(), f"{variables}: {done.returncode} {done.stdout.decode()[-600:]}")


def case_build_folder(build: Path, folder: Path) -> None:
    """scripts/validate with a build folder that can't be used: a sentence, before anything is fetched or built."""
    (folder / "file").touch()
    other = folder / "other"
    other.mkdir()
    (other / "CMakeCache.txt").write_text("CMAKE_HOME_DIRECTORY:INTERNAL=/somewhere/else\n")
    for place, words in ((folder / "file" / "build", "can't be written by"), (other, "was made for the sources in /somewhere/else")):
        done = subprocess.run([ROOT / "scripts" / "validate", GOOD], env=clean_environment(BUILD_DIR=str(place)),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        expect(done.returncode == 2 and done.stdout.startswith(f"BUILD_DIR: {place} {words}") and done.stdout.count("\n") == 1,
               f"{place}: {done.returncode} {done.stdout[-600:]}")


def change_codes(path: Path, value: int) -> None:
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<i", value)
    path.write_bytes(data)


def change_record(path: Path, **changes) -> None:
    record = json.loads(path.read_text())
    record["body"]["runs"]["prompt0"].update(changes)
    path.write_text(json.dumps(record))


def cut_audio(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    size = struct.unpack_from("<I", data, at + 4)[0] - 4
    struct.pack_into("<I", data, at + 4, size)
    struct.pack_into("<I", data, 4, len(data) - 4 - 8)
    path.write_bytes(data[: at + 8 + size])


def spoil_audio(path: Path, value: float) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, data.index(b"data") + 8 + 400, value)
    path.write_bytes(data)


# What no fault of the files brings about, planted into the artifacts of a good run: test, what is changed, its words.
TAMPERED = [
    ("Generation.Holds/CpuPrompt0Codes", "generation/cpu/prompt0/tokens.npy", lambda path: change_codes(path, 256), "outside of 0 to 255"),
    ("Generation.Holds/CpuPrompt0Codes", "generation/cpu/prompt0/tokens.npy", lambda path: change_codes(path, -1), "holds -1"),
    ("Generation.Holds/CpuPrompt0Codes", "stages/generation-cpu.json", lambda path: change_record(path, frames=99), "expected [K, T] = [4, 99]"),
    ("Generation.Holds/CpuPrompt0Codes", "generation/cpu/prompt0/tokens.npy", lambda path: path.write_bytes(b"no array"), "tokens.npy"),
    ("Generation.Holds/CpuPrompt0Repeatable", "stages/generation-cpu.json", lambda path: change_record(path, differing_codes=3), "gave 3 other codes"),
    ("Generation.Holds/CpuPrompt0Runs", "stages/generation-cpu.json", lambda path: change_record(path, status=3, message="at step 3"), "unconditional): at step 3"),
    ("Generation.Holds/CpuPrompt0Runs", "stages/generation-cpu.json", lambda path: path.unlink(), "left nothing to judge"),
    ("Generation.Holds/CpuPrompt0Runs", "stages/generation-cpu.json", lambda path: path.write_text(path.read_text().replace('"run_id":"', '"run_id":"x')), "of another export"),
    ("AudioOutput.Holds/CpuPrompt0Length", "generation/cpu/prompt0/audio.wav", cut_audio, "63999 samples"),
    ("AudioOutput.Holds/CpuPrompt0Length", "stages/generation-cpu.json", lambda path: change_record(path, channels=2), "1 channels"),
    ("AudioOutput.Holds/CpuPrompt0Finite", "generation/cpu/prompt0/audio.wav", lambda path: spoil_audio(path, float("nan")), "1 NaN"),
    ("AudioOutput.Holds/CpuPrompt0Length", "generation/cpu/prompt0/audio.wav", lambda path: path.unlink(), "audio.wav"),
    ("StateDictIntegrity.Holds/CodecChecksums", "stages/payload-compression_state_dict.bin.json", lambda path: path.unlink(), "left nothing to judge"),
]


def case_stages(build: Path, folder: Path) -> None:
    output = folder / "artifacts"
    environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(GOOD), CONFORMANCE_OUTPUT_DIR=str(output), CONFORMANCE_STAGED="1", **NO_CARD)

    def program(name: str, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([build / "bin" / name, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    older = [output / name for name in ("report.json", "generation/cpu/prompt3/audio.wav", "stages/generation-cuda.json",
                                        "checks/file_presence.folder.json")]
    for path in (*older, output / "mine.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    for name, stage in (("conformance_judge", "begin"), ("conformance_judge", "payload"), ("conformance", "generate-cpu")):
        done = program(name, f"--stage={stage}")
        expect(done.returncode == 0, f"stage {stage}: {done.stdout.decode()[:500]}")
        expect(not [path for path in older if path.exists()] and (output / "mine.txt").exists(), "begin leaves what an older run left")
    shutil.copytree(output, folder / "kept")
    for test, artifact, change, words in TAMPERED:
        done = program("conformance_judge", f"--gtest_filter={test}")
        expect(done.returncode == 0 and b"PASSED" in done.stdout, f"{test} fails before anything was changed: {done.stdout.decode()[-600:]}")
        change(output / artifact)
        done = program("conformance_judge", f"--gtest_filter={test}")
        text = done.stdout.decode()
        expect(done.returncode == 1 and words in text, f"{test} with {artifact} changed does not say '{words}': {done.returncode} {text[-900:]}")
        shutil.rmtree(output)
        shutil.copytree(folder / "kept", output)


def case_changed(build: Path, folder: Path) -> None:
    """A file that another one takes the place of, between two of the processes."""
    output, export = folder / "artifacts", folder / "export"
    shutil.copytree(GOOD, export)
    environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(output), CONFORMANCE_STAGED="1")

    def judge(argument: str) -> subprocess.CompletedProcess:
        return subprocess.run([build / "bin" / "conformance_judge", argument], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def present() -> dict:
        judge("--stage=report")
        checks = json.loads((output / "report.json").read_text())["checks"]
        return next(check for check in checks if check["id"] == "file_presence/codec/present")

    judge("--stage=begin")
    judge("--gtest_filter=FilePresence.*")
    expect(present()["status"] == "pass", f"a file that nobody touched: {present()}")
    shutil.copyfile(export / "compression_state_dict.bin", export / "new")
    (export / "new").replace(export / "compression_state_dict.bin")
    expect(present()["status"] == "fail" and "changed while it was read" in present()["message"], f"a replaced file: {present()}")


# Stand-ins for a Python with audiocraft: what they print, and what the check must say of it. They run where the greedy
# run's codes lie (an .npy file: a header, then int32).
REPORTS = """
import array, json, pathlib, re, sys, time
data = pathlib.Path("generation/cpu/greedy/tokens.npy").read_bytes()
rows, columns = map(int, re.search(rb"\\((\\d+), (\\d+)\\)", data).groups())
values = array.array("i", data[-4 * rows * columns:])
tokens = [list(values[k * columns:(k + 1) * columns]) for k in range(rows)]
def runs():
    return json.dumps({"outcome": "runs", "audiocraft": "1.3.0", "load_s": 1.0, "tokens": tokens})
"""
PRODUCTION = [
    ("equal", "print('a warning'); print(runs())", "pass", ""),
    ("another code", "tokens[1][7] ^= 1; print(runs())", "fail", "generates other codes than this suite: 1 of"),
    ("fewer codebooks", "tokens.pop(); print(runs())", "fail", "codes of another shape"),
    ("raises", "print(json.dumps({'outcome': 'raises', 'stage': 'load', 'error': 'KeyError: dim'}))", "fail", "load: KeyError: dim"),
    ("too old", "print(json.dumps({'outcome': 'raises', 'stage': 'load', 'error': 'ValueError: Unrecognized conditioning model: style'}))",
     "fail", "this one is too old for the conditioner"),
    ("says nothing", "sys.exit(3)", "fail", "gave no result (exit status 3)"),
    ("is killed", "import os; os.kill(os.getpid(), 9)", "fail", "ended by signal 9"),
    ("hangs", "time.sleep(600)", "fail", "still running after"),
]


def case_production(build: Path, folder: Path) -> None:
    profile = folder / "profile.yaml"
    profile.write_text(untrained("generation: {prompts: [null], duration_s: 0.4}\nlimits: {production.max_seconds: 3}\n"))

    def judge(name: str, hub: Path, python: Path, export=GOOD) -> dict:
        output = folder / "out" / name
        environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(output),
                                        CONFORMANCE_PROFILE=str(profile), HF_HUB_CACHE=str(hub), AUDIOCRAFT_PYTHON=str(python), **NO_CARD)
        subprocess.run([build / "bin" / "conformance", "--quiet"], env=environment, stdout=subprocess.DEVNULL)
        checks = json.loads((output / "report.json").read_text())["checks"]
        return next(check for check in checks if check["id"] == "generation/production_loader")

    ran = folder / "ran"
    for name, code, status, words in PRODUCTION:
        python = folder / "python"
        python.write_text(f"#!{sys.executable}\n{REPORTS}\npathlib.Path({str(ran)!r}).touch()\n{code}\n")
        python.chmod(0o755)
        newer = ROOT / "fixtures" / "exports" / "musicgen-tiny-style"  # its conditioner is not in audiocraft 1.3.0
        check = judge(name, ROOT / "fixtures" / "hub", python, newer if name == "too old" else GOOD)
        expect(check["status"] == status and words in said(check), f"{name}: {check['status']}: {said(check)}")
    ran.unlink()
    check = judge("no T5", folder / "no-hub", python)
    expect(check["status"] == "skip" and not ran.exists(), f"without T5: {check['status']}: {check['message']}")
    derive_recipe(json.loads((FAULTS / "pickle-runs-command-by-reduce.json").read_text()), folder / "export")
    check = judge("unsafe", ROOT / "fixtures" / "hub", python, folder / "export")
    expect(check["status"] == "blocked" and not ran.exists(), f"a pickle that runs a command was given to the reference: {check}")


def case_flips(build: Path, folder: Path) -> None:
    """One flipped bit in the middle of every record of both files: found, and the record named."""
    for name in ("state_dict.bin", "compression_state_dict.bin"):
        original = (GOOD / name).read_bytes()
        export = folder / "export"
        shutil.copytree(GOOD, export, ignore=shutil.ignore_patterns("golden"))
        for record in zipfile.ZipFile(GOOD / name).infolist():
            if record.file_size == 0:
                continue
            name_size, extra_size = struct.unpack_from("<HH", original, record.header_offset + 26)
            data = bytearray(original)
            data[record.header_offset + 30 + name_size + extra_size + record.file_size // 2] ^= 4
            (export / name).write_bytes(data)
            environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(folder / "out"))
            done = subprocess.run([build / "bin" / "conformance_judge", "--quiet"], env=environment, stdout=subprocess.PIPE)
            report = json.loads((folder / "out" / "report.json").read_text())
            failing = [check for check in report["checks"] if check["status"] == "fail"]
            expect(done.returncode == 1 and failing, f"{record.filename}: a flipped bit passes")
            # The one-word records (byteorder, version) are read, and what they say then is wrong.
            words = (record.filename, "record " + record.filename.split("/")[-1])
            expect(failing[0]["id"].endswith(("/checksums", "/archive")) and any(w in failing[0]["message"] for w in words),
                   f"{record.filename}: the first failure is {failing[0]['id']}: {failing[0]['message'][:300]}")
            expect(len(failing) <= 3, f"{record.filename}: {[check['id'] for check in failing]}")
        shutil.rmtree(export)


if __name__ == "__main__":
    sys.exit(main(__doc__, cases_in(globals(), vars(check_ctest_cuda))))
