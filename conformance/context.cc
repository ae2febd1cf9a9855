#include "conformance/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "conformance/artifact.h"
#include "conformance/file_names.h"
#include "conformance/production_loader.h"
#include "conformance/supervised.h"
#include "harness/audio/wav.h"
#include "harness/base/mapping_guard.h"
#include "harness/base/safe_text.h"
#include "harness/report/shorten.h"

namespace conformance {
namespace {

std::unique_ptr<Context>& Instance() {
  static std::unique_ptr<Context> instance;
  return instance;
}

// Keys and texts may come out of the files under test.
nlohmann::json SafeJson(const nlohmann::json& value) {
  if (value.is_string()) return harness::SafeLine(value.get_ref<const std::string&>());
  nlohmann::json safe = value;
  if (value.is_object()) {
    safe = nlohmann::json::object();
    for (const auto& [key, item] : value.items()) safe[harness::SafeLine(key)] = SafeJson(item);
  } else if (value.is_array()) {
    for (nlohmann::json& item : safe) item = SafeJson(item);
  }
  return safe;
}

// A stage that did not leave its artifact: CTest ran the check without its fixture, or the stage died.
std::string MissingStage(const std::string& stage, const harness::Error& error) {
  return fmt::format("the stage {} left nothing to judge ({}): run the whole of `ctest -L conformance`", stage,
                     error.message);
}

constexpr size_t kMaxItems = 1000;  // of a list that a check measured

// Texts come out of the files: none is kept at a length that only an attacker would write.
nlohmann::json ShortenJson(const nlohmann::json& value) {
  if (value.is_string()) return harness::ShortenMessage(value.get_ref<const std::string&>());
  if (value.is_array()) {
    nlohmann::json list = nlohmann::json::array();
    for (size_t i = 0; i < std::min(value.size(), kMaxItems); ++i) list.push_back(ShortenJson(value[i]));
    if (value.size() > kMaxItems) list.push_back(fmt::format("and {} more", value.size() - kMaxItems));
    return list;
  }
  if (!value.is_object()) return value;
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [key, item] : value.items()) object[harness::Shorten(key)] = ShortenJson(item);
  return object;
}

Outcome Shortened(Outcome outcome) {
  outcome.message = harness::ShortenMessage(outcome.message);
  outcome.measured = ShortenJson(outcome.measured);
  outcome.limit = ShortenJson(outcome.limit);
  return outcome;
}

}  // namespace

static Outcome MakeOutcome(harness::CheckStatus status, std::string message, nlohmann::json measured,
                           nlohmann::json limit) {
  Outcome outcome;
  outcome.status = status;
  outcome.message.swap(message);
  outcome.measured = std::move(measured);
  outcome.limit = std::move(limit);
  return outcome;
}
Outcome Pass(nlohmann::json measured, nlohmann::json limit) {
  return MakeOutcome(harness::CheckStatus::kPass, "", std::move(measured), std::move(limit));
}
Outcome Fail(std::string message, nlohmann::json measured, nlohmann::json limit) {
  return MakeOutcome(harness::CheckStatus::kFail, std::move(message), std::move(measured), std::move(limit));
}
Outcome Skip(std::string reason) {
  return MakeOutcome(harness::CheckStatus::kSkip, std::move(reason), nullptr, nullptr);
}
Outcome Blocked(const std::string& by) {
  return MakeOutcome(harness::CheckStatus::kBlocked, fmt::format("blocked by {}", by), nullptr, nullptr);
}
Outcome RunFailed(const std::string& why) {
  Outcome outcome = Skip(fmt::format("{}{}", kRunFailedPrefix, why));
  outcome.run_failed = true;
  return outcome;
}
Outcome FromStatus(const harness::Status& status) {
  if (status.ok()) return Pass();
  if (status.error().code == harness::ErrorCode::kMachine) return RunFailed(status.error().message);
  if (status.error().code == harness::ErrorCode::kUnsupported)
    return Skip(std::string(harness::kUnsupportedPrefix) + status.error().message);
  return Fail(status.error().message);
}

harness::CheckResult ToResult(const Check& check, const Outcome& outcome) {
  return {.id = check.id,
          .category = check.category(),
          .status = outcome.status,
          .message = outcome.message,
          .measured = outcome.measured,
          .limit = outcome.limit};
}

const std::vector<Check>& Catalogue() {
  static const std::vector<Check> catalogue = [] {
    std::vector<Check> all;
    for (auto* checks : {&FilePresenceChecks, &StateDictIntegrityChecks, &ShapeConfigAgreementChecks,
                         &CodecCompatibilityChecks, &GenerationChecks, &AudioOutputChecks}) {
      for (Check& check : checks()) all.push_back(std::move(check));
    }
    return all;
  }();
  return catalogue;
}

Context::Context(Settings settings, Generator generator)
    : settings_(std::move(settings)), generator_(std::move(generator)) {
  if (!settings_.export_dir) return;
  export_ = std::make_unique<harness::Export>(*settings_.export_dir, harness::HubCache(settings_.hub_root),
                                              settings_.working_dir);
}

Context& Context::Get() { return *Instance(); }

void Context::Install(Settings settings, Generator generator) {
  harness::ForgetMappedFiles();
  Instance().reset(new Context(std::move(settings), std::move(generator)));
}

const Outcome& Context::Evaluate(const std::string& id) {
  const auto& catalogue = Catalogue();
  const auto check = std::find_if(catalogue.begin(), catalogue.end(), [&](const Check& c) { return c.id == id; });
  if (check == catalogue.end()) return outcomes_[id] = Fail(fmt::format("the suite has no check {}", id));
  return Evaluate(*check);
}

const Outcome& Context::Evaluate(const Check& check) {
  if (const auto known = outcomes_.find(check.id); known != outcomes_.end()) return known->second;
  if (journal_ != nullptr) journal_->Started(check.id);
  Outcome outcome = Shortened(Judge(check));
  outcome.message = harness::SafeLine(outcome.message);
  outcome.measured = SafeJson(outcome.measured);
  outcome.limit = SafeJson(outcome.limit);
  if (outcome.run_failed) FailRun(outcome.message);
  if (journal_ != nullptr) journal_->Finished(ToResult(check, outcome));
  return outcomes_[check.id] = std::move(outcome);
}

std::optional<Outcome> Context::Changed(const std::string& check_id) {
  if (!changed_.empty()) return Blocked(changed_);
  std::filesystem::path path;
  const harness::Status status = harness::MappedFilesUnchanged(&path);
  if (status.ok()) return std::nullopt;
  changed_ = check_id;
  for (const auto role : kRoles) {
    if (path == *settings_.export_dir / harness::FileName(role))
      changed_ = fmt::format("file_presence/{}/present", Slug(role));
  }
  if (changed_ == check_id) return Fail(status.error().message);
  outcomes_[changed_] = Fail(status.error().message);
  return Blocked(changed_);
}

std::string Context::NoteChangedFiles() {
  if (!settings_.export_dir || !changed_.empty()) return "";
  const auto outcome = Changed("");
  return outcome && outcome->status == harness::CheckStatus::kFail ? outcome->message : "";
}

Outcome Context::Judge(const Check& check) {
  if (!settings_.export_dir) {
    const std::string reason = "AUDIOCRAFT_EXPORT_DIR is not set: there is no export to judge";
    return settings_.require.contains("export") ? Fail(reason + ", and CONFORMANCE_REQUIRE asks for one")
                                                : Skip(reason);
  }
  for (const std::string& need : check.needs) {
    const Outcome& needed = Evaluate(need);
    switch (needed.status) {
      case harness::CheckStatus::kPass: break;
      case harness::CheckStatus::kFail: return Blocked(need);
      case harness::CheckStatus::kBlocked: return needed;  // names the root, not the link
      case harness::CheckStatus::kSkip: return needed;     // with its reason: a chain of skips has one
    }
  }
  for (const std::string& id : check.unless_failed) {
    const Outcome& outcome = Evaluate(id);
    if (outcome.status == harness::CheckStatus::kFail) return Blocked(id);
    if (outcome.status == harness::CheckStatus::kBlocked) return outcome;
  }
  if (!changed_.empty()) return Blocked(changed_);
  try {
    Outcome outcome = check.run(*this);
    if (auto changed = Changed(check.id)) return *std::move(changed);
    return outcome;
  } catch (const std::bad_alloc&) {
    return RunFailed(
        fmt::format("there was no memory for {}. Give it more (ulimit -v, the container's limit)", check.id));
  }
}

void Context::FailRun(const std::string& why) { run_failures_.push_back(harness::SafeLine(why)); }

const harness::Result<harness::PayloadScan>& Context::Payload(harness::Role role) {
  if (settings_.staged && !exported().has_payload(role)) {
    auto body = ReadArtifact(PayloadArtifact(settings_.output_dir, role), Stamp(settings_));
    exported().AdoptPayload(role, body.ok() ? PayloadFromJson(*body)
                                            : harness::Result<harness::PayloadScan>(harness::Error{
                                                  body.error().code, MissingStage("payload", body.error())}));
  }
  return exported().payload(role);
}

const GenerationRecord& Context::Generation(const std::string& device) {
  const auto known = generations_.find(device);
  if (known != generations_.end()) return known->second;
  GenerationRecord record;
  if (settings_.staged) {
    auto read = ReadRecord(GenerationArtifact(settings_.output_dir, device), Stamp(settings_));
    if (read.ok()) {
      record = std::move(read).value();
    } else {
      record.problem = MissingStage("generation on " + device, read.error());
    }
  } else if (generator_) {
    record = generator_(*this, device);
  } else {
    record.skipped = true;
    record.problem = "this program judges only what the generation stage left";
  }
  record.device = device;
  return generations_[device] = std::move(record);
}

const harness::Result<harness::SignalMeasures>& Context::Sound(const std::string& audio) {
  const auto known = sounds_.find(audio);
  if (known != sounds_.end()) return known->second;
  const auto measure = [&]() -> harness::Result<harness::SignalMeasures> {
    ASSIGN_OR_RETURN(const harness::Waveform waveform, harness::ReadWav(settings_.output_dir / audio));
    return harness::ComputeSignalStatistics(waveform).overall;
  };
  return sounds_.emplace(audio, measure()).first->second;
}

const ProductionRun& Context::Production() {
  if (production_) return *production_;
  ProductionRun run;
  if (settings_.staged) {
    auto read = ReadProduction(ProductionArtifact(settings_.output_dir), Stamp(settings_));
    if (read.ok()) {
      run = std::move(read).value();
    } else {
      run.message = MissingStage("production", read.error());
    }
  } else {
    run = RunProduction(*this);
  }
  production_ = std::make_shared<const ProductionRun>(std::move(run));
  return *production_;
}

double Context::LimitOf(const std::string& name) const {
  if (const auto overridden = profile().limits.find(name); overridden != profile().limits.end())
    return overridden->second;
  for (const Limit& limit : kLimits) {
    if (name == limit.name) return limit.value;
  }
  return 0;
}

namespace {

// Those of a GPU of any number (a container may be given the last one only), and of WSL 2.
constexpr int kMostCards = 64;
constexpr const char* kWslNode = "/dev/dxg";
constexpr const char* kDriver = "/proc/driver/nvidia/version";  // written by the kernel module

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool Names(const std::vector<std::string>& devices, const std::string& device) {
  return std::find(devices.begin(), devices.end(), device) != devices.end();
}

// What was looked for, and what was found of it.
std::string NoCudaDevice() {
  return fmt::format(
      "no CUDA device: there is no /dev/nvidia0 to /dev/nvidia{} ({} NVIDIA driver in {}; LibTorch {} here is built {} "
      "CUDA)",
      kMostCards - 1, Exists(kDriver) ? "an" : "no", kDriver, CONFORMANCE_LIBTORCH_VERSION,
      CONFORMANCE_LIBTORCH_CUDA ? "with" : "without");
}

}  // namespace

bool CudaDevicePresent() {
  for (int i = 0; i < kMostCards; ++i) {
    if (Exists(fmt::format("/dev/nvidia{}", i))) return true;
  }
  return Exists(kWslNode);
}

std::string NotOnDevice(const std::string& device) { return device + " is not run: "; }

std::string Context::WhoAsksFor(const std::string& device) const {
  if (Names(profile().devices, device)) return "the profile (devices)";
  return settings_.require.contains(device) ? "CONFORMANCE_REQUIRE" : "";
}

std::string Context::WhyNotDevice(const std::string& device) const {
  const auto& chosen = profile().devices;
  if (!chosen.empty() && !Names(chosen, device)) return NotOnDevice(device) + "the profile's devices leave it out";
  if (device == "cuda" && !CudaDevicePresent()) return NotOnDevice(device) + NoCudaDevice();
  return "";
}

std::vector<harness::CheckResult> Context::Results() const {
  std::vector<harness::CheckResult> results;
  for (const Check& check : Catalogue()) {
    const auto outcome = outcomes_.find(check.id);
    if (outcome == outcomes_.end()) continue;
    results.push_back(ToResult(check, outcome->second));
  }
  return results;
}

}  // namespace conformance
