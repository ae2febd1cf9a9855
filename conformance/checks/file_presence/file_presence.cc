#include "conformance/checks/file_presence/file_presence.h"

#include "conformance/framework/graph.h"

namespace conformance {

std::vector<Check> ListFilePresenceChecks() {
  std::vector<Check> checks = {
      {ids::kFolder, {}, CheckFolder},
      {ids::kFolderName, {}, CheckFolderName},
  };
  for (const auto role : kRoles) {
    checks.push_back({ids::kPresent(role), {ids::kFolder}, [role](Context& c) {
                        return FromStatus(c.exported().file(role).Present());
                      }});
    checks.push_back({ids::kFormat(role), {ids::kPresent(role)}, [role](Context& c) { return CheckFormat(c, role); }});
  }
  return checks;
}

}  // namespace conformance
