#include "conformance/framework/graph.h"

#include <algorithm>
#include <iterator>

namespace conformance {

harness::report::CheckResult ToResult(const Check& check, const Outcome& outcome) {
  return {.id = check.id,
          .category = check.category(),
          .status = outcome.status,
          .message = outcome.message,
          .remedy = outcome.remedy,
          .reason = outcome.reason,
          .blocked_by = outcome.blocked_by,
          .requirement = outcome.requirement,
          .device = check.device,
          .measured = outcome.measured,
          .limit = outcome.limit};
}

const std::vector<std::string>& ListCategories() {
  static const std::vector<std::string> categories = {
      "file_presence",       "state_dict_integrity", "shape_config_agreement",
      "codec_compatibility", "generation",           "audio_output"};
  return categories;
}

CheckGraph::CheckGraph(const RunPlan& plan) {
  for (std::vector<Check> category :
       {ListFilePresenceChecks(), ListStateDictIntegrityChecks(), ListShapeConfigAgreementChecks(),
        ListCodecCompatibilityChecks(), ListGenerationChecks(plan), ListAudioOutputChecks(plan)}) {
    std::move(category.begin(), category.end(), std::back_inserter(checks_));
  }
  for (size_t i = 0; i < checks_.size(); ++i) places_.emplace(checks_[i].id, i);
}

std::vector<Check> CheckGraph::SelectCategory(const std::string& category) const {
  std::vector<Check> checks;
  for (const Check& check : checks_) {
    if (check.category() == category) checks.push_back(check);
  }
  return checks;
}

std::vector<std::string> CheckGraph::ids() const {
  std::vector<std::string> ids;
  for (const Check& check : checks_) ids.push_back(check.id);
  return ids;
}

const Check* CheckGraph::Find(const std::string& id) const {
  const auto place = places_.find(id);
  return place == places_.end() ? nullptr : &checks_[place->second];
}

nlohmann::json CheckGraph::ToJson() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Check& check : checks_) {
    list.push_back({{"id", check.id},
                    {"test", ids::MakeSuiteName(check.category()) + ".Holds/" + check.test_name()},
                    {"needs", check.needs},
                    {"explained_by", check.explained_by},
                    {"requirement", check.requirement},
                    {"device", check.device}});
  }
  return list;
}

}  // namespace conformance
