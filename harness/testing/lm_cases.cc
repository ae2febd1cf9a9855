#include "harness/testing/lm_cases.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <stdexcept>

#include "harness/architecture/agreement.h"

namespace harness::testing_support {
namespace {

std::vector<architecture::TensorSpec> Specs(const architecture::LmSpec& spec) {
  std::vector<architecture::TensorSpec> specs = architecture::ListLmTensors(spec);
  std::erase_if(specs, [](const architecture::TensorSpec& tensor) { return tensor.group == "conditioners"; });
  return specs;
}

architecture::Agreement Compared(const checkpoint::Checkpoint& checkpoint, const LmCase& row,
                                 const std::vector<architecture::TensorSpec>& specs) {
  std::vector<architecture::FoundTensor> found;
  for (const auto& [name, tensor] : row.state) found.push_back({name, checkpoint.tensors()[tensor].shape});
  return architecture::Compare(specs, found);
}

// A copy of one tensor of the file, by the table that the models use.
at::Tensor Copy(const checkpoint::Checkpoint& checkpoint, size_t tensor) {
  const auto table = model::TensorTable::Bind(
      checkpoint, {architecture::TensorSpec{.name = "x", .shape = {}, .group = "", .origin = ""}}, {tensor});
  if (!table.ok()) throw std::runtime_error(table.error().message);
  return (*table)["x"].clone();
}

checkpoint::Checkpoint Open(const std::string& path) {
  auto file = MappedFile::Open(path);
  if (!file.ok()) throw std::runtime_error(file.error().message);
  checkpoint::Checkpoint checkpoint = checkpoint::Checkpoint::Read(std::move(file).value());
  if (const Status& status = checkpoint.tensor_status(); !status.ok()) throw std::runtime_error(status.error().message);
  return checkpoint;
}

}  // namespace

LmCases::LmCases(const std::string& path) {
  checkpoint_ = Open(path);
  const pickle::Pickle& pickle = checkpoint_->pickle();
  for (const pickle::NodeId id : pickle.Root()->items) {
    const auto find = [&](const char* key) -> const pickle::Node* {
      const pickle::NodeId found = pickle.Find(id, key);
      return found == pickle::kNoNode ? nullptr : &pickle[found];
    };
    const auto tensor = [&](const char* key) {
      const pickle::Node* node = find(key);
      return node == nullptr ? at::Tensor() : Copy(*checkpoint_, node->tensor);
    };
    LmCase row;
    row.name = find("name")->text;
    row.config = find("config")->text;
    if (const pickle::Node* state = find("state")) {
      for (const auto& [name, value] : state->pairs) row.state.emplace_back(pickle[name].text, pickle[value].tensor);
    }
    if (const pickle::Node* conditions = find("conditions")) {
      for (const auto& [name, value] : conditions->pairs) {
        row.conditions.push_back({pickle[name].text, Copy(*checkpoint_, pickle[value].tensor)});
      }
      row.first = find("first")->integer;
    }
    row.codes = tensor("codes");
    row.streamed = tensor("streamed");
    row.at_once = tensor("at_once");
    row.tokens = tensor("tokens");
    if (const pickle::Node* raises = find("raises")) {
      row.raises_stage = pickle[raises->items[0]].text;
      row.raises_error = pickle[raises->items[1]].text;
    }
    cases_.push_back(std::move(row));
  }
}

const LmCases& LmCases::OfTestdata() {
  static const LmCases* cases = new LmCases(HARNESS_MODEL_TESTDATA "/lm_cases.pt");
  return *cases;
}

const LmCase& LmCases::Named(const std::string& name) const {
  for (const LmCase& row : cases_) {
    if (row.name == name) return row;
  }
  throw std::runtime_error("no case " + name);
}

Result<architecture::LmSpec> LmCases::Describe(const LmCase& row) {
  auto config =
      config::Config::Parse(row.config, "state_dict.bin: xp.cfg", [](const std::string&) { return std::nullopt; });
  if (!config.ok()) return config.error();
  return architecture::DescribeLm(*config);
}

std::string LmCases::Disagreement(const LmCase& row, const architecture::LmSpec& spec) const {
  const architecture::Agreement agreement = Compared(*checkpoint_, row, Specs(spec));
  std::string text;
  for (const auto& [group, disagreement] : agreement.groups) {
    if (!disagreement.empty()) text += group + ": " + architecture::DescribeDisagreement(disagreement) + "\n";
  }
  if (!agreement.unexpected.empty()) text += "unexpected: " + architecture::FoldNames(agreement.unexpected);
  return text;
}

model::TensorTable LmCases::Bind(const LmCase& row, const architecture::LmSpec& spec) const {
  const std::vector<architecture::TensorSpec> specs = Specs(spec);
  std::vector<size_t> binding;
  for (const size_t index : Compared(*checkpoint_, row, specs).binding) binding.push_back(row.state[index].second);
  auto table = model::TensorTable::Bind(*checkpoint_, specs, binding);
  if (!table.ok()) throw std::runtime_error(table.error().message);
  return std::move(table).value();
}

at::Tensor Streamed(const model::LanguageModel& model, const LmCase& row) {
  model::LmState state = model.Start(row.conditions, row.codes.size(0), row.codes.size(2));
  std::vector<at::Tensor> logits = {model.Forward(row.codes.narrow(2, 0, row.first), state)};
  for (int64_t s = row.first; s < row.codes.size(2); ++s) {
    logits.push_back(model.Forward(row.codes.narrow(2, s, 1), state));
  }
  return at::cat(logits, 2);
}

std::map<std::string, at::Tensor> Float16Logits(const std::string& path) {
  const checkpoint::Checkpoint checkpoint = Open(path);
  const pickle::Pickle& pickle = checkpoint.pickle();
  std::map<std::string, at::Tensor> logits;
  for (const pickle::NodeId id : pickle.Root()->items) {
    logits[pickle[pickle.Find(id, "name")].text] = Copy(checkpoint, pickle[pickle.Find(id, "logits")].tensor);
  }
  return logits;
}

}  // namespace harness::testing_support
