"""Makes the good exports of fixtures/exports and their goldens with the real audiocraft.

usage: make_fixtures.py --reference REF [--only NAME ...] [--out DIR] [--seed N]     families.py lists the names
       make_fixtures.py --reference REF --goldens-only [--only NAME ...]   goldens of the exports that are there
       make_fixtures.py --reference REF --full-size OUT      a 300 M parameter export of 1.08 GB, and goldens
       ... --full-size OUT --scale medium --exports-only     another size (xsmall, small, medium, large), no goldens

REF holds audiocraft-1.3.0/ (the unpacked source distribution, for its config/ folder). T5 and the codecs that exports
refer to come from fixtures/hub. Another --seed (added to each family's own) gives siblings with other weights;
everything that passes must pass on them as well. README.md says how to set REF up.
"""
import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import production
from families import CODEC_32K, FAMILIES, MUSICGEN, Family

PREFIX = "musicgen-tiny-"


def full_size(scale: str) -> Family:
    return Family("full-size", f"musicgen-{scale} at its own size", MUSICGEN + [f"model/lm/model_scale={scale}"], CODEC_32K, seed=3,
                  plain=True, half=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=production.FIXTURES / "exports")
    parser.add_argument("--hub", type=Path, default=production.HUB)
    parser.add_argument("--goldens-only", action="store_true")
    parser.add_argument("--full-size", type=Path, metavar="OUT")
    parser.add_argument("--scale", choices=("xsmall", "small", "medium", "large"), default="small")
    parser.add_argument("--exports-only", action="store_true")
    args = parser.parse_args()
    known = {family.name: family for family in FAMILIES}
    unknown = [name for name in args.only if name not in known]
    if unknown:
        parser.error(f"no such family: {', '.join(unknown)}; there are {', '.join(known)}")

    production.set_up(args.hub)
    import audiocraft
    from exporting import export
    from goldens import write_goldens
    config_dir = args.reference.resolve() / "audiocraft-1.3.0" / "config"
    chosen = [full_size(args.scale)] if args.full_size else [known[name] for name in args.only] or FAMILIES
    failed = []
    for family in chosen:
        if family.audiocraft != audiocraft.__version__:
            print(f"{family.name}: needs audiocraft {family.audiocraft}, this is {audiocraft.__version__}", file=sys.stderr)
            continue
        start = time.monotonic()
        folder = args.full_size or args.out / (PREFIX + family.name)
        seed = family.seed + args.seed
        command = "make_fixtures.py " + (f"--full-size OUT --scale {args.scale}" if args.full_size else f"--only {family.name}")
        command += f" --seed {args.seed}" if args.seed else ""
        try:
            if not args.goldens_only:
                shutil.rmtree(folder, ignore_errors=True)
                export(config_dir, folder, family, seed, half=family.half)
            facts = {} if args.exports_only else write_goldens(folder, family, seed, command)
        except Exception as error:  # noqa: BLE001  (the others are made all the same)
            failed.append(family.name)
            print(f"{family.name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        print(f"{folder.name} {time.monotonic() - start:.1f} s {json.dumps(facts)}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
