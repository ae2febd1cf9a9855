"""How well the reference predicts music with each recipe's export: the nats of a silent fault.

usage: nats.py BASE RECIPE.json ...      BASE: a folder of fixtures/exports; prints a table over CLIP_S of new music

Codes come from the recipe's own codec, so that a wrong one is seen as well.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

import production

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from derive_export import derive_recipe  # noqa: E402


CLIP_S = 8
WINDOW_S = 2   # as long as what the model was trained on, or less
COMPOSITION = 10007  # of no training


def row(name: str, folder: Path, clip) -> str:
    import torch
    from audiocraft.models import MusicGen
    from belonging import cross_entropy, encode
    try:
        model = MusicGen.get_pretrained(str(folder), device="cpu")
        windows = clip.split(WINDOW_S * model.sample_rate, dim=-1)
        scored = [cross_entropy(model, encode(model.compression_model, window[None])[0]) for window in windows]
        nats, mask = (torch.cat(parts, dim=-1) for parts in zip(*scored))
    except Exception as error:  # noqa: BLE001  (that it raises is the row)
        return f"| {name} | raises {type(error).__name__} | |"
    rows = [nats[k][mask[k]].mean().item() for k in range(len(nats))]
    return f"| {name} | {sum(rows) / len(rows):.2f} | {' '.join(f'{x:.2f}' for x in rows)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("recipes", nargs="*", type=Path)
    args = parser.parse_args()
    production.set_up()
    import music
    import torch
    from omegaconf import OmegaConf
    base = production.FIXTURES / "exports" / args.base
    cfg = OmegaConf.create(torch.load(base / "compression_state_dict.bin")["xp.cfg"])
    clip = torch.from_numpy(music.render(music.compose(COMPOSITION), cfg.sample_rate, CLIP_S, 1))
    print("| export | nats a token | each codebook |\n|---|---|---|")
    print(row("as it is", base, clip), flush=True)
    for path in args.recipes:
        with tempfile.TemporaryDirectory() as scratch:
            derive_recipe(json.loads(path.read_text()), Path(scratch) / "export")
            print(row(path.stem, Path(scratch) / "export", clip), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
