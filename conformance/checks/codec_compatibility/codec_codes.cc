// Category codec_compatibility, the codes: as many codebooks and entries as the language model has, in the order that
// its pattern gives them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "conformance/checks/codec_compatibility/codec_checks.h"

namespace conformance::codec_checks {

using harness::architecture::LmSpec;

namespace {

// The one key that would make the numbers of codebooks agree, where there is one; else what was exported wrongly.
std::string SuggestCodebooks(const LmSpec& lm, const Codec& codec, int64_t active, bool mono) {
  if (lm.num_codebooks == 2 * active && !lm.interleave_stereo && codec.facts.channels == 1 && !mono) {
    return "If the model is stereo, set interleave_stereo_codebooks.use: true in state_dict.bin, with which they agree; "
           "if it is not, export the codec that the model was trained with";
  }
  if (lm.interleave_stereo && !lm.stereo_per_timestep && active == 2 * lm.num_codebooks) {
    return "Set interleave_stereo_codebooks.per_timestep: true (left and right in turn), or .use: false (mono), in "
           "state_dict.bin, as the model was trained: with either of them they agree";
  }
  const int64_t wanted = lm.num_codebooks / (lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1);
  if (wanted <= codec.facts.codebooks && harness::architecture::WithCodebooks(codec.facts, wanted).ok()) {
    return fmt::format(
        "If the model was trained so, set compression_model_n_q: {} in state_dict.bin, with which they "
        "agree; if not, export the codec that it was trained with",
        wanted);
  }
  return kExportTrainedCodec;
}

}  // namespace

Outcome CheckCodebooks(Context& context, const LmSpec& lm, const Codec& codec) {
  // With a number that the codec can't have, what would agree is the language model's own.
  const auto suggest = [&](int64_t active) {
    return SuggestCodebooks(lm, codec, active, ReadLmNumber(context, "channels") == 1);
  };
  if (lm.compression_model_n_q &&
      (*lm.compression_model_n_q < 1 || *lm.compression_model_n_q > codec.facts.codebooks)) {
    return Fail(fmt::format("state_dict.bin: compression_model_n_q is {}, but the codec has {} codebooks ({}). "
                            "MusicGen.get_pretrained raises an AssertionError (set_num_codebooks)",
                            *lm.compression_model_n_q, codec.facts.codebooks, codec.NameKey("rvq.n_q")))
        .WithRemedy(suggest(0));
  }
  if (lm.compression_model_n_q && !harness::architecture::WithCodebooks(codec.facts, *lm.compression_model_n_q).ok()) {
    return Fail(fmt::format("state_dict.bin: compression_model_n_q is {}, but the bandwidths of the codec allow {} "
                            "codebooks ({}). MusicGen.get_pretrained raises a ValueError (set_num_codebooks)",
                            *lm.compression_model_n_q, fmt::join(codec.facts.possible_codebooks, " or "),
                            codec.NameKey("rvq.n_q")))
        .WithRemedy(suggest(0));
  }
  const bool doubled = lm.interleave_stereo && !lm.stereo_per_timestep;
  const int64_t active = lm.compression_model_n_q.value_or(codec.facts.codebooks) * (doubled ? 2 : 1);
  if (active == lm.num_codebooks) return Pass(active, lm.num_codebooks);
  const char* consequence = doubled ? "Decoding raises an AssertionError"
                            : active < lm.num_codebooks
                                ? "Decoding raises an error, or leaves codebooks out"
                                : "Decoding leaves codebooks out: wrong sound, without an error";
  return Fail(fmt::format("state_dict.bin: the language model generates {} codebooks (transformer_lm.n_q), but the "
                          "codec has {} ({}: {}{}{}). {}",
                          lm.num_codebooks, active, codec.NameKey("rvq.n_q"), codec.facts.codebooks,
                          lm.compression_model_n_q
                              ? fmt::format("; compression_model_n_q is {}", *lm.compression_model_n_q)
                              : "",
                          doubled ? "; doubled for stereo" : "", consequence),
              active, lm.num_codebooks)
      .WithRemedy(suggest(active));
}

Outcome CheckCardinality(Context&, const LmSpec& lm, const Codec& codec) {
  if (lm.cardinality == codec.facts.cardinality) return Pass(codec.facts.cardinality, lm.cardinality);
  return Fail(fmt::format("state_dict.bin: the language model draws from {} codes (transformer_lm.card), but the "
                          "codec's codebooks have {} entries ({}). {}",
                          lm.cardinality, codec.facts.cardinality, codec.NameKey("rvq.bins"),
                          lm.cardinality > codec.facts.cardinality
                              ? "Codes beyond the codebook raise an IndexError when they come up"
                              : "The codec decodes with the wrong entries, without an error"),
              codec.facts.cardinality, lm.cardinality)
      .WithRemedy(kExportTrainedCodec);
}

Outcome CheckDelays(Context& context) {
  const LmSpec& lm = *context.exported().lm_spec();
  const harness::Status pattern = harness::architecture::CheckPattern(lm.pattern, lm.num_codebooks);
  if (pattern.ok()) return Pass(lm.pattern.delays);
  std::string remedy = "Set what the model was trained with";
  // What MusicGen's own configs have.
  if (lm.pattern.kind == harness::architecture::PatternSpec::Kind::kDelay) {
    const int64_t share = lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1;
    std::vector<int64_t> delays;
    for (int64_t k = 0; k < std::min<int64_t>(lm.num_codebooks, 64); ++k) delays.push_back(k / share);
    remedy +=
        fmt::format("; if that is unknown, set codebooks_pattern.delay.delays: [{}], as {} models usually have it",
                    fmt::join(delays, ", "), share == 2 ? "stereo" : "mono");
  }
  return Fail(fmt::format("state_dict.bin: {}. MusicGen.get_pretrained raises an AssertionError without a message",
                          pattern.error().message))
      .WithRemedy(std::move(remedy));
}

}  // namespace conformance::codec_checks
