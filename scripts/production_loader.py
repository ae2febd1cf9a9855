"""Loads an export with the real audiocraft and generates a little, greedily, as JSON on the last line of the output.

usage: production_loader.py EXPORT DURATION_S CFG_COEF [PROMPT]

The suite runs this with AUDIOCRAFT_PYTHON, and only on exports whose pickles it found clean: loading executes what a
pickle says. {"outcome": "runs", "tokens": [[...]], "rms": ..., "load_s": ...} or {"outcome": "raises", "stage", "error"}.
"""
import json
import sys
import time


def main() -> dict:
    export, duration_s, cfg_coef = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    prompt = sys.argv[4] if len(sys.argv) > 4 else None
    start, stage = time.monotonic(), "import"
    try:
        import audiocraft
        from audiocraft.models import MusicGen
        stage = "load"
        model = MusicGen.get_pretrained(export, device="cpu")
        load_s, stage = time.monotonic() - start, "generate"
        model.set_generation_params(duration=duration_s, use_sampling=False, cfg_coef=cfg_coef)
        audio, tokens = model.generate([prompt], return_tokens=True)
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is the outcome)
        text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
        return {"outcome": "raises", "stage": stage, "error": f"{type(error).__name__}: {text}"[:500]}
    return {"outcome": "runs", "audiocraft": audiocraft.__version__, "load_s": round(load_s, 1), "shape": list(audio.shape),
            "rms": round(audio.square().mean().sqrt().item(), 6), "tokens": tokens[0].tolist()}


print("\n" + json.dumps(main()), flush=True)
