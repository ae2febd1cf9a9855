"""Makes fixtures/exports/musicgen-tiny-trained: a codec and a text model trained on synthesized music, and its goldens.

usage: train_fixture.py --reference REF [--goldens-only] [--out DIR]

Twelve minutes on two cores. Training gives the same bytes on one machine only: sums are split as its cores ask. What is
committed is what counts; --goldens-only writes its goldens again.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import production
from families import CODEC_32K, MUSICGEN, OWN_CODEC, T5_SMALL, Family

NAME = "trained"
SEED = 18
CODEC = CODEC_32K + ["seanet.n_filters=4", "seanet.dimension=32", "rvq.bins=256"]
LM = MUSICGEN + T5_SMALL + OWN_CODEC + [
    "model/lm/model_scale=xsmall", "transformer_lm.dim=96", "transformer_lm.num_heads=4", "transformer_lm.num_layers=3",
    "transformer_lm.card=256", "transformer_lm.dropout=0"]
FAMILY = Family(NAME, "a codec and a text model that were trained: its likelihood and its sound mean something", LM, CODEC, seed=SEED,
                half=True, trained=True)


def describe(folder: Path) -> dict:
    """What the sound is like: entropy of the codes that are sampled, in nats (chance: 5.55), and rms."""
    import torch
    from audiocraft.models import MusicGen
    model = MusicGen.get_pretrained(str(folder), device="cpu")
    model.set_generation_params(duration=4)
    torch.manual_seed(0)
    facts = {}
    for text in (None, "fast bright band", "slow dark bass and chords"):
        audio, tokens = model.generate([text], return_tokens=True)
        shares = [torch.bincount(row, minlength=model.lm.card) / row.numel() for row in tokens[0]]
        facts[str(text)] = {"rms": round(audio.square().mean().sqrt().item(), 4), "peak": round(audio.abs().max().item(), 3),
                            "entropy": [round(torch.special.entr(share).sum().item(), 2) for share in shares]}
    return facts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--goldens-only", action="store_true")
    parser.add_argument("--out", type=Path, default=production.FIXTURES / "exports")
    args = parser.parse_args()
    production.set_up()
    import torch
    import belonging
    import training
    from exporting import EXPORT_THREADS, compose
    from goldens import write_goldens
    folder = args.out / f"musicgen-tiny-{NAME}"
    if not args.goldens_only:
        start = time.monotonic()
        torch.set_num_threads(EXPORT_THREADS)
        config_dir = args.reference.resolve() / "audiocraft-1.3.0" / "config"
        codec_cfg, lm_cfg = compose(config_dir, CODEC), compose(config_dir, LM)

        def log(line: str) -> None:
            print(f"{time.monotonic() - start:.0f} s  {line}", flush=True)

        codec = training.train_codec(codec_cfg, training.Plan(), SEED, log)
        training.round_to_half(codec)  # the language model hears the codec that is stored
        plan = training.Plan()
        lm = training.train_lm(lm_cfg, codec, training.material(codec, plan.compositions), plan, SEED, log)
        training.save(folder, lm_cfg, lm, codec_cfg, codec, FAMILY.half)
        torch.set_num_threads(1)
    print(json.dumps(write_goldens(folder, FAMILY, SEED, "train_fixture.py")), flush=True)
    (folder / "golden" / "profile.yaml").write_text(
        "# What check_fixtures.py runs this export, and what derives from it, with.\nexpect_trained: true\n")
    print(json.dumps(belonging.write(folder, "train_fixture.py", 1.0, False, generates=False)["cross_entropy_per_codebook"]))
    print(json.dumps(describe(folder), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
