"""Edits of xp.cfg as text, so that everything that is not edited stays as OmegaConf.to_yaml wrote it, and a reader of
that subset of YAML: block mappings, block lists of scalars, `[]`, `{}`, plain and quoted scalars."""
import json
import re

KEY_LINE = re.compile(r"^( *)([^\s#:'\"-][^:]*|'[^']*'):(?: (.*))?$")
INT, FLOAT = re.compile(r"^[-+]?\d+$"), re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?$")


def yaml_text(value) -> str:
    """A recipe's value: text stands for itself, everything else is written as JSON (which is YAML)."""
    return value if isinstance(value, str) else json.dumps(value)


def block_end(lines: list, start: int, indent: int) -> int:
    """The first line after the value that belongs to the key in line `start`."""
    end = start + 1
    while end < len(lines):
        depth = len(lines[end]) - len(lines[end].lstrip(" "))
        if lines[end].strip() and not (depth > indent or (depth == indent and lines[end][indent:].startswith("- "))):
            break
        end += 1
    return end


def locate(lines: list, key: str):
    """(first line, end of block, indent) of a dotted key; raises KeyError naming the part that is missing."""
    first, end, indent = -1, len(lines), -2
    for part in key.split("."):
        for i in range(first + 1, end):
            match = KEY_LINE.match(lines[i])
            if match and len(match[1]) == indent + 2 and match[2].strip("'") == part:
                first, indent = i, indent + 2
                end = block_end(lines, i, indent)
                break
        else:
            raise KeyError(f"xp.cfg has no {part!r} on the way to {key!r}")
    return first, end, indent


def set_key(text: str, key: str, value) -> str:
    lines = text.splitlines()
    parent, _, last = key.rpartition(".")
    try:
        first, end, indent = locate(lines, key)
    except KeyError:  # a new key goes to the end of its parent
        start, first, indent = locate(lines, parent) if parent else (None, len(lines), -2)
        if start is not None and first == start + 1:  # `parent: {}` or `parent: null`
            lines[start] = lines[start].split(":", 1)[0] + ":"
        end, indent = first, indent + 2
    lines[first:end] = [f"{' ' * indent}{last}: {yaml_text(value)}".rstrip()]
    return "\n".join(lines) + "\n"


def remove_key(text: str, key: str) -> str:
    lines = text.splitlines()
    first, end, _ = locate(lines, key)
    del lines[first:end]
    return "\n".join(lines) + "\n"


def scalar(text: str):
    if text[:1] in ("'", '"'):
        return text[1:-1].replace("''", "'") if text[0] == "'" else json.loads(text)
    if text in ("", "null", "~"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if text[0] in "[{":
        return json.loads(text)
    return int(text) if INT.match(text) else float(text) if FLOAT.match(text) else text


def parse(text: str) -> dict:
    """The config as OmegaConf.to_yaml's plain containers; interpolations and `???` stay text."""
    lines = [line for line in text.splitlines() if line.strip()]

    def block(start: int, end: int, indent: int):
        if lines[start][indent:].startswith("- "):
            return [scalar(line[indent + 2:]) for line in lines[start:end]]
        result, i = {}, start
        while i < end:
            match = KEY_LINE.match(lines[i])
            if not match or len(match[1]) != indent:
                raise ValueError(f"xp.cfg is not in the subset of YAML that OmegaConf.to_yaml writes: {lines[i]!r}")
            stop = block_end(lines, i, indent)
            if stop == i + 1:
                value = scalar((match[3] or "").strip())
            else:
                depth = len(lines[i + 1]) - len(lines[i + 1].lstrip(" "))
                value = block(i + 1, stop, depth)
            result[scalar(match[2])] = value
            i = stop
        return result

    return block(0, len(lines), 0)
