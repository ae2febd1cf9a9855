#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

#include "conformance/stages/alternative_score.h"
#include "conformance/stages/belonging.h"
#include "conformance/stages/model_probes.h"
#include "conformance/stages/step_times.h"
#include "harness/generate/catch_torch.h"
#include "harness/pipeline/alternatives.h"
#include "harness/pipeline/codec_source.h"

namespace conformance {
namespace {

using harness::Result;
using harness::exports::Role;
using harness::generate::BlockTest;
using harness::generate::Likelihood;
using harness::pipeline::Alternative;
using harness::pipeline::CodecAlternative;
using nlohmann::json;

constexpr int64_t kMoreToExplain = 10;
constexpr size_t kMostLooks = 3;

using Score = AlternativeScore;
using Candidate = std::variant<Alternative, CodecAlternative>;

// What one reading makes of one clip.
struct Reading {
  Likelihood found;
  std::optional<harness::audio::RoundTrip> round_trip;  // of a codec
};

// Scores other readings of the weights against the config's.
class Contest {
 public:
  // `others`: further clips that the model predicts.
  Contest(Context& context, const harness::pipeline::Models& models, const Heard& judged,
          std::vector<const Heard*> others, int64_t windows)
      : context_(context),
        models_(models),
        judged_(judged),
        others_(std::move(others)),
        windows_(windows),
        more_(judged.further) {}

  // Over the first `frames` of the clip that is judged.
  Result<Score> Begin(const Candidate& candidate, int64_t frames) const {
    Score score = std::visit(
        [](const auto& of) {
          constexpr bool codec = std::is_same_v<std::decay_t<decltype(of)>, CodecAlternative>;
          Score empty;
          empty.key = of.key;
          empty.value = of.value;
          empty.present = of.present;
          empty.of_config = of.of_config();
          empty.role = codec ? Role::kCodec : Role::kLanguageModel;
          return empty;
        },
        candidate);
    HARNESS_RETURN_IF_ERROR(Add(candidate, judged_, frames, score));
    return score;
  }

  // Over all of it, and over what follows it.
  Result<Score> Finish(const Candidate& candidate) {
    HARNESS_ASSIGN_OR_RETURN(Score score, Begin(candidate, judged_.reference.codes.size(1)));
    HARNESS_RETURN_IF_ERROR(HearMore());
    for (const Heard& heard : more_)
      HARNESS_RETURN_IF_ERROR(Add(candidate, heard, heard.reference.codes.size(1), score));
    score.whole = true;
    for (const Heard* other : others_) {
      Score alone;
      HARNESS_RETURN_IF_ERROR(Add(candidate, *other, other->reference.codes.size(1), alone));
      score.contradicted = score.contradicted || !(alone.better.mean > 0);
    }
    return score;
  }

 private:
  // The same clip further on, as far as it goes.
  harness::Status HearMore() {
    for (int64_t window = static_cast<int64_t>(more_.size()) + 1; window < windows_ && !ended_; ++window) {
      HARNESS_ASSIGN_OR_RETURN(auto heard, HearWindow(models_, judged_, window));
      if (heard) more_.push_back(*std::move(heard));
      ended_ = !heard;
    }
    return {};
  }

  Result<Reading> Read(const Alternative& of, const Reference& reference, int64_t frames) const {
    HARNESS_ASSIGN_OR_RETURN(harness::model::TensorTable tensors,
                             harness::pipeline::BindLanguageModel(context_.exported()));
    auto model = harness::generate::CatchTorch<harness::model::LanguageModel>("building an alternative", [&] {
      const c10::InferenceMode inference;
      if (of.rearrange) of.rearrange(of.spec, tensors);
      return harness::model::LanguageModel::Build(
          of.spec, tensors, {models_.language_model.device(), models_.language_model.precision()});
    });
    if (!model.ok()) return model.error();
    const at::Tensor codes = reference.codes.narrow(1, 0, frames).contiguous();
    HARNESS_ASSIGN_OR_RETURN(Likelihood found,
                             harness::generate::MeasureLikelihood(*model, reference.conditions, codes));
    return Reading{std::move(found), {}};
  }

  Result<Reading> Read(const CodecAlternative& of, const Reference& reference, int64_t frames) const {
    using Codec = std::unique_ptr<harness::model::CompressionModel>;
    const at::Device device = models_.language_model.device();
    const auto codec = harness::generate::CatchTorch<Codec>("building an alternative", [&]() -> Result<Codec> {
      const c10::InferenceMode inference;
      return LoadCodecAs(context_.exported(), of, device);
    });
    if (!codec.ok()) return codec.error();
    const int64_t samples = (*codec)->facts().Samples(frames + (*codec)->facts().steps_per_frame);
    auto reading = harness::generate::CatchTorch<Reading>("encoding the reference audio", [&]() -> Result<Reading> {
      const c10::InferenceMode inference;
      const at::Tensor audio = reference.audio.narrow(2, 0, std::min(samples, reference.audio.size(2)));
      const at::Tensor codes = EncodeFrames(**codec, audio, device, frames);
      HARNESS_ASSIGN_OR_RETURN(
          Likelihood found, harness::generate::MeasureLikelihood(models_.language_model, reference.conditions, codes));
      return Reading{std::move(found), MeasureRoundTrip(**codec, audio, codes, device)};
    });
    return reading;
  }

  // What `candidate` makes of one clip.
  harness::Status Add(const Candidate& candidate, const Heard& heard, int64_t frames, Score& score) const {
    HARNESS_ASSIGN_OR_RETURN(const Reading reading,
                             std::visit([&](const auto& of) { return Read(of, heard.reference, frames); }, candidate));
    const auto compared = harness::generate::CatchTorch<Score>("comparing an alternative", [&]() -> Result<Score> {
      const c10::InferenceMode inference;
      Score more = std::move(score);
      const bool first = more.gains.empty();
      const Likelihood &base = heard.scores.likelihood, &found = reading.found;
      const at::Tensor valid = found.valid.logical_and(base.valid.narrow(1, 0, frames));
      AppendFrames(base.nats.narrow(1, 0, frames) - found.nats, valid, more.gains);
      AppendFrames(base.tempered.narrow(1, 0, frames) - found.tempered, valid, more.tempered_gains);
      more.better = TestFrames(more.gains);
      more.better_tempered = TestFrames(more.tempered_gains);
      if (first) {
        more.nats = found.mean();
        std::vector<double> below;
        AppendBelowChance(context_, models_.language_model.spec(), found, below);
        more.predicts = MayBeAboveZero(TestFrames(below));
      }
      if (reading.round_trip)
        more.band_losses_db.push_back(reading.round_trip->band_error_db - heard.scores.round_trip.band_error_db);
      return more;
    });
    if (!compared.ok()) return compared.error();
    score = *compared;
    return {};
  }

  Context& context_;
  const harness::pipeline::Models& models_;
  const Heard& judged_;
  std::vector<const Heard*> others_;
  int64_t windows_;
  std::vector<Heard> more_;
  bool ended_ = false;
};

// Of what one run scores, in order, as far as its budget goes.
struct Scored {
  std::vector<Score> scores;
  std::vector<std::string> left_out;  // "KEY: VALUE"
  double work_left = 0;
};

// Every candidate over the first frames.
Result<Scored> ScoreAll(const Contest& contest, const std::vector<Candidate>& candidates,
                        const std::function<double(const Candidate&)>& count_work, int64_t frames, double work_left) {
  const auto progress = ShowProgress("other readings of the weights").progress;
  Scored scored{{}, {}, work_left};
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (const double work = count_work(candidates[i]); work <= scored.work_left) {
      scored.work_left -= work;
    } else {
      scored.left_out.push_back(
          std::visit([](const auto& of) { return fmt::format("{}: {}", of.key, of.value); }, candidates[i]));
      continue;
    }
    auto score = contest.Begin(candidates[i], frames);
    if (!score.ok() && score.error().code == harness::ErrorCode::kMachine) return score.error();
    // One that raises, or gives logits that are not finite, is no better reading.
    if (score.ok()) {
      score->candidate = i;
      scored.scores.push_back(*std::move(score));
    }
    if (progress) progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(candidates.size()));
  }
  return scored;
}

// The most promising ones over everything.
harness::Status LookAgain(Contest& contest, const std::vector<Candidate>& candidates, std::vector<Score>& scores) {
  std::vector<Score*> promising;
  for (Score& score : scores) {
    if (IsWorthALook(score)) promising.push_back(&score);
  }
  std::sort(promising.begin(), promising.end(),
            [](const Score* a, const Score* b) { return a->better.p < b->better.p; });
  if (promising.size() > kMostLooks) promising.resize(kMostLooks);
  for (Score* score : promising) {
    auto again = contest.Finish(candidates[score->candidate]);
    if (!again.ok() && again.error().code == harness::ErrorCode::kMachine) return again.error();
    if (again.ok()) *score = *std::move(again);
  }
  return {};
}

std::string DescribeP(double p) { return p < 1e-6 ? "p < 1e-6" : fmt::format("p = {:.1g}", p); }

void Report(const Score& best, double p, ModelProbe& probe) {
  const char* file = harness::exports::FileName(best.role);
  const std::string figures = fmt::format("{:.2f} nats a code of real audio less, {}", best.better.mean, DescribeP(p));
  probe.passed = false;
  if (best.of_config) {
    probe.message = fmt::format(
        "{}: the weights fit {} better than the config's {} ({}). Both load, since no shape depends on it, and the "
        "export sounds worse than the model that was trained",
        file, best.Describe(), best.present, figures);
    probe.remedy = fmt::format("Set {} in xp.cfg, if the model was trained so", best.Describe());
  } else {
    probe.message = fmt::format(
        "{}: {}: the weights fit better read as \"{}\" than as \"{}\", which is how audiocraft reads them ({}). Both load, "
        "since the shapes are the same, and the export sounds worse than the model that was trained",
        file, best.key, best.value, best.present, figures);
    probe.remedy =
        fmt::format("Where the weights are converted, write {} as \"{}\", as audiocraft reads it, and export again",
                    best.key, best.present);
  }
}

ModelProbe Judge(const Context& context, const ModelScores& base, const Scored& scored) {
  ModelProbe probe = MakeProbe();
  const Score* best = nullptr;
  json list = json::array();
  for (const Score& score : scored.scores) {
    const double p = CorrectP(score, scored.scores.size());
    list.push_back({{"key", score.key},
                    {"value", score.value},
                    {"nats", score.nats},
                    {"gain", score.better.mean},
                    {"p", p},
                    {"frames", score.gains.size()}});
    if (!IsBetter(score, p, context.GetLimit("belonging.min_gain"))) continue;
    if (best == nullptr || score.better.mean > best->better.mean) best = &score;
  }
  probe.measured = {{"nats", base.likelihood.mean()}, {"scored", list}, {"not_scored", scored.left_out}};
  probe.limit = {{"gain", context.GetLimit("belonging.min_gain")}, {"p", kSignificance}};
  if (best != nullptr && context.profile().expect_trained) Report(*best, CorrectP(*best, scored.scores.size()), probe);
  return probe;
}

std::vector<Candidate> ListCandidates(Context& context, const harness::pipeline::Models& models) {
  std::vector<Candidate> candidates;
  const auto& lm_config = context.exported().file(Role::kLanguageModel).config();
  for (auto& of : harness::pipeline::ListAlternatives(*lm_config, models.language_model.spec()))
    candidates.emplace_back(std::move(of));
  // The config of a codec that is referred to came with its weights.
  const auto* own = std::get_if<harness::exports::OwnCodec>(&context.exported().codec()->source);
  if (own != nullptr) {
    const auto& codec_config = context.exported().file(Role::kCodec).config();
    const int64_t codebooks = models.language_model.spec().compression_model_n_q.value_or(own->spec.num_codebooks);
    for (auto& of : harness::pipeline::ListCodecAlternatives(*codec_config, own->spec, codebooks))
      candidates.emplace_back(std::move(of));
  }
  return candidates;
}

}  // namespace

ModelProbe ProbeAlternatives(Context& context, const harness::pipeline::Models& models, const std::vector<Heard>& all,
                             const Heard& judged, const BelongingBudget& budget) {
  if (context.profile().belonging == "quick") {
    return MakeNotRun(reason::kNotAsked, "no other reading of the weights is scored: the profile says belonging: quick",
                      "Write belonging: default, or all");
  }
  const auto& spec = models.language_model.spec();
  const int64_t first = std::min(budget.first, judged.reference.codes.size(1));
  // A model that does not predict has a cause, which is worth more work than a good export is.
  const bool fails = context.profile().expect_trained && TestFrames(judged.below_chance).p >= kSignificance;
  const std::vector<Candidate> candidates = ListCandidates(context, models);
  const auto count_work = [&](const Candidate& candidate) {
    const auto* lm = std::get_if<Alternative>(&candidate);
    if (lm != nullptr) return CountLmWork(lm->spec, first);
    return CountLmWork(spec, first) + 2 * CountEncoderWork(std::get<CodecAlternative>(candidate).spec, first);
  };
  std::vector<const Heard*> others;
  for (const Heard& heard : all) {
    if (&heard != &judged && TestFrames(heard.below_chance).p < kSignificance) others.push_back(&heard);
  }
  Contest contest(context, models, judged, std::move(others), budget.windows);
  auto scored = ScoreAll(contest, candidates, count_work, first, budget.work * (fails ? kMoreToExplain : 1));
  if (!scored.ok()) return MakeFailedProbe(scored.error());
  if (context.profile().expect_trained) {
    const auto looked = LookAgain(contest, candidates, scored->scores);
    if (!looked.ok()) return MakeFailedProbe(looked.error());
  }
  return Judge(context, judged.scores, *scored);
}

}  // namespace conformance
