// What the checks look at: the settings, the export, and what the stages of the run left or give.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/framework/generation_record.h"
#include "conformance/framework/outcome.h"
#include "conformance/framework/production_run.h"
#include "conformance/framework/run_plan.h"
#include "conformance/framework/settings.h"
#include "harness/audio/signal_statistics.h"
#include "harness/export/export.h"

namespace conformance {

class Context {
 public:
  // Runs the models on `device` and leaves artifacts; null in the program that does not load LibTorch.
  using Generator = std::function<GenerationRecord(Context&, const std::string& device)>;

  Context(Settings settings, RunPlan plan, Generator generator);

  const Settings& settings() const { return settings_; }
  const Profile& profile() const { return settings_.profile; }
  const RunPlan& plan() const { return plan_; }
  // Precondition: settings().export_dir is set.
  harness::exports::Export& exported() { return *export_; }

  // What another check says, for one whose own sentence depends on it.
  const Outcome& GetOutcome(const std::string& id) { return outcome_of_(id); }
  void TakeOutcomesFrom(std::function<const Outcome&(const std::string&)> source) { outcome_of_ = std::move(source); }

  // What generation on `device` gave: from the stage's artifact where CTest staged it, else computed now, once.
  const GenerationRecord& Generation(const std::string& device);
  // Of one case; empty where the record has none.
  const GenerationRun& GetRun(const GenerationCase& of);
  // The payload statistics of a file: likewise.
  const harness::Result<harness::weights::PayloadScan>& Payload(harness::exports::Role role);
  // What the sound in `audio`, below the output folder, measures as a whole: read and computed once.
  const harness::Result<harness::audio::SignalMeasures>& Sound(const std::string& audio);
  // What the real loader did: likewise. It runs by what TakeProductionFrom gave; its precondition is the caller's.
  const ProductionRun& Production();
  void TakeProductionFrom(std::function<ProductionRun(Context&)> source) { production_of_ = std::move(source); }
  const std::map<std::string, GenerationRecord>& generations() const { return generations_; }

  double GetLimit(const std::string& name) const;

  // The run can't go on as it should, for reasons that are not the export's: it ends with exit status 2.
  void FailRun(const std::string& why);
  const std::vector<std::string>& run_failures() const { return run_failures_; }

 private:
  Settings settings_;
  RunPlan plan_;
  Generator generator_;
  std::unique_ptr<harness::exports::Export> export_;
  std::function<const Outcome&(const std::string&)> outcome_of_;
  std::map<std::string, GenerationRecord> generations_;
  std::map<std::string, harness::Result<harness::audio::SignalMeasures>> sounds_;
  std::function<ProductionRun(Context&)> production_of_;
  std::optional<ProductionRun> production_;
  std::vector<std::string> run_failures_;
};

}  // namespace conformance
