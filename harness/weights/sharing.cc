#include "harness/weights/sharing.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>
#include <unordered_set>

namespace harness::weights {
namespace {

// A strided view is compared element by element: of one pair of views, and of a file that makes a thousand of them.
constexpr int64_t kMaxMarked = int64_t{1} << 24, kMaxMarkedInAll = int64_t{1} << 28;
constexpr size_t kMaxOpen = 64;  // views that begin before another one and reach into it

// The elements of a view: from `first` up to `end`, in units of its own element size.
struct Range {
  const checkpoint::NamedTensor* named;
  const pickle::TensorView* view;
  int64_t first, end;
  int64_t walked = 1;  // positions that its strides visit; a dimension of stride 0 visits one
  bool apart = true;   // each stride steps beyond all that the smaller ones reach: no position is visited twice
  bool dense = true;   // and not a step further: every element between first and end is the view's
};

// `view` is valid: nothing overflows.
Range RangeOf(const checkpoint::NamedTensor& named, const pickle::TensorView& view) {
  std::vector<std::pair<int64_t, int64_t>> steps;  // stride, size
  for (size_t i = 0; i < view.shape.size(); ++i) {
    if (view.shape[i] > 1 && view.strides[i] != 0) steps.emplace_back(view.strides[i], view.shape[i]);
  }
  std::sort(steps.begin(), steps.end());
  Range range{&named, &view, view.offset, view.offset + 1};
  for (const auto& [stride, size] : steps) {
    const int64_t reach = range.end - range.first;
    range.apart = range.apart && stride >= reach;
    range.dense = range.dense && stride == reach;
    range.end += (size - 1) * stride;
    range.walked *= size;
  }
  return range;
}

// Calls visit(position) for each distinct element of a view, relative to its first one.
template <class Visit>
void ForEachPosition(const pickle::TensorView& view, Visit visit) {
  std::vector<std::pair<int64_t, int64_t>> steps;  // stride, size
  for (size_t i = 0; i < view.shape.size(); ++i) {
    if (view.strides[i] != 0 && view.shape[i] > 1) steps.emplace_back(view.strides[i], view.shape[i]);
  }
  std::vector<int64_t> at(steps.size());
  int64_t position = 0;
  while (true) {
    visit(static_cast<size_t>(position));
    size_t d = steps.size();
    while (d > 0) {
      --d;
      position += steps[d].first;
      if (++at[d] < steps[d].second) break;
      position -= steps[d].first * steps[d].second;
      at[d] = 0;
      if (d == 0) return;
    }
    if (steps.empty()) return;
  }
}

// What is left to spend on comparing element by element.
struct Budget {
  int64_t elements = kMaxMarkedInAll;
  bool spent = false;  // something was left open

  bool Take(int64_t work) {
    if (work > kMaxMarked || work > elements) {
      spent = true;
      return false;
    }
    elements -= work;
    return true;
  }
};

bool SameView(const pickle::TensorView& a, const pickle::TensorView& b) {
  return a.offset == b.offset && a.shape == b.shape && a.strides == b.strides;
}

// Elements that both have.
int64_t Common(const Range& a, const Range& b, Budget& budget) {
  const int64_t first = std::max(a.first, b.first), end = std::min(a.end, b.end);
  if (first >= end) return 0;
  if (a.dense && b.dense) return end - first;
  if (SameView(*a.view, *b.view)) return a.walked;
  const int64_t from = std::min(a.first, b.first), span = std::max(a.end, b.end) - from;
  if (!budget.Take(span + a.walked + b.walked)) return 0;
  std::vector<bool> marked(static_cast<size_t>(span));
  ForEachPosition(*a.view, [&](size_t at) { marked[static_cast<size_t>(a.first - from) + at] = true; });
  int64_t common = 0;
  ForEachPosition(*b.view, [&](size_t at) { common += marked[static_cast<size_t>(b.first - from) + at] ? 1 : 0; });
  return common;
}

// Indices of the view whose element is under another index, too.
int64_t Repeated(const Range& range, Budget& budget) {
  const int64_t elements = range.view->num_elements();
  if (range.apart) return elements - range.walked;
  const int64_t span = range.end - range.first;
  if (!budget.Take(span + range.walked)) return 0;
  std::vector<bool> marked(static_cast<size_t>(span));
  ForEachPosition(*range.view, [&](size_t at) { marked[at] = true; });
  return elements - std::count(marked.begin(), marked.end(), true);
}

bool AllEqual(const pickle::Storage& storage, const Range& range) {
  const size_t size = pickle::CountElementBytes(range.view->dtype);
  const auto bytes = storage.bytes.subspan(static_cast<size_t>(range.first) * size,
                                           static_cast<size_t>(range.end - range.first) * size);
  return std::memcmp(bytes.data(), bytes.data() + size, bytes.size() - size) == 0;
}

// "rope.frequencies" of "transformer.layers.3.self_attn.rope.frequencies"; "" of anything else.
std::string_view NameInRope(std::string_view name) {
  const size_t at = name.rfind("rope.");
  return at == std::string_view::npos ? std::string_view() : name.substr(at);
}

// "linears.2.weight" and "emb.2.weight"; T5's two names of one embedding; the transformer's rope, which its layers
// share.
bool MayBeTied(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (!NameInRope(a).empty() && NameInRope(a) == NameInRope(b)) return true;
  const auto rest = [](std::string_view name, std::string_view prefix) {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view();
  };
  if (const std::string_view key = rest(a, "emb."); !key.empty() && key == rest(b, "linears.")) return true;
  constexpr std::string_view kShared = ".t5.shared.weight", kTokens = ".t5.encoder.embed_tokens.weight";
  return a.ends_with(kShared) && b.ends_with(kTokens) &&
         a.substr(0, a.size() - kShared.size()) == b.substr(0, b.size() - kTokens.size());
}

bool IsTie(const Range& a, const Range& b) {
  if (a.first != b.first || !a.dense || !b.dense || a.view->strides != b.view->strides) return false;
  const std::vector<int64_t>&shape = a.view->shape, &other = b.view->shape;
  const bool same_rows =
      shape.size() == other.size() && !shape.empty() && std::equal(shape.begin() + 1, shape.end(), other.begin() + 1);
  return same_rows && MayBeTied(a.named->name, b.named->name);
}

}  // namespace

Sharing FindSharedElements(const checkpoint::Checkpoint& checkpoint,
                           const std::vector<checkpoint::NamedTensor>& tensors) {
  std::map<size_t, std::vector<Range>> by_storage;
  for (const checkpoint::NamedTensor& named : tensors) {
    const pickle::TensorView& view = checkpoint.tensors()[named.tensor];
    if (!view.valid || view.num_elements() == 0 || checkpoint.storages()[view.storage].bytes.empty()) continue;
    // Views of one storage by another element type have no common unit.
    if (view.dtype != checkpoint.storages()[view.storage].dtype) continue;
    by_storage[view.storage].push_back(RangeOf(named, view));
  }
  Sharing sharing;
  std::vector<SharedElements>& found = sharing.found;
  Budget budget;
  const auto leave_open = [&](const Range& range) {
    if (!sharing.left_open) sharing.left_open = range.named->name;
  };
  for (auto& [index, ranges] : by_storage) {
    const size_t storage = index;
    std::stable_sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<const Range*> open;
    SharedElements group;
    std::unordered_set<const Range*> members;
    std::map<std::pair<int64_t, int64_t>, bool> known;  // by first and end; a hundred thousand views may be one
    const auto all_equal = [&](const Range& range) {
      const auto [at, added] = known.try_emplace({range.first, range.end});
      if (added) at->second = AllEqual(checkpoint.storages()[storage], range);
      return at->second;
    };
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
      if (const int64_t repeated = Repeated(range, budget); repeated > 0 && !all_equal(range)) {
        found.push_back({{range.named->name}, false, repeated});
      }
      if (budget.spent) leave_open(range);
      open.push_back(&range);
      if (open.size() > kMaxOpen) {
        // Whatever follows lies on the views that reach further, too; only of strided ones is that not sure.
        const auto out = std::min_element(open.begin(), open.end(), [](auto* a, auto* b) { return a->end < b->end; });
        const bool dense = std::all_of(open.begin(), open.end(), [](auto* view) { return view->dense; });
        const bool twin = std::any_of(open.begin(), open.end(),
                                      [&](auto* view) { return view != *out && SameView(*view->view, *(*out)->view); });
        if (!dense && !twin && !all_equal(**out)) leave_open(**out);
        open.erase(out);
      }
      if (partner == nullptr || all_equal(range)) continue;
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
  return sharing;
}

}  // namespace harness::weights
