#include "harness/architecture/conditioner_kind.h"

#include <fmt/format.h>

#include <type_traits>
#include <variant>

namespace harness::architecture {
namespace {

template <class... Options>
std::vector<const ConditionerKind*> ListKinds(std::type_identity<std::variant<Options...>>) {
  return {&Options::kKind...};
}

}  // namespace

const std::vector<const ConditionerKind*>& ListConditionerKinds() {
  static const std::vector<const ConditionerKind*> kinds = ListKinds(std::type_identity<ConditionerOptions>());
  return kinds;
}

const ConditionerKind& FindConditionerKind(const ConditionerSpec& conditioner) {
  return *ListConditionerKinds()[conditioner.options.index()];
}

ConditionerTensors::ConditionerTensors(const ConditionerSpec& conditioner, std::vector<TensorSpec>& list)
    : conditioner_(conditioner),
      list_(list),
      prefix_(ConditionerPrefix(conditioner.name)),
      key_(fmt::format("conditioners.{}.{}.", conditioner.name, FindConditionerKind(conditioner).model)) {}

void ConditionerTensors::Add(const std::string& leaf, std::vector<int64_t> shape, const std::string& origin,
                             bool training_only) {
  list_.push_back({.name = prefix_ + leaf,
                   .shape = std::move(shape),
                   .group = "conditioners",
                   .origin = origin,
                   .training_only = training_only});
}

void ConditionerTensors::AddQuantizer(const std::string& leaf, const ConditionerQuantizer& quantizer,
                                      const std::string& count) {
  const int64_t bins = quantizer.cardinality, dim = conditioner_.input_dim;
  for (int64_t k = 0; k < quantizer.codebooks; ++k) {
    const std::string codebook = fmt::format("{}.vq.layers.{}._codebook.", leaf, k);
    Add(codebook + "inited", {1}, Key(count), true);
    Add(codebook + "cluster_size", {bins}, Key("bins"), true);
    Add(codebook + "embed", {bins, dim}, Key("bins") + ", " + Key(count));
    Add(codebook + "embed_avg", {bins, dim}, Key("bins"), true);
  }
}

int64_t ReadStrictInt(config::OptionReader& options, std::string_view key) {
  const config::ConfigValue* value = options.Raw(key);
  if (value != nullptr && std::holds_alternative<bool>(value->data)) {
    options.Wrong(key, fmt::format("must be an integer, found {}", value->Describe()));
    return 1;
  }
  return options.Int(key, std::nullopt);
}

bool ReadStrictBool(config::OptionReader& options, std::string_view key) {
  const config::ConfigValue* value = options.Raw(key);
  if (value == nullptr || std::holds_alternative<bool>(value->data)) return options.Bool(key, std::nullopt);
  options.Wrong(key, fmt::format("must be true or false, found {}", value->Describe()));
  return false;
}

}  // namespace harness::architecture
