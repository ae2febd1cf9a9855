#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>

#include "conformance/stages/belonging.h"
#include "conformance/stages/case_input.h"
#include "conformance/stages/model_probes.h"
#include "harness/generate/teacher_forced.h"

namespace conformance {
namespace {

using harness::Result;
using harness::model::LmConditions;
using nlohmann::json;

// Each codebook's code of it is followed by a step that it should change.
constexpr int64_t kConditioningFrames = 1;

// The largest difference between two passes, relative to the largest logit.
double CompareLogits(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / std::max(1e-30, a.abs().max().item<double>());
}

// As many places: padding alone changes what is attended to.
bool AreAlike(const LmConditions& a, const LmConditions& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.embedding.sizes() == y.embedding.sizes(); });
}

struct TextEffects {
  double text = 0;                   // in the place of none
  std::optional<double> other_text;  // in the place of the text; none of as many tokens was found
};

// `base`: the logits of `codes` without a text.
Result<TextEffects> MeasureTexts(const harness::pipeline::Models& models, const std::string& text,
                                 const at::Tensor& codes, const at::Tensor& base) {
  const auto predict = [&](const LmConditions& conditions) {
    return harness::generate::ComputeTeacherForcedLogits(models.language_model, conditions, codes);
  };
  HARNESS_ASSIGN_OR_RETURN(const LmConditions described, EncodeDescription(models, text));
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor given, predict(described));
  TextEffects effects{CompareLogits(base, given), {}};
  const std::string before = text.substr(0, text.find_last_of(' ') + 1);
  for (const char* word : {"piano", "rock", "a"}) {  // where words are hashed, two may fall together
    HARNESS_ASSIGN_OR_RETURN(const LmConditions other, EncodeDescription(models, before + word));
    if (before + word == text || !AreAlike(described, other)) continue;
    HARNESS_ASSIGN_OR_RETURN(const at::Tensor changed, predict(other));
    effects.other_text = std::max(effects.other_text.value_or(0), CompareLogits(given, changed));
    if (*effects.other_text > 0) break;
  }
  return effects;
}

}  // namespace

ModelProbe ProbeConditioning(const Context& context, const harness::pipeline::Models& models,
                             const Reference& reference) {
  const LmSpec& spec = models.language_model.spec();
  const at::Tensor codes = reference.codes.narrow(1, 0, std::min(kConditioningFrames, reference.codes.size(1)));
  // Row 0 as it is, row k + 1 with another code of codebook k.
  const int64_t rows = spec.num_codebooks + 1;
  at::Tensor given = codes.unsqueeze(0).repeat({rows, 1, 1});
  for (int64_t k = 0; k < spec.num_codebooks; ++k)
    given[k + 1][k].copy_((codes[k] + spec.cardinality / 2).remainder(spec.cardinality));
  LmConditions conditions = reference.conditions;
  for (auto& condition : conditions) condition.embedding = condition.embedding.expand({rows, -1, -1});
  const auto all = harness::generate::ComputeTeacherForcedLogits(models.language_model, conditions, given);
  if (!all.ok()) return MakeFailedProbe(all.error());
  const at::Tensor base = all->narrow(0, 0, 1);
  const double largest = std::max(1e-30, base.abs().max().item<double>());
  const double least = context.GetLimit("belonging.min_effect");
  json embeddings = json::array(), heads = json::array();
  std::vector<std::string> dead;
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    embeddings.push_back(CompareLogits(base, all->narrow(0, k + 1, 1)));
    const at::Tensor head = base[0][k];  // [S, cardinality]
    heads.push_back((head - head.mean(-1, true)).abs().max().item<double>() / largest);
    if (embeddings.back().get<double>() < least) dead.push_back(fmt::format("the codes of codebook {} (emb.{})", k, k));
    if (heads.back().get<double>() < least)
      dead.push_back(fmt::format("which code of codebook {} it is (linears.{})", k, k));
  }
  ModelProbe probe = MakeProbe();
  probe.measured = {{"embeddings", embeddings}, {"heads", heads}};
  probe.limit = {{"effect", least}};
  if (const auto text = FindEncodableText(models, context.profile())) {
    const auto effects = MeasureTexts(models, *text, codes, base);
    if (!effects.ok()) return MakeFailedProbe(effects.error());
    probe.measured["text"] = effects->text;
    if (effects->text < least) dead.push_back("a text (conditioners.description)");
    if (effects->other_text) {
      probe.measured["other_text"] = *effects->other_text;
      if (effects->text >= least && *effects->other_text < least)
        dead.push_back("what a text says (conditioners.description)");
    }
  }
  if (dead.empty()) return probe;
  probe.passed = false;
  probe.message = fmt::format("state_dict.bin: nothing that the model predicts changes with {}", fmt::join(dead, ", "));
  probe.remedy = "Look at these tensors in the checkpoint: were they trained, and exported under their names?";
  return probe;
}

}  // namespace conformance
