"""Makes tiny stand-ins for the codecs that an export can refer to, where the real ones are looked up:

    HUB/models--facebook--encodec_32khz   4 of 512 entries at 50 Hz, mono, not causal
    HUB/models--facebook--encodec_24khz   2 or 4 of 512 entries at 75 Hz, mono, causal, shortcuts
    HOME/.cache/descript/dac              weights_44khz_8kbps_0.0.1.pth: 4 of 512 entries at 44100 / 512 Hz

usage: hub_codecs.py --hub HUB [--home HOME]     The same random weights come out each time.

DAC needs descript-audio-codec 1.0.0 (README.md). Set HF_HUB_CACHE=HUB and HOME=HOME, and audiocraft finds them.
"""
import argparse
from pathlib import Path

from hub import snapshot

# Codebook counts that both formulas of the reference agree on: EncodecConfig.num_quantizers counts 10 bits a codebook,
# HFEncodecCompressionModel log2(codebook_size), and its assertion wants one count to come out whole.
COMMON = dict(hidden_size=8, num_filters=2, num_residual_layers=1, kernel_size=7, last_kernel_size=7, compress=2,
              residual_kernel_size=3, dilation_growth_rate=2, num_lstm_layers=2, pad_mode="reflect")
ENCODECS = {
    "facebook/encodec_32khz": dict(
        sampling_rate=32000, upsampling_ratios=[8, 5, 4, 4], codebook_size=512, target_bandwidths=[0.9, 2.0],
        norm_type="weight_norm", use_causal_conv=False, use_conv_shortcut=False),
    "facebook/encodec_24khz": dict(
        sampling_rate=24000, upsampling_ratios=[8, 5, 4, 2], codebook_size=512, target_bandwidths=[1.35, 3.0],
        norm_type="weight_norm", use_causal_conv=True, use_conv_shortcut=True, num_lstm_layers=1),
}
DAC_44KHZ = dict(encoder_dim=2, encoder_rates=[2, 4, 8, 8], latent_dim=16, decoder_dim=32, decoder_rates=[8, 8, 4, 2],
                 n_codebooks=4, codebook_size=512, codebook_dim=8, sample_rate=44100)


def level(codes, decode, scale, bias) -> None:
    """Scales the last convolution until the codes decode to audio that can be heard: rms 0.15, no offset."""
    import torch
    with torch.no_grad():
        scale.mul_(0.15 / decode(codes).std())
        bias.zero_()
        bias.sub_(decode(codes).mean())


def random_encodec(settings: dict, seed: int):
    import torch
    from transformers import EncodecConfig, EncodecModel
    torch.manual_seed(seed)
    model = EncodecModel(EncodecConfig(**{**COMMON, **settings})).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight_g"):
                parameter.mul_(1.5)
            elif "norm." in name:  # ones and zeros otherwise: a loader that forgets them would go unnoticed
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif ".lstm.bias" in name:
                parameter.normal_(std=0.1)
        for layer in model.quantizer.layers:
            layer.codebook.embed.normal_()
            layer.codebook.embed_avg.copy_(layer.codebook.embed)
            layer.codebook.cluster_size.fill_(1)
        codes = torch.randint(model.config.codebook_size, (1, 1, len(model.quantizer.layers), 60))
        last = model.decoder.layers[-1].conv
        weight = last.weight_g if model.config.norm_type == "weight_norm" else last.weight
        if model.config.norm_type == "weight_norm":
            level(codes, lambda c: model.decode(c, [None])[0], weight, last.bias)
        else:
            norm = model.decoder.layers[-1].norm
            level(codes, lambda c: model.decode(c, [None])[0], norm.weight, norm.bias)
    return model


def random_dac(settings: dict, seed: int):
    import torch
    from dac.model import DAC
    torch.manual_seed(seed)
    model = DAC(**settings).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("alpha"):
                parameter.add_(0.3 * torch.rand_like(parameter))
            elif name.endswith("weight_g") and ".quantizers." not in name:
                parameter.fill_(1.2)
            elif name.endswith("bias"):
                parameter.normal_(std=0.05)
        codes = torch.randint(model.codebook_size, (1, model.n_codebooks, 40))
        last = model.decoder.model[-2]
        before_tanh = model.decoder.model[:-1]
        level(codes, lambda c: before_tanh(model.quantizer.from_codes(c)[0]), last.weight_g, last.bias)
    return model


def make_hub(hub: Path) -> None:
    # float16, as small as it gets: both loaders cast to float32.
    for number, (name, settings) in enumerate(ENCODECS.items()):
        folder = snapshot(hub, name, "0" * 39 + "2")
        random_encodec(settings, 11 + number).half().save_pretrained(folder, safe_serialization=True)


def make_dac(home: Path) -> None:
    folder = home / ".cache" / "descript" / "dac"
    folder.mkdir(parents=True, exist_ok=True)
    random_dac(DAC_44KHZ, 21).half().save(folder / "weights_44khz_8kbps_0.0.1.pth", package=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", type=Path, required=True)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    make_hub(arguments.hub)
    if arguments.home:
        make_dac(arguments.home)


if __name__ == "__main__":
    main()
