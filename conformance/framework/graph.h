// The declared graph of a run's checks.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "conformance/framework/check.h"
#include "conformance/framework/run_plan.h"

namespace conformance {

// One function a category, in the order in which a person should read them; each in checks/CATEGORY/.
std::vector<Check> ListFilePresenceChecks();
std::vector<Check> ListStateDictIntegrityChecks();
std::vector<Check> ListShapeConfigAgreementChecks();
std::vector<Check> ListCodecCompatibilityChecks();
std::vector<Check> ListGenerationChecks(const RunPlan& plan);
std::vector<Check> ListAudioOutputChecks(const RunPlan& plan);

// The categories, in that order.
const std::vector<std::string>& ListCategories();

class CheckGraph {
 public:
  explicit CheckGraph(const RunPlan& plan);

  const std::vector<Check>& checks() const { return checks_; }  // in the order in which a person should read them
  std::vector<Check> SelectCategory(const std::string& category) const;
  std::vector<std::string> ids() const;
  const Check* Find(const std::string& id) const;  // null: none
  // [{id, test, needs, explained_by, requirement, device}]
  nlohmann::json ToJson() const;

 private:
  std::vector<Check> checks_;
  std::map<std::string, size_t> places_;
};

}  // namespace conformance
