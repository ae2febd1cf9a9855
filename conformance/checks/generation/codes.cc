#include <fmt/format.h>

#include <vector>

#include "conformance/checks/generation/generation.h"
#include "harness/audio/npy.h"

namespace conformance {

Outcome CheckCodes(Context& context, const GenerationCase& of) {
  const GenerationRun& run = context.GetRun(of);
  const auto codes = harness::audio::ReadNpy<int32_t>(context.settings().output_dir / run.tokens);
  if (!codes.ok()) return FromStatus(codes.error());
  const std::vector<int64_t> expected = {run.num_codebooks, run.frames};
  if (codes->shape != expected) {
    return Fail(fmt::format("{}: codes have the shape [{}, {}], expected [K, T] = [{}, {}]", run.tokens,
                            codes->shape.empty() ? 0 : codes->shape[0], codes->shape.size() < 2 ? 0 : codes->shape[1],
                            expected[0], expected[1]))
        .WithRemedy(kReportDefect);
  }
  for (size_t i = 0; i < codes->values.size(); ++i) {
    const int32_t code = codes->values[i];
    if (code >= 0 && code < run.cardinality) continue;
    return Fail(fmt::format("{}: codebook {} frame {} holds {}, outside of 0 to {}", run.tokens,
                            static_cast<int64_t>(i) / run.frames, static_cast<int64_t>(i) % run.frames, code,
                            run.cardinality - 1))
        .WithRemedy(kReportDefect);
  }
  return Pass({{"codebooks", run.num_codebooks}, {"frames", run.frames}}, {{"cardinality", run.cardinality}});
}

}  // namespace conformance
