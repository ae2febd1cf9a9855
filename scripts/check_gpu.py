#!/usr/bin/env python3
"""Tries scripts/gpu/prepare and scripts/gpu/run without a GPU and without building: with stand-ins for cmake, ctest,
nvidia-smi and the suite, which do what a case asks for.

usage: check_gpu.py [CASE ...]      all cases, or the named ones

Standard library only.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ctest_run import cases_in, expect, main

ROOT = Path(__file__).resolve().parents[1]
UNSET = ("AUDIOCRAFT_PYTHON", "CXX", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
FAILING = [f"unit.Case{number}" for number in range(30)]

# One program under several names. FOLDER/does.json says what it does otherwise than well, for "configure", "build" or a
# label; each start is a line in FOLDER/started.
STAND_IN = """#!{python}
import json, os, pathlib, subprocess, sys, time
folder, name, arguments = pathlib.Path({folder!r}), os.path.basename(sys.argv[0]), sys.argv[1:]
given = dict(zip(arguments, arguments[1:]))
what = {{"cmake": "build" if "--build" in given else "configure", "ctest": given.get("-L", "").strip("^$")}}.get(name, name)
with (folder / "started").open("a") as lines:
    lines.write(what + "\\n")
does = json.loads((folder / "does.json").read_text()).get(what, "")
if what == "nvidia-smi":
    print("A Card, 600.1, 81559 MiB, 9.0")
if does == "hangs":  # with a child in a process group of its own, as the suite starts the reference loader
    child = subprocess.Popen(["sleep", "600"], preexec_fn=lambda: os.setpgid(0, 0))
    (folder / "left").write_text(f"{{os.getpid()}} {{child.pid}}")
    print("hangs", flush=True)
    time.sleep(600)
if does == "fails":
    head = "INCOMPLETE  /an/export" if what == "conformance" else "The following tests FAILED:"
    print("\\n".join([head, *(f"  {{i}} - {{test}} (Failed)" for i, test in enumerate({failing}))]))
    sys.exit(8)
if what == "configure":
    build = pathlib.Path(given["-B"])
    (build / "bin").mkdir(parents=True, exist_ok=True)
    (build / "CMakeCache.txt").write_text("LibTorch_INCLUDE_DIR:PATH=/t/include\\n"
        f"LibTorch_torch_cuda_LIBRARY:FILEPATH={{'/t/lib/libtorch_cuda.so' if does != 'cpu' else 'LibTorch_torch_cuda_LIBRARY-NOTFOUND'}}\\n")
    if not (build / "bin" / "conformance").exists():
        (build / "bin" / "conformance").symlink_to(folder / "path" / "conformance")
if what == "conformance":
    output = pathlib.Path(os.environ["CONFORMANCE_OUTPUT_DIR"])
    runs = {{"runs": {{"device": "A Card", "step_s": 0.002, "memory_peak_bytes": 5e8}}}}
    report = {{"verdict": "pass", "generation": [{{"device": "cuda", "run": "prompt0", "metrics": runs}}],
              "seen": {{name: value for name, value in os.environ.items() if name.startswith(("CONF", "AUDIO", "HF_", "GTEST", "LD_"))}}}}
    (output / "report.json").write_text(json.dumps(report)[: 40 if does == "is cut off" else None])
"""


class Stage:
    """A carried folder with little in it, and stand-ins on PATH."""

    def __init__(self, folder: Path, exports=("one",)):
        self.folder, self.carried, self.out = folder, folder / "carried", folder / "out"
        shutil.copytree(ROOT / "scripts" / "gpu", self.carried / "source" / "scripts" / "gpu", ignore=shutil.ignore_patterns("__pycache__"))
        (self.carried / "source" / "CMakeLists.txt").touch()
        (self.carried / "prefix" / "usr" / "lib").mkdir(parents=True)
        for export in (*(f"exports/{name}" for name in exports), "source/fixtures/exports/tiny"):
            (self.carried / export).mkdir(parents=True)
            (self.carried / export / "state_dict.bin").touch()
        path = folder / "path"
        path.mkdir()
        (path / "stand-in").write_text(STAND_IN.format(python=sys.executable, folder=str(folder), failing=FAILING))
        (path / "stand-in").chmod(0o755)
        for name in ("cmake", "ctest", "ninja", "c++", "nvidia-smi", "conformance"):
            (path / name).symlink_to("stand-in")
        self.does()

    def does(self, **what) -> None:
        (self.folder / "does.json").write_text(json.dumps(what))

    def start(self, *arguments, out=None, **variables) -> subprocess.Popen:
        (self.folder / "started").write_text("")
        environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        environment.update(PATH=f"{self.folder / 'path'}:{os.environ['PATH']}", **variables)
        return subprocess.Popen([sys.executable, self.carried / "source" / "scripts" / "gpu" / "run", "carried", out or self.out, *arguments],
                                cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *arguments, **variables) -> tuple:
        """(exit status, what it printed)"""
        process = self.start(*arguments, **variables)
        text = process.communicate()[0]
        expect("Traceback" not in text, text)
        return process.returncode, text

    def started(self) -> list:
        return (self.folder / "started").read_text().split()

    def left_running(self) -> list:
        """Of what hung: what has not ended. Ended children may wait, as zombies, for whoever has them now."""
        states = {}
        for process in (self.folder / "left").read_text().split():
            stat = Path(f"/proc/{process}/stat")
            states[process] = stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else "X"
        return [process for process, state in states.items() if state not in "ZX"]


ALL = ["nvidia-smi", "configure", "build", "unit", "fixture", "integration", "conformance"]


def case_steps(folder: Path) -> None:
    """Everything once; again only what is asked for, what failed, or what another content asks for."""
    stage = Stage(folder)
    listing = sorted(stage.carried.rglob("*"))
    status, text = stage.run(CONFORMANCE_PROFILE="mine.yaml", GTEST_FILTER="mine", HF_HOME="mine")
    expect(status == 0 and "all steps passed" in text, f"{status} {text}")
    expect(stage.started() == ALL, f"{stage.started()}")
    expect(sorted(stage.carried.rglob("*")) == listing, f"written into CARRIED: {set(stage.carried.rglob('*')) - set(listing)}")
    machine = json.loads((stage.out / "machine.json").read_text())
    expect(machine["gpus"] == ["A Card, 600.1, 81559 MiB, 9.0"] and machine["libtorch"] == {"headers": "/t/include", "with_cuda": True}, f"{machine}")
    seen = json.loads((stage.out / "suite" / "one" / "report.json").read_text())["seen"]
    expect(seen["CONFORMANCE_REQUIRE"] == "cuda" and seen["HF_HUB_OFFLINE"] == "1", f"{seen}")
    expect(seen["CONFORMANCE_PROFILE"].startswith(str(stage.out)) and not {"GTEST_FILTER", "HF_HOME", "LD_LIBRARY_PATH"} & set(seen), f"{seen}")
    profile = Path(seen["CONFORMANCE_PROFILE"]).read_text()
    expect("devices: [cpu, cuda]" in profile, f"the profile does not run both devices: {profile}")
    melody = ROOT / json.loads(re.search(r"melody: (.*)}", profile).group(1)).split("/source/")[1]
    expect(melody.is_file(), f"the profile's melody is not there: {melody}")
    row = "| one | pass | A Card | 2.00 | - | 500 | - |"
    expect(row in (stage.out / "figures.md").read_text() and row in text, text)

    status, text = stage.run()
    expect(status == 0 and stage.started() == ["nvidia-smi"] and text.count("done before") == 6, f"{stage.started()} {text}")
    stage.run("--step", "unit", "--again")
    expect(stage.started() == ["unit"], f"--step unit --again: {stage.started()}")
    (stage.carried / "exports" / "one" / "state_dict.bin").write_text("another")
    stage.run()
    expect(stage.started() == ["nvidia-smi", "conformance"], f"another export: {stage.started()}")
    (stage.carried / "source" / "CMakeLists.txt").write_text("another")
    stage.run()
    expect(stage.started() == ALL, f"another source: {stage.started()}")
    stage.run("--again")
    expect(stage.started() == ALL, f"--again: {stage.started()}")
    status, text = stage.run("--step", "unti")
    expect(status == 2 and "no step unti: machine, configure, build, unit" in text, text)


def case_failures(folder: Path) -> None:
    stage = Stage(folder, exports=("one", "two"))
    stage.does(unit="fails")
    status, text = stage.run()
    expect(status == 1 and "FAILED: unit;" in text, f"{status} {text}")
    expect(all(f"{test} (Failed)" in text for test in FAILING), f"the failed tests are not all named: {text}")
    expect(stage.started().count("conformance") == 2, "a failing test keeps the suites from running")
    stage.does()
    status, text = stage.run()
    expect(status == 0 and stage.started() == ["nvidia-smi", "unit"], f"{status} {stage.started()}")
    stage.does(build="fails")
    lists = stage.carried / "source" / "CMakeLists.txt"
    lists.write_text("another")
    stage.run()
    stage.does()
    lists.write_text("")
    stage.run()
    expect(stage.started() == ALL[:3], f"what was built of another source passes for this one's: {stage.started()}")
    stage.does(build="fails")
    status, text = stage.run("--again")
    expect(status == 1 and stage.started() == ALL[:3], f"after a failed build: {stage.started()}")
    stage.does(conformance="fails")
    status, text = stage.run()
    expect(status == 1 and "FAILED: suite-one, suite-two;" in text, f"{status} {text}")
    expect(text.count("      INCOMPLETE  /an/export") == 2 and all(text.count(f"{test} (Failed)") == 2 for test in FAILING), f"no reasons: {text}")
    stage.does(conformance="is cut off")
    status, text = stage.run()
    expect(status == 1 and "| one | no report |" in text and "report.json: JSONDecodeError" in text, text)
    shutil.rmtree(folder / "path")  # but for what the system has
    (folder / "path").mkdir()
    status, text = stage.run("--step", "machine", CXX="no-such-compiler -m64")
    expect(status == 1 and "no-such-compiler" in text, text)


def case_notes(folder: Path) -> None:
    """What makes the suites fail in the end is said before the build."""
    stage = Stage(folder)
    (folder / "path" / "nvidia-smi").unlink()
    stage.does(configure="cpu")
    status, text = stage.run("--step", "machine", "--step", "configure")
    expect("built without CUDA" in text and "prepare --torch" in text, text)
    expect(shutil.which("nvidia-smi") or "no GPU is seen" in text, text)


def case_limit(folder: Path) -> None:
    """What runs past the limit is ended with all that it started, and goes on in the next call."""
    stage = Stage(folder)
    stage.does(build="hangs")
    status, text = stage.run("--limit", "1")
    expect(status == 1 and "stopped at its limit: run again to go on" in text, text)
    expect(not stage.left_running(), f"still running: {stage.left_running()}")
    expect(not (stage.out / "tmp").exists(), "its temporary files are left")
    stage.does()
    status, text = stage.run()
    expect(status == 0 and stage.started() == ["nvidia-smi", *ALL[2:]], f"{status} {stage.started()}")
    stage.does(fixture="hangs")
    status, text = stage.run("--again", "--total", "2")
    expect(status == 1 and "not reached in 2 s, run again to go on: cluster, suite-one, figures" in text, text)
    expect(not stage.left_running(), f"still running: {stage.left_running()}")
    stage.does()
    status, text = stage.run("--total", "0")
    expect(status == 1 and "run again to go on: machine, fixtures, cluster, suite-one, figures" in text and not stage.started(), text)
    status, text = stage.run("--total", "600")
    expect(status == 0 and stage.started() == ["nvidia-smi", *ALL[4:]], f"{status} {stage.started()}")


def case_signals(folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        stage = Stage(folder / number.name)
        stage.does(build="hangs")
        process = stage.start()
        for line in process.stdout:
            if "build ..." in line:
                break
        while not (stage.out / "log" / "build.txt").exists() or "hangs" not in (stage.out / "log" / "build.txt").read_text():
            expect(process.poll() is None, "ended before the signal")
        process.send_signal(number)
        text = process.communicate()[0]
        expect(process.returncode == 128 + number, f"{number.name}: exit status {process.returncode}: {text}")
        expect(f"ended by {number.name}: run again to go on" in text and "Traceback" not in text, text)
        expect(not stage.left_running(), f"{number.name}: still running: {stage.left_running()}")
        stage.does()
        status, _ = stage.run()
        expect(status == 0 and stage.started() == ["nvidia-smi", *ALL[2:]], f"{number.name}: {status} {stage.started()}")


def case_folders(folder: Path) -> None:
    stage = Stage(folder / "none", exports=())
    status, text = stage.run()
    expect(status == 0 and "suite-tiny" in text, f"without exports/ the fixtures' are not taken: {text}")
    (stage.carried / "exports").mkdir()
    expect("suite-tiny" in stage.run()[1], "an empty exports/ leaves nothing to run")
    shutil.rmtree(stage.carried / "source")
    stage = Stage(folder / "a space", exports=("my export",))
    status, text = stage.run(out="out/of the way")
    expect(status == 0 and (folder / "a space" / "out" / "of the way" / "suite" / "my export" / "report.json").is_file(), text)
    for out in ("carried", "carried/source", "carried/source/out"):
        status, text = stage.run(out=out)
        expect(status == 2 and "mixed with what was carried" in text, f"{out}: {text}")
    (stage.carried / "source" / "CMakeLists.txt").unlink()
    status, text = stage.run()
    expect(status == 2 and "scripts/gpu/prepare" in text, text)


def case_audiocraft(folder: Path) -> None:
    """The real one's figures: measured once for a run of the suite, a problem of theirs told."""
    stage = Stage(folder)
    python = folder / "python"
    for code, status, words in (("echo broken >&2; exit 3", 1, "one: exit status 3: broken"),
                                ("""echo a warning; echo '{"step_s": 0.5, "memory_peak_bytes": 2e9}'""", 0, "| 2.00 | 500.00 | 500 | 2000 |"),
                                ("exit 4", 0, "| 2.00 | 500.00 | 500 | 2000 |")):
        python.write_text(f"#!/bin/sh\n{code}\n")
        python.chmod(0o755)
        result, text = stage.run(AUDIOCRAFT_PYTHON=str(python))
        expect(result == status and words in text, f"{code}: {result} {text}")


def case_prepare(folder: Path) -> None:
    if subprocess.run(["git", "-C", ROOT, "rev-parse"], stderr=subprocess.DEVNULL).returncode != 0:
        return  # a copy of the sources, as prepare makes one
    carried, export, hub = folder / "carried", folder / "an export", folder / "hub"

    def prepare(*arguments) -> str:
        done = subprocess.run([ROOT / "scripts" / "gpu" / "prepare", carried, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout if done.returncode == 0 else f"exit status {done.returncode}: {done.stdout}"

    for path in (export, folder / "other" / "an export", hub / "blobs"):
        path.mkdir(parents=True)
        (path / "state_dict.bin").touch()
    (hub / "link").symlink_to("blobs")
    text = prepare("--export", export, "--hub", hub)
    expect("exit status" not in text and (carried / "exports" / "an export" / "state_dict.bin").is_file(), text)
    run = carried / "source" / "scripts" / "gpu" / "run"
    expect(run.read_bytes() == (ROOT / "scripts" / "gpu" / "run").read_bytes() and os.access(run, os.X_OK), "run is not carried")
    for library in (carried / "prefix").rglob("lib*.so*"):
        described = subprocess.run(["readelf", "-d", library], stdout=subprocess.PIPE, text=True).stdout
        for name in re.findall(r"\(SONAME\).*\[(.*)\]", described):
            expect((library.parent / name).is_file(), f"{library.name} is loaded as {name}, which is not carried")
    (carried / "source" / "fixtures" / "exports" / "gone" / "golden").mkdir(parents=True)
    (carried / "source" / "fixtures" / "exports" / "gone" / "state_dict.bin").touch()
    (carried / "exports" / "an export" / "stale").touch()
    run.write_text("older")
    os.utime(run, (2e9, 2e9))
    kept = (carried / "source" / "CMakeLists.txt").stat().st_mtime_ns
    text = prepare("--export", export, "--hub", hub)
    expect("exit status" not in text and (carried / "hub" / "link").is_symlink(), text)
    expect(not (carried / "source" / "fixtures" / "exports" / "gone").exists(), "what is gone here is still there")
    expect(not (carried / "exports" / "an export" / "stale").exists(), "an export of two copies")
    expect(run.read_bytes() == (ROOT / "scripts" / "gpu" / "run").read_bytes(), "a changed file is not brought up to date")
    expect(run.stat().st_mtime > (ROOT / "scripts" / "gpu" / "run").stat().st_mtime, "it has the time of its edit")
    expect((carried / "source" / "CMakeLists.txt").stat().st_mtime_ns == kept, "an unchanged file is built again")
    expect("two exports are called an export" in prepare("--export", export, "--export", folder / "other" / "an export"), "one of two is lost")
    expect("is no export" in prepare("--export", folder), "a folder that is none")


if __name__ == "__main__":
    sys.exit(main(__doc__, cases_in(globals()), of_a_build=False))
