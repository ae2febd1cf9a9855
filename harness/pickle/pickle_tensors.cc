// Persistent ids to storages, and torch._utils._rebuild_* to tensors. Neither is tied to bytes here.
#include <fmt/format.h>

#include "harness/base/safe_text.h"
#include "harness/pickle/pickle_machine.h"

namespace harness::pickle {
namespace {

constexpr size_t kMaxKey = 20;  // a pointer's digits, in the legacy format
constexpr size_t kMaxLocation = 64;
constexpr size_t kMaxDimensions = 64;  // PyTorch's own limit for iterating a tensor

std::string_view LastName(std::string_view qualified) { return qualified.substr(qualified.rfind('.') + 1); }

}  // namespace

// ('storage', class, key, location, numel); in the legacy format with None behind.
Status Machine::Persistent(NodeId id) {
  const auto bad = [&](std::string_view what) {
    return Corrupt(fmt::format("the persistent id {} {}", reading_.pickle.Describe(id, 120), what));
  };
  if (node(id).kind != Kind::kTuple) return bad("is not a tuple");
  const std::vector<NodeId> items = node(id).items;
  if (items.empty() || node(items[0]).kind != Kind::kString || node(items[0]).text != "storage") {
    return bad("does not name a storage");
  }
  const size_t members = ids_ == PersistentIds::kZip ? 5 : 6;
  if (items.size() != members) return bad(fmt::format("should have {} members", members));
  if (members == 6 && node(items[5]).kind != Kind::kNone) return bad("has a view, which no release of PyTorch writes");
  const Node& key_node = node(items[2]);
  if (key_node.kind != Kind::kString || key_node.text.empty() || key_node.text.size() > kMaxKey ||
      key_node.text.find_first_not_of("0123456789") != std::string::npos) {
    return bad("has no key of digits, as PyTorch writes it");
  }
  const std::string key = key_node.text;
  if (node(items[3]).kind != Kind::kString) return bad("has no location");
  if (node(items[4]).kind != Kind::kInt) return bad("has no number of elements");

  const auto inert = [&](std::string text) {
    const NodeId object = Object(items[1], id);
    reading_.storage_problems.push_back({object, std::move(text)});
    return Push(object);
  };
  if (Role(items[1]) != GlobalRole::kStorageClass) {
    return inert(fmt::format("storage {} is of class {}, which is not a storage class", key,
                             reading_.pickle.Describe(items[1], 80)));
  }
  const std::optional<Dtype> dtype = FindDtypeOfStorageClass(LastName(node(items[1]).text));
  if (!dtype) {
    return inert(fmt::format("storage {} holds quantized elements ({}), which no MusicGen export does", key,
                             LastName(node(items[1]).text)));
  }
  if (ids_ == PersistentIds::kLegacy && LastName(node(items[1]).text) == "UntypedStorage") {
    return bad("has no element type, which the legacy format needs");
  }
  const int64_t num_elements = node(items[4]).integer;
  const auto [found, added] = storage_of_key_.try_emplace(key, reading_.storages.size());
  if (added) {
    Storage storage{};
    storage.key = key;
    storage.dtype = *dtype;
    storage.location = node(items[3]).text.substr(0, kMaxLocation);
    storage.num_elements = num_elements;
    reading_.storages.push_back(std::move(storage));
  }
  const size_t index = found->second;
  const Storage& first = reading_.storages[index];
  const NodeId made = New(Kind::kStorage);
  node(made).storage = index;
  if (first.dtype != *dtype || first.num_elements != num_elements) {
    reading_.storage_problems.push_back(
        {made, fmt::format("storage {} is said to have {} x {} and {} x {}", key, first.num_elements, Name(first.dtype),
                           num_elements, Name(*dtype))});
  }
  return Push(made);
}

// Precondition: IsWrittenCall.
NodeId Machine::Tensor(GlobalRole role, NodeId callable, NodeId arguments) {
  const std::vector<NodeId> items = node(arguments).items;
  if (role == GlobalRole::kParameter || role == GlobalRole::kParameterState) {
    // (data, requires_grad, hooks[, state]): the parameter shows what its data shows.
    if (node(items[0]).kind != Kind::kTensor) return Object(callable, arguments);
    const size_t tensor = node(items[0]).tensor;
    const NodeId made = New(Kind::kTensor);
    node(made).tensor = tensor;
    return made;
  }
  if (role == GlobalRole::kFromType) {
    const GlobalRole function = Role(items[0]);
    return function == GlobalRole::kWrapperSubclass ? Object(callable, arguments)
                                                    : Tensor(function, items[0], items[2]);
  }

  const auto inert = [&](std::string_view what) {
    std::string text = fmt::format("{}: {}", reading_.pickle.Describe(callable, 60), what);
    const NodeId made = Object(callable, arguments);
    reading_.tensor_problems.push_back({made, std::move(text)});
    return made;
  };
  if (node(items[0]).kind == Kind::kObject) return Object(callable, arguments);  // its own message says why
  TensorView view;
  view.storage = node(items[0]).storage;
  view.dtype = reading_.storages[view.storage].dtype;
  if (role == GlobalRole::kTensorV3) {
    const std::string_view name = LastName(node(items[6]).text);
    const std::optional<Dtype> dtype = FindDtype(name);
    if (!dtype) return inert(fmt::format("element type {}, which no MusicGen export has", Printable(name, 40)));
    view.dtype = *dtype;
  }
  view.offset = node(items[1]).integer;
  for (const auto& [from, into] : {std::pair(items[2], &view.shape), std::pair(items[3], &view.strides)}) {
    const Node& numbers = node(from);
    if (numbers.items.size() > kMaxDimensions) return inert(fmt::format("{} dimensions", numbers.items.size()));
    for (const NodeId number : numbers.items) into->push_back(node(number).integer);
  }
  if (view.shape.size() != view.strides.size()) {
    return inert(fmt::format("{} dimensions, but {} strides", view.shape.size(), view.strides.size()));
  }
  const NodeId made = New(Kind::kTensor);
  node(made).tensor = reading_.tensors.size();
  reading_.tensors.push_back(std::move(view));
  reading_.tensor_nodes.push_back(made);
  return made;
}

}  // namespace harness::pickle
