#!/usr/bin/env python3
"""The suite as its users run it: through CTest, with the environment's variables, into JUnit; and its stages.

usage: check_ctest.py --build BUILD [CASE ...]      all cases, or the named ones

Runs the conformance tests of a build folder from a folder of its own, so that a ctest around it keeps its records.
Standard library only.
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

from derive_export import derive_recipe

ROOT = Path(__file__).resolve().parents[1]
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


def clean_environment(**variables) -> dict:
    names = ("CONFORMANCE_", "AUDIOCRAFT_", "GTEST_", "HF_", "HUGGINGFACE_", "XDG_CACHE", "CUDA_VISIBLE", "CTEST_RESOURCE",
             "SLURM_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    environment.update(OMP_NUM_THREADS="1", **variables)
    return environment


def expect(condition, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def case_good(build: Path, folder: Path) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in GOOD.iterdir()}
    run = Run(build, folder, GOOD)
    expect(run.status == 0, f"exit status {run.status}: {run.text[-2000:]}")
    expect(not run.named("fail"), f"failures: {list(run.named('fail'))}")
    skipped = run.named("notrun") or run.named("disabled")
    expect(any("no CUDA device" in text or "CUDA" in text for text in skipped.values()), "no skip that says why CUDA did not run")
    report = run.report()
    expect(report["verdict"] == "pass", report["verdict"])
    expect(len(report["checks"]) > 100, "checks missing from the report")
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
    expect(list(failures) == ["conformance.StateDictIntegrity.Holds/CodecChecksums", "conformance.stage.report"],
           f"failing tests: {list(failures)}")
    text = failures["conformance.StateDictIntegrity.Holds/CodecChecksums"]
    expect("CRC-32" in text and "_codebook.embed" in text, f"JUnit does not say why: {text[:600]}")
    blocked = run.named("notrun")
    expect(any("blocked by state_dict_integrity/codec/checksums" in text for text in blocked.values()), "nothing says what blocks it")


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


def case_required_cuda(build: Path, folder: Path) -> None:
    if list(Path("/dev").glob("nvidia[0-9]*")):
        return  # there it runs, or fails in its own words
    run = Run(build, folder, GOOD, CONFORMANCE_REQUIRE="cuda")
    expect(run.status != 0, "CONFORMANCE_REQUIRE=cuda passes without a device")
    report = run.report()
    expect(report["verdict"] == "incomplete" and "cuda" in report["not_run"], f"{report['verdict']} {report['not_run']}")
    failures = [name for name in run.named("fail") if not name.startswith("conformance.stage.")]
    expect(failures == ["conformance.Generation.Holds/CudaPrompt0Runs"], f"failing: {failures}")
    text = run.named("fail")[failures[0]]
    for words in ("CONFORMANCE_REQUIRE names cuda", "/dev/nvidia0", "NVIDIA driver", "LibTorch"):
        expect(words in text, f"the failure does not say {words}: {text[:600]}")
    cuda = [check for check in report["checks"] if "/cuda/" in check["id"]]
    expect(cuda and all(check["status"] == "skip" for check in cuda), "a check of CUDA that is not skipped")


def with_stand_in(build: Path, **variables) -> dict:
    """Of a process that takes the stand-in for the NVIDIA driver (harness/generate/cuda_stand_in) for the machine's."""
    return dict(variables, LD_PRELOAD=str(build / "cuda_stand_in" / "libcuda.so.1"))


# A device that is there and can't be used: cuInit's error, the profile's devices, CONFORMANCE_REQUIRE; the verdict, how
# the check of it ends, and its words.
ASKED = "asks for it, and it can't be used here. CUDA"
UNUSABLE = [
    ("803", "", "", "pass", "skip", "cuda is not run: CUDA: the NVIDIA driver's library (libcuda) and its kernel module are of different versions"),
    ("2", "", "", "pass", "skip", "the device is out of memory: end what else runs on it"),
    ("100", "", "text", "incomplete", "skip", "there is no CUDA device: look at nvidia-smi and CUDA_VISIBLE_DEVICES"),
    ("804", "devices: [cpu, cuda]", "", "fail", "fail", f"cuda is not run: the profile (devices) {ASKED}: a forward-compatibility libcuda"),
    ("34", "devices: [cuda]", "", "fail", "fail", f"the profile (devices) {ASKED}: libcuda.so.1 is the toolkit's stub"),
    ("999", "", "cuda", "fail", "fail", f"CONFORMANCE_REQUIRE {ASKED} can't be used: CUDA error 999, from cuInit. See whether nvidia-smi"),
]


def case_unusable_cuda(build: Path, folder: Path) -> None:
    for init, devices, require, verdict, status, words in UNUSABLE:
        profile = folder / "profile.yaml"
        profile.write_text(f"{devices}\ngeneration: {{prompts: [null], duration_s: 0.4}}\n")
        output = folder / init
        variables = with_stand_in(build, CUDA_STAND_IN_INIT=init, CONFORMANCE_PROFILE=str(profile), CONFORMANCE_REQUIRE=require)
        if init == "804":  # as ctest does it, judged by processes that do not load LibTorch
            run = Run(build, folder / "ctest", GOOD, **variables)
            output, exit_status, text = run.output, run.status, "".join(run.named("fail").values())
        else:
            environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(GOOD), CONFORMANCE_OUTPUT_DIR=str(output), **variables)
            done = subprocess.run([build / "bin" / "conformance", "--quiet"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            exit_status, text = done.returncode, done.stdout.decode()
        report = json.loads((output / "report.json").read_text())
        runs = next(check for check in report["checks"] if check["id"] == "generation/cuda/prompt0/runs")
        expect((exit_status == 0) == (verdict == "pass") and report["verdict"] == verdict, f"{init}: {exit_status} {report['verdict']}: {text[-900:]}")
        expect(runs["status"] == status and words in runs["message"], f"{init}: {runs['status']}: {runs['message']}")
        expect("cuda" in report["not_run"], f"{init}: not_run hides cuda: {report['not_run']}")
        expect(" ".join(text.split()).find(words[:40]) >= 0 and "CUDA" in (output / "report.html").read_text(), f"{init}: not told: {text[-900:]}")
        behind = {check["status"] for check in report["checks"] if "/cuda/prompt0/" in check["id"] or "cuda_agrees" in check["id"]} - {status}
        expect(behind == ({"blocked"} if status == "fail" else set()), f"{init}: what stands behind it is {behind}")
        cpu = next(check for check in report["checks"] if check["id"] == "generation/cpu/prompt0/runs")
        expect(cpu["status"] == ("skip" if devices == "devices: [cuda]" else "pass"), f"{init}: the CPU: {cpu['status']} {cpu['message']}")


def on_stand_in(build: Path, output: Path, profile: Path, export: Path = GOOD, **variables) -> tuple:
    """The checks of a run of the program on the stand-in's device, by their ids, and what the program says."""
    environment = clean_environment(**with_stand_in(build, AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(output),
                                                    CUDA_STAND_IN_BACKEND=str(backend(build)), CONFORMANCE_PROFILE=str(profile),
                                                    HF_HUB_CACHE=str(ROOT / "fixtures" / "hub"), **variables))
    done = subprocess.run([build / "bin" / "conformance", "--quiet"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode()
    expect(done.returncode in (0, 1), f"the program ended with {done.returncode}: {text[-900:]}")
    return {check["id"]: check for check in json.loads((output / "report.json").read_text())["checks"]}, text


def backend(build: Path) -> Path:
    return build / "cuda_stand_in" / "libtorch_cuda.so"


def case_cuda(build: Path, folder: Path) -> None:
    """The suite on a device that works: a stand-in, which shows that all is on the device that it should be on."""
    if not backend(build).exists():
        return  # LibTorch is too old for it
    profile = folder / "profile.yaml"
    melody = ROOT / "fixtures" / "exports" / "musicgen-tiny-melody" / "golden" / "melody.wav"
    profile.write_text(f"devices: [cpu, cuda]\ngeneration: {{duration_s: 0.4, melody: '{melody}'}}\n")
    for name in ("musicgen-tiny-mono", "musicgen-tiny-melody", "musicgen-tiny-stereo"):
        checks, text = on_stand_in(build, folder / name, profile, ROOT / "fixtures" / "exports" / name)
        failing = [check["id"] for check in checks.values() if check["status"] in ("fail", "blocked")]
        expect(not failing, f"{name}: {failing}: {text[-900:]}")
        for run in ["prompt0", "prompt1"] + ["melody"] * (name == "musicgen-tiny-melody"):
            measured = checks[f"generation/cuda/{run}/runs"]["measured"]
            expect(measured["device"] == "Stand-in card" and measured["memory_peak_bytes"] > 0 and measured["step_s"] > 0, f"{name} {run}: {measured}")
            expect(checks[f"generation/cuda/{run}/repeatable"]["status"] == "pass", f"{name} {run}: another run with the same seed")
        agreement = checks["generation/cuda_agrees_with_cpu"]
        expect(agreement["status"] == "pass" and 0 < agreement["measured"]["difference"] < agreement["limit"]["difference"], f"{name}: {agreement}")
    profile.write_text("generation: {prompts: [null], duration_s: 0.4}\n")
    run = Run(build, folder / "ctest", GOOD, **with_stand_in(build, CUDA_STAND_IN_BACKEND=str(backend(build)), CONFORMANCE_PROFILE=str(profile),
                                                            CONFORMANCE_REQUIRE="cuda"))
    report = run.report()
    status = {check["id"]: check["status"] for check in report["checks"]}
    expect(run.status == 0 and report["verdict"] == "pass" and "cuda" not in report["not_run"], f"{run.status} {report['verdict']} {report['not_run']}")
    expect(status["generation/cuda/prompt0/runs"] == "pass" and status["generation/cpu/prompt0/runs"] == "skip", "production takes the device")
    expect("production takes CUDA where there is a device (Stand-in card)" in run.text + "".join(run.named("notrun").values()), "nothing says so")


# What goes wrong on a device: CUDA_STAND_IN_FAULT, CUDA_STAND_IN_MEMORY; how generation/cuda/prompt0/runs and
# generation/cuda_agrees_with_cpu end, and the words of the one that fails.
CUDA_FAULTS = [
    ("", "300000", "fail", "blocked", "the CUDA device ran out of memory while loading the weights: CUDA out of memory. Tried to allocate"),
    ("", "1500000", "fail", "blocked", "This says nothing about the export: end what else runs on the device"),
    ("mm:30:device-side assert triggered", "", "fail", "blocked", "the CUDA device stopped while generating. CUDA: a kernel found an index out of its range"),
    ("_slow_conv2d_forward:1:no kernel image is available for execution on the device", "", "fail", "pass",
     "the CUDA device stopped while decoding. CUDA: this LibTorch has no kernels for the card's architecture"),
    ("bmm:1:infinite", "", "fail", "fail", "logits that are not finite"),
    ("mm:1:coarse", "", "pass", "fail", "transformer.layers.0.self_attn is the first layer to diverge: its outputs differ by"),
]


def case_cuda_faults(build: Path, folder: Path) -> None:
    if not backend(build).exists():
        return
    profile = folder / "profile.yaml"
    profile.write_text("devices: [cpu, cuda]\ngeneration: {duration_s: 0.4}\n")
    for i, (fault, memory, runs, agrees, words) in enumerate(CUDA_FAULTS):
        variables = {"CUDA_STAND_IN_FAULT": fault} if fault else {"CUDA_STAND_IN_MEMORY": memory}
        checks, text = on_stand_in(build, folder / str(i), profile, **variables)
        found = [checks[f"generation/{check}"]["status"] for check in ("cuda/prompt0/runs", "cuda_agrees_with_cpu")]
        expect(found == [runs, agrees], f"{variables}: {found}: {text[-900:]}")
        failing = [check for check in checks.values() if check["status"] == "fail"]
        expect(any(words in check["message"] for check in failing), f"{variables}: {[check['message'] for check in failing]}")
        expect(all("cuda" in check["id"] for check in failing), f"{variables}: the CPU's fail, too: {[check['id'] for check in failing]}")
        expect(checks["generation/cpu/prompt0/runs"]["status"] == "pass", f"{variables}: the CPU did not run")
    # And what goes wrong for the export's sake, on a device only: float16 ends at 65504.
    for recipe, layer in (("logits-beyond-float16-on-cuda", "linears.0"), ("activations-beyond-float16", "transformer.layers.1.linear1")):
        derive_recipe(json.loads((FAULTS / f"{recipe}.json").read_text()), folder / recipe)
        checks, text = on_stand_in(build, folder / f"{recipe}-out", profile, folder / recipe)
        expect("logits that are not finite" in checks["generation/cuda/prompt0/runs"]["message"], f"{recipe}: {text[-900:]}")
        for check in ("cuda_agrees_with_cpu", "float16_readiness"):
            message = checks[f"generation/{check}"]["message"]
            expect(f"{layer} is the first layer to" in message, f"{recipe}: {check}: {message}")


def case_resources(build: Path, folder: Path) -> None:
    """The stage on CUDA takes the GPU that ctest assigns, of those that a scheduler left visible."""
    spec = folder / "resources.json"
    gpus = [{"id": "1", "slots": 1}]
    spec.write_text(json.dumps({"version": {"major": 1, "minor": 0}, "local": [{"gpus": gpus}]}))
    only = ["-R", "stage.generate-cuda", "-V"]
    for name, arguments, variables, words in (
            ("no specification", [], {}, "no CUDA device"),
            ("one GPU", ["--resource-spec-file", str(spec)], {}, "CTest assigned id:1,slots:1: CUDA_VISIBLE_DEVICES=1"),
            ("of a scheduler", ["--resource-spec-file", str(spec)], {"CUDA_VISIBLE_DEVICES": "5,7"}, "CUDA_VISIBLE_DEVICES=7"),
            ("too few", ["--resource-spec-file", str(spec)], {"CUDA_VISIBLE_DEVICES": "5"}, "leaves no device of that number")):
        run = Run(build, folder / name.replace(" ", "-"), GOOD, arguments=only + arguments, **variables)
        if words == "no CUDA device" and "no CUDA device" not in run.text:
            continue  # there is one
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
    example = json.loads((ROOT / "scripts" / "gpu" / "resources.json").read_text())
    expect(example["local"][0]["gpus"], "the example names no GPU")


def case_cluster(build: Path, folder: Path) -> None:
    """The job array's script under a stand-in for the scheduler: a task after the other, with its variables."""
    script, merge = ROOT / "scripts" / "cluster" / "conformance.sbatch", ROOT / "scripts" / "cluster" / "merge"
    profile = folder / "profile.yaml"
    profile.write_text("devices: [cpu]\ngeneration: {prompts: [null], duration_s: 0.4}\n")
    broken = folder / "broken"
    derive_recipe(json.loads((FAULTS / "codec-bit-flipped.json").read_text()), broken)

    def run(command, output: Path, **variables) -> subprocess.CompletedProcess:
        environment = clean_environment(CONFORMANCE_OUTPUT_DIR=str(output), CONFORMANCE_PROFILE=str(profile),
                                        BUILD_DIR=str(build), **variables)
        return subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def array(output: Path, count: int, first: int = 0, **variables) -> list:
        return [run(["bash", str(script)], output, SLURM_ARRAY_TASK_ID=str(first + i), SLURM_ARRAY_TASK_COUNT=str(count),
                    SLURM_ARRAY_TASK_MIN=str(first), **variables).returncode for i in range(count)]

    listed = run([str(build / "bin" / "conformance"), "--gtest_list_tests"], folder / "none").stdout.decode()
    suite, whole = "", []
    for line in listed.splitlines():
        if line.endswith(".") and not line.startswith(" "):
            suite = line[:-1]
        elif line.startswith("  "):
            whole.append(f"{suite}.{line.split()[0]}")
    ran = folder / "good"
    expect(array(ran, 3, first=1, AUDIOCRAFT_EXPORT_DIR=str(GOOD)) == [0, 0, 0], "a shard of a good export fails")
    seen = [f"{case.get('classname')}.{case.get('name')}" for junit in sorted(ran.glob("shards/*/junit.xml"))
            for case in ElementTree.parse(junit).getroot().iter("testcase") if case.get("status") == "run"]
    expect(len(seen) == len(set(seen)), "a test ran in two shards")
    expect(sorted(seen) == sorted(whole), f"{len(seen)} tests ran of {len(whole)}")
    for shard in ran.glob("shards/*/report.json"):
        report = json.loads(shard.read_text())
        expect(report["verdict"] == "incomplete" and report["environment"]["part"].startswith("shard"), f"a shard says {report['verdict']}")
    done = run([str(merge)], ran, AUDIOCRAFT_EXPORT_DIR=str(GOOD))
    report = json.loads((ran / "report.json").read_text())
    expect(done.returncode == 0 and report["verdict"] == "pass", f"merged: {report['verdict']}: {done.stdout.decode()[-800:]}")
    expect(len(report["checks"]) == len(whole), f"merged: {len(report['checks'])} checks of {len(whole)}")
    expect((ran / report["generation"][0]["audio"]).is_file(), "the merged report names a sound that is not there")

    (ran / "shards" / "1" / "report.json").unlink()
    done = run([str(merge)], ran)
    report = json.loads((ran / "report.json").read_text())
    expect(done.returncode == 1 and report["verdict"] == "incomplete", f"without a shard: {report['verdict']}")
    expect("2 of 3 shards" in report["environment"]["part"], report["environment"]["part"])

    bad = folder / "bad"
    expect(sorted(array(bad, 2, AUDIOCRAFT_EXPORT_DIR=str(broken))) == [0, 1], "one shard has the failing test")
    done = run([str(merge)], bad)
    expect(done.returncode == 1 and json.loads((bad / "report.json").read_text())["verdict"] == "fail", "the merged fault passes")

    (folder / "list.txt").write_text(f"{GOOD}\n{broken}\n{GOOD}")
    many = folder / "many"
    expect(array(many, 2, CONFORMANCE_EXPORTS=str(folder / "list.txt")) == [0, 1], "of three exports, the second fails")
    done = run([str(merge)], many, CONFORMANCE_EXPORTS=str(folder / "list.txt"))
    verdicts = [line.split()[0] for line in done.stdout.decode().splitlines()]
    expect(done.returncode == 1 and verdicts == ["PASS", "FAIL", "PASS"], f"{done.returncode} {done.stdout.decode()}")


def case_bad_settings(build: Path, folder: Path) -> None:
    (folder / "profile.yaml").write_text("generation: {duration: 2}\n")
    for variables, words in (({"CONFORMANCE_REQUIRE": "gpu"}, "found 'gpu'"),
                             ({"CONFORMANCE_PROFILE": str(folder / "profile.yaml")}, "generation.duration"),
                             ({"CONFORMANCE_PROFILE": str(folder / "none.yaml")}, "is no file")):
        environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(GOOD), CONFORMANCE_OUTPUT_DIR=str(folder / "out"), **variables)
        done = subprocess.run([build / "bin" / "conformance"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(done.returncode == 2 and words in done.stdout.decode(), f"{variables}: {done.returncode} {done.stdout.decode()[:300]}")


def change_codes(path: Path, value: int) -> None:
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<i", value)
    path.write_bytes(data)


def change_record(path: Path, **changes) -> None:
    record = json.loads(path.read_text())
    record["body"]["runs"][0].update(changes)
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
    ("Generation.Holds/CpuPrompt0Runs", "stages/generation-cpu.json", lambda path: change_record(path, status=2, message="at step 3"), "unconditional): at step 3"),
    ("Generation.Holds/CpuPrompt0Runs", "stages/generation-cpu.json", lambda path: path.unlink(), "left nothing to judge"),
    ("Generation.Holds/CpuPrompt0Runs", "stages/generation-cpu.json", lambda path: path.write_text(path.read_text().replace('"stamp":"', '"stamp":"x')), "of another export"),
    ("AudioOutput.Holds/CpuPrompt0Length", "generation/cpu/prompt0/audio.wav", cut_audio, "63999 samples"),
    ("AudioOutput.Holds/CpuPrompt0Length", "stages/generation-cpu.json", lambda path: change_record(path, channels=2), "1 channels"),
    ("AudioOutput.Holds/CpuPrompt0Finite", "generation/cpu/prompt0/audio.wav", lambda path: spoil_audio(path, float("nan")), "1 NaN"),
    ("AudioOutput.Holds/CpuPrompt0Length", "generation/cpu/prompt0/audio.wav", lambda path: path.unlink(), "audio.wav"),
    ("StateDictIntegrity.Holds/CodecChecksums", "stages/payload-compression_state_dict.bin.json", lambda path: path.unlink(), "left nothing to judge"),
]


def case_stages(build: Path, folder: Path) -> None:
    output = folder / "artifacts"
    environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(GOOD), CONFORMANCE_OUTPUT_DIR=str(output), CONFORMANCE_STAGED="1")

    def program(name: str, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([build / "bin" / name, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    for name, stage in (("conformance_judge", "begin"), ("conformance_judge", "payload"), ("conformance", "generate-cpu")):
        done = program(name, f"--stage={stage}")
        expect(done.returncode == 0, f"stage {stage}: {done.stdout.decode()[:500]}")
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
     "fail", "too old for this conditioner"),
    ("says nothing", "sys.exit(3)", "fail", "gave no result (exit status 3)"),
    ("is killed", "import os; os.kill(os.getpid(), 9)", "fail", "ended by signal 9"),
    ("hangs", "time.sleep(600)", "fail", "still running after"),
]


def case_production(build: Path, folder: Path) -> None:
    profile = folder / "profile.yaml"
    profile.write_text("generation: {prompts: [null], duration_s: 0.4}\nlimits: {production.max_seconds: 3}\n")

    def judge(name: str, hub: Path, python: Path, export=GOOD) -> dict:
        output = folder / "out" / name
        environment = clean_environment(AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_OUTPUT_DIR=str(output),
                                        CONFORMANCE_PROFILE=str(profile), HF_HUB_CACHE=str(hub), AUDIOCRAFT_PYTHON=str(python))
        subprocess.run([build / "bin" / "conformance", "--quiet"], env=environment, stdout=subprocess.DEVNULL)
        checks = json.loads((output / "report.json").read_text())["checks"]
        return next(check for check in checks if check["id"] == "generation/production_loader")

    ran = folder / "ran"
    for name, code, status, words in PRODUCTION:
        python = folder / "python"
        python.write_text(f"#!{sys.executable}\n{REPORTS}\npathlib.Path({str(ran)!r}).touch()\n{code}\n")
        python.chmod(0o755)
        check = judge(name, ROOT / "fixtures" / "hub", python)
        expect(check["status"] == status and words in check["message"], f"{name}: {check['status']}: {check['message']}")
    ran.unlink()
    check = judge("no T5", folder / "no-hub", python)
    expect(check["status"] == "skip" and not ran.exists(), f"without T5: {check['status']}: {check['message']}")
    derive_recipe(json.loads((FAULTS / "pickle-runs-command-by-reduce.json").read_text()), folder / "export")
    check = judge("unsafe", ROOT / "fixtures" / "hub", python, folder / "export")
    expect(check["status"] == "blocked" and not ran.exists(), f"a pickle that runs a command was given to production: {check}")


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


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    args = parser.parse_args()
    failed = 0
    for name in args.cases or CASES:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                CASES[name](args.build.resolve(), Path(scratch))
                print(f"ok    {name}")
            except AssertionError as problem:
                failed += 1
                print(f"FAIL  {name}: {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
