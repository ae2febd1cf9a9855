#include "harness/spec/agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace harness {
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

// 1 + the largest N in "<prefix>N.": how many modules a list has.
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

}  // namespace

std::string ShapeText(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

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
    std::vector<std::string> order;
    std::unordered_map<std::string, std::vector<std::string>> groups;
    for (const auto& mismatch : disagreement.mismatched) {
      const std::string key = fmt::format("expected {} (from {}), found {}", ShapeText(mismatch.expected.shape),
                                          mismatch.expected.origin, ShapeText(mismatch.found));
      if (!groups.contains(key)) order.push_back(key);
      groups[key].push_back(mismatch.expected.name);
    }
    std::vector<std::string> lines;
    for (size_t i = 0; i < order.size() && i < 6; ++i) {
      lines.push_back(fmt::format("{}: {}", FoldNames(groups[order[i]], 4), order[i]));
    }
    if (order.size() > 6) lines.push_back(fmt::format("and {} more kinds", order.size() - 6));
    sentences.push_back(fmt::format("{} tensor{} another shape: {}", disagreement.mismatched.size(),
                                    disagreement.mismatched.size() == 1 ? " has" : "s have", fmt::join(lines, "; ")));
  }
  return fmt::format("{}", fmt::join(sentences, ". "));
}

std::string LikelyCause(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                        const Agreement& agreement) {
  std::vector<std::string> expected_names, found_names;
  for (const TensorSpec& spec : specs) expected_names.push_back(spec.name);
  for (const FoundTensor& tensor : found) found_names.push_back(tensor.name);

  // A wrapper around the model at the time of saving puts its attribute in front of every name.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kWrappers = {{
      {"module.", "DistributedDataParallel or DataParallel"},
      {"_orig_mod.", "torch.compile"},
      {"_fsdp_wrapped_module.", "FullyShardedDataParallel"},
      {"model.", "a module that holds the model as `model`"},
      {"lm.", "a MusicGen object: save its .lm"},
      {"compression_model.", "a MusicGen object: save its .compression_model"},
  }};
  const std::set<std::string_view> expected_set(expected_names.begin(), expected_names.end());
  for (const auto& [marker, wrapper] : kWrappers) {
    size_t wrapped = 0;
    for (const std::string& name : agreement.unexpected) {
      const size_t at = name.find(marker);
      if (at == std::string::npos || (at > 0 && name[at - 1] != '.')) continue;
      std::string stripped = name;
      for (size_t hit = at; hit != std::string::npos; hit = stripped.find(marker, hit))
        stripped.erase(hit, marker.size());
      wrapped += expected_set.contains(stripped) ? 1 : 0;
    }
    if (wrapped > 0 && wrapped * 2 > agreement.unexpected.size()) {
      return fmt::format("the names carry '{}': the state dict was taken from {}; remove it from every name", marker,
                         wrapper);
    }
  }

  struct Counted {
    const char* prefix;
    const char* what;
    const char* key;
  };
  static constexpr std::array<Counted, 4> kCounted = {{
      {"transformer.layers.", "layers", "transformer_lm.num_layers"},
      {"emb.", "codebooks", "transformer_lm.n_q"},
      {"quantizer.vq.layers.", "codebooks", "rvq.n_q"},
      {"decoder.model.", "decoder modules", "seanet.ratios, n_residual_layers, lstm"},
  }};
  for (const Counted& counted : kCounted) {
    const int want = CountModules(expected_names, counted.prefix), have = CountModules(found_names, counted.prefix);
    if (want != have && have > 0) {
      return fmt::format(
          "{} {} in the file, {} in the config ({}): the config of one model with the weights of another", have,
          counted.what, want, counted.key);
    }
  }
  if (found_names.empty()) return "best_state is empty";
  size_t missing = 0;
  for (const auto& [group, disagreement] : agreement.groups) missing += disagreement.missing.size();
  if (missing == specs.size() && missing > 0) {
    return "none of the names fits: this is the state dict of another kind of model (are the two files swapped?)";
  }
  return "";
}

}  // namespace harness
