// A whole run without generation: an export of two files, every check of the catalogue that needs no LibTorch, and the
// three reports.
#include <filesystem>

#include "conformance/framework/run.h"
#include "conformance/program/run_report.h"
#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/zip_model.h"
#include "harness/report/html.h"
#include "harness/report/report_json.h"
#include "harness/report/summary.h"

using namespace harness;
using namespace harness::fuzz;

namespace {

conformance::Settings SettingsOf(const std::filesystem::path& folder) {
  conformance::Settings settings;
  settings.export_dir = folder;
  settings.export_dir_as_given = "export";
  settings.output_dir = ScratchFolder() / "out";
  settings.working_dir = ScratchFolder();
  settings.hub_root = std::filesystem::path(HARNESS_FIXTURES_DIR) / "hub";
  settings.profile.devices = {"cpu"};
  return settings;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string_view> files = Unbundle(AsText(data, size), 2);
  WriteScratch("export/state_dict.bin", files[0]);
  WriteScratch("export/compression_state_dict.bin", files[1]);
  std::filesystem::create_directories(ScratchFolder() / "export");
  conformance::Settings settings = SettingsOf(ScratchFolder() / "export");
  const conformance::RunPlan plan = conformance::MakePlan(settings, {.melody = true});
  conformance::Run& run = conformance::StartRun(std::move(settings), plan, nullptr);
  for (const conformance::Check& check : run.graph.checks()) (void)run.evaluator.Evaluate(check);
  const report::Report report =
      conformance::AssembleReport(run.context, run.evaluator.CollectResults(), run.context.generations());
  (void)report::Dump(report::ToJson(report));
  (void)report::RenderHtml(report);
  (void)report::RenderSummary(report);
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const std::vector<Mutation> of_file = {MutateCheckpoint, MutateCheckpoint};
  const auto mutation = [&](std::string_view input, Random& random) { return MutateBundle(input, of_file, random); };
  return Mutate(mutation, data, size, max_size, seed);
}
