#!/usr/bin/env python3
"""What the real language model computes with every option of its transformer and of its fuser, on tiny models.

    python scripts/oracle/lm_cases.py harness/model/testdata/lm_cases.pt

Needs the environment of requirements.txt. Each case is a change of one config. The model is made by audiocraft's own
builders.get_lm_model from the YAML text, only without conditioners: their tensors are given to the model as the fuser
gets them. Its weights are views of one pool of random numbers, which keeps the file small. Nothing but plain values and
tensors is in the file; a list of:
    name         of the case
    config       the YAML text
    state        state dict
    conditions   {name: [B, L, D] float32}, in the order in which the model gets them
    codes        [B, K, S] int64, the special token among them
    first        steps that the first pass of the streaming run gets; each later pass gets one
    streamed     [B, K, S, card] logits of these passes, one after the other
    at_once      the same, in a single pass without streaming
    tokens       [B, K, T] codes of LMModel.generate: greedy, guided (cfg_coef 3) from the first half of the conditions'
                 rows to the second; without conditions unguided
    raises       instead of what it prevents: [stage, exception]; stage: "build" or "stream"
"""
import sys
import warnings

import torch
from omegaconf import OmegaConf

warnings.filterwarnings("ignore")
import packed  # noqa: E402
from audiocraft.models import builders  # noqa: E402
from audiocraft.modules.conditioners import ConditioningAttributes, ConditioningProvider  # noqa: E402

DIM, CARD, STEPS, ROWS, FRAMES = 16, 12, 7, 2, 5
BASE = f"""
lm_model: transformer_lm
transformer_lm: {{n_q: 2, card: {CARD}, dim: {DIM}, num_heads: 4, num_layers: 2, hidden_scale: 2, causal: true,
  norm_first: true, bias_ff: false, bias_attn: false, bias_proj: false, memory_efficient: true, activation: gelu}}
codebooks_pattern: {{modeling: delay, delay: {{delays: [0, 1]}}}}
attribute_dropout: {{}}
classifier_free_guidance: {{training_dropout: 0.3, inference_coef: 3.0}}
fuser: {{sum: [], cross: [], prepend: [], input_interpolate: []}}
conditioners: {{}}
dataset: {{segment_duration: 30}}
"""
T5 = {"model": "t5", "t5": {"name": "t5-small", "finetune": False}}
CUSTOM = {"memory_efficient": False, "custom": True}
BUILT_IN = {"memory_efficient": False}
BIASES = {"bias_ff": True, "bias_attn": True, "bias_proj": True}
CROSS = {"fuser": {"cross": ["a"]}, "conditions": {"a": 3}}


def case(name, first=1, conditions=None, fuser=None, pattern=None, **transformer):
    return {"name": name, "first": first, "conditions": conditions or {}, "fuser": fuser or {}, "pattern": pattern,
            "transformer": transformer}


def cases():
    yield case("Plain")
    yield case("PlainCustom", **CUSTOM)
    yield case("PlainBuiltIn", **BUILT_IN)
    yield case("Cross", **CROSS)
    yield case("CrossCustom", **CROSS, **CUSTOM)
    yield case("CrossBuiltInBiases", **CROSS, **BUILT_IN, **BIASES)
    yield case("SeveralFirstSteps", first=4, **CROSS)
    yield case("BiasFf", bias_ff=True)
    yield case("BiasAttention", bias_attn=True, **CROSS)
    yield case("BiasProj", bias_proj=True)
    yield case("Relu", activation="relu")
    yield case("PostNorm", norm_first=False)
    yield case("PostNormCross", norm_first=False, **CROSS, **BIASES)
    yield case("LayerScale", layer_scale=0.1)
    yield case("LayerScalePostNormCross", layer_scale=0.0, norm_first=False, **CROSS)
    yield case("LayerScaleCross", layer_scale=1e-4, **CROSS)
    yield case("AttentionAsFloat32", attention_as_float32=True, **CUSTOM)
    yield case("PositionalScale", positional_scale=0.3)
    yield case("NoPositions", positional_scale=0)
    yield case("MaxPeriod", max_period=50)
    yield case("XposWithSin", xpos=True)
    yield case("Checkpointing", checkpointing="torch")
    yield case("TwoStepCfgOfTheModel", two_step_cfg=True, **CROSS)
    for attention, options in (("", {}), ("Custom", CUSTOM)):
        yield case("Rope" + attention, positional_embedding="rope", **options)
        yield case("RopeSeveralFirstSteps" + attention, first=3, positional_embedding="rope", **options)
        yield case("SinRope" + attention, positional_embedding="sin_rope", **options)
        yield case("RopeXpos" + attention, positional_embedding="rope", xpos=True, **options)
        yield case("RopeXposScaleMaxPeriod" + attention, positional_embedding="rope", xpos=True, positional_scale=0.4,
                   max_period=100, **options)
        yield case("QkLayerNorm" + attention, qk_layer_norm=True, **options)
        yield case("QkLayerNormBoth" + attention, qk_layer_norm=True, qk_layer_norm_cross=True, **CROSS, **options)
        yield case("KvRepeat" + attention, kv_repeat=2, **options)
        yield case("KvRepeatAllBiases" + attention, kv_repeat=4, **BIASES, **options)
        yield case("KvRepeatRopeXpos" + attention, kv_repeat=2, positional_embedding="rope", xpos=True, **options)
        yield case("RopeXposQkLayerNorm" + attention, positional_embedding="sin_rope", xpos=True, qk_layer_norm=True,
                   layer_scale=0.5, norm_first=False, **BIASES, **options)
    yield case("RopeNegativeOffsetPrepend", positional_embedding="rope", fuser={"prepend": ["a"]}, conditions={"a": 3})
    for attention, options in (("Custom", CUSTOM), ("BuiltIn", BUILT_IN)):
        for past in (0, 1, 3):
            yield case(f"PastContext{past}{attention}", past_context=past, **options)
        yield case("PastContextLong" + attention, past_context=100, **options)
        yield case("PastContextSeveralFirstSteps" + attention, past_context=2, first=5, **options)
        yield case("PastContextPrepend" + attention, past_context=2, fuser={"prepend": ["a"]}, conditions={"a": 3},
                   **options)
    yield case("PastContextRope", past_context=3, positional_embedding="rope", **CUSTOM)
    yield case("PastContextRopeSeveralFirstSteps", past_context=3, first=5, positional_embedding="rope", **CUSTOM)
    yield case("PastContext0Rope", past_context=0, positional_embedding="rope", **CUSTOM)
    yield case("PastContextMemoryEfficientEnough", past_context=STEPS - 1)
    yield case("PastContextMemoryEfficientOneShort", past_context=STEPS - 2)
    yield case("PastContextMemoryEfficientShort", past_context=2)
    yield case("PastContextMemoryEfficientPrepend", past_context=STEPS - 1, fuser={"prepend": ["a"]},
               conditions={"a": 1})
    yield case("PastContextMemoryEfficientFirst", past_context=2, first=STEPS)

    def fused(name, fuser, conditions, **options):
        return case("Fuser" + name, fuser=fuser, conditions=conditions, **options)

    yield fused("CrossTwo", {"cross": ["b", "a"]}, {"a": 3, "b": 2})
    yield fused("CrossPosition", {"cross": ["a", "b"], "cross_attention_pos_emb": True}, {"a": 3, "b": 2})
    yield fused("CrossPositionScale", {"cross": ["a"], "cross_attention_pos_emb": True,
                                       "cross_attention_pos_emb_scale": 0.5}, {"a": 4}, max_period=50)
    yield fused("Sum", {"sum": ["a"]}, {"a": 1})
    yield fused("SumTwo", {"sum": ["a", "b"]}, {"a": 1, "b": 1})
    yield fused("SumOfSeveral", {"sum": ["a"]}, {"a": 3})
    yield fused("SumOfSeveralFirst", {"sum": ["a"]}, {"a": 3}, first=3)
    yield fused("SumOfAll", {"sum": ["a"]}, {"a": STEPS}, first=STEPS)
    yield fused("Prepend", {"prepend": ["a"]}, {"a": 3})
    yield fused("PrependTwo", {"prepend": ["a", "b"]}, {"a": 3, "b": 2})
    yield fused("PrependAlone", {"prepend": ["a"]}, {"a": 3}, first=0)
    yield fused("PrependSeveralFirst", {"prepend": ["a"]}, {"a": 3}, first=3)
    yield fused("PrependBuiltIn", {"prepend": ["a"]}, {"a": 3}, **BUILT_IN)
    yield fused("PrependPostNormRope", {"prepend": ["a"]}, {"a": 3}, norm_first=False, positional_embedding="rope",
                **CUSTOM)
    yield fused("PrependCross", {"prepend": ["a"], "cross": ["b"]}, {"a": 3, "b": 2})
    yield fused("Interpolate", {"input_interpolate": ["a"]}, {"a": 3})
    yield fused("InterpolateSeveralFirst", {"input_interpolate": ["a"]}, {"a": 5}, first=3)
    yield fused("InterpolateAfterPrepend", {"prepend": ["a"], "input_interpolate": ["b"]}, {"a": 2, "b": 9}, first=2)
    yield fused("InterpolateBeforePrepend", {"prepend": ["b"], "input_interpolate": ["a"]}, {"a": 9, "b": 2}, first=2)
    yield fused("SumAfterPrepend", {"prepend": ["a"], "sum": ["b"]}, {"a": 2, "b": 1})
    yield fused("AllFour", {"sum": ["a"], "cross": ["b"], "prepend": ["c"], "input_interpolate": ["d"]},
                {"a": 1, "b": 2, "c": 3, "d": 4})
    yield fused("SumThenCross", {"sum": ["a"], "cross": ["a"]}, {"a": 3})
    yield fused("CrossThenPrepend", {"cross": ["a"], "prepend": ["a"]}, {"a": 3})
    yield fused("CrossThenPrependAndCross", {"cross": ["a", "b"], "prepend": ["a"]}, {"a": 3, "b": 2})
    yield fused("PrependThenInterpolate", {"prepend": ["a"], "input_interpolate": ["a"]}, {"a": 3})
    yield fused("InNoList", {"cross": ["a"]}, {"a": 3, "b": 2})
    yield fused("NoSuchConditioner", {"cross": ["a", "ghost"], "sum": ["ghost"]}, {"a": 3})
    yield fused("CrossOfNone", {"cross": ["ghost"], "prepend": ["a"]}, {"a": 3})
    yield fused("CrossAttentionOfNone", {"prepend": ["a"]}, {"a": 3}, cross_attention=True)
    yield fused("UnknownKey", {"cross": ["a"], "ignore": []}, {"a": 3})

    yield case("NothingFirst", first=0)
    for activation in ("reglu", "geglu", "swiglu"):
        yield case("Activation" + activation.capitalize(), activation=activation)
    yield case("ActivationSilu", activation="silu")
    yield case("CheckpointingXformers", checkpointing="xformers_default")
    yield case("PastContextNegativeMemoryEfficient", past_context=-1)
    yield case("NotCausal", causal=False)
    yield case("QkLayerNormBuiltIn", qk_layer_norm=True, **BUILT_IN)
    yield case("QkLayerNormCrossBuiltIn", qk_layer_norm_cross=True, **CROSS, **BUILT_IN)
    yield case("QkLayerNormCrossWithoutCross", qk_layer_norm_cross=True, **BUILT_IN)
    yield case("KvRepeatBuiltIn", kv_repeat=2, **BUILT_IN)
    yield case("KvRepeatThree", kv_repeat=3)
    yield case("KvRepeatQkLayerNorm", kv_repeat=2, qk_layer_norm=True)
    yield case("RopeBuiltIn", positional_embedding="rope", **BUILT_IN)
    yield case("RopeOddHead", positional_embedding="rope", dim=12)
    yield case("Dropout", dropout=2.0)
    yield case("AttentionDropoutCustom", attention_dropout=2.0, **CUSTOM)
    yield case("AttentionDropout", attention_dropout=2.0)

    yield case("Unroll", pattern={"modeling": "unroll"})
    yield case("UnrollDelays", n_q=3, pattern={"modeling": "unroll", "unroll": {"flattening": [0, 1, 1],
                                                                                "delays": [0, 3, 3]}})
    yield case("CoarseFirst", n_q=3, pattern={"modeling": "coarse_first", "coarse_first": {"delays": [0, 1]}})
    yield case("MusicLm", n_q=4, pattern={"modeling": "musiclm"})
    yield case("Parallel", pattern={"modeling": "parallel"})
    yield case("EmptyInitial", pattern={"modeling": "delay", "delay": {"empty_initial": 2, "flatten_first": 1}}, **CROSS)
    yield case("EmptyInitialInterpolate", first=3, fuser={"input_interpolate": ["a"]}, conditions={"a": 5},
               pattern={"modeling": "parallel", "parallel": {"empty_initial": 2}})
    yield case("NoInitialPrepend", first=0, fuser={"prepend": ["a"]}, conditions={"a": 3},
               pattern={"modeling": "parallel", "parallel": {"empty_initial": -1}})
    yield case("QModeling", q_modeling="unroll", pattern={"modeling": None, "unroll": {"flattening": [0, 0]}})
    yield case("NoQModeling", pattern={"modeling": None})
    yield case("UnrollUneven", pattern={"modeling": "unroll", "unroll": {"flattening": [0, 0], "delays": [0, 1]}})
    yield case("MusicLmArgument", pattern={"modeling": "musiclm", "musiclm": {"group": 2}})


def config_text(row):
    config = OmegaConf.create(BASE)
    config.transformer_lm = OmegaConf.merge(config.transformer_lm, row["transformer"])
    config.fuser = OmegaConf.merge(config.fuser, row["fuser"])
    config.conditioners = {name: T5 for name in row["conditions"]}
    if row["pattern"]:
        config.codebooks_pattern = row["pattern"]
    return OmegaConf.to_yaml(config)


class GivenConditions(ConditioningProvider):
    """The conditioners' place: rows of given tensors, the null conditions after the others."""

    given: dict = {}

    def tokenize(self, inputs):
        return len(inputs)

    def forward(self, tokenized):
        return {name: (tensor[:tokenized], None) for name, tensor in self.given.items()}


def build(text):
    config = OmegaConf.create(text)
    config.device, config.dtype = "cpu", "float32"
    builders.get_conditioner_provider = lambda dim, cfg: GivenConditions({})
    return builders.get_lm_model(config).eval()


def weights(model, pool, scales, case_number):
    """Views of the pools in place of the initial values; rotary buffers differ from what the config gives."""
    state, at = {}, case_number * 997
    rotary = [name for name in model.state_dict() if ".rope." in name]
    for name, tensor in model.state_dict().items():
        if name in rotary:
            # The copies of one buffer are loaded one after the other: give the last one, which stays, a value of its own.
            last = name.startswith(f"transformer.layers.{len(model.transformer.layers) - 1}.")
            state[name] = tensor * (1.25 if "frequencies" in name else 0.9) if last else tensor.clone()
            continue
        source = scales if "norm" in name and name.endswith("weight") else pool
        at = at % (source.numel() - tensor.numel())
        state[name] = source[at:at + tensor.numel()].view(tensor.shape)
        at += tensor.numel()
    return state


@torch.no_grad()
def run(row, number, pool, scales):
    text = config_text(row)
    result = {"name": row["name"], "config": text}
    generator = torch.Generator().manual_seed(number)
    try:
        model = build(text)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the verdict)
        return {**result, "raises": ["build", type(error).__name__]}
    state = weights(model, pool, scales, number)
    model.load_state_dict(dict(state))
    dim, first = model.dim, row["first"]
    conditions = {name: torch.randn(ROWS, length, dim, generator=generator)
                  for name, length in row["conditions"].items()}
    tensors = {name: (tensor, torch.ones(tensor.shape[:2])) for name, tensor in conditions.items()}
    codes = torch.randint(0, CARD + 1, (ROWS, model.n_q, STEPS), generator=generator)
    result |= {"conditions": conditions, "codes": codes, "first": first}
    try:
        with model.streaming():
            # `_sample_next_token` takes the last step's logits of each pass.
            passes = [model(codes[..., :first], [], tensors)]
            passes[0][:, :, -1]
            passes += [model(codes[..., s:s + 1], [], tensors) for s in range(first, STEPS)]
    except Exception as error:  # noqa: BLE001
        return {**result, "raises": ["stream", type(error).__name__]}
    result |= {"state": state, "streamed": torch.cat(passes, 2)}
    result["at_once"] = model(codes, [], tensors)
    model.condition_provider.given = conditions
    inputs = [ConditioningAttributes(text={"a": "x"})] if conditions else []
    try:
        result["tokens"] = model.generate(conditions=inputs, num_samples=1, max_gen_len=FRAMES, use_sampling=False,
                                          cfg_coef=3.0, two_step_cfg=False)
    except Exception as error:  # noqa: BLE001  (its pattern has other steps than `codes`)
        print(row["name"], "does not generate:", type(error).__name__, error, file=sys.stderr)
    return result


def pack(results):
    """Every other tensor as a view of one storage for each type: a record of its own costs more than what it holds."""
    places = [(holder, key) for result in results for holder in (result, result.get("conditions", {}), result.get("state", {}))
              for key, value in holder.items() if isinstance(value, torch.Tensor) and value.dtype != torch.float16]
    for dtype in (torch.float32, torch.int64):
        chosen = [(holder, key) for holder, key in places if holder[key].dtype == dtype]
        joined = torch.cat([holder[key].flatten() for holder, key in chosen])
        at = 0
        for holder, key in chosen:
            shape = holder[key].shape
            holder[key] = joined[at:at + shape.numel()].view(shape)
            at += shape.numel()


def main(path):
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(20)
    pool = torch.randn(4096, generator=generator).mul(0.4).half()
    scales = (1 + 0.3 * torch.randn(512, generator=generator)).half()
    results = []
    for number, row in enumerate(cases()):
        results.append(run(row, number, pool, scales))
        print(row["name"], results[-1].get("raises", ""), file=sys.stderr)
    names = [result["name"] for result in results]
    assert len(set(names)) == len(names)
    for result in results:
        for key in ("streamed", "at_once"):
            assert key not in result or result[key].isfinite().all(), result["name"]
    pack(results)
    packed.save(results, path, "lm_cases")


if __name__ == "__main__":
    main(sys.argv[1])
