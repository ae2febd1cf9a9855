#!/usr/bin/env python3
"""The layouts of audiocraft's codebook patterns: the expected side of harness/model/pattern_test.cc.

    python scripts/oracle/pattern_cases.py > harness/model/testdata/pattern_cases.json

Needs the environment of requirements.txt. A row: {"modeling", "arguments", "n_q", "frames"} and one of
    "steps"     what build_pattern_sequence lays out for a generation of `frames` frames: for each step the text
                "FRAME/CODEBOOK ...", empty where every codebook has the special token; "first": the step that
                LMModel.generate starts at. Reverting the sequence has given the frames back.
    "raises"    [stage, exception]; stage: "build" (constructor), "pattern" (get_pattern), "generate" (what
                LMModel.generate asserts of a pattern: every code has a step)
"""
import itertools
import json
import sys
import warnings

import torch
from omegaconf import OmegaConf

warnings.filterwarnings("ignore")
from audiocraft.models import builders  # noqa: E402


def cases():
    for n_q, frames in itertools.product((1, 2, 4), (1, 3, 6)):
        for modeling in ("delay", "parallel", "unroll", "coarse_first", "musiclm"):
            yield modeling, {}, n_q, frames
    for frames in (1, 2, 5):
        for arguments in ({"delays": [0, 1, 3]}, {"delays": [0, 0, 0]}, {"delays": [1, 2, 3]}, {"delays": None},
                          {"flatten_first": 2}, {"flatten_first": 9}, {"empty_initial": 2}, {"empty_initial": -1},
                          {"empty_initial": -3, "flatten_first": 1}, {"delays": [0, 2, 4], "flatten_first": 1},
                          {"delays": [-1, 0, 0]}, {"delays": [-2, -2, -1]}, {"delays": [-1, 0, 1], "flatten_first": 1},
                          {"delays": [0, 1]}, {"delays": [0, 2, 1]}, {"delays": [0, 1, 2, 3]}, {"delays": []},
                          {"flatten_first": -1}):
            yield "delay", arguments, 3, frames
        for arguments in ({"empty_initial": 1}, {"empty_initial": -1}):
            yield "parallel", arguments, 2, frames
        for arguments in ({"flattening": [0, 1, 1]}, {"flattening": [0, 0, 0]}, {"flattening": [0, 2, 5]},
                          {"flattening": [1, 2, 3]}, {"flattening": [0, 1, 1], "delays": [0, 3, 3]},
                          {"flattening": [0, 2, 2], "delays": [0, 1, 1]}, {"delays": [0, 1, 2]}, {"delays": [2, 2, 2]},
                          {"delays": [0, 4, 9], "flattening": [0, 1, 3]}, {"delays": [-1, 0, 0]},
                          {"delays": [-1, 0, 2]}, {"delays": [-2, -1, -1]}, {"flattening": [-1, 0, 1]},
                          {"flattening": [-2, -2, -1]}, {"flattening": None, "delays": None}, {"flattening": [0, 1]},
                          {"delays": [0, 1]}, {"flattening": [1, 0, 2]}, {"delays": [1, 0, 2]},
                          {"flattening": [0, 1, 1], "delays": [0, 1, 2]}):
            yield "unroll", arguments, 3, frames
        for arguments in ({"delays": [0, 1]}, {"delays": [1, 1]}, {"delays": [0, 4]}, {"delays": None},
                          {"delays": [-1, 0]}, {"delays": [-1, 1]}, {"delays": [1, 0]}, {"delays": [0, 1, 2]}):
            yield "coarse_first", arguments, 3, frames
        for group_by, n_q in ((1, 3), (2, 4), (3, 6), (4, 4), (2, 3), (5, 4), (0, 4), (-1, 4)):
            yield "musiclm", {"group_by": group_by}, n_q, frames


def outcome(modeling, arguments, n_q, frames):
    stage = "build"
    try:
        config = OmegaConf.create({"modeling": modeling, modeling: arguments})
        provider = builders.get_codebooks_pattern_provider(n_q, config)
        stage = "pattern"
        pattern = provider.get_pattern(frames)
        stage = "generate"
        codes = torch.arange(n_q * frames).view(1, n_q, frames)
        sequence, _, mask = pattern.build_pattern_sequence(codes, special_token=-1)
        first = pattern.get_first_step_with_timesteps(0)
        assert first is not None
        back, _, back_mask = pattern.revert_pattern_sequence(sequence, special_token=-2)
        assert (back == codes).all() and back_mask.all()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the verdict)
        return {"raises": [stage, type(error).__name__]}
    steps = []
    for s in range(sequence.shape[-1]):
        held = [(int(sequence[0, q, s]) - q * frames, q) for q in range(n_q) if mask[q, s]]
        steps.append(" ".join(f"{frame}/{q}" for frame, q in held))
    return {"steps": steps, "first": first}


def main():
    rows = [{"modeling": modeling, "arguments": arguments, "n_q": n_q, "frames": frames,
             **outcome(modeling, arguments, n_q, frames)} for modeling, arguments, n_q, frames in cases()]
    sys.stdout.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
