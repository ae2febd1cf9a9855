#include <fmt/format.h>
#include <fmt/ranges.h>

#include "conformance/checks/shape_config_agreement/shape_config_agreement.h"
#include "harness/architecture/likely_cause.h"
#include "harness/export/folder_contents.h"

namespace conformance {

using harness::exports::Role;

namespace {

// A failure of strict loading: what is wrong, the likely cause, and what would make config and weights agree.
Outcome FailToLoad(Context& context, Role role, std::string message, size_t count) {
  const harness::exports::CheckedTensors& tensors = context.exported().tensors(role);
  const auto cause = harness::architecture::FindLikelyCause(tensors.specs, tensors.found, tensors.agreement);
  message += ". MusicGen.get_pretrained raises (load_state_dict is strict)";
  if (cause) message += ". Likely cause: " + cause->text;
  std::string remedy = cause ? cause->remedy : "";
  if (const auto edit = context.exported().SuggestedEdit(role)) {
    const auto now = context.exported().file(role).config()->Get(edit->key);
    remedy += fmt::format(
        "{}With `{}` in its xp.cfg{} config and weights would agree. If these are the right weights, export them again "
        "with the config that they were trained with",
        remedy.empty() ? "" : ". ", edit->Text(),
        now.ok() ? fmt::format(" (now {})", harness::architecture::FormatYaml(*now)) : "");
  } else if (!cause) {
    const auto rest =
        harness::architecture::DescribeRest(tensors.specs, tensors.agreement, harness::exports::FileName(role));
    message += ": " + rest.text;
    remedy = rest.remedy;
  }
  return Fail(std::move(message), count, 0).WithRemedy(std::move(remedy));
}

}  // namespace

Outcome CheckGroup(Context& context, Role role, const std::string& group) {
  const harness::exports::CheckedTensors& tensors = context.exported().tensors(role);
  const auto& groups = tensors.agreement.groups;
  const auto entry = groups.find(group);
  size_t count = 0;
  for (const auto& spec : tensors.specs) count += spec.group == group ? 1 : 0;
  if (entry == groups.end() || entry->second.empty()) return Pass({{"tensors", count}});
  std::string message = fmt::format("{}: {}", harness::exports::FileName(role),
                                    harness::architecture::DescribeDisagreement(entry->second));
  std::vector<std::string> others;
  for (const auto& [name, disagreement] : groups) {
    if (name != group && !disagreement.empty()) {
      others.push_back(
          fmt::format("{} ({} tensors)", name, disagreement.missing.size() + disagreement.mismatched.size()));
    }
  }
  if (!others.empty()) message += fmt::format(". Also disagreeing: {}", fmt::join(others, ", "));
  return FailToLoad(context, role, std::move(message), entry->second.missing.size() + entry->second.mismatched.size());
}

Outcome CheckUnexpected(Context& context, Role role) {
  const harness::exports::CheckedTensors& tensors = context.exported().tensors(role);
  const auto& unexpected = tensors.agreement.unexpected;
  if (unexpected.empty()) return Pass({{"tensors", tensors.specs.size()}});
  return FailToLoad(
      context, role,
      fmt::format("{}: {} tensor{} to no module of the config: {}", harness::exports::FileName(role), unexpected.size(),
                  unexpected.size() == 1 ? " belongs" : "s belong", harness::architecture::FoldNames(unexpected)),
      unexpected.size());
}

}  // namespace conformance
