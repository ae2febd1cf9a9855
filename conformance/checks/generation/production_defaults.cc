#include <fmt/format.h>

#include "conformance/checks/generation/generation.h"

namespace conformance {
namespace {

// MusicGen.set_generation_params, audiocraft 1.3.0.
constexpr double kExtendStrideS = 18;
constexpr int64_t kDefaultTopK = 250;

}  // namespace

Outcome CheckProductionDefaults(Context& context) {
  const harness::architecture::LmSpec& spec = *context.exported().lm_spec();
  const nlohmann::json measured = {{"segment_duration_s", spec.segment_duration_s}, {"cardinality", spec.cardinality}};
  const nlohmann::json limit = {{"segment_duration_s", kExtendStrideS}, {"cardinality", kDefaultTopK}};
  if (!(spec.segment_duration_s > kExtendStrideS)) {
    // Each class of audiocraft has a loader of its own, with another default.
    const auto solver = context.exported().file(harness::exports::Role::kLanguageModel).config()->GetString("solver");
    if (solver.ok() && *solver == "audiogen") {
      return Fail(fmt::format(
                      "state_dict.bin: this is a model of AudioGen (solver: audiogen), trained on segments of {} s "
                      "(dataset.segment_duration). AudioGen.get_pretrained loads it. The constructor of MusicGen "
                      "sets extend_stride=18, which must be shorter, and raises an AssertionError",
                      spec.segment_duration_s),
                  measured, limit)
          .WithRemedy("Load it with AudioGen.get_pretrained, and tell the people who use the export to do so");
    }
    return Fail(fmt::format("state_dict.bin: dataset.segment_duration is {} s, but must be above {} s. The "
                            "constructor of MusicGen sets extend_stride=18, and get_pretrained raises an "
                            "AssertionError (\"Cannot stride by more than max generation duration.\")",
                            spec.segment_duration_s, kExtendStrideS),
                measured, limit)
        .WithRemedy("Train on segments above 18 s, or set dataset.segment_duration above 18 if the model can do that");
  }
  if (spec.cardinality < kDefaultTopK) {
    return Fail(fmt::format("state_dict.bin: transformer_lm.card is {}, but must be at least {}. MusicGen.generate "
                            "draws from the 250 most likely codes by default, and torch.topk raises where there are "
                            "fewer",
                            spec.cardinality, kDefaultTopK),
                measured, limit)
        .WithRemedy(fmt::format("Tell the people who use the export to call set_generation_params(top_k={}), or less",
                                spec.cardinality));
  }
  return Pass(measured, limit);
}

}  // namespace conformance
