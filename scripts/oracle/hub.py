"""Makes a Hugging Face cache that holds tiny random stand-ins, laid out as the hub client lays it out:

    t5-small (d_model 512), t5-base (d_model 768)   T5 encoders with a 187 entry vocabulary over WORDS
    facebook/encodec_32khz                          an EnCodec in the layout of the Transformers library

With --fixtures, the small hub that fixtures/hub holds instead (half precision, one or two narrow layers), each model
with the files of the real one:

    t5-small                   ReLU, with a decoder that nobody asks for, tied embeddings
    google/flan-t5-small       gated GELU, encoder only, special_tokens_map.json

Neither has a pytorch_model.bin: transformers 4.40.2 loads one from the cache only when it can ask the hub whether there
is a safetensors file as well (modeling_utils.py, has_file), and fails offline.

usage: hub.py [--fixtures] HUB     Parts that are there already are left alone. The same bytes come out each time.
"""
import io
import json
import random
import shutil
import sys
from pathlib import Path

WORDS = ("upbeat lo fi hip hop beat with piano and soft drums rock guitar solo calm ambient pad slow tempo jazz trio "
         "bass violin orchestra epic cinematic trailer music 80s synth pop dance energetic happy sad melancholic dark "
         "techno house acid funk soul blues country folk acoustic metal loud quiet fast medium female male vocal choir "
         "flute saxophone trumpet strings bells percussion tabla sitar").split()


def snapshot(hub: Path, name: str, revision: str) -> Path:
    """The folder of `name` at `revision`, with refs/main pointing at it."""
    root = hub / ("models--" + name.replace("/", "--"))
    (root / "refs").mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(revision)
    folder = root / "snapshots" / revision
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_t5(hub: Path, name: str, d_model: int) -> None:
    import sentencepiece
    import torch
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    random.seed(0)
    torch.manual_seed(0)
    folder = snapshot(hub, name, "0" * 39 + "1")
    corpus = hub / "corpus.txt"
    corpus.write_text("\n".join(" ".join(random.choices(WORDS, k=random.randint(3, 12))) for _ in range(4000)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(hub / "spiece"), vocab_size=88, model_type="unigram", pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>")
    shutil.move(str(hub / "spiece.model"), folder / "spiece.model")
    corpus.unlink()
    (hub / "spiece.vocab").unlink()
    T5Tokenizer(str(folder / "spiece.model"), extra_ids=100).save_pretrained(folder)
    model = T5EncoderModel(T5Config(vocab_size=192, d_model=d_model, d_kv=16, d_ff=64, num_layers=2, num_heads=4,
                                    feed_forward_proj="relu"))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "layer_norm" in key:  # ones otherwise: a loader that forgets them would go unnoticed
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder, safe_serialization=True)


def make_small_t5(hub: Path, name: str, feed_forward: str, whole: bool) -> None:
    import sentencepiece
    import torch
    from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration

    random.seed(0)
    torch.manual_seed(2 if whole else 3)
    folder = snapshot(hub, name, "0" * 39 + "1")
    vocabulary = io.BytesIO()  # and lines, not files: a model holds the paths that it was trained with
    lines = [" ".join(random.choices(WORDS, k=random.randint(3, 12))) for _ in range(4000)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=vocabulary, vocab_size=88, model_type="unigram", pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, pad_piece="<pad>", eos_piece="</s>", unk_piece="<unk>", num_threads=1)
    (folder / "spiece.model").write_bytes(vocabulary.getvalue())
    # As on the hub, where no added_tokens_decoder was saved yet.
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
               "additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)]}
    extra = {} if whole else {"sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**special, "extra_ids": 100, "model_max_length": 512, **extra}, indent=2) + "\n")
    if not whole:
        (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    model = (T5ForConditionalGeneration if whole else T5EncoderModel)(T5Config(
        vocab_size=192, d_model=512, d_kv=8, d_ff=24, num_layers=2, num_decoder_layers=1, num_heads=2,
        relative_attention_num_buckets=8, relative_attention_max_distance=20, feed_forward_proj=feed_forward))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "layer_norm" in key:  # ones otherwise: a loader that forgets them would go unnoticed
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif "relative_attention_bias" in key:  # all but zero otherwise
                parameter.mul_(20)
    model.half().save_pretrained(folder, safe_serialization=True)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)


def make_encodec(hub: Path) -> None:
    import torch
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(1)
    folder = snapshot(hub, "facebook/encodec_32khz", "0" * 39 + "2")
    model = EncodecModel(EncodecConfig(
        target_bandwidths=[2.2], sampling_rate=32000, audio_channels=1, normalize=False, chunk_length_s=None,
        overlap=None, hidden_size=16, num_filters=2, num_residual_layers=1, upsampling_ratios=[8, 5, 4, 4],
        norm_type="weight_norm", kernel_size=7, last_kernel_size=7, residual_kernel_size=3, dilation_growth_rate=2,
        use_causal_conv=False, pad_mode="reflect", compress=2, num_lstm_layers=2, trim_right_ratio=1.0,
        codebook_size=2048, codebook_dim=16, use_conv_shortcut=False))
    with torch.no_grad():
        for key, parameter in model.named_parameters():  # a fresh decoder is all but silent
            if key.endswith("weight_g"):
                parameter.mul_(1.75)
            elif key.endswith("bias"):
                parameter.mul_(0.3)
        for layer in model.quantizer.layers:
            layer.codebook.embed.copy_(torch.randn_like(layer.codebook.embed))
    model.save_pretrained(folder, safe_serialization=True)


def make_hub(hub: Path) -> None:
    """Makes what is missing of the hub cache in `hub`."""
    hub.mkdir(parents=True, exist_ok=True)
    for name, d_model in (("t5-small", 512), ("t5-base", 768)):
        if not (hub / f"models--{name}").exists():
            make_t5(hub, name, d_model)
    if not (hub / "models--facebook--encodec_32khz").exists():
        make_encodec(hub)


def make_fixtures_hub(hub: Path) -> None:
    """Makes what is missing of the T5 models in `hub`; hub_codecs.py makes the codecs."""
    for name, feed_forward, whole in (("t5-small", "relu", True), ("google/flan-t5-small", "gated-gelu", False)):
        if not (hub / ("models--" + name.replace("/", "--"))).exists():
            make_small_t5(hub, name, feed_forward, whole)


if __name__ == "__main__":
    small = sys.argv[1:2] == ["--fixtures"]
    (make_fixtures_hub if small else make_hub)(Path(sys.argv[-1]))
