// Category codec_compatibility, the codes: as many codebooks and entries as the language model has, in the order that
// its pattern gives them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "conformance/checks/codec_compatibility/codec_checks.h"

namespace conformance::codec_checks {

using harness::LmSpec;

namespace {

// The one key that would make the numbers of codebooks agree, where there is one; else what was exported wrongly.
std::string EditForCodebooks(const LmSpec& lm, const Codec& codec, int64_t active, bool mono) {
  const std::string other = "the codec is another one than the model was trained with: export that one";
  if (lm.num_codebooks == 2 * active && !lm.interleave_stereo && codec.facts.channels == 1 && !mono) {
    return "interleave_stereo_codebooks.use: true in state_dict.bin would make them agree, if the model is stereo; "
           "if not, " +
           other;
  }
  if (lm.interleave_stereo && !lm.stereo_per_timestep && active == 2 * lm.num_codebooks) {
    return "interleave_stereo_codebooks.per_timestep: true (left and right in turn), or .use: false (mono), in "
           "state_dict.bin would make them agree: set what the model was trained with";
  }
  const int64_t wanted = lm.num_codebooks / (lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1);
  if (wanted <= codec.facts.codebooks && harness::WithCodebooks(codec.facts, wanted).ok()) {
    return fmt::format("compression_model_n_q: {} in state_dict.bin would make them agree; if that is not it, {}",
                       wanted, other);
  }
  return "T" + other.substr(1);
}

}  // namespace

Outcome Codebooks(Context& context, const LmSpec& lm, const Codec& codec) {
  if (lm.compression_model_n_q &&
      (*lm.compression_model_n_q < 1 || *lm.compression_model_n_q > codec.facts.codebooks)) {
    return Fail(
        fmt::format("state_dict.bin: compression_model_n_q is {}, the codec has {} codebooks ({}): set_num_codebooks "
                    "asserts against it. Set it to what the model was trained with, or to null for all of them",
                    *lm.compression_model_n_q, codec.facts.codebooks, codec.From("rvq.n_q")));
  }
  if (lm.compression_model_n_q && !harness::WithCodebooks(codec.facts, *lm.compression_model_n_q).ok()) {
    return Fail(fmt::format(
        "state_dict.bin: compression_model_n_q is {}, the bandwidths of the codec allow {} codebooks ({}): "
        "set_num_codebooks raises ValueError. Set it to what the model was trained with",
        *lm.compression_model_n_q, fmt::join(codec.facts.possible_codebooks, " or "), codec.From("rvq.n_q")));
  }
  const bool doubled = lm.interleave_stereo && !lm.stereo_per_timestep;
  const int64_t active = lm.compression_model_n_q.value_or(codec.facts.codebooks) * (doubled ? 2 : 1);
  if (active == lm.num_codebooks) return Pass(active, lm.num_codebooks);
  const char* consequence = doubled                     ? "Decoding raises AssertionError"
                            : active < lm.num_codebooks ? "Decoding raises, or leaves codebooks out"
                                                        : "It decodes, with codebooks missing: wrong sound, no error";
  return Fail(
      fmt::format(
          "the language model generates {} codebooks (state_dict.bin: transformer_lm.n_q), the codec has {} "
          "({}: {}{}{}). {}. {}",
          lm.num_codebooks, active, codec.From("rvq.n_q"), codec.facts.codebooks,
          lm.compression_model_n_q ? fmt::format("; compression_model_n_q is {}", *lm.compression_model_n_q) : "",
          doubled ? "; doubled for stereo" : "", consequence,
          EditForCodebooks(lm, codec, active, LmNumber(context, "channels") == 1)),
      active, lm.num_codebooks);
}

Outcome Cardinality(Context&, const LmSpec& lm, const Codec& codec) {
  if (lm.cardinality == codec.facts.cardinality) return Pass(codec.facts.cardinality, lm.cardinality);
  return Fail(
      fmt::format("the language model draws from {} codes (state_dict.bin: transformer_lm.card), the codec's codebooks "
                  "have {} entries ({}). {}. It is another codec than the one that the model was trained with: export "
                  "that one",
                  lm.cardinality, codec.facts.cardinality, codec.From("rvq.bins"),
                  lm.cardinality > codec.facts.cardinality
                      ? "Codes beyond the codebook raise an IndexError when they come up"
                      : "It decodes with the wrong entries, without an error"),
      codec.facts.cardinality, lm.cardinality);
}

Outcome Delays(Context& context) {
  const LmSpec& lm = *context.exported().lm_spec();
  const harness::Status pattern = harness::CheckPattern(lm.pattern, lm.num_codebooks);
  if (pattern.ok()) return Pass(lm.pattern.delays);
  // What musicgen's own configs have, where that is not it already.
  std::string usual;
  if (lm.pattern.kind == harness::PatternSpec::Kind::kDelay) {
    const int64_t share = lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1;
    std::vector<int64_t> delays;
    for (int64_t k = 0; k < std::min<int64_t>(lm.num_codebooks, 64); ++k) delays.push_back(k / share);
    usual =
        fmt::format("; for a {} model they usually are [{}]", share == 2 ? "stereo" : "mono", fmt::join(delays, ", "));
  }
  return Fail(
      fmt::format("state_dict.bin: {}. The pattern provider asserts against it when the model is built, without a "
                  "message. Set what the model was trained with{}",
                  pattern.error().message, usual));
}

}  // namespace conformance::codec_checks
