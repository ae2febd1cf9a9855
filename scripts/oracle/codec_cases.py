"""What real codecs make of tiny weights, for harness/model/testdata/codec_cases.bin.

usage: codec_cases.py [--out FILE]      (DAC: see hub_codecs.py)

The file is what torch.save makes of a dict of cases, each a dict. (Legacy format, the smallest; it numbers storages by
their addresses, so that the values are the same each time, and the bytes are not.)
    kind      "audiocraft" (config: the YAML text of xp.cfg), "transformers" (config: config.json) or "dac" (kwargs)
    state     the state dict
    facts     sample_rate, frame_rate, channels, codebooks, cardinality
    codes     [2, K, T]   audio   [2, C, N]: what decode gives for them
    short     [2, C, M]: what decode gives for the first frame alone
    input     [1, C, N]   encoded [1, K, T]: what encode gives for it; absent where it raises, and `encode_raises` says what
    scaled    whether encode gives a scale as well
"""
import argparse
import json
import warnings
from pathlib import Path
from sys import intern

from hub_codecs import COMMON, random_dac, random_encodec

DEFAULT_OUT = Path(__file__).resolve().parents[2] / "harness" / "model" / "testdata" / "codec_cases.bin"
BASE = {"channels": 1, "dimension": 4, "n_filters": 2, "n_residual_layers": 1, "ratios": [3, 2], "kernel_size": 5,
        "last_kernel_size": 3, "residual_kernel_size": 3, "norm": "weight_norm", "pad_mode": "constant", "lstm": 0,
        "encoder": {}, "decoder": {}}
GROUP = {"norm": "time_group_norm"}

# name: (changes of `seanet`, changes of `encodec`)
SEANET = {
    "MusicGen": ({"lstm": 2}, {}),
    "NormNone": ({"norm": "none"}, {}),
    "SpectralNorm": ({"norm": "spectral_norm"}, {}),
    "GroupNorm": (GROUP, {}),
    "GroupNormParams": ({**GROUP, "norm_params": {"eps": 0.1, "affine": False}}, {}),
    "NormParamsUnread": ({"norm_params": {"anything": 1}}, {}),
    "OuterBlocksTwo": ({"disable_norm_outer_blocks": 2}, {}),
    "OuterBlocksAllCausal": ({**GROUP, "disable_norm_outer_blocks": 4, "causal": True}, {}),
    "Causal": ({"causal": True, "pad_mode": "reflect"}, {"causal": True}),
    "CausalTrimmed": ({"causal": True, "decoder": {"trim_right_ratio": 0.3}}, {"causal": True}),
    "CausalUntrimmed": ({"causal": True, "decoder": {"trim_right_ratio": 0.0}}, {"causal": True}),
    "CausalEncoderOnly": ({"encoder": {"causal": True}}, {}),
    "PadReflect": ({"pad_mode": "reflect", "kernel_size": 9}, {}),
    "PadReplicate": ({"pad_mode": "replicate"}, {}),
    "PadCircular": ({"pad_mode": "circular", "kernel_size": 3}, {}),
    "ConvShortcut": ({"true_skip": False}, {}),
    "CompressOne": ({"compress": 1}, {}),
    "LstmOne": ({"lstm": 1}, {}),
    "NoResiduals": ({"n_residual_layers": 0}, {}),
    "ThreeResiduals": ({"n_residual_layers": 3, "dilation_base": 3, "residual_kernel_size": 5}, {}),
    "EvenKernels": ({"kernel_size": 4, "last_kernel_size": 6, "residual_kernel_size": 2}, {}),
    "FinalTanh": ({"decoder": {"final_activation": "Tanh"}}, {}),
    "FinalHardtanh": ({"decoder": {"final_activation": "Hardtanh",
                                   "final_activation_params": {"min_val": -0.1, "max_val": 0.2}}}, {}),
    "InplaceIdentitySkip": ({"activation_params": {"alpha": 0.7, "inplace": True}}, {}),
    "InplaceConvSkip": ({"activation_params": {"alpha": 0.7, "inplace": True}, "true_skip": False}, {}),
    "Overrides": ({"encoder": {"n_filters": 3, "lstm": 1, "activation_params": {"alpha": 0.5}},
                   "decoder": {"n_filters": 4, "last_kernel_size": 7, "norm": "none"}}, {}),
    "OddRatios": ({"ratios": [5, 1, 3]}, {}),
    "OneRatio": ({"ratios": [4]}, {}),
    "OtherDecoderRatios": ({"decoder": {"ratios": [2, 2]}}, {}),
    "TwoChannels": ({"channels": 2}, {"channels": 2}),
    "Renormalize": ({}, {"renormalize": True}),
}
ACTIVATIONS = {
    "ELU": {"alpha": 0.5}, "CELU": {"alpha": 0.5}, "SELU": {}, "ReLU": {}, "ReLU6": {}, "LeakyReLU": {"negative_slope": 0.3},
    "GELU": {"approximate": "tanh"}, "SiLU": {}, "Mish": {}, "Tanh": {}, "Sigmoid": {}, "LogSigmoid": {}, "Softsign": {},
    "Softplus": {"beta": 2, "threshold": 1}, "Hardtanh": {"max_val": 0.5}, "Hardsigmoid": {}, "Hardswish": {},
    "Hardshrink": {"lambd": 0.1}, "Softshrink": {"lambd": 0.1}, "Tanhshrink": {}, "Threshold": {"threshold": 0.1, "value": -1},
    "Identity": {"anything": 1},
}
TINY = dict(num_filters=2, hidden_size=4, upsampling_ratios=[3, 2], codebook_size=512, kernel_size=5, last_kernel_size=3)
HUB = {  # name: changes of EncodecConfig
    "Hub32khz": dict(use_causal_conv=False, use_conv_shortcut=False),
    "Hub24khz": dict(use_causal_conv=True, use_conv_shortcut=True, target_bandwidths=[9.0, 20.0, 30.0]),
    "Hub48khz": dict(use_causal_conv=False, norm_type="time_group_norm", audio_channels=2, normalize=True,
                     chunk_length_s=0.1, overlap=0.01, num_lstm_layers=1),
    "HubTrimmed": dict(use_causal_conv=True, trim_right_ratio=0.4, num_lstm_layers=1),
    "HubConstant": dict(use_causal_conv=False, pad_mode="constant", compress=1, num_residual_layers=2, num_lstm_layers=1,
                        dilation_growth_rate=3),
    "HubGroupNormCausal": dict(use_causal_conv=True, norm_type="time_group_norm", num_lstm_layers=1),
    "HubNewerNames": dict(use_causal_conv=False, num_lstm_layers=1),
    "HubUnevenRate": dict(use_causal_conv=False, num_lstm_layers=1, sampling_rate=6001, target_bandwidths=[0.0, 20.1]),
}
DAC = {
    "DacEvenStrides": dict(encoder_rates=[2, 4], decoder_rates=[4, 2]),
    "DacOddStrides": dict(encoder_rates=[2, 5], decoder_rates=[5, 2], codebook_dim=[3, 2]),
}


def make_audiocraft(seanet: dict, encodec: dict):
    import torch
    from audiocraft.models import builders
    from omegaconf import OmegaConf
    config = {"compression_model": "encodec", "device": "cpu",
              "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": 6000, "channels": 1, **encodec},
              "seanet": {**BASE, **seanet}, "rvq": {"n_q": 2, "bins": 16}}
    codec = builders.get_compression_model(OmegaConf.create(config))
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if "norm." in name or "bias" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
        for layer in codec.quantizer.vq.layers:
            layer._codebook.embed.normal_()
    codec.train()
    with torch.no_grad():  # spectral norm finds its vectors in training
        codec.decoder(codec.encoder(torch.randn(1, codec.channels, 60)))
    codec.eval()
    return "audiocraft", OmegaConf.to_yaml(config), codec, codec.state_dict()


def make_transformers(name: str, changes: dict):
    from audiocraft.models.encodec import HFEncodecCompressionModel
    settings = {**COMMON, "sampling_rate": 6000, "target_bandwidths": [9.0, 20.0], **TINY, **changes}
    model = random_encodec(settings, 1)
    state = model.state_dict()
    if name == "HubNewerNames":  # as later versions of the library save it
        state = {key.replace(".weight_g", ".parametrizations.weight.original0")
                    .replace(".weight_v", ".parametrizations.weight.original1"): value for key, value in state.items()}
    return "transformers", model.config.to_json_string(use_diff=False), HFEncodecCompressionModel(model).eval(), state


def make_dac(changes: dict):
    from audiocraft.models.encodec import DAC as Wrapped
    settings = dict(encoder_dim=2, decoder_dim=8, n_codebooks=2, codebook_size=16, codebook_dim=3, sample_rate=6000)
    settings.update(changes)
    model = random_dac(settings, 1)
    wrapped = Wrapped.__new__(Wrapped)  # its constructor looks into the cache
    super(Wrapped, wrapped).__init__()
    wrapped.model = model
    wrapped.n_quantizers = model.n_codebooks
    return "dac", settings, wrapped.eval(), model.state_dict()


def golden(kind: str, config, codec, state: dict) -> dict:
    import torch
    codes = torch.randint(codec.cardinality, (2, codec.num_codebooks, 7))
    hop = round(codec.sample_rate / codec.frame_rate)
    chunk = getattr(getattr(codec, "model", None), "config", None)
    length = 600 if chunk is not None and chunk.chunk_length_s else 4 * hop if kind == "dac" else 4 * hop + 2
    audio = torch.randn(1, codec.channels, length).mul_(0.3)
    case = {"kind": kind, "config": config, "state": state, "codes": codes,
            "facts": {"sample_rate": codec.sample_rate, "frame_rate": float(codec.frame_rate), "channels": codec.channels,
                      "codebooks": codec.num_codebooks, "cardinality": codec.cardinality}}
    with torch.no_grad():
        case["audio"] = codec.decode(codes)
        case["short"] = codec.decode(codes[..., :1])
        try:
            encoded, scale = codec.encode(audio)
            case.update(encoded=encoded, scaled=scale is not None)
            case["input"] = audio
        except Exception as error:  # what it says is the result
            case["encode_raises"] = f"{type(error).__name__}: {error}"
    return case


def make_cases():
    for name, (seanet, encodec) in SEANET.items():
        yield name, lambda: make_audiocraft(seanet, encodec)
    for name, params in ACTIVATIONS.items():
        change = {"activation": name, "activation_params": params, "ratios": [2], "n_filters": 2}
        yield "Activation" + name, lambda: make_audiocraft(change, {})
    for name, changes in HUB.items():
        yield name, lambda: make_transformers(name, changes)
    for name, changes in DAC.items():
        yield name, lambda: make_dac(changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch
    torch.set_num_threads(1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    cases, same = {}, {}  # equal tensors are written once
    for name, make in make_cases():
        torch.manual_seed(1)
        kind, config, codec, state = make()
        torch.manual_seed(2)
        case = golden(kind, config, codec, state)
        # What only training reads is left out; copies, for the file must not hold the case's other storages.
        unread = ("embed_avg", "cluster_size", "inited")
        case["state"] = {intern(key): same.setdefault((value.shape, value.numpy().tobytes()), value.clone())
                         for key, value in state.items() if not key.endswith(unread)}
        assert torch.isfinite(case["audio"]).all() and case["audio"].std() > 1e-3, name
        cases[name] = case
        print(f"{name:24} {str(tuple(case['audio'].shape)):14} short {case['short'].shape[-1]:3} "
              f"std {case['audio'].std():.3f} {json.dumps(case['facts'])} {case.get('encode_raises', '')[:90]}")
    torch.save(cases, arguments.out, _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
