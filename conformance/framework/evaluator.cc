#include "conformance/framework/evaluator.h"

#include <fmt/format.h>

#include <new>

#include "conformance/framework/file_names.h"
#include "conformance/framework/supervised.h"
#include "harness/base/error_text.h"
#include "harness/base/mapping_guard.h"

namespace conformance {

using harness::report::CheckStatus;

Evaluator::Evaluator(Context& context, const CheckGraph& graph) : context_(context), graph_(graph) {
  context_.TakeOutcomesFrom([this](const std::string& id) -> const Outcome& { return Evaluate(id); });
}

const Outcome& Evaluator::Evaluate(const std::string& id) {
  if (const Check* check = graph_.Find(id)) return Evaluate(*check);
  return outcomes_[id] = Fail(fmt::format("the suite has no check {}", id));
}

const Outcome& Evaluator::Evaluate(const Check& check) {
  if (const auto known = outcomes_.find(check.id); known != outcomes_.end()) return known->second;
  if (journal_ != nullptr) journal_->Started(check.id);
  Outcome outcome = MakePrintable(EvaluateNow(check));
  // A device that somebody asks for by name, and that can't be used, fails, and did not run either.
  const bool not_run = outcome.status == CheckStatus::kSkip || outcome.status == CheckStatus::kUnsupported ||
                       outcome.reason == reason::kDeviceUnusable;
  if (not_run && outcome.requirement.empty()) outcome.requirement = check.requirement;
  if (outcome.run_failed()) context_.FailRun(harness::JoinRemedy(outcome.message, outcome.remedy));
  if (journal_ != nullptr) journal_->Finished(ToResult(check, outcome));
  return outcomes_[check.id] = std::move(outcome);
}

std::optional<Outcome> Evaluator::FindObstacle(const Check& check) {
  // With its reason, and not its requirement, which is its own: a chain of skips has one reason.
  const auto handed_on = [](const std::string& id, Outcome outcome) {
    if (outcome.blocked_by.empty()) outcome.blocked_by = id;
    outcome.requirement.clear();
    outcome.measured = outcome.limit = nullptr;
    return outcome;
  };
  for (const std::string& id : check.needs) {
    const Outcome& needed = Evaluate(id);
    if (needed.passed()) continue;
    return needed.failed() ? Blocked(id) : handed_on(id, needed);
  }
  for (const std::string& id : check.explained_by) {
    const Outcome& outcome = Evaluate(id);
    if (outcome.failed()) return Blocked(id);
    if (outcome.status == CheckStatus::kBlocked) return outcome;
  }
  if (!changed_.empty()) return Blocked(changed_);
  return std::nullopt;
}

Outcome Evaluator::EvaluateNow(const Check& check) {
  const Settings& settings = context_.settings();
  if (!settings.export_dir) {
    Outcome outcome = Skip(reason::kNoExport, "AUDIOCRAFT_EXPORT_DIR is not set: there is no export to judge")
                          .WithRemedy("Set it to the folder that audiocraft's export functions wrote");
    outcome.requirement = "export";
    if (settings.require.contains("export")) {
      outcome.status = CheckStatus::kFail;
      outcome.message += ", and CONFORMANCE_REQUIRE asks for one";
    }
    return outcome;
  }
  if (auto obstacle = FindObstacle(check)) return *std::move(obstacle);
  try {
    Outcome outcome = check.evaluate(context_);
    if (auto changed = FindChange(check.id)) return *std::move(changed);
    return outcome;
  } catch (const std::bad_alloc&) {
    return RunFailed(fmt::format("there was not enough memory for {}", check.id))
        .WithRemedy("Give it more (ulimit -v, the container's limit)");
  }
}

std::optional<Outcome> Evaluator::FindChange(const std::string& check_id) {
  if (!changed_.empty()) return Blocked(changed_);
  std::filesystem::path path;
  const harness::Status status = harness::MappedFilesUnchanged(&path);
  if (status.ok()) return std::nullopt;
  changed_ = check_id;
  for (const auto role : kRoles) {
    if (path == *context_.settings().export_dir / harness::exports::FileName(role)) changed_ = ids::kPresent(role);
  }
  const Outcome changed =
      Fail(status.error().message).WithReason(reason::kFileChanged).WithRemedy(status.error().remedy);
  if (changed_ == check_id) return changed;
  outcomes_[changed_] = changed;
  return Blocked(changed_);
}

std::string Evaluator::NoteChangedFiles() {
  if (!context_.settings().export_dir || !changed_.empty()) return "";
  const auto outcome = FindChange("");
  return outcome && outcome->failed() ? harness::JoinRemedy(outcome->message, outcome->remedy) : "";
}

std::vector<harness::report::CheckResult> Evaluator::CollectResults() const {
  std::vector<harness::report::CheckResult> results;
  for (const Check& check : graph_.checks()) {
    const auto outcome = outcomes_.find(check.id);
    if (outcome != outcomes_.end()) results.push_back(ToResult(check, outcome->second));
  }
  return results;
}

}  // namespace conformance
