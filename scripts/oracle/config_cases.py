#!/usr/bin/env python3
"""What the real OmegaConf makes of a few hundred small configs: the expected side of harness/config's tests.

    python scripts/oracle/config_cases.py > harness/config/testdata/omegaconf_cases.json

Needs omegaconf 2.3 and PyYAML 6.0 (as audiocraft 1.3.0 installs them). Each row is read as the reference reads a config:
OmegaConf.create(text), an attribute set on it (cfg.device, so a list fails), then the value at a path; a subtree is
turned into plain values with OmegaConf.to_container(resolve=True), as audiocraft's dict_from_config does.

A row: [group, text, path, outcome]; the text of the group "interpolation" replaces VALUE in "targets". The outcome is one of
    ["value", VALUE]          VALUE is ["null"], ["bool", b], ["int", "12"], ["float", "0.5"], ["text", s], ["list", [...]],
                              ["map", [[key, VALUE], ...]]; numbers are texts, exact to the last bit
    ["create", EXCEPTION]     OmegaConf.create raises
    ["read", EXCEPTION]       reading the value raises
"""
import json
import os
import sys
import warnings

import omegaconf
import yaml
from omegaconf import OmegaConf

from config_texts import TARGETS, rows

ENVIRONMENT = {"HARNESS_SET": "32", "HARNESS_EMPTY": "", "HARNESS_TEXT": "a b", "HARNESS_KEY": "a"}


class NotAContainer(Exception):
    """cfg.a.b where cfg.a is a plain value: Python's own AttributeError or TypeError."""


def tagged(value):
    if value is None:
        return ["null"]
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["float", repr(value)]
    if isinstance(value, str):
        return ["text", value]
    if isinstance(value, (list, tuple)):
        return ["list", [tagged(item) for item in value]]
    if isinstance(value, dict):
        return ["map", [[str(key), tagged(item)] for key, item in value.items()]]
    return ["other", type(value).__name__]


def outcome(text, path):
    try:
        config = OmegaConf.create(text)
        OmegaConf.create(text).device = "cpu"
    except RecursionError:
        return ["create", "RecursionError"]
    except Exception as error:
        return ["create", type(error).__name__]
    try:
        value = config
        for key in omegaconf._utils.split_key(path) if path else []:
            if isinstance(value, (list, omegaconf.ListConfig)):
                value = value[int(key)]
            elif isinstance(value, (dict, omegaconf.DictConfig)):
                value = value[key]
            else:
                raise NotAContainer()
        if OmegaConf.is_config(value):
            value = OmegaConf.to_container(value, resolve=True)
        return ["value", tagged(value)]
    except RecursionError:
        return ["read", "RecursionError"]
    except Exception as error:
        return ["read", type(error).__name__]


def main():
    warnings.simplefilter("ignore")
    for name in ("HARNESS_UNSET",):
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)
    cases = []
    for group, text, path in rows():
        whole = TARGETS.replace("VALUE", text) if group == "interpolation" else text
        cases.append([group, text, path, outcome(whole, path)])
    print('{"omegaconf": "%s", "pyyaml": "%s", "environment": %s, "targets": %s, "cases": [' %
          (omegaconf.__version__, yaml.__version__, json.dumps(ENVIRONMENT), json.dumps(TARGETS)))
    print(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
    print("]}")
    print(f"{len(cases)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
