// Persistent ids to storages, and torch._utils._rebuild_* to tensors. Neither is tied to bytes here.
#include <fmt/format.h>

#include "harness/checkpoint/pickle_machine.h"
#include "harness/checkpoint/printable.h"

namespace harness {
namespace {

constexpr size_t kMaxKey = 256;
constexpr size_t kMaxLocation = 64;
constexpr size_t kMaxDimensions = 64;  // PyTorch's own limit for iterating a tensor

std::string_view LastName(std::string_view qualified) { return qualified.substr(qualified.rfind('.') + 1); }

}  // namespace

// ('storage', class, key, location, numel), in the legacy format with (view key, offset, numel) or None behind;
// ('module', class, source file, source), which stands for the class.
Status PickleMachine::Persistent(NodeId id) {
  const auto bad = [&](std::string_view what) {
    return Corrupt(fmt::format("the persistent id {} {}", reading_.pickle.Describe(id, 120), what));
  };
  if (node(id).kind != Kind::kTuple) return bad("is no tuple");
  const std::vector<NodeId> items = node(id).items;
  const std::string_view kind = items.empty() ? std::string_view() : std::string_view(node(items[0]).text);
  if (kind == "module" && items.size() == 4) return Push(items[1]);
  if (kind != "storage") return bad("is of a kind that PyTorch does not know");
  if (items.size() != 5 && items.size() != 6) return bad("should have 5 or 6 members");

  const auto key_text = [&](NodeId key) -> std::optional<std::string> {
    if (node(key).kind == Kind::kInt) return std::to_string(node(key).integer);
    if (node(key).kind != Kind::kString || node(key).text.size() > kMaxKey) return std::nullopt;
    return node(key).text;
  };
  const std::optional<std::string> key = key_text(items[2]);
  if (!key) return bad("has no key that PyTorch writes");
  if (node(items[4]).kind != Kind::kInt) return bad("has no number of elements");

  const auto inert = [&](std::string text) {
    const NodeId object = Object(items[1], id);
    reading_.storage_problems.push_back({object, std::move(text)});
    return Push(object);
  };
  if (Role(items[1]) != GlobalRole::kStorageClass) {
    return inert(fmt::format("storage {} is of class {}, which is no storage class", Printable(*key, 40),
                             reading_.pickle.Describe(items[1], 80)));
  }
  const std::optional<Dtype> dtype = DtypeOfStorageClass(LastName(node(items[1]).text));
  if (!dtype) {
    return inert(fmt::format("storage {} holds quantized elements ({}), which no MusicGen export does",
                             Printable(*key, 40), LastName(node(items[1]).text)));
  }
  const int64_t num_elements = node(items[4]).integer;
  auto [found, added] = storage_of_key_.try_emplace(*key, reading_.storages.size());
  if (added) {
    Storage storage{};
    storage.key = *key;
    storage.dtype = *dtype;
    storage.location = node(items[3]).text.substr(0, kMaxLocation);
    storage.num_elements = num_elements;
    reading_.storages.push_back(std::move(storage));
  }
  size_t index = found->second;
  const Storage& first = reading_.storages[index];
  const bool agrees = first.dtype == *dtype && first.num_elements == num_elements;
  std::string disagreement;
  if (!agrees) {
    disagreement = fmt::format("storage {} is said to have {} x {} and {} x {}", Printable(*key, 40),
                               first.num_elements, Name(first.dtype), num_elements, Name(*dtype));
  }
  if (items.size() == 6 && node(items[5]).kind == Kind::kTuple) {
    const std::vector<NodeId>& view = node(items[5]).items;
    const std::optional<std::string> view_key = view.size() == 3 ? key_text(view[0]) : std::nullopt;
    if (!view_key || node(view[1]).kind != Kind::kInt || node(view[2]).kind != Kind::kInt) {
      return bad("has a view that PyTorch does not write");
    }
    const auto [view_found, view_added] = storage_of_key_.try_emplace(*view_key, reading_.storages.size());
    if (view_added) {
      Storage storage = first;
      storage.key = *view_key;
      storage.num_elements = node(view[2]).integer;
      reading_.storage_views.push_back({reading_.storages.size(), index, node(view[1]).integer, storage.num_elements});
      reading_.storages.push_back(std::move(storage));
    }
    index = view_found->second;
  }
  const NodeId made = New(Kind::kStorage);
  node(made).storage = index;
  if (!agrees) reading_.storage_problems.push_back({made, std::move(disagreement)});
  return Push(made);
}

NodeId PickleMachine::Tensor(GlobalRole role, NodeId callable, NodeId arguments) {
  const std::vector<NodeId>& items = node(arguments).items;
  if (role == GlobalRole::kParameter) {
    // (data, requires_grad, hooks[, state]): the parameter shows what its data shows.
    if (items.empty() || node(items[0]).kind != Kind::kTensor) return Object(callable, arguments);
    const size_t tensor = node(items[0]).tensor;
    const NodeId made = New(Kind::kTensor);
    node(made).tensor = tensor;
    return made;
  }
  if (role == GlobalRole::kFromType) {
    const bool known = items.size() == 4 && node(items[1]).kind == Kind::kGlobal &&
                       node(items[2]).kind == Kind::kTuple &&
                       (node(items[1]).text == "torch.Tensor" || RoleOf(node(items[1]).text) == GlobalRole::kParameter);
    const GlobalRole inner = known ? Role(items[0]) : GlobalRole::kForeign;
    if (inner != GlobalRole::kTensorV1 && inner != GlobalRole::kTensorV2 && inner != GlobalRole::kTensorV3 &&
        inner != GlobalRole::kParameter) {
      return Object(callable, arguments);
    }
    const NodeId state = items[3];
    const NodeId made = Tensor(inner, items[0], items[2]);
    node(made).state = state;
    return made;
  }

  const auto inert = [&](std::string_view what) {
    std::string text = fmt::format("{}: {}", reading_.pickle.Describe(callable, 60), what);
    const NodeId made = Object(callable, arguments);
    reading_.tensor_problems.push_back({made, std::move(text)});
    return made;
  };
  const size_t needed = role == GlobalRole::kTensorV1 ? 4 : role == GlobalRole::kTensorV2 ? 6 : 7;
  if (items.size() < needed) return inert(fmt::format("{} arguments instead of {}", items.size(), needed));
  if (node(items[0]).kind != Kind::kStorage) {
    // Where the storage itself was refused, its own message says why.
    if (node(items[0]).kind == Kind::kObject) return Object(callable, arguments);
    return inert(fmt::format("{} is no storage", reading_.pickle.Describe(items[0], 60)));
  }
  TensorView view;
  view.storage = node(items[0]).storage;
  view.dtype = reading_.storages[view.storage].dtype;
  if (role == GlobalRole::kTensorV3) {
    const std::string_view name = LastName(node(items[6]).text);
    const std::optional<Dtype> dtype = DtypeFromName(name);
    if (!dtype) return inert(fmt::format("element type {}, which no MusicGen export has", Printable(name, 40)));
    view.dtype = *dtype;
  }
  if (node(items[1]).kind != Kind::kInt) return inert("its offset is no integer");
  view.offset = node(items[1]).integer;
  for (const auto& [from, into] : {std::pair(items[2], &view.shape), std::pair(items[3], &view.strides)}) {
    const PickleNode& numbers = node(from);
    if (numbers.kind != Kind::kTuple && numbers.kind != Kind::kList) return inert("its shape or strides are no tuple");
    if (numbers.items.size() > kMaxDimensions) return inert(fmt::format("{} dimensions", numbers.items.size()));
    for (const NodeId number : numbers.items) {
      if (node(number).kind != Kind::kInt) return inert("its shape or strides are no integers");
      into->push_back(node(number).integer);
    }
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

}  // namespace harness
