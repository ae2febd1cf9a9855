#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"

#include "conformance/framework/graph.h"

namespace conformance {

using harness::Role;

std::vector<Check> StateDictIntegrityChecks() {
  struct Row {
    ids::OfFile id;
    std::vector<ids::OfFile> needs;  // of the same file
    Outcome (*judge)(Context&, Role);
  };
  const Row rows[] = {
      {ids::kArchive, {ids::kFormat}, CheckArchive},
      {ids::kUnambiguous, {ids::kFormat}, CheckUnambiguous},
      {ids::kChecksums, {ids::kArchive, ids::kUnambiguous}, CheckChecksums},
      {ids::kSafety, {ids::kFormat}, CheckSafety},
      {ids::kPickle, {ids::kArchive, ids::kUnambiguous, ids::kSafety}, CheckPickle},
      {ids::kStorages, {ids::kPickle}, CheckStorages},
      {ids::kPackage, {ids::kPickle}, CheckPackage},
      {ids::kFsdp, {ids::kPackage}, CheckFsdp},
      {ids::kFinite, {ids::kStorages, ids::kPackage, ids::kChecksums}, CheckFinite},
      {ids::kFloat16Range, {ids::kFinite}, CheckFloat16Range},
      {ids::kInitialised, {ids::kFinite}, CheckInitialised},
  };
  std::vector<Check> checks;
  for (const auto role : kRoles) {
    for (const Row& row : rows) {
      // Production loads the codec in float32 on every device: only the language model is cast to float16.
      if (role == Role::kCodec && row.judge == CheckFloat16Range) continue;
      std::vector<std::string> needs;
      for (const ids::OfFile& need : row.needs) needs.push_back(need(role));
      checks.push_back(
          {row.id(role), std::move(needs), [judge = row.judge, role](Context& c) { return judge(c, role); }});
    }
  }
  return checks;
}

}  // namespace conformance
