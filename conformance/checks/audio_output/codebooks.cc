#include <fmt/format.h>
#include <fmt/ranges.h>

#include "conformance/checks/audio_output/audio_output.h"
#include "harness/audio/npy.h"
#include "harness/audio/token_statistics.h"

namespace conformance {

Outcome CheckCodebookUse(Context& context, const GenerationCase& of) {
  const GenerationRun& run = context.GetRun(of);
  const auto codes = harness::audio::ReadNpy<int32_t>(context.settings().output_dir / run.tokens);
  if (!codes.ok()) return FromStatus(codes.error());
  const auto statistics = harness::audio::ComputeTokenStatistics(codes->values, run.num_codebooks, run.frames);
  if (!statistics.ok()) return FromStatus(statistics.error());
  const double max_share = context.GetLimit("tokens.max_dominant_share");
  const double max_run = context.GetLimit("tokens.max_run_share");
  std::vector<std::string> collapsed;
  nlohmann::json measured = nlohmann::json::array();
  for (size_t k = 0; k < statistics->size(); ++k) {
    const auto& codebook = (*statistics)[k];
    const double run_share = static_cast<double>(codebook.longest_run_frames) / static_cast<double>(run.frames);
    measured.push_back({{"distinct", codebook.distinct},
                        {"entropy_bits", EncodeNumber(codebook.entropy_bits)},
                        {"dominant_share", codebook.dominant_share},
                        {"run_share", run_share}});
    if (codebook.dominant_share <= max_share && run_share <= max_run) continue;
    collapsed.push_back(fmt::format("codebook {} (code {} in {:.0f} % of the frames, {} distinct)", k,
                                    codebook.dominant_code, 100 * codebook.dominant_share, codebook.distinct));
  }
  const nlohmann::json limit = {{"dominant_share", max_share}, {"run_share", max_run}};
  if (collapsed.empty()) return Pass(std::move(measured), limit);
  return Fail(
             fmt::format("{} ({}): collapsed: {}. The head of that codebook (state_dict.bin: linears.N) draws one code "
                         "whatever the music: its weights are damaged, or it was not trained",
                         run.tokens, DescribePrompt(run), fmt::join(collapsed, ", ")),
             std::move(measured), limit)
      .WithRemedy("Export a checkpoint whose heads are trained");
}

}  // namespace conformance
