"""Random faults: recipes drawn from the edits of derive_export.py, the same ones for the same seed."""
import random
import re
from pathlib import Path

from derive import config_text
from derive.export import Export

# Subtrees of the configs that audiocraft reads; half of the config mutations go there.
READ = {"language_model": ("lm_model", "transformer_lm", "codebooks_pattern", "attribute_dropout",
                           "classifier_free_guidance", "fuser", "conditioners", "dataset.segment_duration",
                           "interleave_stereo_codebooks", "compression_model_n_q", "sample_rate", "channels"),
        "codec": ("compression_model", "encodec", "seanet", "rvq", "sample_rate", "channels")}
VALUES = ["0", "1", "2", "3", "4", "8", "-1", "1e-4", "0.5", "2.0", "true", "false", "null", "'false'", "'2'", "[]", "[1, 2]",
          "{}", "'text'", "???", "${sample_rate}", "${nothing.here}", "${oc.env:NOT_SET_ANYWHERE}", "yes", "1_000", ".inf"]


def leaves(tree, path="") -> list:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in leaves(value, f"{path}.{key}" if path else str(key))]
    return [path]


class Mutator:
    """Draws faults for one base export."""

    def __init__(self, folder: Path, others: list, rng: random.Random):
        self.export, self.others, self.rng = Export(folder), others, rng
        self.names = {file: list(self.export.state(file)) for file in ("language_model", "codec") if self.has_weights(file)}
        self.keys = {}
        for file in self.names:
            tree = config_text.parse(self.export.package(file)["xp.cfg"])
            self.keys[file] = leaves(tree)

    def has_weights(self, file: str) -> bool:
        return "best_state" in self.export.package(file)

    def file(self) -> str:
        return self.rng.choice(sorted(self.names))

    def tensor(self, file: str, dimensions=0) -> str:
        names = [name for name in self.names[file] if len(self.export.tensor(file, name).shape) >= dimensions]
        return self.rng.choice(names)

    def config_key(self, file: str) -> str:
        read = [key for key in self.keys[file] if key.startswith(READ[file])]
        return self.rng.choice(read if self.rng.random() < 0.7 else self.keys[file])

    # Each returns the edits of one fault.

    def archive(self) -> list:
        file, rng = self.file(), self.rng
        name = self.tensor(file)
        size = len(self.export.read_bytes(file))
        return [rng.choice([
            {"edit": "truncate", "file": file, "keep": rng.randrange(1, size)},
            {"edit": "append", "file": file, "hex": rng.randbytes(rng.randrange(1, 40)).hex()},
            {"edit": "patch_bytes", "file": file, "at": rng.randrange(size), "hex": rng.randbytes(rng.choice([1, 2, 8])).hex()},
            {"edit": "patch_bytes", "file": file, "at": -rng.randrange(1, 3000), "hex": rng.randbytes(rng.choice([1, 4])).hex()},
            {"edit": "flip_bit", "file": file, "tensor": name, "byte": 0, "bit": rng.randrange(8)},
            {"edit": "flip_bit", "file": file, "record": "data.pkl", "byte": rng.randrange(200, 2000), "bit": rng.randrange(8)},
            {"edit": "drop_record", "file": file, "tensor": name},
            {"edit": "double_record", "file": file, "tensor": name},
            {"edit": "shorten_record", "file": file, "tensor": name, "by": rng.choice([1, 2, 4, 8])},
            {"edit": "zero_record", "file": file, "tensor": name, "correct_crc": rng.random() < 0.5},
            {"edit": "drop_record", "file": file, "record": rng.choice(["version", "byteorder", "data.pkl"])},
            {"edit": "rezip_deflate", "file": file}, {"edit": "zero_crc", "file": file}, {"edit": "to_legacy", "file": file},
            {"edit": "rename_archive_folder", "file": file, "to": rng.choice(["archive", "a b", "best"])}])]

    def pickle(self) -> list:
        """Bytes of data.pkl changed under a right CRC, and what a pickle says of tensors."""
        file, rng = self.file(), self.rng
        name = self.tensor(file, dimensions=1)
        shape = list(self.export.tensor(file, name).shape)
        longer = [shape[0] + rng.choice([1, 7]), *shape[1:]]
        return [rng.choice([
            {"edit": "mutate_pickle", "file": file, "at": rng.random(), "hex": rng.randbytes(1).hex()},
            {"edit": "mutate_pickle", "file": file, "at": rng.random(), "hex": rng.randbytes(2).hex()},
            {"edit": "lie", "file": file, "tensor": name, "shape": longer},
            {"edit": "lie", "file": file, "tensor": name, "offset": rng.choice([-1, 1, 1 << 40])},
            {"edit": "lie", "file": file, "tensor": name, "strides": [rng.choice([0, -1, 2, 3])] * len(shape)},
            {"edit": "lie", "file": file, "tensor": name, "numel": rng.choice([0, 1, 1 << 33])},
            {"edit": "nest_deeply", "file": file, "depth": rng.choice([10, 400, 2000])},
            {"edit": "set_key", "file": file, "key": rng.choice(["extra", "version", "exported", "best_state", "pretrained"]),
             "value": rng.choice([None, 1, "text", True, []])},
            {"edit": "remove_key", "file": file, "key": rng.choice(["xp.cfg", "best_state", "version", "exported"])},
            {"edit": "rename_key", "file": file, "key": rng.choice(["xp.cfg", "best_state"]), "to": rng.choice(["cfg", "model", "xp_cfg"])},
            {"edit": "plain_dict", "file": file}, {"edit": "make_parameters", "file": file}, {"edit": "cuda_tags", "file": file}])]

    def config(self) -> list:
        file, rng = self.file(), self.rng
        key = self.config_key(file)
        parent = key.rpartition(".")[0]
        return [rng.choice([
            {"edit": "set_config", "file": file, "key": key, "value": rng.choice(VALUES)},
            {"edit": "set_config", "file": file, "key": key, "value": rng.choice(VALUES)},
            {"edit": "remove_config", "file": file, "key": key},
            {"edit": "remove_config", "file": file, "key": parent or key},
            {"edit": "set_config", "file": file, "key": f"{parent}.{rng.choice(['surprise', 'dim', 'use', 'norm'])}".strip("."),
             "value": rng.choice(VALUES)}])]

    def config_text(self) -> list:
        """A slip in a line of xp.cfg: a character more or less, another indentation, the line twice."""
        file, rng = self.file(), self.rng
        lines = self.export.package(file)["xp.cfg"].splitlines()
        start = rng.choice([i for i, line in enumerate(lines) if line.startswith(tuple(f"{key.split('.')[0]}:" for key in READ[file]))])
        end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
        line = lines[rng.randrange(start, end)]
        at = rng.randrange(len(line) + 1)
        slip = rng.choice([line[:at] + line[at + 1:], line[:at] + rng.choice(":'\"[]{}#&*!|>-%@\t,?$ \\0e.") + line[at:],
                           " " + line, line[1:], line + "\n" + line, line.partition(":")[0], line + " # a remark"])
        return [{"edit": "config_text_replace", "file": file, "find": f"\n{line}\n", "replace": f"\n{slip}\n"}]

    def tensor_names(self) -> list:
        file, rng = self.file(), self.rng
        name = re.escape(self.tensor(file))
        return [rng.choice([
            {"edit": "drop_tensors", "file": file, "tensors": name},
            {"edit": "rename_tensors", "file": file, "pattern": f"^{name}$", "to": rng.choice(["renamed", "module.weight"])},
            {"edit": "rename_tensors", "file": file, "pattern": "^", "to": rng.choice(["module.", "model.", "_orig_mod."])},
            {"edit": "add_tensor", "file": file, "name": "surprise.weight", "shape": [2, 2]},
            {"edit": "set_entry", "file": file, "name": "surprise", "value": rng.choice([None, 1, "text"])}])]

    def shapes_and_types(self) -> list:
        file, rng = self.file(), self.rng
        name = self.tensor(file, dimensions=1)
        shape = list(self.export.tensor(file, name).shape)
        matrix = self.tensor(file, dimensions=2)
        two = [n for n in self.names[file] if len(self.export.tensor(file, n).shape) == 2] or [matrix]
        return [rng.choice([
            {"edit": "reshape_tensor", "file": file, "tensors": re.escape(name), "shape": [1, *shape]},
            {"edit": "reshape_tensor", "file": file, "tensors": re.escape(name), "shape": [max(1, shape[0] - 1), *shape[1:]]},
            {"edit": "resize_rows", "file": file, "tensors": re.escape(matrix), "rows": rng.choice([1, 2, 300])},
            {"edit": "transpose_tensor", "file": file, "tensors": re.escape(rng.choice(two))},
            {"edit": "strided_view", "file": file, "tensors": re.escape(rng.choice(two))},
            {"edit": "cast_dtype", "file": file, "tensors": re.escape(name),
             "dtype": rng.choice(["float64", "float16", "bfloat16", "int64", "int8", "bool"])},
            {"edit": "cast_dtype", "file": file, "dtype": rng.choice(["float64", "float16", "bfloat16"])}])]

    def values(self) -> list:
        file, rng = self.file(), self.rng
        name = re.escape(self.tensor(file, dimensions=1))
        return [rng.choice([
            {"edit": "set_values", "file": file, "tensors": name, "value": rng.choice(["nan", "inf", "-inf", 1e6, 7e4, 0.5])},
            {"edit": "fill", "file": file, "tensors": name, "value": rng.choice([0, 1, "nan"])},
            {"edit": "fill", "file": file, "tensors": name, "value": 0, "row": 0},
            {"edit": "scale", "file": file, "tensors": name, "factor": rng.choice([0.0, -1.0, 1e-6, 1.01, 1e4])},
            {"edit": "scale", "file": file, "tensors": ".*", "factor": rng.choice([0.0, 0.1, 10.0])},
            {"edit": "repeat_rows", "file": file, "tensors": name}])]

    def pairing(self) -> list:
        """The codec of another export, a reference in its place, files exchanged."""
        rng = self.rng
        other = rng.choice(self.others)
        return [rng.choice([
            {"edit": "file_from", "file": "codec", "base": other},
            {"edit": "file_from", "file": "language_model", "base": other},
            {"edit": "reference_codec", "name": rng.choice(["facebook/encodec_32khz", "facebook/encodec_24khz", "dac_44khz",
                                                            "facebook/encodec_32kHz", "//pretrained/facebook/encodec_32khz", "/no/such/file"])},
            {"edit": "swap_files"},
            {"edit": "copy_file", "source": "codec", "file": "language_model"},
            {"edit": "remove_file", "file": rng.choice(["codec", "language_model"])}])]

    KINDS = (archive, pickle, config, config, config_text, tensor_names, shapes_and_types, values, pairing)

    def draw(self):
        """(kind, edits)"""
        kind = self.rng.choice(self.KINDS)
        return kind.__name__, kind(self)
