"""Runs the suite over trained exports times kinds of clip: false alarms, and the least difference that is found.

usage: belonging_study.py --program build/bin/conformance --exports DIR [--clips music,drums,...] [--all] > table.md

Every export in DIR is right (train_variants.py), so each failure is a false alarm. --all: every alternative over 10 s.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import music

CHECKS = ("round_trip", "likelihood", "alternatives", "conditioning", "continuation")
RATE, CLIP_S = 32000, 11
T5_HUB = Path(__file__).resolve().parents[2] / "fixtures" / "hub"


def speech(count: int):
    """Vowels of a pulse train through three resonances, a syllable in 0.2 s, with pauses."""
    import numpy as np
    vowels = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
    random, out = np.random.default_rng(5), np.zeros(count)
    for syllable in range(int(count / RATE / 0.2)):
        if random.random() < 0.25:
            continue
        pitch, start, length = 90 + 60 * random.random(), int(syllable * 0.2 * RATE), int(0.18 * RATE)
        time_s = np.arange(length) / RATE
        voice = np.zeros(length)
        for harmonic in range(1, int(4000 / pitch)):
            gain = sum(1 / (1 + ((harmonic * pitch - formant) / 90) ** 2) for formant in vowels[random.integers(5)]) + 0.02
            voice += gain * np.sin(2 * np.pi * harmonic * pitch * time_s) / harmonic ** 0.5
        out[start:start + length] += voice * np.hanning(length)
    return out


def effects(count: int):
    """Sweeps, clicks and bursts of noise, at random."""
    import numpy as np
    random, out = np.random.default_rng(6), np.zeros(count)
    for at in range(0, count - RATE, RATE // 3):
        time_s, kind = np.arange(RATE // 4) / RATE, random.integers(3)
        if kind == 0:
            sound = np.sin(2 * np.pi * (200 + 6000 * random.random() * time_s) * time_s)
        elif kind == 1:
            sound = music.noise(len(time_s), int(random.integers(1000))) * np.exp(-time_s / (0.02 + 0.1 * random.random()))
        else:
            sound = np.exp(-time_s / 0.002)
        out[at:at + len(sound)] += sound
    return out


def first_of_training() -> int:
    """The first composition of training.corpus: what even a model that learned a few pieces by heart predicts."""
    return next(seed for seed in range(1000) if len(music.compose(seed).parts) > 1 and {"bass", "chords"} & set(music.compose(seed).parts))


def clips() -> dict:
    """Samples of each kind, at RATE; None: the clip of the suite."""
    import numpy as np
    count = CLIP_S * RATE
    other = music.render(music.compose(10007), RATE, CLIP_S, 1)[0]
    drums = np.zeros(count)
    music.drums(drums, RATE, CLIP_S, 3)
    own = music.render(music.compose(first_of_training()), RATE, CLIP_S, 1)[0]
    late = np.concatenate([np.zeros(RATE), other[:-RATE]])
    return {"music": None, "own music": own, "other music": other, "drums": drums, "speech": speech(count), "effects": effects(count),
            "silence first": late, "noise": music.noise(count, 9), "hum": np.sin(2 * np.pi * 50 * np.arange(count) / RATE)}


def write(path: Path, samples) -> None:
    import numpy as np
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples / np.abs(samples).max() * 0.5 * 32767).astype("<i2").tobytes())


def judge(program: Path, export: Path, clip: Path, every: bool, folder: Path) -> dict:
    profile = folder / "profile.yaml"
    profile.write_text("devices: [cpu]\ngeneration: {prompts: [null], duration_s: 0.4, float16_steps: 0}\n"
                       + (f"reference_audio: {clip}\n" if clip else "") + ("belonging: all\n" if every else ""))
    environment = dict(os.environ, AUDIOCRAFT_EXPORT_DIR=str(export), CONFORMANCE_PROFILE=str(profile), HF_HUB_CACHE=str(T5_HUB),
                       CONFORMANCE_OUTPUT_DIR=str(folder / "out"))
    subprocess.run([program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    report = json.loads((folder / "out" / "report.json").read_text())
    return {check["id"].partition("/")[2]: check for check in report["checks"] if check["category"] == "generation"}


def row(export: str, kind: str, checks: dict) -> str:
    measured = {name: checks[name]["measured"] or {} for name in CHECKS}  # of what was not run, nothing
    nats, limit = measured["likelihood"], checks["likelihood"]["limit"] or {}
    best = max(measured["alternatives"].get("scored", []), key=lambda score: score["gain"], default=None)
    figures = [nats.get("nats"), nats.get("tempered_nats"), limit.get("chance"), measured["round_trip"].get("band_correlation")]
    cells = ["" if figure is None else f"{figure:.2f}" for figure in figures]
    cells.append(f"{best['key']}: {best['value']} {best['gain']:+.3f} (p {best['p']:.2g})" if best else "")
    failing = [f"**{name}**: {checks[name]['message']}" for name in CHECKS if checks[name]["status"] == "fail"]
    return f"| {export} | {kind} | {' | '.join(cells)} | {'; '.join(failing)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--exports", type=Path, required=True)
    parser.add_argument("--clips", default="")
    parser.add_argument("--all", action="store_true", dest="every")
    args = parser.parse_args()
    chosen = {kind: samples for kind, samples in clips().items() if not args.clips or kind in args.clips.split(",")}
    print("| export | clip | nats | at its best temperature | chance | bands | best alternative | false alarms |\n|---|---|---|---|---|---|---|---|")
    alarms = runs = 0
    with tempfile.TemporaryDirectory() as scratch:
        for export in sorted(path.parent for path in args.exports.glob("*/state_dict.bin")):
            for kind, samples in chosen.items():
                clip = None
                if samples is not None:
                    clip = Path(scratch) / "clip.wav"
                    write(clip, samples)
                checks = judge(args.program, export, clip, args.every, Path(scratch))
                failing = [name for name in CHECKS if checks[name]["status"] == "fail"]
                runs, alarms = runs + 1, alarms + bool(failing)
                print(row(export.name, kind, checks), flush=True)
    print(f"\n{runs} runs, {alarms} false alarms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
