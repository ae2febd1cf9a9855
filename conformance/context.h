// The run: settings, the export, and what has been judged so far in this process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/check.h"
#include "conformance/generation_record.h"
#include "conformance/settings.h"
#include "harness/export/export.h"

namespace conformance {

struct ProductionRun;

class Context {
 public:
  // Runs the models on `device` and leaves artifacts; null in the program that does not load LibTorch.
  using Generator = std::function<GenerationRecord(Context&, const std::string& device)>;

  // The process's one run. Precondition: Install was called.
  static Context& Get();
  static void Install(Settings settings, Generator generator);

  const Settings& settings() const { return settings_; }
  const Profile& profile() const { return settings_.profile; }
  // Precondition: settings().export_dir is set.
  harness::Export& exported() { return *export_; }

  // Judges `check`, what it needs first; once.
  const Outcome& Evaluate(const Check& check);
  // Precondition: `id` stands in the catalogue.
  const Outcome& Evaluate(const std::string& id);

  // What generation on `device` gave: from the stage's artifact where CTest staged it, else computed now, once.
  const GenerationRecord& Generation(const std::string& device);
  // The payload statistics of a file: likewise.
  const harness::Result<harness::PayloadScan>& Payload(harness::Role role);

  // What the real loader did: likewise. Precondition of the latter: as RunProduction.
  const ProductionRun& Production();

  double LimitOf(const std::string& name) const;

  // The devices of this run, and why `device` is none of them (empty where it is one).
  std::string WhyNotDevice(const std::string& device) const;

  // Everything judged in this process, in the catalogue's order.
  std::vector<harness::CheckResult> Results() const;
  const std::map<std::string, GenerationRecord>& generations() const { return generations_; }

 private:
  Context(Settings settings, Generator generator);
  Outcome Judge(const Check& check);

  Settings settings_;
  Generator generator_;
  std::unique_ptr<harness::Export> export_;
  std::map<std::string, Outcome> outcomes_;
  std::map<std::string, GenerationRecord> generations_;
  std::shared_ptr<const ProductionRun> production_;
};

// Whether "cuda" is to be had here: an NVIDIA driver with a device. Never loads CUDA.
bool CudaDevicePresent();

}  // namespace conformance
