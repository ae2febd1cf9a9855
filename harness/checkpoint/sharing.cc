#include "harness/checkpoint/sharing.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>
#include <unordered_set>

namespace harness {
namespace {

// A strided view is compared element by element: of one pair of views, and of a file that makes a thousand of them.
constexpr int64_t kMaxMarked = int64_t{1} << 24, kMaxMarkedInAll = int64_t{1} << 28;
constexpr size_t kMaxOpen = 16;  // views that begin before another one and reach into it

// The elements of a view: from `first` up to `end`, in units of its own element size.
struct Range {
  const NamedTensor* named;
  const TensorView* view;
  int64_t first, end;
  bool dense;  // every element between them is the view's
};

Range RangeOf(const NamedTensor& named, const TensorView& view) {
  int64_t last = view.offset, distinct = 1;
  for (size_t i = 0; i < view.shape.size(); ++i) {
    last += (view.shape[i] - 1) * view.strides[i];  // a valid view: no overflow
    if (view.strides[i] != 0) distinct *= view.shape[i];
  }
  return {&named, &view, view.offset, last + 1, distinct == last + 1 - view.offset};
}

// Where each distinct element of a view lies, relative to its first one.
std::vector<int64_t> Positions(const TensorView& view) {
  std::vector<int64_t> positions = {0};
  for (size_t i = 0; i < view.shape.size(); ++i) {
    if (view.strides[i] == 0) continue;
    std::vector<int64_t> next;
    next.reserve(positions.size() * static_cast<size_t>(view.shape[i]));
    for (const int64_t position : positions) {
      for (int64_t k = 0; k < view.shape[i]; ++k) next.push_back(position + k * view.strides[i]);
    }
    positions = std::move(next);
  }
  return positions;
}

// Elements that both have. `budget`: elements that may still be marked.
int64_t Common(const Range& a, const Range& b, int64_t& budget) {
  const int64_t first = std::max(a.first, b.first), end = std::min(a.end, b.end);
  if (first >= end) return 0;
  if (a.dense && b.dense) return end - first;
  const int64_t from = std::min(a.first, b.first), span = std::max(a.end, b.end) - from;
  if (span > kMaxMarked || span > budget) return 0;
  budget -= span;
  std::vector<bool> marked(static_cast<size_t>(span));
  for (const int64_t position : Positions(*a.view)) marked[static_cast<size_t>(a.first - from + position)] = true;
  int64_t common = 0;
  for (const int64_t position : Positions(*b.view)) {
    common += marked[static_cast<size_t>(b.first - from + position)] ? 1 : 0;
  }
  return common;
}

bool AllEqual(const Storage& storage, const Range& range) {
  const size_t size = SizeOf(range.view->dtype);
  const auto bytes = storage.bytes.subspan(static_cast<size_t>(range.first) * size,
                                           static_cast<size_t>(range.end - range.first) * size);
  return std::memcmp(bytes.data(), bytes.data() + size, bytes.size() - size) == 0;
}

// "linears.2.weight" and "emb.2.weight"; T5's two names of one embedding.
bool MayBeTied(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  const auto rest = [](std::string_view name, std::string_view prefix) {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view();
  };
  if (const std::string_view key = rest(a, "emb."); !key.empty() && key == rest(b, "linears.")) return true;
  constexpr std::string_view kShared = ".t5.shared.weight", kTokens = ".t5.encoder.embed_tokens.weight";
  return a.ends_with(kShared) && b.ends_with(kTokens) &&
         a.substr(0, a.size() - kShared.size()) == b.substr(0, b.size() - kTokens.size());
}

bool IsTie(const Range& a, const Range& b) {
  return a.first == b.first && a.dense && b.dense && a.view->shape.size() == 2 && b.view->shape.size() == 2 &&
         a.view->shape[1] == b.view->shape[1] && a.view->strides == b.view->strides &&
         MayBeTied(a.named->name, b.named->name);
}

}  // namespace

std::vector<SharedElements> FindSharedElements(const Checkpoint& checkpoint, const std::vector<NamedTensor>& tensors) {
  std::map<size_t, std::vector<Range>> by_storage;
  for (const NamedTensor& named : tensors) {
    const TensorView& view = checkpoint.tensors()[named.tensor];
    if (!view.valid || view.num_elements() == 0 || checkpoint.storages()[view.storage].bytes.empty()) continue;
    // Views of one storage by another element type have no common unit.
    if (view.dtype != checkpoint.storages()[view.storage].dtype) continue;
    by_storage[view.storage].push_back(RangeOf(named, view));
  }
  std::vector<SharedElements> found;
  int64_t budget = kMaxMarkedInAll;
  for (auto& [storage, ranges] : by_storage) {
    std::stable_sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<const Range*> open;
    SharedElements group;
    std::unordered_set<const Range*> members;
    const auto close = [&] {
      if (group.names.size() > 1) found.push_back(std::move(group));
      group = {};
      members.clear();
    };
    for (const Range& range : ranges) {
      std::erase_if(open, [&](const Range* before) { return before->end <= range.first; });
      const Range* partner = nullptr;
      int64_t common = 0;
      for (const Range* before : open) {
        if (IsTie(*before, range)) continue;
        if (const int64_t elements = Common(*before, range, budget); elements > common)
          common = elements, partner = before;
      }
      open.push_back(&range);
      if (open.size() > kMaxOpen) {
        open.erase(std::min_element(open.begin(), open.end(), [](auto* a, auto* b) { return a->end < b->end; }));
      }
      if (partner == nullptr || AllEqual(checkpoint.storages()[storage], range)) continue;
      if (!members.contains(partner)) {
        close();
        group.names.push_back(partner->named->name);
        members.insert(partner);
      }
      members.insert(&range);
      group.names.push_back(range.named->name);
      group.elements = std::max(group.elements, common);
      group.identical = group.identical && partner->first == range.first && partner->end == range.end;
    }
    close();
  }
  return found;
}

}  // namespace harness
