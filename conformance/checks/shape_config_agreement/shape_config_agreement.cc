#include "conformance/checks/shape_config_agreement/shape_config_agreement.h"

#include "conformance/framework/graph.h"

namespace conformance {

using harness::exports::Role;

std::vector<Check> ListShapeConfigAgreementChecks() {
  std::vector<Check> checks;
  for (const auto role : kRoles) {
    checks.push_back({ids::kConfig(role), {ids::kPackage(role)}, [role](Context& c) { return CheckConfig(c, role); }});
    checks.push_back({ids::kOptions(role), {ids::kConfig(role)}, [role](Context& c) { return CheckOptions(c, role); }});
    const std::vector<ids::OfFile> groups =
        role == Role::kLanguageModel
            ? std::vector{ids::kEmbeddings, ids::kTransformer, ids::kHeads, ids::kConditionerTensors}
            : std::vector{ids::kEncoder, ids::kDecoder, ids::kQuantizer};
    // One wrong number shows in several groups: each waits for the one before, so that it is reported once, as a whole.
    std::vector<std::string> previous = {ids::kOptions(role)};
    // The shapes of shards say nothing about the config.
    if (role == Role::kLanguageModel) previous.push_back(ids::kFsdp(role));
    for (const ids::OfFile& group : groups) {
      checks.push_back({group(role), previous,
                        [role, slug = std::string(group.slug)](Context& c) { return CheckGroup(c, role, slug); }});
      previous = {group(role)};
    }
    checks.push_back({ids::kUnexpected(role), previous, [role](Context& c) { return CheckUnexpected(c, role); }});
  }
  return checks;
}

}  // namespace conformance
