#!/usr/bin/env python3
"""What the real language model computes in float16 under CUDA's autocast: some of the models of lm_cases.pt.

    python scripts/oracle/float16_cases.py harness/model/testdata/lm_cases.pt harness/model/testdata/float16_cases.pt

Needs the environment of requirements.txt, and no GPU: audiocraft's own code runs on the CPU, with a model that is built
with dtype float16 as get_pretrained builds it for CUDA. Autocast's policy (the lists of "CUDA Op-Specific Behavior" in
PyTorch's documentation of torch.amp) is put around the functions that the model calls:
    float16: linear, scaled_dot_product_attention, einsum. Operands are cast to float16; the product is made in float32
             and rounded once, as tensor cores do (the CPU of torch 2.1 has no float16 products).
    float32: layer_norm, softmax, pow.
    einsum of queries and keys: float32, as StreamingMultiheadAttention asks for on CUDA where it streams
             (torch.autocast(dtype=float32), which torch 2.1 follows).
    gelu takes and gives float16, through float32, as the CUDA kernel does.
torch.is_autocast_enabled says True, so that nn.MultiheadAttention keeps off its fast path as it does on CUDA.
The file: a list of {name, logits: [B, K, S, card] float16, streamed as in lm_cases.py}. Weights, conditions and codes are
those of lm_cases.pt.
"""
import sys
import warnings

import torch
from omegaconf import OmegaConf

warnings.filterwarnings("ignore")
F = torch.nn.functional
HALF = torch.float16
NAMES = """Plain PlainCustom PlainBuiltIn Cross CrossCustom CrossBuiltInBiases SeveralFirstSteps BiasAttention BiasProj Relu
PostNorm PostNormCross LayerScale LayerScaleCross LayerScalePostNormCross AttentionAsFloat32 Rope RopeCustom RopeXpos
RopeXposCustom SinRope QkLayerNorm QkLayerNormCustom QkLayerNormBoth QkLayerNormBothCustom KvRepeat KvRepeatCustom
PastContext3Custom PastContext3BuiltIn PastContextSeveralFirstStepsCustom PastContextSeveralFirstStepsBuiltIn
FuserCrossPosition FuserSum FuserPrepend FuserPrependPostNormRope FuserInterpolate FuserAllFour""".split()


def cast(values, dtype):
    return [v.to(dtype) if isinstance(v, torch.Tensor) and v.is_floating_point() else v for v in values]


def in_float16(function):
    def run(*args, **kwargs):
        names = list(kwargs)
        rounded = cast(cast([*args, *kwargs.values()], HALF), torch.float32)
        split = len(args)
        return function(*rounded[:split], **dict(zip(names, rounded[split:]))).to(HALF)
    return run


def in_float32(function):
    def run(*args, **kwargs):
        return function(*cast(args, torch.float32), **dict(zip(kwargs, cast(kwargs.values(), torch.float32))))
    return run


def autocast():
    einsum = torch.einsum

    def einsum_of(equation, *operands):
        product = in_float32 if equation.replace(" ", "").endswith("->bhtk") else in_float16
        return product(lambda *tensors: einsum(equation, *tensors))(*operands)

    torch.einsum = einsum_of
    F.linear = in_float16(F.linear)
    F.scaled_dot_product_attention = in_float16(F.scaled_dot_product_attention)
    F.layer_norm = in_float32(F.layer_norm)
    F.softmax = torch.softmax = in_float32(torch.softmax)
    torch.pow = in_float32(torch.pow)
    F.interpolate = in_float32(F.interpolate)
    gelu = F.gelu
    F.gelu = lambda x: gelu(x.float()).to(x.dtype)
    torch.is_autocast_enabled = lambda *_: True


autocast()  # before audiocraft takes the functions
import packed  # noqa: E402
from audiocraft.models import builders  # noqa: E402
from audiocraft.modules.conditioners import ConditioningProvider  # noqa: E402


@torch.no_grad()
def run(row):
    config = OmegaConf.create(row["config"])
    config.device, config.dtype = "cpu", "float16"
    builders.get_conditioner_provider = lambda dim, cfg: ConditioningProvider({})
    model = builders.get_lm_model(config).eval()
    model.load_state_dict(row["state"])
    # A conditioner's output_proj gives float16.
    tensors = {name: (tensor.to(HALF), torch.ones(tensor.shape[:2])) for name, tensor in row["conditions"].items()}
    codes, first = row["codes"], row["first"]
    with model.streaming():
        passes = [model(codes[..., :first], [], tensors)]
        passes += [model(codes[..., s:s + 1], [], tensors) for s in range(first, codes.shape[-1])]
    logits = torch.cat(passes, 2)
    assert logits.dtype == HALF and logits.isfinite().all(), row["name"]
    largest = (logits.float() - row["streamed"]).abs().max().item()
    print(f"{row['name']}: up to {largest:.2g} from float32", file=sys.stderr)
    return {"name": row["name"], "logits": logits}


def main(cases, path):
    torch.set_num_threads(1)
    rows = {row["name"]: row for row in torch.load(cases)}
    results = [run(rows[name]) for name in NAMES]
    joined, at = torch.cat([result["logits"].flatten() for result in results]), 0
    for result in results:
        shape = result["logits"].shape
        result["logits"] = joined[at:at + shape.numel()].view(shape)
        at += shape.numel()
    packed.save(results, path, "float16_cases")


if __name__ == "__main__":
    main(*sys.argv[1:])
