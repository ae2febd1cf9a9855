#include <fmt/format.h>

#include "conformance/checks/generation/generation.h"

namespace conformance {

Outcome CheckRepeatable(Context& context, const GenerationCase& of) {
  const GenerationRun& run = context.GetRun(of);
  const nlohmann::json measured = {{"frames", run.repeated_frames}, {"differing_codes", run.differing_codes}};
  if (run.differing_codes == 0) return Pass(measured, {{"differing_codes", 0}});
  return Fail(fmt::format("{} ({}): the same seed gave {} other codes in the first {} frames the second time",
                          of.device, DescribePrompt(run), run.differing_codes, run.repeated_frames),
              measured, {{"differing_codes", 0}})
      .WithRemedy(kReportDefect);
}

}  // namespace conformance
