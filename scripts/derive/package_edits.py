"""Edits of the package: its keys and its config."""
from collections import OrderedDict

from . import config_text
from .export import edit
from .pickling import Call, Global, Raw


@edit
def set_config(export, file, key, value):
    """One dotted key of xp.cfg; text is written as YAML as it stands, other values as JSON."""
    package = export.package(file)
    package["xp.cfg"] = config_text.set_key(package["xp.cfg"], key, value)


@edit
def remove_config(export, file, key):
    """Removes a dotted key of xp.cfg and what is below it."""
    package = export.package(file)
    package["xp.cfg"] = config_text.remove_key(package["xp.cfg"], key)


@edit
def config_text_replace(export, file, find, replace):
    """Replaces text in xp.cfg, once; it must be there."""
    package = export.package(file)
    if find not in package["xp.cfg"]:
        raise KeyError(f"xp.cfg does not contain {find!r}")
    package["xp.cfg"] = package["xp.cfg"].replace(find, replace, 1)


@edit
def config_as_dict(export, file):
    """xp.cfg as a plain dict instead of YAML text: OmegaConf.to_container by hand."""
    package = export.package(file)
    package["xp.cfg"] = config_text.parse(package["xp.cfg"])


def omegaconf_node(value, key):
    """What OmegaConf 2.3 pickles for a node; without the links to its parent."""
    everything = Global("typing", "Any")
    metadata = {"ref_type": everything, "object_type": None, "optional": True, "key": key, "flags": {},
                "flags_root": False, "resolver_cache": Call(Global("collections", "defaultdict"), (Global("__builtin__", "dict"),))}

    def node(module, name, container, state):
        if container:
            metadata.update(object_type=Global("__builtin__", container), element_type=everything,
                            key_type=everything if container == "dict" else Global("__builtin__", "int"))
        kind = "ContainerMetadata" if container else "Metadata"
        made = Call(Global("omegaconf.base", kind), (), metadata, new=True)
        return Call(Global(module, name), (), {"_metadata": made, "_parent": None, **state}, new=True)

    if isinstance(value, dict):
        content = {name: omegaconf_node(item, name) for name, item in value.items()}
        return node("omegaconf.dictconfig", "DictConfig", "dict", {"_content": content})
    if isinstance(value, list):
        content = [omegaconf_node(item, i) for i, item in enumerate(value)]
        return node("omegaconf.listconfig", "ListConfig", "list", {"_content": content})
    return node("omegaconf.nodes", "AnyNode", None, {"_val": value})


@edit
def config_as_dictconfig(export, file):
    """xp.cfg as the omegaconf.DictConfig that the trainer holds."""
    package = export.package(file)
    package["xp.cfg"] = omegaconf_node(config_text.parse(package["xp.cfg"]), None)


@edit
def set_key(export, file, key, value):
    """One key of the package."""
    export.package(file)[key] = value


@edit
def remove_key(export, file, key):
    """Removes a key of the package."""
    del export.package(file)[key]


@edit
def rename_key(export, file, key, to):
    """Gives a key of the package another name."""
    package = export.package(file)
    items = [(to if name == key else name, value) for name, value in package.items()]
    package.clear()
    package.update(items)


@edit
def reference_codec(export, name):
    """The codec as audiocraft.utils.export.export_pretrained_compression_model writes it: only a name. Whatever was there."""
    export.write_bytes("codec", (export.base / export.name_of("codec")).read_bytes())
    export.checkpoint("codec").package = {"pretrained": name, "exported": True, "version": "1.3.0"}


@edit
def nest_best_state(export, file, under="model"):
    """best_state a level too deep, as in the trainer's checkpoint."""
    package = export.package(file)
    package["best_state"] = {under: package["best_state"]}


@edit
def bare_state_dict(export, file):
    """torch.save(model.state_dict()): no package around it."""
    checkpoint = export.checkpoint(file)
    checkpoint.package = checkpoint.package["best_state"]


@edit
def empty_best_state(export, file):
    """best_state without a tensor: an FSDP rank that held nothing."""
    export.package(file)["best_state"] = OrderedDict()


@edit
def nest_deeply(export, file, depth, key="comment"):
    """Adds a key that holds a list in a list in a list."""
    export.package(file)[key] = Raw(b"]" * depth + b"a" * (depth - 1))


def numpy_scalar() -> Call:
    """numpy.float64(1.5), as NumPy 1 pickles it."""
    dtype = Call(Global("numpy", "dtype"), ("f8", False, True), (3, "<", None, None, None, -1, -1, 0))
    data = Call(Global("_codecs", "encode"), ("\0\0\0\0\0\0\u00f8?", "latin1"))
    return Call(Global("numpy.core.multiarray", "scalar"), (dtype, data))


OBJECTS = {
    "path": lambda: Call(Global("pathlib", "PosixPath"), ("/", "checkpoint", "me")),
    "path_of_windows": lambda: Call(Global("pathlib", "WindowsPath"), ("C:\\", "checkpoint")),
    "path_of_python_3_13": lambda: Call(Global("pathlib._local", "PosixPath"), ("/", "checkpoint", "me")),
    "namespace": lambda: Call(Global("argparse", "Namespace"), (), {"lr": 1e-4, "name": "mine"}, new=True),
    "numpy_scalar": numpy_scalar,
    "of_a_package": lambda: Call(Global("my_trainer.config", "RunConfig"), (), {"name": "mine"}, new=True),
}


@edit
def add_object(export, file, what, at):
    """An object where the keys `at` (a list) lead to in the package, or in a config that is a dict by then: a path,
    path_of_windows, path_of_python_3_13, namespace (argparse's), numpy_scalar, or one of_a_package that nobody has."""
    target = export.package(file)
    for key in at[:-1]:
        target = target[key]
    target[at[-1]] = OBJECTS[what]()
