#!/usr/bin/env python3
"""Holds the includes of harness/ and conformance/ against the layers that their CMakeLists.txt declare.

usage: check_layers.py [--picture] [--prove]

Fails on an include from a layer to a later one, from harness/ to conformance/, and of a program's headers by a layer; on
files of one layer that include one another (X.h and X.cc are one); on GoogleTest or harness/testing outside of tests;
on LibTorch before the layer `model`; and on a file of harness/ that does not open the namespace of its layer. --picture prints what each layer includes. --prove plants one of each among
the files that were read, and fails where that is not found.
"""
import argparse
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"][^>"]+)[>"]', re.MULTILINE)
NAMESPACE = re.compile(r"^(namespace harness[\w:]*) \{$", re.MULTILINE)
# base is harness itself: every layer speaks its words. `export` is a keyword, and a library is called benchmark.
NAMESPACES = {"base": "harness", "benchmark": "harness", "export": "harness::exports", "testing": "harness::testing_support"}
LIBTORCH = re.compile("<(ATen|c10|torch|caffe2)/")
GOOGLETEST = re.compile("<(gtest|gmock)/")
FIRST_ON_LIBTORCH = "model"


class Tree:
    """What is declared: the order of the layers of each half, and the folders that no layer may include."""

    def __init__(self):
        self.order, self.programs = {}, {}
        for half in ("harness", "conformance"):
            lists = (ROOT / half / "CMakeLists.txt").read_text()
            self.order[half] = self.declared(lists, f"{half}_layers")
            self.programs[half] = self.declared(lists, f"{half}_programs")

    @staticmethod
    def declared(lists, name):
        found = re.search(rf"^\s*set\({name}\s+([^)]*)\)", lists, re.MULTILINE)
        return re.findall(r"^\w+$", found[1].replace(" ", "\n"), re.MULTILINE) if found else []


def read_files():
    """File -> what it includes and opens: '<gtest/gtest.h', '"harness/base/result.h', 'namespace harness::pickle'."""
    texts = {path.relative_to(ROOT): path.read_text(errors="replace") for half in ("harness", "conformance")
             for end in ("h", "cc") for path in (ROOT / half).rglob(f"*.{end}")}
    return {str(path): INCLUDE.findall(text) + NAMESPACE.findall(text) for path, text in texts.items()}


def place(name):
    """('harness', 'base') of harness/base/result.h; ('conformance', None) of a file outside of every folder."""
    parts = pathlib.PurePath(name).parts
    return parts[0], parts[1] if len(parts) > 2 else None


def is_test(name):
    return pathlib.PurePath(name).stem.endswith("_test")


def without_suffix(name):
    return str(pathlib.PurePath(name).with_suffix(""))


def wrong_includes(tree, name, includes):
    half, layer = place(name)
    order = tree.order[half]
    if order and layer and layer not in order + tree.programs[half]:
        yield f"{name}: {half}/CMakeLists.txt declares no layer {layer}"
    in_layer = layer in order
    for include in includes:
        if in_layer and half == "harness" and not is_test(name):
            if GOOGLETEST.match(include):
                yield f"{name} includes {include[1:]}: only tests and harness/testing include GoogleTest"
            if LIBTORCH.match(include) and order.index(layer) < order.index(FIRST_ON_LIBTORCH):
                yield f"{name} includes {include[1:]}: LibTorch begins with the layer {FIRST_ON_LIBTORCH}"
        target = include[1:]
        if include.startswith("namespace ") and half == "harness":
            own, opened = NAMESPACES.get(layer, f"harness::{layer}"), include.removeprefix("namespace ")
            if opened != own and (own == "harness" or not opened.startswith(own + "::")):
                yield f"{name} opens {opened}: the namespace of {layer} is {own}"
        if include[0] != '"' or not target.startswith(("harness/", "conformance/")):
            continue
        to_half, to = place(target)
        if (to_half, to) == ("harness", "testing"):
            if (half, layer) != ("harness", "testing") and not is_test(name):
                yield f"{name} includes {target}: harness/testing is for tests alone"
        elif half == "harness" and to_half == "conformance":
            yield f"{name} includes {target}: nothing in harness/ includes conformance/"
        elif half == to_half and in_layer and to != layer:
            if to in tree.programs[half]:
                yield f"{name} includes {target}: no layer includes {to}"
            elif to in order and order.index(to) > order.index(layer):
                yield f"{name} includes {target}: {layer} stands before {to} in {half}/CMakeLists.txt"


def cycles(edges):
    """The sets of nodes that reach one another, where there is more than one in it."""
    def reached(start):
        seen, todo = set(), [start]
        while todo:
            for node in edges.get(todo.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
        return seen
    reach = {node: reached(node) for node in edges}
    found = {frozenset(other for other in reach[node] if node in reach.get(other, ())) for node in edges
             if node in reach[node]}
    return sorted(sorted(cycle) for cycle in found)


def problems(tree, files):
    found = [problem for name, includes in sorted(files.items()) for problem in wrong_includes(tree, name, includes)]
    edges = collections.defaultdict(set)
    for name, includes in files.items():
        half, layer = place(name)
        if not tree.order[half]:
            continue
        for target in (include[1:] for include in includes if include.startswith('"' + half + "/")):
            if place(target) == (half, layer) and without_suffix(target) != without_suffix(name):
                edges[without_suffix(name)].add(without_suffix(target))
    return found + ["include one another: " + ", ".join(cycle) for cycle in cycles(edges)]


PLANTED = {
    "an include of a later layer": {"harness/base/planted.h": ['"harness/config/config.h']},
    "a test's include of a later layer": {"harness/base/planted_test.cc": ['"harness/config/config.h']},
    "an include of conformance/": {"harness/export/planted.cc": ['"conformance/check.h']},
    "an include of a program": {"harness/export/planted.cc": ['"harness/fuzz/fuzz_input.h']},
    "a helper of tests in a library": {"harness/export/planted.cc": ['"harness/testing/matchers.h']},
    "GoogleTest in a library": {"harness/export/planted.h": ["<gmock/gmock.h"]},
    "LibTorch in a parser": {"harness/pickle/planted.cc": ["<ATen/ATen.h"]},
    "a namespace of another layer": {"harness/pickle/planted.cc": ["namespace harness::archive"]},
    "no namespace of a layer": {"harness/pickle/planted.cc": ["namespace harness"]},
    "a folder that no list declares": {"harness/planted/planted.cc": []},
    "a cycle": {"harness/base/planted.h": ['"harness/base/planted_more.h'],
                "harness/base/planted_more.cc": ['"harness/base/planted.h']},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", action="store_true")
    parser.add_argument("--prove", action="store_true")
    arguments = parser.parse_args()
    tree, files = Tree(), read_files()
    found = problems(tree, files)
    if arguments.picture:
        for half, order in tree.order.items():
            for layer in order + tree.programs[half]:
                used = {place(include[1:]) for name, includes in files.items()
                        if place(name) == (half, layer) and not is_test(name) for include in includes}
                print(f"{half}/{layer:13}", *(to for to in order if to != layer and (half, to) in used))
    if arguments.prove:
        for what, planted in PLANTED.items():
            if len(problems(tree, files | planted)) != len(found) + 1:
                found.append(f"this script does not find {what}")
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
