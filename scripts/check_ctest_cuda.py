"""Cases of check_ctest.py on CUDA: no device, one that can't be used, one that works, and one that stops. All but the
first take the stand-ins of harness/generate/cuda_stand_in for the machine's driver and LibTorch's CUDA part.
"""
import json
import subprocess
from pathlib import Path

from ctest_run import FAULTS, GOOD, ROOT, Run, clean_environment, expect, said, untrained
from derive_export import derive_recipe


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
    ("2", "", "", "pass", "skip", "End what else runs on the device, or take a larger one"),
    ("100", "", "text", "incomplete", "skip", "Look at nvidia-smi and CUDA_VISIBLE_DEVICES"),
    ("804", "devices: [cpu, cuda]", "", "fail", "fail", f"cuda is not run: the profile (devices) {ASKED}: a forward-compatibility libcuda"),
    ("34", "devices: [cuda]", "", "fail", "fail", f"the profile (devices) {ASKED}: libcuda.so.1 is the toolkit's stub"),
    ("999", "", "cuda", "fail", "fail", f"CONFORMANCE_REQUIRE {ASKED} can't be used: CUDA error 999, from cuInit"),
]


def case_unusable_cuda(build: Path, folder: Path) -> None:
    for init, devices, require, verdict, status, words in UNUSABLE:
        profile = folder / "profile.yaml"
        profile.write_text(untrained(f"{devices}\ngeneration: {{prompts: [null], duration_s: 0.4}}\n"))
        output = folder / init
        variables = with_stand_in(build, CUDA_STAND_IN_INIT=init, CONFORMANCE_PROFILE=str(profile), CONFORMANCE_REQUIRE=require)
        if init == "999":
            variables["CUDA_VISIBLE_DEVICES"] = "0"
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
        expect(runs["status"] == status and words in said(runs), f"{init}: {runs['status']}: {said(runs)}")
        expect((init == "999") == ("(CUDA_VISIBLE_DEVICES=0)" in said(runs)), f"{init}: which card was chosen: {said(runs)}")
        expect("cuda" in report["not_run"], f"{init}: not_run hides cuda: {report['not_run']}")
        expect(" ".join(text.split()).find(words[:40]) >= 0 and "CUDA" in (output / "report.html").read_text(), f"{init}: not told: {text[-900:]}")
        behind = {check["status"] for check in report["checks"] if "/cuda/prompt0/" in check["id"] or "cuda_agrees" in check["id"]} - {status}
        expect(behind == ({"blocked"} if status == "fail" else set()), f"{init}: what stands behind it is {behind}")
        cpu = [check["status"] for check in report["checks"] if check["id"] == "generation/cpu/prompt0/runs"]
        expect(cpu == ([] if devices == "devices: [cuda]" else ["pass"]), f"{init}: the CPU: {cpu}")


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
    profile.write_text(untrained(f"devices: [cpu, cuda]\ngeneration: {{duration_s: 0.4, melody: '{melody}'}}\n"))
    for name in ("musicgen-tiny-mono", "musicgen-tiny-melody", "musicgen-tiny-stereo"):
        checks, text = on_stand_in(build, folder / name, profile, ROOT / "fixtures" / "exports" / name)
        failing = [check["id"] for check in checks.values() if check["status"] in ("fail", "blocked")]
        expect(not failing, f"{name}: {failing}: {text[-900:]}")
        for run in ["prompt0", "prompt1"] + ["melody"] * (name == "musicgen-tiny-melody"):
            measured = checks[f"generation/cuda/{run}/runs"]["measured"]
            expect(measured["device"] == "Stand-in card" and measured["memory_peak_bytes"] > 0 and measured["step_s"] > 0, f"{name} {run}: {measured}")
            expect((measured["compute_capability"], measured["driver_version"]) == ("9.0", "13.0"), f"{name} {run}: {measured}")
            expect(checks[f"generation/cuda/{run}/repeatable"]["status"] == "pass", f"{name} {run}: another run with the same seed")
        agreement = checks["generation/cuda_agrees_with_cpu"]
        expect(agreement["status"] == "pass" and 0 < agreement["measured"]["difference"] < agreement["limit"]["difference"], f"{name}: {agreement}")
    profile.write_text(untrained("generation: {prompts: [null], duration_s: 0.4}\n"))
    run = Run(build, folder / "ctest", GOOD, **with_stand_in(build, CUDA_STAND_IN_BACKEND=str(backend(build)), CONFORMANCE_PROFILE=str(profile),
                                                             CONFORMANCE_REQUIRE="cuda"))
    report = run.report()
    status = {check["id"]: check["status"] for check in report["checks"]}
    expect(run.status == 0 and report["verdict"] == "pass" and "cuda" not in report["not_run"], f"{run.status} {report['verdict']} {report['not_run']}")
    # The reference takes the device; the CPU is not a part of the run.
    expect(status["generation/cuda/prompt0/runs"] == "pass" and not [name for name in status if "/cpu/" in name], f"{sorted(status)}")


# What goes wrong on a device: CUDA_STAND_IN_FAULT, CUDA_STAND_IN_MEMORY; how generation/cuda/prompt0/runs and
# generation/cuda_agrees_with_cpu end, and the words of the one that fails.
CUDA_FAULTS = [
    ("", "300000", "fail", "blocked", "the CUDA device ran out of memory while loading the weights: CUDA out of memory. Tried to allocate"),
    ("", "1500000", "fail", "blocked", "This says nothing about the export. End what else runs on the device"),
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
    profile.write_text(untrained("devices: [cpu, cuda]\ngeneration: {duration_s: 0.4}\n"))
    for i, (fault, memory, runs, agrees, words) in enumerate(CUDA_FAULTS):
        variables = {"CUDA_STAND_IN_FAULT": fault} if fault else {"CUDA_STAND_IN_MEMORY": memory}
        checks, text = on_stand_in(build, folder / str(i), profile, **variables)
        found = [checks[f"generation/{check}"]["status"] for check in ("cuda/prompt0/runs", "cuda_agrees_with_cpu")]
        expect(found == [runs, agrees], f"{variables}: {found}: {text[-900:]}")
        failing = [check for check in checks.values() if check["status"] == "fail"]
        expect(any(words in said(check) for check in failing), f"{variables}: {[said(check) for check in failing]}")
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
