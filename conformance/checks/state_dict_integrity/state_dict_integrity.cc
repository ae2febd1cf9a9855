#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"

#include <algorithm>

#include "conformance/framework/graph.h"

namespace conformance {

using harness::exports::Role;

static constexpr Role kLm = Role::kLanguageModel, kCodec = Role::kCodec;

std::vector<Check> ListStateDictIntegrityChecks() {
  struct Row {
    ids::OfFile id;
    std::vector<ids::OfFile> needs;  // of the same file
    Outcome (*evaluate)(Context&, Role);
    std::vector<Role> files = {kLm, kCodec};  // that it applies to
    std::vector<ids::OfFile> explained_by = {};
  };
  const Row rows[] = {
      {ids::kArchive, {ids::kFormat}, CheckArchive},
      {ids::kUnambiguous, {ids::kFormat}, CheckUnambiguous},
      {ids::kChecksums, {ids::kArchive, ids::kUnambiguous}, CheckChecksums},
      {ids::kSafety, {ids::kFormat}, CheckSafety},
      {ids::kPickle, {ids::kArchive, ids::kUnambiguous, ids::kSafety}, CheckPickle},
      {ids::kStorages, {ids::kPickle}, CheckStorages},
      {ids::kPackage, {ids::kPickle}, CheckPackage},
      // CompressionSolver refuses FSDP: what a foreign trainer left of it in a codec, strict loading names.
      {ids::kFsdp, {ids::kPackage}, CheckFsdp, {kLm}},
      {ids::kFinite, {ids::kStorages, ids::kPackage, ids::kChecksums}, CheckFinite},
      // The reference loads the codec in float32 on every device: only the language model is cast to float16.
      {ids::kFloat16Range, {ids::kFinite}, CheckFloat16Range, {kLm}},
      {ids::kZero, {ids::kFinite}, CheckZero},
      {ids::kConstant, {ids::kFinite}, CheckConstant},
      // Norms that begin at 1 and 0 are the language model's.
      {ids::kInitialValues, {ids::kFinite}, CheckInitialValues, {kLm}},
      {ids::kCopies, {ids::kFinite}, CheckCopies},
      // The entries of a codebook that is zero, or one value throughout, are all alike.
      {ids::kDeadCodebooks, {ids::kFinite}, CheckDeadCodebooks, {kCodec}, {ids::kZero, ids::kConstant}},
  };
  std::vector<Check> checks;
  for (const auto role : kRoles) {
    for (const Row& row : rows) {
      if (std::find(row.files.begin(), row.files.end(), role) == row.files.end()) continue;
      const auto of_file = [role](const std::vector<ids::OfFile>& ids) {
        std::vector<std::string> names;
        for (const ids::OfFile& id : ids) names.push_back(id(role));
        return names;
      };
      checks.push_back({.id = row.id(role),
                        .needs = of_file(row.needs),
                        .evaluate = [evaluate = row.evaluate, role](Context& c) { return evaluate(c, role); },
                        .explained_by = of_file(row.explained_by)});
    }
  }
  return checks;
}

}  // namespace conformance
