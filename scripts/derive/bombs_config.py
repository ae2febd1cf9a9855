"""Bombs in the config: numbers that a description is sized by, and texts that grow when they are resolved."""
from .bomb import bomb, config_of, replace_line, set_config, tensor, floats  # noqa: F401

LARGE = (10**9, 10**12, 2**31 - 1, 2**62, 10**30)


def number(name: str, key: str, value, file: str, under: str, what="") -> None:
    """`value` may be a function that gives it: nothing large is made before it is asked for."""
    def plant(export):
        replace_line(export, key, str(value() if callable(value) else value), file, under)
    plant.__name__, plant.__doc__ = name, f"{under}.{key}: {what or value}"
    bomb(plant)


for _key in ("num_layers", "n_q", "dim", "card", "num_heads", "hidden_scale", "kv_repeat", "past_context"):
    for _value in (10**6, 10**9, 2**62):
        number(f"lm_{_key}_{_value:.0e}".replace("+", ""), _key, _value, "language_model", "transformer_lm")
for _key in ("dimension", "n_filters", "n_residual_layers", "kernel_size", "lstm", "compress", "dilation_base", "channels"):
    for _value in (10**6, 10**9, 2**62):
        number(f"seanet_{_key}_{_value:.0e}".replace("+", ""), _key, _value, "codec", "seanet")
for _key in ("n_q", "bins"):
    for _value in (10**6, 10**9, 2**62):
        number(f"rvq_{_key}_{_value:.0e}".replace("+", ""), _key, _value, "codec", "rvq")
number("group_by", "group_by", 10**12, "language_model", "codebooks_pattern")
number("delays_huge", "delays", [0, 1, 2, 10**12], "language_model", "codebooks_pattern")
number("delays_many", "delays", lambda: "[" + "0," * 5_000_000 + "0]", "language_model", "codebooks_pattern",
       "five million delays")
number("ratios_many", "ratios", lambda: "[" + "2," * 5_000_000 + "2]", "codec", "seanet",
       "five million strides of 2")
number("ratios_ones", "ratios", lambda: "[" + "1," * 5_000_000 + "1]", "codec", "seanet",
       "five million strides of 1")
number("ratios_thousands", "ratios", lambda: "[" + "1," * 20_000 + "1]", "codec", "seanet",
       "20,000 strides of 1")
number("ratios_huge", "ratios", [2**40, 2**40, 2**40], "codec", "seanet")
number("residual_and_ratios", "n_residual_layers", 10**5, "codec", "seanet")
number("segment_duration", "segment_duration", "1e300", "language_model", "dataset")
number("long_number", "num_layers", lambda: "9" * 7_500_000, "language_model", "transformer_lm",
       "7.5 million digits")
number("long_float", "dropout", lambda: "0." + "9" * 7_500_000, "language_model", "transformer_lm",
       "15 million decimals")
number("long_exponent", "dropout", lambda: "1e" + "9" * 7_500_000, "language_model", "transformer_lm",
       "an exponent of 15 million digits")
number("underscores", "num_layers", lambda: "1" + "_" * 7_500_000 + "1", "language_model", "transformer_lm",
       "7.5 million underscores")
number("long_option", "activation", lambda: "a" * 7_500_000, "language_model", "transformer_lm",
       "a word of 7.5 million letters")
number("sexagesimal", "num_layers", lambda: "1" + ":1" * 3_500_000, "language_model", "transformer_lm",
       "3.5 million sexagesimal places")


def config(plant):
    """A bomb that returns the language model's config from the good one."""
    def of_export(export):
        set_config(export, plant(config_of(export)))
    of_export.__name__, of_export.__doc__ = plant.__name__, plant.__doc__
    bomb(of_export)
    return plant


@config
def anchors(text):
    """YAML aliases of aliases, ten each, thirty deep"""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    return text + "\n".join(lines) + "\n"


@config
def anchors_merged(text):
    """YAML aliases of aliases where transformer_lm is read"""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(10))}}}" for i in range(1, 30)]
    return text.replace("attribute_dropout: {}", "\n".join(lines) + "\nattribute_dropout: *a29")


@config
def anchor_of_itself(text):
    """a YAML alias inside its own anchor"""
    return text.replace("attribute_dropout: {}", "attribute_dropout: &a {x: *a}")


@config
def aliases_flat(text):
    """an alias of 1 MB text, a million times"""
    return text + "big: &b '" + "x" * 1_000_000 + "'\nlist: [" + "*b, " * 1_000_000 + "*b]\n"


@config
def interpolations(text):
    """interpolations of interpolations, ten each, twenty deep"""
    lines = ["b0: xxxxxxxxxx"] + [f"b{i}: '{'${b' + str(i - 1) + '}' * 1}'" for i in range(1, 1)]
    lines += [f"b{i}: '" + ("${b%d}" % (i - 1)) * 10 + "'" for i in range(1, 20)]
    return text.replace("attribute_dropout: {}", "\n".join(lines) + "\nattribute_dropout: {a: {p: '${b19}'}}")


@config
def interpolation_of_nodes(text):
    """interpolations of mappings, ten each, twenty deep"""
    lines = ["b0: {x: 1}"]
    lines += [f"b{i}: {{" + ", ".join("k%d: '${b%d}'" % (j, i - 1) for j in range(10)) + "}" for i in range(1, 20)]
    return text.replace("attribute_dropout: {}", "\n".join(lines) + "\nattribute_dropout: '${b19}'")


@config
def interpolation_chain(text):
    """a chain of 300,000 interpolations"""
    lines = [f"c{i}: ${{c{i + 1}}}" for i in range(300_000)] + ["c300000: 1.0"]
    return text.replace("attribute_dropout: {}", "attribute_dropout: {a: {p: '${c0}'}}") + "\n".join(lines) + "\n"


@config
def interpolation_cycle(text):
    """an interpolation that leads to itself"""
    return text.replace("attribute_dropout: {}", "attribute_dropout: {a: {p: '${attribute_dropout.a.p}'}}")


@config
def interpolation_nested(text):
    """an interpolation inside an interpolation, two million deep"""
    return text.replace("attribute_dropout: {}", "attribute_dropout: {a: {p: '" + "${" * 2_000_000 + "}" * 2_000_000 + "'}}")


@config
def interpolation_wide(text):
    """three million interpolations in one value"""
    return text.replace("attribute_dropout: {}", "attribute_dropout: {a: {p: '" + "${seed}" * 2_000_000 + "'}}")


@config
def interpolation_long_key(text):
    """an interpolation with a path of 7 million keys"""
    return text.replace("attribute_dropout: {}", "attribute_dropout: {a: {p: '${" + "a." * 7_000_000 + "a}'}}")


@config
def interpolation_resolver(text):
    """resolvers of OmegaConf, nested ten thousand deep, that make what they are given longer"""
    value = "x"
    for _ in range(10_000):
        value = "${oc.create:" + value + "}"
    return text.replace("attribute_dropout: {}", "attribute_dropout: {a: {p: '" + value + "'}}")


@config
def interpolation_decode(text):
    """${oc.decode:} of a list of three million values, ten times"""
    return text.replace("attribute_dropout: {}", "big: '[" + "1," * 3_000_000 + "1]'\nattribute_dropout: {a: {" + ", ".join(
        f"p{i}: '${{oc.decode:${{big}}}}'" for i in range(10)) + "}}")


@config
def config_keys(text):
    """1.5 million keys in the config"""
    return text + "".join(f"k{i:x}: 1\n" for i in range(1_500_000))


@config
def config_keys_read(text):
    """a million keys in transformer_lm"""
    return text + "".join(f"  k{i:x}: 1\n" for i in range(1_200_000))


@config
def config_keys_doubled(text):
    """the same key a million times"""
    return text + "doubled: 1\n" * 1_400_000


@config
def config_missing(text):
    """half a million values that are ??? in a subtree that is read"""
    return text.replace("attribute_dropout: {}", "attribute_dropout:\n  a:\n" +
                        "".join(f"    k{i:x}: ???\n" for i in range(800_000)))


@config
def config_deep_flow(text):
    """lists in lists in the config, five million deep"""
    return text + "deep: " + "[" * 5_000_000 + "]" * 5_000_000 + "\n"


@config
def config_deep_block(text):
    """mappings in mappings by indentation, 5000 deep"""
    return text + "".join(" " * i + "k:\n" for i in range(5_000))


@config
def config_deep_dashes(text):
    """a list in a list by dashes, seven million deep"""
    return text + "deep:\n" + "- " * 7_000_000 + "x\n"


@config
def config_deep_questions(text):
    """complex keys, seven million deep"""
    return text + "? " * 7_000_000 + "x\n"


@config
def config_long_key(text):
    """a key of 1000 characters, 15,000 times; and one of 3 million"""
    return text + "? " + "k" * 3_000_000 + "\n: 1\n" + "".join(f"k{i}{'k' * 900}: 1\n" for i in range(10_000))


@config
def config_long_value(text):
    """a value of 7.5 million characters where a word is expected"""
    return text.replace("lm_model: transformer_lm", "lm_model: " + "t" * 7_500_000)


@config
def config_comments(text):
    """15 MB of comments"""
    return text + "# x\n" * 3_700_000


@config
def config_blanks(text):
    """15 MB of line feeds"""
    return text + "\n" * 15_000_000


@config
def config_documents(text):
    """three million YAML documents"""
    return text + "---\n" * 3_700_000


@config
def config_escapes(text):
    """a quoted text of 15 million escape sequences"""
    return text + 'escaped: "' + "\\x41" * 3_700_000 + '"\n'


@config
def config_tags(text):
    """a YAML tag of 15 million characters"""
    return text + "tagged: !" + "t" * 7_500_000 + " x\n"


@config
def conditioners_many(text):
    """15,000 conditioners"""
    one = "    model: lut\n    lut:\n      n_bins: 10\n      dim: 8\n      tokenizer: whitespace\n"
    return text.replace("conditioners:\n", "conditioners:\n" + "".join(f"  c{i}:\n{one}" for i in range(15_000)))


@config
def conditioners_quantized(text):
    """150 conditioners with 4096 codebooks each"""
    one = ("    model: clap\n    clap:\n      checkpoint: c.pt\n      model_arch: HTSAT-base\n      enable_fusion: false\n"
           "      sample_rate: 48000\n      max_audio_length: 10\n      audio_stride: 1\n      dim: 512\n"
           "      attribute: description\n      normalize: true\n      quantize: true\n      n_q: 4096\n      bins: 1024\n")
    return text.replace("conditioners:\n", "conditioners:\n" + "".join(f"  c{i}:\n{one}" for i in range(150)))


@config
def unknown_options(text):
    """95,000 keys in transformer_lm that audiocraft doesn't know"""
    return text + "".join(f"  num_layer{i:x}: 1\n" for i in range(95_000))


@config
def layers_at_the_limit(text):
    """10,000 layers, the most that an option may say, with cross attention and norms"""
    return (text.replace("num_layers: 2", "num_layers: 10000").replace("qk_layer_norm: false", "qk_layer_norm: true")
            .replace("layer_scale: null", "layer_scale: 0.1"))


@config
def layers_compared(text):
    """2900 layers, the most that are compared"""
    return text.replace("num_layers: 2", "num_layers: 2900")


@config
def conditioner_lut(text):
    """a table of conditions with 10^15 entries"""
    return text.replace("conditioners:\n", "conditioners:\n  c:\n    model: lut\n    lut:\n      n_bins: 1000000000000000\n"
                        "      dim: 1000000000000\n      tokenizer: whitespace\n")


@config
def conditioner_long_name(text):
    """a conditioner's name of 7.5 million characters"""
    return text.replace("conditioners:\n", "conditioners:\n  ? " + "c" * 7_500_000 + "\n  :\n    model: lut\n    lut:\n"
                        "      n_bins: 10\n      dim: 8\n      tokenizer: whitespace\n")


@config
def fuser_many(text):
    """three million names in the fuser's list"""
    return text.replace("  cross:\n  - description", "  cross: [" + "description, " * 1_000_000 + "description]")


@config
def t5_long_name(text):
    """a T5 whose name has 7.5 million characters"""
    return text.replace("name: t5-small", "name: " + "t" * 7_500_000)


@config
def t5_name_path(text):
    """a T5 whose name is a path of 2.5 million folders"""
    return text.replace("name: t5-small", "name: " + "../" * 2_500_000)


@bomb
def config_pickled(export):
    """a config as a dict of 700,000 keys in the pickle"""
    export.package("language_model")["xp.cfg"] = {"transformer_lm": {f"k{i:x}": i % 200 for i in range(700_000)},
                                                  "lm_model": "transformer_lm"}


@bomb
def config_pickled_deep(export):
    """a config as a dict, 100,000 deep"""
    from . import pickling
    export.package("language_model")["xp.cfg"] = pickling.Raw(
        b"}X\x01\x00\x00\x00a" * 100_000 + b"}" + b"s" * 100_000)
