"""Where the hub cache is, for some environments, as the real libraries say: harness/hub/testdata/hub_cases.json

usage: hub_cases.py > harness/hub/testdata/hub_cases.json
"""
import json
import os
import subprocess
import sys
import tempfile

HOME = {"HOME": "/home/ann"}
CASES = {
    "Nothing": HOME,
    "HomeEndsWithSlash": {"HOME": "/home/ann/"},
    "HomeIsEmpty": {"HOME": ""},
    "HubCache": {**HOME, "HF_HUB_CACHE": "/data/hub", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/hf"},
    "HubCacheTilde": {**HOME, "HF_HUB_CACHE": "~/hub"},
    "HubCacheTildeAlone": {**HOME, "HF_HUB_CACHE": "~"},
    "HubCacheUnknownUser": {**HOME, "HF_HUB_CACHE": "~no-such-user/hub"},
    "HubCacheVariable": {**HOME, "HF_HUB_CACHE": "$DISK/hub", "DISK": "/disk"},
    "HubCacheBraces": {**HOME, "HF_HUB_CACHE": "${DISK}s/${NONE}/$NONE/hub$", "DISK": "/disk"},
    "HubCacheBracesOpen": {**HOME, "HF_HUB_CACHE": "/x/${DISK", "DISK": "/disk"},
    "HubCacheEmpty": {**HOME, "HF_HUB_CACHE": "", "HF_HOME": "/hf"},
    "HubCacheRelative": {**HOME, "HF_HUB_CACHE": "cache"},
    "OldHubCache": {**HOME, "HUGGINGFACE_HUB_CACHE": "~/old", "HF_HOME": "/hf"},
    "HfHome": {**HOME, "HF_HOME": "/hf", "XDG_CACHE_HOME": "/xdg"},
    "HfHomeTilde": {**HOME, "HF_HOME": "~/hf"},
    "HfHomeVariable": {**HOME, "HF_HOME": "$HOME/hf"},
    "HfHomeEmpty": {**HOME, "HF_HOME": ""},
    "HfHomeSlash": {**HOME, "HF_HOME": "/hf/"},
    "XdgCacheHome": {**HOME, "XDG_CACHE_HOME": "/xdg"},
    "XdgCacheHomeTilde": {**HOME, "XDG_CACHE_HOME": "~/xdg"},
    "XdgCacheHomeEmpty": {**HOME, "XDG_CACHE_HOME": ""},
    "TransformersCache": {**HOME, "TRANSFORMERS_CACHE": "/tf", "HF_HUB_CACHE": "/data/hub"},
    "TransformersCacheTilde": {**HOME, "TRANSFORMERS_CACHE": "~/tf"},
    "PytorchTransformersCache": {**HOME, "PYTORCH_TRANSFORMERS_CACHE": "/pt", "PYTORCH_PRETRAINED_BERT_CACHE": "/bert"},
    "PytorchPretrainedBertCache": {**HOME, "PYTORCH_PRETRAINED_BERT_CACHE": "/bert", "HF_HOME": "/hf"},
}
PROBE = "import transformers.utils.hub as hub; print(hub.TRANSFORMERS_CACHE, end='')"


def main() -> None:
    rows = []
    for name, environment in CASES.items():
        with tempfile.TemporaryDirectory() as folder:  # transformers writes version.txt into its cache, here a relative one
            run = subprocess.run([sys.executable, "-W", "ignore", "-c", PROBE], capture_output=True, text=True, check=True,
                                 cwd=folder, env={"PATH": os.environ["PATH"], **environment})
        rows.append({"name": name, "environment": environment, "root": run.stdout})
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
