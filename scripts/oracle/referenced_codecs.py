"""What CompressionModel.get_pretrained gives for the stand-ins of fixtures/hub and fixtures/home, and small packages that
refer to one another, for harness/pipeline/testdata.

usage: referenced_codecs.py     Needs descript-audio-codec (README.md). Sets HOME and HF_HUB_CACHE for itself.
"""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "harness" / "export" / "testdata"
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(ROOT / "fixtures" / "hub"), HOME=str(ROOT / "fixtures" / "home"))

REFERENCES = {
    "to_hub.bin": "facebook/encodec_32khz",
    "to_package.bin": "package",
    "to_itself.bin": "to_itself.bin",
    "circle_a.bin": "circle_b.bin",
    "circle_b.bin": "circle_a.bin",
    "to_nothing.bin": "dac_24khz",
}


def main() -> None:
    import torch
    import audiocraft
    from audiocraft.models import CompressionModel
    from codec_cases import make_audiocraft
    (OUT / "package").mkdir(parents=True, exist_ok=True)
    os.chdir(OUT)
    package = {"exported": True, "version": audiocraft.__version__}
    for name, reference in REFERENCES.items():
        torch.save({**package, "pretrained": reference}, name)
    torch.manual_seed(1)
    _, config, _, state = make_audiocraft({}, {})
    torch.save({**package, "xp.cfg": config, "best_state": state}, "package/compression_state_dict.bin")

    goldens = {}
    for name in ("facebook/encodec_32khz", "facebook/encodec_24khz", "dac_44khz", "to_hub.bin", "to_package.bin"):
        codec = CompressionModel.get_pretrained(name)
        torch.manual_seed(3)
        codes = torch.randint(codec.cardinality, (1, codec.num_codebooks, 3))
        with torch.no_grad():
            goldens[name] = {"codes": codes, "audio": codec.decode(codes)}
    torch.save(goldens, "referenced_codecs.bin")
    for name in ("to_itself.bin", "circle_a.bin", "no/such/path", "facebook/encodec_32kz"):
        try:
            CompressionModel.get_pretrained(name)
            print(name, "loads")
        except (Exception, RecursionError) as error:
            print(name, type(error).__name__)
    (ROOT / "fixtures" / "hub" / "version.txt").unlink(missing_ok=True)  # the library leaves it in every cache


if __name__ == "__main__":
    main()
