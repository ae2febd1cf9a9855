#include "harness/weights/weight_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace harness::weights {
namespace {

constexpr std::string_view kLayers = "transformer.layers.";
constexpr std::string_view kCodebooks = "quantizer.vq.layers.";
constexpr std::string_view kEmbed = "._codebook.embed";

// "transformer.layers.3" and "norm1.weight" of "transformer.layers.3.norm1.weight".
struct ModuleName {
  std::string module, leaf;
};
std::optional<ModuleName> Split(const std::string& name, std::string_view list) {
  if (!name.starts_with(list)) return std::nullopt;
  const size_t dot = name.find('.', list.size());
  if (dot == std::string::npos || dot == list.size()) return std::nullopt;
  return ModuleName{name.substr(0, dot), name.substr(dot + 1)};
}

bool Readable(const Weight& weight) { return weight.statistics != nullptr && weight.statistics->elements > 0; }

bool IsNormWeight(const std::string& name) {
  return name.ends_with(".weight") && name.find("norm") != std::string::npos;
}

bool Varies(const Weight& weight) { return Readable(weight) && weight.statistics->min < weight.statistics->max; }

using Module = std::map<std::string, const Weight*>;  // by leaf

// Orders tensors by what they hold; 0 where that is the same. Elements that nobody can read are like no others.
int CompareElements(const Weight& a, const Weight& b) {
  if (a.dtype != b.dtype) return a.dtype < b.dtype ? -1 : 1;
  if (a.shape != b.shape) return a.shape < b.shape ? -1 : 1;
  if (a.bytes.size() != b.bytes.size()) return a.bytes.size() < b.bytes.size() ? -1 : 1;
  if (a.bytes.empty()) return &a == &b ? 0 : std::less<>()(&a, &b) ? -1 : 1;
  return a.bytes.data() == b.bytes.data() ? 0 : std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size());
}

// Likewise modules, leaf by leaf.
int CompareModules(const Module& a, const Module& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {
    if (const int order = left->first.compare(right->first); order != 0) return order;
    if (const int order = CompareElements(*left->second, *right->second); order != 0) return order;
  }
  return 0;
}

// Two layers of zeros are reported as zeros.
bool HasMatrix(const Module& module) {
  return std::any_of(module.begin(), module.end(),
                     [](const auto& entry) { return entry.second->shape.size() >= 2 && Varies(*entry.second); });
}

// What two modules that are copies have in common, from what is known without reading them again.
std::string Signature(const Module& module) {
  std::string signature;
  for (const auto& [leaf, weight] : module) {
    if (!Readable(*weight)) continue;
    const TensorStatistics& s = *weight->statistics;
    signature += fmt::format("{} {} {} {} {};", leaf, s.elements, s.min, s.max, s.zeros);
  }
  return signature;
}

// In the order of the file.
std::vector<std::pair<std::string, Module>> Modules(const std::vector<Weight>& weights, std::string_view list) {
  std::vector<std::pair<std::string, Module>> modules;
  std::unordered_map<std::string, size_t> index;
  for (const Weight& weight : weights) {
    const auto split = Split(weight.name, list);
    if (!split || IsTrainingOnly(weight.name)) continue;
    const auto [at, added] = index.try_emplace(split->module, modules.size());
    if (added) modules.emplace_back(split->module, Module{});
    modules[at->second].second[split->leaf] = &weight;
  }
  return modules;
}

}  // namespace

std::vector<Weight> CollectWeights(const checkpoint::Checkpoint& checkpoint,
                                   const std::vector<checkpoint::NamedTensor>& best_state, const PayloadScan& scan) {
  std::unordered_map<size_t, const TensorStatistics*> by_tensor;
  for (const TensorStatistics& statistics : scan.statistics) by_tensor[statistics.tensor] = &statistics;
  std::vector<Weight> weights;
  for (const checkpoint::NamedTensor& named : best_state) {
    const pickle::TensorView& view = checkpoint.tensors()[named.tensor];
    Weight weight{named.name, view.dtype, view.shape, nullptr, {}};
    if (const auto found = by_tensor.find(named.tensor); found != by_tensor.end()) weight.statistics = found->second;
    if (view.valid && view.is_contiguous() && view.storage < checkpoint.storages().size()) {
      const std::span<const std::byte> storage = checkpoint.storages()[view.storage].bytes;
      const size_t size = pickle::CountElementBytes(view.dtype), offset = static_cast<size_t>(view.offset) * size,
                   length = static_cast<size_t>(view.num_elements()) * size;
      if (offset <= storage.size() && length <= storage.size() - offset) weight.bytes = storage.subspan(offset, length);
    }
    weights.push_back(std::move(weight));
  }
  return weights;
}

bool IsTrainingOnly(const std::string& name) {
  return name.ends_with("._codebook.embed_avg") || name.ends_with("._codebook.cluster_size") ||
         name.ends_with("._codebook.inited");
}

bool IsReadByInference(const std::string& name) {
  if (IsTrainingOnly(name) || name.find(".lora_") != std::string::npos) return false;
  for (const char* module :
       {"emb.", "transformer.", "out_norm.", "linears.", "condition_provider.", "encoder.", "decoder.", "quantizer."}) {
    if (name.starts_with(module)) return true;
  }
  return false;
}

std::vector<std::string> FindZeroTensors(const std::vector<Weight>& weights) {
  std::vector<std::string> names;
  for (const Weight& weight : weights) {
    if (!Readable(weight) || !IsReadByInference(weight.name)) continue;
    const bool counts = weight.shape.size() >= 2 || IsNormWeight(weight.name);
    if (counts && weight.statistics->zeros == weight.statistics->elements) names.push_back(weight.name);
  }
  return names;
}

std::vector<std::string> FindConstantTensors(const std::vector<Weight>& weights) {
  std::vector<std::string> names;
  for (const Weight& weight : weights) {
    if (!Readable(weight) || !IsReadByInference(weight.name)) continue;
    const TensorStatistics& s = *weight.statistics;
    if (weight.shape.size() >= 2 && !weight.name.ends_with(".weight_g") && s.elements > 1 && s.min == s.max &&
        s.zeros == 0) {
      names.push_back(weight.name);
    }
  }
  return names;
}

std::vector<std::vector<std::string>> FindCopiedModules(const std::vector<Weight>& weights) {
  std::vector<std::vector<std::string>> groups;
  for (const std::string_view list : {kLayers, kCodebooks}) {
    const auto modules = Modules(weights, list);
    // Only what has the same statistics is read and compared: next to nothing, in a model without copies.
    std::unordered_map<std::string, std::vector<size_t>> alike;
    std::vector<std::string> order;
    for (size_t i = 0; i < modules.size(); ++i) {
      auto [bucket, added] = alike.try_emplace(Signature(modules[i].second));
      if (added) order.push_back(bucket->first);
      bucket->second.push_back(i);
    }
    for (const std::string& signature : order) {
      std::vector<size_t>& same = alike[signature];
      std::erase_if(same, [&](size_t i) { return !HasMatrix(modules[i].second); });
      // Sorted by what they hold, copies stand beside each other, whatever an attacker makes of them.
      std::stable_sort(same.begin(), same.end(),
                       [&](size_t a, size_t b) { return CompareModules(modules[a].second, modules[b].second) < 0; });
      std::map<size_t, std::vector<std::string>> copies;  // by the first module, in the order of the file
      for (size_t i = 0; i < same.size();) {
        const size_t first = same[i];
        std::vector<std::string> group;
        for (; i < same.size() && CompareModules(modules[first].second, modules[same[i]].second) == 0; ++i) {
          group.push_back(modules[same[i]].first);
        }
        if (group.size() > 1) copies.emplace(first, std::move(group));
      }
      for (auto& [first, group] : copies) groups.push_back(std::move(group));
    }
  }
  return groups;
}

std::vector<std::string> FindLayersAtInitialValues(const std::vector<Weight>& weights) {
  std::vector<std::string> initial;
  bool trained = false;
  for (const auto& [module, tensors] : Modules(weights, kLayers)) {
    size_t gains = 0, biases = 0, moved = 0;
    for (const auto& [leaf, weight] : tensors) {
      if (leaf.find("norm") == std::string::npos || !Readable(*weight)) continue;
      const TensorStatistics& s = *weight->statistics;
      trained |= s.min < s.max;
      if (leaf.ends_with(".weight")) {
        ++gains;
        moved += s.min == 1 && s.max == 1 ? 0 : 1;
      } else if (leaf.ends_with(".bias")) {
        ++biases;
        moved += s.zeros == s.elements ? 0 : 1;
      }
    }
    if (gains > 0 && biases > 0 && moved == 0) initial.push_back(module);
  }
  if (!trained) initial.clear();
  return initial;
}

std::vector<DeadEntries> CountDeadEntries(const std::vector<Weight>& weights) {
  std::vector<DeadEntries> counts;
  for (const Weight& weight : weights) {
    if (!weight.name.starts_with(kCodebooks) || !weight.name.ends_with(kEmbed) || weight.shape.size() != 2 ||
        weight.shape[0] <= 0 || weight.bytes.empty()) {
      continue;
    }
    DeadEntries count{weight.name, weight.shape[0], 0};
    const size_t row = weight.bytes.size() / static_cast<size_t>(weight.shape[0]);
    const std::string zero(row, '\0');
    std::unordered_set<std::string_view> seen = {zero};
    for (int64_t entry = 0; entry < weight.shape[0]; ++entry) {
      const auto bytes = weight.bytes.subspan(static_cast<size_t>(entry) * row, row);
      count.dead += seen.emplace(reinterpret_cast<const char*>(bytes.data()), bytes.size()).second ? 0 : 1;
    }
    counts.push_back(std::move(count));
  }
  return counts;
}

}  // namespace harness::weights
