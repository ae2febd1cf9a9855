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
#include "harness/audio/signal_statistics.h"
#include "harness/export/export.h"

namespace conformance {

class Journal;
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

  // What the sound in `audio`, below the output folder, measures as a whole: read and computed once.
  const harness::Result<harness::SignalMeasures>& Sound(const std::string& audio);

  // What the real loader did: likewise. Precondition of the latter: as RunProduction.
  const ProductionRun& Production();

  // The run can't go on as it should, for reasons that are not the export's: it ends with exit status 2.
  void FailRun(const std::string& why);
  const std::vector<std::string>& run_failures() const { return run_failures_; }

  double LimitOf(const std::string& name) const;

  // Why `device` is none of this run's, as far as that is known without LibTorch: "cuda is not run: ..."; else empty.
  std::string WhyNotDevice(const std::string& device) const;
  // The profile or CONFORMANCE_REQUIRE names it: where it is there and can't be used, that is a failure.
  bool AsksFor(const std::string& device) const { return !WhoAsksFor(device).empty(); }
  // Which of both, for messages; empty where neither does.
  std::string WhoAsksFor(const std::string& device) const;

  // Where each check is noted when it starts and when it was judged; may be null.
  void KeepJournal(Journal* journal) { journal_ = journal; }

  // Looks once more whether a file that was read is still the same. Where one is not, the check
  // file_presence/.../present of that file fails from now on; what is said of any other file (a T5, a codec of the hub)
  // is returned.
  std::string NoteChangedFiles();

  // Everything judged in this process, in the catalogue's order.
  std::vector<harness::CheckResult> Results() const;
  const std::map<std::string, GenerationRecord>& generations() const { return generations_; }

 private:
  Context(Settings settings, Generator generator);
  Outcome Judge(const Check& check);
  // What `check` is worth once a file has changed under it; none where none has.
  std::optional<Outcome> Changed(const std::string& check_id);

  Settings settings_;
  Generator generator_;
  std::unique_ptr<harness::Export> export_;
  std::map<std::string, Outcome> outcomes_;
  Journal* journal_ = nullptr;
  std::string changed_;  // the check that says which file changed; empty while none has
  std::map<std::string, GenerationRecord> generations_;
  std::map<std::string, harness::Result<harness::SignalMeasures>> sounds_;
  std::shared_ptr<const ProductionRun> production_;
  std::vector<std::string> run_failures_;
};

// Whether "cuda" may be had here: an NVIDIA device node. Never loads CUDA.
bool CudaDevicePresent();

// How the message of a check begins whose device is none of this run's.
std::string NotOnDevice(const std::string& device);

}  // namespace conformance
