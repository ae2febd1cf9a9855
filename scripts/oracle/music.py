"""Synthesized music: what the trained models learn, and what is scored. The same samples everywhere; numpy alone.

110 beats a minute in 4/4, a major or a minor key: a melody over the scale, a bass on the roots, a triad a bar, drums.
A composition has a description, which is what a text model is trained with.
"""
from dataclasses import dataclass

BEAT_S = 60 / 110
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PROGRESSIONS = ((0, 4, 5, 3), (0, 3, 4, 4), (0, 5, 3, 4), (5, 3, 0, 4))  # degrees of the scale: I V vi IV and the like
PARTS = ("melody", "bass", "chords", "drums")
PEAK = 0.5


@dataclass
class Composition:
    seed: int
    fast: bool           # eighths and quarters in the melody, or quarters and halves
    bright: bool         # a major key and a high melody, or a minor key and a low one
    parts: tuple         # of PARTS
    tonic: int           # semitones above C

    @property
    def description(self) -> str:
        lead = "band" if len(self.parts) == len(PARTS) else " and ".join(self.parts)
        return f"{'fast' if self.fast else 'slow'} {'bright' if self.bright else 'dark'} {lead}"


def compose(seed: int) -> Composition:
    """Half of all compositions have every part; the others leave some out."""
    import numpy as np
    random = np.random.default_rng(seed)
    some = tuple(part for part in PARTS if random.random() < 0.5)
    parts = PARTS if random.random() < 0.5 or not some else some
    return Composition(seed, bool(random.random() < 0.5), bool(random.random() < 0.5), parts, int(random.integers(12)))


def noise(count: int, seed: int):
    """Uniform in [-1, 1): the linear congruential generator of Numerical Recipes, in wrapping 32-bit arithmetic."""
    import numpy as np
    powers = np.cumprod(np.full(count, 1664525, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([np.ones(1, np.uint32), powers[:-1]]), dtype=np.uint32)
    values = powers * np.uint32(seed) + np.uint32(1013904223) * sums
    return values / 2.0 ** 31 - 1


def tone(semitone: float, duration_s: float, rate: int, harmonics: int, decay_s: float):
    """Harmonics of 1/h under one decay; `semitone` 69 is 440 Hz."""
    import numpy as np
    time_s = np.arange(int(duration_s * rate)) / rate
    frequency = 440 * 2 ** ((semitone - 69) / 12)
    wave = sum(np.sin(2 * np.pi * h * frequency * time_s) / h for h in range(1, harmonics + 1) if h * frequency < rate / 2)
    attack = np.minimum(time_s / 0.005, 1)
    return wave * attack * np.exp(-time_s / decay_s)


def add(track, sound, at_s: float, rate: int) -> None:
    start = int(at_s * rate)
    length = min(len(sound), len(track) - start)
    if length > 0:
        track[start:start + length] += sound[:length]


def drums(track, rate: int, duration_s: float, seed: int) -> None:
    """A kick on 1 and 3, a snare on 2 and 4, a hat on each eighth."""
    import numpy as np
    time_s = np.arange(int(0.25 * rate)) / rate
    sweep = 45 * time_s + (120 - 45) * 0.04 * (1 - np.exp(-time_s / 0.04))
    kick = np.sin(2 * np.pi * sweep) * np.exp(-time_s / 0.09)
    hiss = noise(len(time_s), seed + 1)
    snare = (0.5 * hiss + 0.5 * np.sin(2 * np.pi * 180 * time_s)) * np.exp(-time_s / 0.06)
    hat = np.diff(hiss, prepend=0) * np.exp(-time_s / 0.015)
    for eighth in range(int(duration_s / BEAT_S * 2) + 1):
        at_s = eighth * BEAT_S / 2
        add(track, 0.15 * hat, at_s, rate)
        if eighth % 2 == 0:
            add(track, 0.8 * (snare if eighth // 2 % 2 else kick), at_s, rate)


def render(composition: Composition, rate: int, duration_s: float, channels: int = 1):
    """[C, N] float32 of peak 0.5. In two channels the melody stands right and the chords left."""
    import numpy as np
    random = np.random.default_rng(composition.seed + 1000003)
    scale = SCALES["major" if composition.bright else "minor"]
    progression = PROGRESSIONS[random.integers(len(PROGRESSIONS))]
    beats = int(duration_s / BEAT_S) + 1
    tracks = {part: np.zeros(int(duration_s * rate)) for part in PARTS}

    def pitch(degree: int, octave: int) -> int:
        return 12 * octave + composition.tonic + 12 * (degree // 7) + scale[degree % 7]

    degree, beat = int(random.integers(7)), 0.0
    lengths = (0.5, 0.5, 1.0) if composition.fast else (1.0, 2.0)
    while beat < beats:
        length = float(random.choice(lengths))
        degree = int(np.clip(degree + random.integers(-2, 3), 0, 9))
        add(tracks["melody"], 0.5 * tone(pitch(degree, 6 if composition.bright else 5), length * BEAT_S, rate, 4, 0.3),
            beat * BEAT_S, rate)
        beat += length
    for beat in range(beats):
        root = progression[beat // 4 % 4]
        add(tracks["bass"], 0.6 * tone(pitch(root, 3), BEAT_S, rate, 2, 0.35), beat * BEAT_S, rate)
        if beat % 4 == 0:
            for third in (0, 2, 4):
                add(tracks["chords"], 0.2 * tone(pitch(root + third, 5), 4 * BEAT_S, rate, 3, 1.2), beat * BEAT_S, rate)
    drums(tracks["drums"], rate, duration_s, composition.seed)
    for part in PARTS:
        if part not in composition.parts:
            tracks[part][:] = 0
    pan = {"melody": (0.5, 1.0), "chords": (1.0, 0.5)}
    mix = np.stack([sum(track * (pan.get(part, (1, 1))[channel] if channels == 2 else 1) for part, track in tracks.items())
                    for channel in range(channels)])
    return (PEAK * mix / max(np.abs(mix).max(), 1e-9)).astype(np.float32)
