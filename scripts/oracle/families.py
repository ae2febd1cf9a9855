"""The kinds of model that MusicGen.get_pretrained loads, each as the Hydra overrides of one small export."""
import zlib
from dataclasses import dataclass, field

TEXTS = ("upbeat lo fi hip hop beat", "slow sad piano with soft strings and a flute")

T5 = "conditioners.description.t5."
MUSICGEN = ["solver=musicgen/musicgen_base_32khz"]
MELODY = ["solver=musicgen/musicgen_melody_32khz"]
AUDIOGEN = ["solver=audiogen/audiogen_base_16khz"]
CODEC_32K = ["solver=compression/encodec_musicgen_32khz"]
CODEC_16K = ["solver=compression/encodec_audiogen_16khz"]
# What nearly every fault recipe derives from: its weights stay as they are.
MONO_LM = ["model/lm/model_scale=xsmall", "transformer_lm.dim=32", "transformer_lm.num_heads=4",
           "transformer_lm.card=256", T5 + "name=t5-small"]
MONO_CODEC = ["seanet.n_filters=2", "seanet.dimension=8", "rvq.bins=256"]
# The others are as small as they go; 250 is the least that the reference's top_k of 250 can draw from.
TINY = ["model/lm/model_scale=xsmall", "transformer_lm.dim=8", "transformer_lm.num_heads=2", "transformer_lm.card=250"]
WIDER = TINY + ["transformer_lm.dim=16", "transformer_lm.num_heads=4"]
T5_SMALL = [T5 + "name=t5-small"]
TINY_CODEC = ["seanet.n_filters=1", "seanet.compress=1", "seanet.dimension=4", "seanet.lstm=1", "rvq.bins=250"]
OWN_CODEC = ["compression_model_checkpoint=//sig/5f2d9c1e"]  # a codec of one's own runs; the solvers name a published one
AT_16K = ["sample_rate=16000"] + OWN_CODEC
CUSTOM = ["transformer_lm.custom=true", "transformer_lm.memory_efficient=false"]
LUT = ["conditioners.description.model=lut",
       "+conditioners.description.lut={n_bins: 40, dim: 6, tokenizer: noop, pad_idx: 3}"]

# Without its transformer, whose smallest size has 3 M parameters.
STYLE = ("{model_name: encodec, transformer_scale: none, sample_rate: 32000, length: 3.0, compute_mask: true, "
         "encodec_checkpoint: '//pretrained/facebook/encodec_32khz', encodec_n_q: 1, ds_factor: 15, n_q_out: 2, eval_q: 1, "
         "q_dropout: true, bins: 8, varying_lengths: [1.5, 4.5], batch_norm: true, rvq_threshold_ema_dead_code: 0.1, "
         "num_codebooks_lm: 4, ds_rate_compression: 640, use_middle_of_segment: false}")


@dataclass
class Family:
    name: str
    shows: str                     # what this export has that the others don't
    lm: list                       # Hydra overrides
    codec: list = field(default_factory=lambda: CODEC_32K + TINY_CODEC)
    reference: str = ""            # the codec is this name, not weights
    seed: int = 0                  # 0: from the name
    duration_s: float = 0.4
    codec_alone: bool = True       # goldens of the codec by itself, and audio of every run; else the codec is another's
    forced_frames: int = 4         # of codes behind logits.npy
    two_step: bool = False         # a run with two_step_cfg
    melody: tuple = ()             # (sample rate, channels) of a melody to follow
    text: bool = True              # the description reaches the model
    plain: bool = False            # weights as the builders initialise them
    half: bool = False             # the language model's weights in float16, as a run under FSDP saves them
    audiocraft: str = "1.3.0"      # made by this release; README.md says how to have another
    trained: bool = False          # else its weights are random
    embedding_gain: float = 3.0
    condition_gain: float = 1.0

    def __post_init__(self):
        self.seed = self.seed or zlib.crc32(self.name.encode()) % 1000


def transformer(name: str, shows: str, *overrides: str, lm=WIDER, **rest) -> Family:
    """A text model whose codec runs at 16 kHz, to save space."""
    return Family(name, shows, MUSICGEN + lm + T5_SMALL + AT_16K + list(overrides), CODEC_16K + TINY_CODEC, codec_alone=False,
                  **rest)


def pattern(modeling: str, shows: str, *overrides: str, **rest) -> Family:
    return transformer("pattern-" + modeling.replace("_", "-"), shows, f"codebooks_pattern.modeling={modeling}", *overrides,
                       lm=TINY, **rest)


def codec(name: str, shows: str, *overrides: str, lm=(), **rest) -> Family:
    return Family("codec-" + name, shows, MUSICGEN + TINY + T5_SMALL + OWN_CODEC + list(lm), CODEC_32K + TINY_CODEC + list(overrides), **rest)


FAMILIES = [
    Family("mono", "musicgen-small as it is published", MUSICGEN + MONO_LM, CODEC_32K + MONO_CODEC, seed=3,
           two_step=True, plain=True),
    Family("stereo", "a codec run twice, the codebooks of left and right interleaved",
           MUSICGEN + TINY + T5_SMALL + AT_16K + [
               "transformer_lm.n_q=8", "channels=2", "interleave_stereo_codebooks.use=true",
               "codebooks_pattern.delay.delays=[0,0,1,1,2,2,3,3]"], CODEC_16K + TINY_CODEC, seed=2),
    Family("stereo-timestep", "a codec run twice, left and right one frame after the other",
           MUSICGEN + TINY + T5_SMALL + AT_16K + ["channels=2", "interleave_stereo_codebooks.use=true",
                                                  "interleave_stereo_codebooks.per_timestep=true"], CODEC_16K + TINY_CODEC),
    Family("melody", "chroma of a melody and text, both prepended", MELODY + TINY + T5_SMALL, two_step=True,
           melody=(32000, 1)),
    # Transformer.
    transformer("rope", "rotary positions with decay, norms of queries and keys, audiocraft's own attention", *CUSTOM,
                "transformer_lm.positional_embedding=rope", "transformer_lm.xpos=true",
                "transformer_lm.qk_layer_norm=true", "transformer_lm.qk_layer_norm_cross=true"),
    transformer("sin-rope", "both kinds of positions; with memory-efficient attention upstream rotates by the number of heads",
                "transformer_lm.positional_embedding=sin_rope", "+transformer_lm.positional_scale=0.7",
                "+transformer_lm.max_period=500", seed=1),
    transformer("kv-repeat", "fewer heads of keys and values than of queries, attention in float32",
                "transformer_lm.kv_repeat=2", "transformer_lm.attention_as_float32=true", "transformer_lm.hidden_scale=3",
                "transformer_lm.cross_attention=true"),
    transformer("past-context", "attention to the last steps only", *CUSTOM, "transformer_lm.past_context=5",
                "transformer_lm.positional_embedding=rope", "transformer_lm.kv_repeat=4"),
    transformer("post-norm", "norms behind the blocks, layer scales, every bias, PyTorch's attention, ReLU",
                "transformer_lm.norm_first=false", "transformer_lm.layer_scale=0.5", "transformer_lm.bias_proj=true",
                "transformer_lm.bias_ff=true", "transformer_lm.bias_attn=true", "transformer_lm.memory_efficient=false",
                "transformer_lm.activation=relu", two_step=True),
    transformer("cross-pos-emb", "positions in what cross attention sees", "fuser.cross_attention_pos_emb=true",
                "fuser.cross_attention_pos_emb_scale=0.5", lm=TINY),
    # Patterns.
    pattern("delay", "delays, the first frames flattened, an empty step", "codebooks_pattern.delay.flatten_first=2",
            "codebooks_pattern.delay.empty_initial=1", "codebooks_pattern.delay.delays=[0,1,1,3]"),
    pattern("parallel", "no delays, two empty steps", "+codebooks_pattern.parallel.empty_initial=2"),
    pattern("unroll", "codebooks at inner steps of a frame, the last one later", "codebooks_pattern.unroll.flattening=[0,1,1,2]",
            "codebooks_pattern.unroll.delays=[0,0,0,2]", forced_frames=2, seed=1),
    pattern("coarse_first", "the first codebook whole, then the rest", "codebooks_pattern.coarse_first.delays=[0,1,2]"),
    pattern("musiclm", "pairs of codebooks in turn; music_lm is a key of the config that nothing reads",
            "codebooks_pattern.music_lm.group_by=4", forced_frames=2, seed=6),
    # Conditioners and fusers.
    transformer("flan", "Flan-T5: gated feed-forward", T5 + "name=google/flan-t5-small", lm=TINY),
    transformer("t5-finetune", "T5 inside the export, other weights than the hub's", T5 + "finetune=true", lm=TINY, half=True, seed=1),
    Family("lut", "descriptions looked up in a table", MUSICGEN + TINY + LUT + AT_16K, CODEC_16K + TINY_CODEC, two_step=True,
           codec_alone=False),
    # conditioner/none.yaml says null, which the loader can't read: a recipe of faults/ shows it.
    Family("no-conditioner", "nothing to follow, and so no guidance",
           MUSICGEN + TINY + ["conditioner=none", "conditioners={}"] + AT_16K, CODEC_16K + TINY_CODEC, text=False,
           codec_alone=False),
    Family("sum-prepend", "a summed table, prepended chroma of another size, not one-hot",
           MELODY + TINY + LUT + AT_16K + [
               "fuser.sum=[description]", "fuser.prepend=[self_wav]", "conditioners.self_wav.chroma_stem.argmax=false",
               "conditioners.self_wav.chroma_stem.n_chroma=6", "conditioners.self_wav.chroma_stem.radix2_exp=12"],
           CODEC_16K + TINY_CODEC, melody=(16000, 2), codec_alone=False),
    transformer("prepend", "a text model whose text is prepended", "fuser.cross=[]", "fuser.prepend=[description]", lm=TINY, seed=2),
    Family("interpolate", "text interpolated to the sequence, chroma to cross attention",
           MELODY + TINY + T5_SMALL + AT_16K + ["fuser.input_interpolate=[description]", "fuser.prepend=[]",
                                                "fuser.cross=[self_wav]"],
           CODEC_16K + TINY_CODEC, melody=(16000, 1), codec_alone=False, seed=1),
    # Codecs.
    Family("audiogen", "AudioGen's language model and its codec at 16 kHz", AUDIOGEN + TINY + T5_SMALL + [
        "dataset.segment_duration=30"], CODEC_16K + TINY_CODEC, seed=1),
    codec("causal", "causal convolutions, trimmed on both sides, skips with weights, two dilated residual layers",
          "encodec.causal=true", "seanet.decoder.trim_right_ratio=0.5", "seanet.true_skip=false", "seanet.n_residual_layers=2",
          "seanet.dilation_base=3", "seanet.pad_mode=reflect", "seanet.activation_params.alpha=0.7",
          "seanet.disable_norm_outer_blocks=2", "seanet.residual_kernel_size=5"),
    codec("group-norm", "norms over time, no LSTM, LeakyReLU and Tanh, a wider decoder, renormalised, kernels of 5",
          "seanet.norm=time_group_norm", "seanet.lstm=0", "seanet.activation=LeakyReLU",
          "~seanet.activation_params.alpha", "+seanet.activation_params.negative_slope=0.3", "seanet.decoder.final_activation=Tanh",
          "+seanet.decoder.n_filters=2", "encodec.renormalize=true", "seanet.kernel_size=5", "seanet.last_kernel_size=3"),
    codec("two-channels", "two channels in one codec, no norm, ratios that are odd, replicated padding", "channels=2",
          "seanet.norm=none", "seanet.ratios=[4,5,8,3]", "sample_rate=24000", "seanet.pad_mode=replicate", "seanet.lstm=2",
          lm=["channels=2", "sample_rate=24000"]),
    Family("active-codebooks", "compression_model_n_q: half of the codec's codebooks are used",
           MUSICGEN + TINY + T5_SMALL + AT_16K + ["compression_model_n_q=2", "transformer_lm.n_q=2",
                                                  "codebooks_pattern.delay.delays=[0,1]"], CODEC_16K + TINY_CODEC),
    Family("ref-encodec", "only a reference to an EnCodec of the hub",
           MUSICGEN + TINY + T5_SMALL + ["transformer_lm.card=512", "transformer_lm.dim=4", "transformer_lm.num_heads=1"],
           reference="facebook/encodec_32khz"),
    Family("ref-dac", "only a reference to a DAC codec, whose frames are no whole number a second",
           MUSICGEN + TINY + T5_SMALL + ["transformer_lm.card=512", "transformer_lm.dim=4", "transformer_lm.num_heads=1",
                                         "sample_rate=44100", "compression_model_checkpoint=//pretrained/dac_44khz"],
           reference="dac_44khz"),
    Family("style", "the style conditioner of audiocraft 1.4, weights in float16", MELODY + TINY + T5_SMALL + AT_16K + [
        "~conditioners.self_wav.chroma_stem", "conditioners.self_wav.model=style", f"+conditioners.self_wav.style={STYLE}"],
           CODEC_16K + TINY_CODEC, codec_alone=False, half=True, audiocraft="1.4.0a2", seed=3),
]
