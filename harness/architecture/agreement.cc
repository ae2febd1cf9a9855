#include "harness/architecture/agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace harness::architecture {
namespace {

struct NumberedName {
  std::string pattern;  // every number replaced by '#'
  std::vector<std::string> numbers;
};

// Numbers that stand between dots ("layers.3.") or end a name after a dot: indices of modules.
NumberedName SplitNumbers(const std::string& name) {
  NumberedName split;
  size_t start = 0;
  while (start <= name.size()) {
    const size_t dot = std::min(name.find('.', start), name.size());
    const std::string part = name.substr(start, dot - start);
    const bool number = !part.empty() && part.size() < 7 &&
                        std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (start > 0) split.pattern += '.';
    split.pattern += number ? "#" : part;
    if (number) split.numbers.push_back(part);
    start = dot + 1;
  }
  return split;
}

// "{0..3}", "{0,2}", "7": sorted integers, runs shortened.
std::string NumberSet(const std::set<int>& numbers) {
  std::vector<std::string> runs;
  for (auto it = numbers.begin(); it != numbers.end();) {
    const int first = *it;
    int last = first;
    while (++it != numbers.end() && *it == last + 1) last = *it;
    runs.push_back(first == last ? std::to_string(first) : fmt::format("{}..{}", first, last));
  }
  if (runs.size() == 1 && numbers.size() == 1) return runs.front();
  if (runs.size() > 8) runs = {fmt::format("{}..{}", *numbers.begin(), *numbers.rbegin())};
  return fmt::format("{{{}}}", fmt::join(runs, ","));
}

}  // namespace

int CountModules(const std::vector<std::string>& names, std::string_view prefix) {
  int count = 0;
  for (const std::string& name : names) {
    if (!name.starts_with(prefix)) continue;
    const size_t dot = name.find('.', prefix.size());
    if (dot == std::string::npos || dot - prefix.size() > 6 || dot == prefix.size()) continue;
    const std::string number = name.substr(prefix.size(), dot - prefix.size());
    if (std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) {
      count = std::max(count, std::stoi(number) + 1);
    }
  }
  return count;
}

std::string FormatShape(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

bool Agreement::complete() const {
  return unexpected.empty() &&
         std::all_of(groups.begin(), groups.end(), [](const auto& group) { return group.second.empty(); });
}

Agreement Compare(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                  const std::vector<std::string>& unchecked_prefixes) {
  Agreement agreement;
  agreement.expected_count = specs.size();
  std::unordered_map<std::string_view, size_t> index;
  for (size_t i = 0; i < found.size(); ++i) index[found[i].name] = i;  // a doubled key: the last one wins, as in Python
  std::vector<bool> used(found.size(), false);
  for (const TensorSpec& spec : specs) {
    Disagreement& group = agreement.groups[spec.group];
    auto hit = index.find(spec.name);
    for (const std::string& alias : spec.aliases) {
      if (hit == index.end()) hit = index.find(alias);
    }
    if (hit == index.end()) {
      group.missing.push_back(spec);
      agreement.binding.push_back(Agreement::npos);
      continue;
    }
    used[hit->second] = true;
    agreement.binding.push_back(hit->second);
    if (found[hit->second].shape != spec.shape) group.mismatched.push_back({spec, found[hit->second].shape});
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string& name = found[i].name;
    if (used[i] || index[name] != i) continue;
    const bool unchecked = std::any_of(unchecked_prefixes.begin(), unchecked_prefixes.end(),
                                       [&](const std::string& prefix) { return name.starts_with(prefix); });
    (unchecked ? agreement.unchecked : agreement.unexpected).push_back(name);
  }
  return agreement;
}

std::string FoldNames(const std::vector<std::string>& names, size_t limit) {
  std::vector<std::string> order;
  std::unordered_map<std::string, std::vector<std::set<int>>> folded;
  for (const std::string& name : names) {
    const NumberedName split = SplitNumbers(name);
    auto [it, added] = folded.try_emplace(split.pattern, split.numbers.size());
    if (added) order.push_back(split.pattern);
    for (size_t i = 0; i < split.numbers.size(); ++i) it->second[i].insert(std::stoi(split.numbers[i]));
  }
  std::vector<std::string> shown;
  for (size_t i = 0; i < order.size() && i < limit; ++i) {
    std::string text;
    size_t number = 0;
    for (const char c : order[i]) {
      if (c == '#' && number < folded[order[i]].size()) {
        text += NumberSet(folded[order[i]][number++]);
      } else {
        text += c;
      }
    }
    shown.push_back(std::move(text));
  }
  if (order.size() > limit) shown.push_back(fmt::format("and {} more kinds", order.size() - limit));
  return fmt::format("{}", fmt::join(shown, ", "));
}

std::string DescribeDisagreement(const Disagreement& disagreement) {
  std::vector<std::string> sentences;
  if (!disagreement.missing.empty()) {
    std::vector<std::string> names;
    std::set<std::string> origins;
    for (const TensorSpec& spec : disagreement.missing) {
      names.push_back(spec.name);
      origins.insert(spec.origin);
    }
    sentences.push_back(fmt::format("{} expected tensor{} missing: {} (asked for by {})", names.size(),
                                    names.size() == 1 ? " is" : "s are", FoldNames(names), fmt::join(origins, "; ")));
  }
  if (!disagreement.mismatched.empty()) {
    // Grouped by what was expected and found: a wrong width shows as a handful of lines, not as one a layer.
    struct Group {
      const Disagreement::Mismatch* first;
      std::vector<std::string> names;
    };
    std::vector<std::string> order;
    std::unordered_map<std::string, Group> groups;
    for (const auto& mismatch : disagreement.mismatched) {
      const std::string key = fmt::format("{} {} {}", FormatShape(mismatch.expected.shape), FormatShape(mismatch.found),
                                          mismatch.expected.origin);
      const auto [group, added] = groups.try_emplace(key, Group{&mismatch, {}});
      if (added) order.push_back(key);
      group->second.names.push_back(mismatch.expected.name);
    }
    std::vector<std::string> lines;
    std::string_view origin;  // told once for what follows from the same keys
    for (size_t i = 0; i < order.size() && i < 6; ++i) {
      const auto& [mismatch, names] = groups[order[i]];
      const bool told = origin == mismatch->expected.origin;
      origin = mismatch->expected.origin;
      lines.push_back(fmt::format("{}: expected {}{}, found {}", FoldNames(names, 4),
                                  FormatShape(mismatch->expected.shape), told ? "" : fmt::format(" (from {})", origin),
                                  FormatShape(mismatch->found)));
    }
    if (order.size() > 6) lines.push_back(fmt::format("and {} more kinds", order.size() - 6));
    sentences.push_back(fmt::format("{} tensor{} another shape: {}", disagreement.mismatched.size(),
                                    disagreement.mismatched.size() == 1 ? " has" : "s have", fmt::join(lines, "; ")));
  }
  return fmt::format("{}", fmt::join(sentences, ". "));
}

}  // namespace harness::architecture
