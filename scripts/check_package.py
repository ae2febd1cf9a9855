#!/usr/bin/env python3
"""Makes the packages of a build and uses them as those who have no build do.

usage: check_package.py --build BUILD [CASE...]      without CASE, all of them

The wheel is installed without a network into an environment whose torch is the LibTorch of the build (a link). Standard
library only.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from ctest_run import FAULTS, GOOD, ROOT, cases_in, expect, main, untrained
from derive_export import derive_recipe

PROFILE = untrained("devices: [cpu]\ngeneration: {prompts: [null], duration_s: 0.4}\n")


def libtorch(build: Path) -> Path:
    cache = (build / "CMakeCache.txt").read_text()
    return Path(cache.split("LibTorch_torch_cpu_LIBRARY:FILEPATH=")[1].split("\n")[0]).resolve().parents[1]


def packages(build: Path, folder: Path, *options) -> tuple:
    """The wheel and the archive."""
    done = subprocess.run([ROOT / "scripts" / "package", folder / "packages", "--build", build, *options],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    expect(done.returncode == 0, done.stdout)
    return next((folder / "packages").glob("*.whl")), next((folder / "packages").glob("*.tar.*"))


def run(command: list, folder: Path, **variables) -> subprocess.CompletedProcess:
    """In an environment that holds nothing else."""
    profile = folder / "profile.yaml"
    profile.write_text(PROFILE)
    environment = {"PATH": "/usr/bin:/bin", "CONFORMANCE_PROFILE": str(profile), "HOME": str(folder), "OMP_NUM_THREADS": "1", **variables}
    return subprocess.run([str(part) for part in command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def install(wheel: Path, build: Path, folder: Path, torch_version=None, beside: bool = True) -> Path:
    """The command, in an environment of which torch is beside the package, or on another path."""
    root = folder / "environment"
    venv.create(root, with_pip=True)
    site = next(root.glob("lib/python*/site-packages"))
    torch = libtorch(build)
    home = site if beside else folder / "elsewhere"
    home.mkdir(exist_ok=True)
    version = torch_version or json.loads((build / "package.json").read_text())["libtorch"]
    (home / "torch").mkdir()
    (home / "torch" / "__init__.py").write_text("raise ImportError('the command imports torch')\n")
    (home / "torch" / "lib").symlink_to(torch / "lib")
    (home / f"torch-{version}.dist-info").mkdir()
    (home / f"torch-{version}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    if not beside:
        (site / "elsewhere.pth").write_text(f"{home}\n")
    done = run([root / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel], folder)
    expect(done.returncode == 0, done.stdout)
    return root / "bin" / "musicgen-conformance"


def expect_pass(command: list, folder: Path, **variables) -> dict:
    done = run(command, folder, **variables)
    expect(done.returncode == 0 and "PASS" in done.stdout, f"{command}: {done.returncode} {done.stdout[-1500:]}")
    report = json.loads((folder / "conformance-artifacts" / "report.json").read_text())
    expect(report["verdict"] == "pass" and report["generation"], "nothing was generated")
    return report


def case_wheel(build: Path, folder: Path) -> None:
    wheel, _ = packages(build, folder)
    expect(wheel.stat().st_size < 60e6 and "-py3-none-manylinux_2_" in wheel.name, f"{wheel} of {wheel.stat().st_size} bytes")
    command = install(wheel, build, folder)
    expect_pass([command, "--quiet"], folder, AUDIOCRAFT_EXPORT_DIR=str(GOOD))
    done = run([command, "--quiet"], folder)
    expect(done.returncode == 2 and "AUDIOCRAFT_EXPORT_DIR" in done.stdout, f"without an export: {done.returncode} {done.stdout[-600:]}")
    done = run([command], folder)
    expect(done.returncode == 0 and "the example that the package brings" in done.stdout, f"the example: {done.stdout[-600:]}")
    version = json.loads((build / "package.json").read_text())["version"]
    expect(run([command, "--version"], folder).stdout.strip() == version, "--version")
    # The way into pipelines that run ctest: with JUnit, for an export that fails.
    broken = folder / "broken"
    derive_recipe(json.loads((FAULTS / "codec-bit-flipped.json").read_text()), broken)
    done = run([command, "--ctest", folder / "tests"], folder)
    expect(done.returncode == 0, done.stdout)
    for export, status in ((GOOD, 0), (broken, 8)):
        done = run([shutil.which("ctest"), "--test-dir", folder / "tests", "-L", "conformance", "--output-junit", folder / "junit.xml"], folder,
                   AUDIOCRAFT_EXPORT_DIR=str(export))
        expect(done.returncode == status and "FilePresence.Holds/" in (folder / "junit.xml").read_text(), f"ctest: {done.returncode} {done.stdout[-1500:]}")


def case_other_torch(build: Path, folder: Path) -> None:
    wheel, _ = packages(build, folder)
    for number, (version, words) in enumerate((("2.3.1", "this Python has torch 2.3.1"), ("99.0.0+cpu", "this Python has torch 99.0.0+cpu"))):
        place = folder / str(number)
        place.mkdir()
        done = run([install(wheel, build, place, version), GOOD], place)
        expect(done.returncode == 2 and words in done.stdout and "pip install 'torch~=" in done.stdout, f"{version}: {done.returncode} {done.stdout}")
    expect(not (place / "conformance-artifacts").exists(), "it ran")


def case_torch_elsewhere(build: Path, folder: Path) -> None:
    """torch is not beside the package; a Python that the suite starts must not get its libraries."""
    wheel, _ = packages(build, folder)
    command = install(wheel, build, folder, beside=False)
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "path:$LD_LIBRARY_PATH" > "$HOME/seen"\nexit 3\n')
    python.chmod(0o755)
    done = run([command, "--quiet", GOOD], folder, AUDIOCRAFT_PYTHON=str(python), LD_LIBRARY_PATH="/nowhere",
               HF_HUB_CACHE=str(ROOT / "fixtures" / "hub"))
    expect("it gave no result (exit status 3)" in done.stdout, done.stdout[-1500:])
    expect((folder / "seen").read_text() == "path:/nowhere\n", (folder / "seen").read_text())


def case_archive(build: Path, folder: Path) -> None:
    """Unpacked elsewhere, read-only, without a Python in the way."""
    _, archive = packages(build, folder, "--with-libtorch")
    installed = folder / "installed"
    installed.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", installed, "--strip-components=1"], check=True)
    subprocess.run(["chmod", "-R", "a-w", installed], check=True)
    try:
        command = installed / "bin" / "musicgen-conformance"
        for program in ("conformance", "conformance_judge"):
            found = run(["ldd", installed / "musicgen_conformance" / "bin" / program], folder).stdout
            expect("not found" not in found and str(libtorch(build)) not in found, found)
        expect_pass([command, "--quiet", GOOD], folder)
        done = run([command], folder)
        expect(done.returncode == 0 and "the example that the package brings" in done.stdout, done.stdout[-600:])
        closed = [str(path) for path in (installed, *installed.rglob("*")) if not path.stat().st_mode & 0o004]
        expect(not closed, f"only root can read {closed}")
        brought = {path.name for path in (installed / "musicgen_conformance" / "lib").iterdir()}
        glibc = set(subprocess.run(["dpkg", "-L", "libc6"], stdout=subprocess.PIPE, text=True).stdout.split())
        expect(brought and not brought & {Path(path).name for path in glibc}, f"parts of glibc are inside: {sorted(brought)}")
        licences = {path.name for path in (installed / "musicgen_conformance" / "licences").iterdir()}
        expect({"musicgen-conformance.txt", "libsndfile1.txt"} <= licences, f"{licences}")
    finally:
        subprocess.run(["chmod", "-R", "u+w", installed], check=True)


def case_archive_without_libtorch(build: Path, folder: Path) -> None:
    _, archive = packages(build, folder)
    expect(archive.stat().st_size < 60e6, f"{archive.stat().st_size} bytes")
    installed = folder / "installed"
    installed.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", installed, "--strip-components=1"], check=True)
    command = installed / "bin" / "musicgen-conformance"
    done = run([command, GOOD], folder)
    expect(done.returncode == 2 and "no LibTorch was found" in done.stdout, f"{done.returncode} {done.stdout}")
    expect_pass([command, "--quiet", GOOD], folder, LIBTORCH_ROOT=str(libtorch(build)))


def case_on_gpu(build: Path, folder: Path) -> None:
    """The script for a machine with a card, on one without: it reports the missing card, and leaves its files."""
    _, archive = packages(build, folder, "--with-libtorch")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CONFORMANCE", "AUDIOCRAFT", "CUDA"))}
    done = subprocess.run([ROOT / "scripts" / "on_gpu", archive, folder / "out", GOOD], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    figures = (folder / "out" / "figures.md").read_text()
    row = figures.splitlines()[2]
    expect("musicgen-tiny-mono" in row, figures)
    expect((folder / "out" / "junit.xml").is_file(), "no junit.xml")
    if Path("/dev/nvidia0").exists():
        expect(done.returncode == 0 and "| pass |" in row, done.stdout[-1500:])
    else:
        expect(done.returncode == 1 and "| pass |" not in row, done.stdout[-1500:])


def commands(path: Path) -> tuple:
    """The shell commands of a pipeline, and the variables that it sets. Of the YAML only what these files use is read."""
    text = path.read_text()
    if path.suffix == ".yml":
        found = re.findall(r"^ +- (?:run: )?((?:pip|hf|musicgen-conformance) .*)$", text, re.M)
    else:
        found = [first or second for first, second in re.findall(r"""^ +sh (?:'(.*)'|"(.*)")$""", text, re.M)]
    return found, dict(re.findall(r"(CONFORMANCE_\w+)\s*[:=] '?([\w-]+)", text))


def case_pipelines(build: Path, folder: Path) -> None:
    """The commands of scripts/ci are run as they stand there; what fetches from the network is a stand-in that notes it."""
    wheel, _ = packages(build, folder)
    install(wheel, build, folder)
    for path in sorted((ROOT / "scripts" / "ci").iterdir()):
        place = folder / path.stem
        (place / "venv").mkdir(parents=True)
        (place / "venv" / "bin").symlink_to(folder / "environment" / "bin")
        shutil.copytree(GOOD, place / "my-export")
        shutil.copyfile(wheel, place / wheel.name)
        noted = place / "noted"
        for name in ("pip", "hf"):
            stand_in = folder / "environment" / "bin" / name
            stand_in.unlink(missing_ok=True)
            stand_in.write_text(f'#!/bin/sh\necho {name} "$@" >> "$HOME/noted"\n')
            stand_in.chmod(0o755)
        lines, variables = commands(path)
        expect(len(lines) == 3 and variables == {"CONFORMANCE_OUTPUT_DIR": "conformance", "CONFORMANCE_REQUIRE": "text"}, f"{path}: {lines} {variables}")
        for line in lines:
            line = line.replace("python -m venv venv && ", "")
            done = run(["sh", "-c", line], place, PATH=f"{folder / 'environment' / 'bin'}:/usr/bin:/bin", HF_HUB_CACHE=str(ROOT / "fixtures" / "hub"), **variables)
            expect(done.returncode == 0, f"{path}: {line}: {done.returncode} {done.stdout}")
        expect(done.stdout.startswith("PASS "), f"{path}: {done.stdout}")
        expect((place / "conformance" / "junit.xml").is_file(), f"{path}: no junit.xml")
        expect(wheel.name in noted.read_text() and "torch~=" in noted.read_text() and "hf download t5-base" in noted.read_text(), noted.read_text())
        minor = ".".join(json.loads((build / "package.json").read_text())["libtorch"].split(".")[:2])
        expect(minor != "2.11" or f"torch~={minor}.0" in noted.read_text(), f"{path} installs another torch: {noted.read_text()}")


if __name__ == "__main__":
    sys.exit(main(__doc__, cases_in(globals())))
