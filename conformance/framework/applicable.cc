#include "conformance/framework/applicable.h"

#include <algorithm>

#include "conformance/framework/evaluator.h"
#include "conformance/framework/supervised.h"
#include "harness/base/error_text.h"

namespace conformance {
namespace {

using harness::report::CheckStatus;

constexpr size_t kMaxProblem = 2000;  // what AskChild has room for

// MusicGen gives a melody to the conditioner of that name, whatever its kind.
bool TakesMelody(const harness::architecture::LmSpec& spec) {
  return std::any_of(
      spec.conditioners.begin(), spec.conditioners.end(),
      [](const harness::architecture::ConditionerSpec& conditioner) { return conditioner.name == "self_wav"; });
}

bool DidNotRun(const Outcome& outcome) { return outcome.status == CheckStatus::kSkip; }

// What the export's metadata says.
void LookAtExport(const Settings& settings, Applicable& applicable) {
  const RunPlan no_generation;
  Context context(settings, no_generation, nullptr);
  const CheckGraph graph(no_generation);
  Evaluator evaluator(context, graph);
  const bool described = evaluator.Evaluate(ids::kOptions(harness::exports::Role::kLanguageModel)).passed();
  applicable.melody = described && TakesMelody(*context.exported().lm_spec());
  // Only where the check itself says so: where another check hands its skip on, nothing is known of texts and codecs.
  const Outcome& text = evaluator.Evaluate(ids::kTextEncoder);
  applicable.text = !(DidNotRun(text) && text.blocked_by.empty());
  const Outcome& codec = evaluator.Evaluate(ids::kWeights);
  applicable.codec = !(DidNotRun(codec) && codec.blocked_by.empty());
}

}  // namespace

Applicable FindApplicable(const Settings& settings, const std::function<harness::Status()>& can_use_cuda) {
  Applicable applicable;
  const std::vector<std::string>& chosen = settings.profile.devices;  // empty: nobody chose
  const bool present = HasCudaDevice();
  applicable.cuda = present && (chosen.empty() || settings.profile.names_device("cuda"));
  applicable.cpu = chosen.empty() ? !present : settings.profile.names_device("cpu");
  if (!settings.export_dir) return applicable;
  // The rule of the reference: CUDA where it can be used, else the CPU. Where CUDA is required, it is judged, too.
  const bool asks_cuda = chosen.empty() && present;
  applicable.melody = settings.profile.melody.has_value();
  const auto text = AskChild([&] {
    Applicable found = applicable;
    if (const auto cuda = asks_cuda ? can_use_cuda() : harness::Status(); !cuda.ok()) {
      found.cuda = settings.require.contains("cuda");
      found.cpu = true;
      found.cuda_problem = harness::JoinSentences(cuda.error()).substr(0, kMaxProblem);
    }
    LookAtExport(settings, found);
    return found.ToText() + "\n" + found.cuda_problem;
  });
  if (!text) return applicable;
  const size_t end = std::min(text->find('\n'), text->size());
  Applicable found = Applicable::FromText(text->substr(0, end));
  found.cuda_problem = text->substr(std::min(end + 1, text->size()));
  return found;
}

}  // namespace conformance
