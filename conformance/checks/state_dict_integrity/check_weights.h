// What the checks of the weights' values share.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "harness/weights/weight_findings.h"

namespace conformance {

// Gives `body` the weights of a file, with what the one pass over its payloads found.
template <class Body>
Outcome CheckWeights(Context& context, harness::exports::Role role, Body&& body) {
  const auto& scan = context.Payload(role);
  if (!scan.ok()) return FromStatus(scan.error());
  harness::exports::ExportFile& file = context.exported().file(role);
  return body(harness::weights::CollectWeights(file.checkpoint(), file.package()->best_state, *scan));
}

inline std::string FormatCount(size_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace conformance
