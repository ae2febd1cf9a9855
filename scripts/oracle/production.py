"""The real audiocraft, set up the way every script here runs it: offline, on one thread, and without Demucs.

A melody model asks Demucs for a pretrained separator when it is built. Separating stems is Demucs's work, not what is
measured here: the stand-in below is enough for building such a model, and a melody that is given goes to the chroma
extractor whole, as one channel at the conditioner's rate.
"""
import atexit
import os
import shutil
import tempfile
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
HUB = FIXTURES / "hub"
HOME = FIXTURES / "home"  # DAC looks for its weights in ~/.cache


def set_up(hub: Path = HUB) -> None:
    """Call before anything imports transformers: it reads the environment when it is imported, and writes to the cache."""
    scratch = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    for name, entries in (("hub", Path(hub).resolve().glob("models--*")), ("home/.cache", (HOME / ".cache").glob("*"))):
        (scratch / name).mkdir(parents=True)
        for entry in entries:
            (scratch / name / entry.name).symlink_to(entry)
    (scratch / "hub" / "version.txt").write_text("1")  # of the cache's layout: nothing to migrate
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(scratch / "hub"), HOME=str(scratch / "home"), USER="nobody",
                      PYTHONWARNINGS="ignore")
    import torch
    torch.set_num_threads(1)  # toy models: threads only wait for each other; a pool does not survive a fork either
    torch.manual_seed(0)
    without_demucs()


def without_demucs() -> None:
    import demucs.pretrained
    import torch

    class NoDemucs(torch.nn.Module):
        sources, samplerate, audio_channels = ["drums", "bass", "other", "vocals"], 44100, 2

    demucs.pretrained.get_model = lambda *args, **kwargs: NoDemucs()
    from audiocraft.data.audio_utils import convert_audio
    from audiocraft.modules.conditioners import ChromaStemConditioner
    ChromaStemConditioner._get_stemmed_wav = lambda self, wav, rate: convert_audio(wav, rate, self.sample_rate, 1)


def use_hub(folder: Path, empty: bool) -> None:
    """From here on `folder` is the hub's cache; the libraries have read the environment already. `empty`: nothing is
    cached anywhere, by DAC neither."""
    import huggingface_hub.constants
    import huggingface_hub.file_download
    import transformers.utils.hub
    if empty:
        os.environ["HOME"] = str(folder)
    for module in (huggingface_hub.constants, huggingface_hub.file_download, transformers.utils.hub):
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"):
            if hasattr(module, name):
                setattr(module, name, str(folder))
