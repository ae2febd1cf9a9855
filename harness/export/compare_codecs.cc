#include "harness/export/compare_codecs.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace harness::exports {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// One or, of weight norm, two views: gains and directions.
struct Weights {
  std::string name, group;
  std::vector<int64_t> shape;
  std::vector<checkpoint::WeightView> views;
  bool is_codebook() const { return group == "quantizer"; }
};

checkpoint::WeightView ViewOf(const checkpoint::Checkpoint& checkpoint, size_t tensor) {
  const pickle::TensorView& view = checkpoint.tensors()[tensor];
  std::span<const std::byte> bytes;
  if (view.valid && view.num_elements() > 0) {
    bytes = checkpoint.storages()[view.storage].bytes.subspan(static_cast<size_t>(view.offset) *
                                                              pickle::CountElementBytes(view.dtype));
  }
  return {"", view.dtype, view.shape, view.strides, bytes};
}

// `view(i)`: of the i-th of `specs`.
template <class Function>
std::vector<Weights> Collect(const std::vector<architecture::TensorSpec>& specs, Function view) {
  std::vector<Weights> list;
  for (size_t i = 0; i < specs.size(); ++i) {
    const architecture::TensorSpec& spec = specs[i];
    if (spec.training_only) continue;
    constexpr std::string_view kGain = ".weight_g", kDirection = ".weight_v";
    if (spec.name.ends_with(kDirection) && !list.empty() && list.back().name.ends_with(kGain)) {
      list.back().name.resize(list.back().name.size() - 2);  // ".weight"
      list.back().shape = spec.shape;
      list.back().views.push_back(view(i));
    } else {
      list.push_back({spec.name, spec.group, spec.shape, {view(i)}});
    }
  }
  return list;
}

// `source`: null where the weights are not an Export's own.
Result<std::vector<Weights>> CollectWeights(const CodecDescription& codec, Export* source) {
  if (std::holds_alternative<OwnCodec>(codec.source) && source != nullptr) {
    const CheckedTensors& tensors = source->tensors(Role::kCodec);
    const std::vector<size_t> binding = tensors.Binding();
    const checkpoint::Checkpoint& checkpoint = source->file(Role::kCodec).checkpoint();
    return Collect(tensors.specs, [&](size_t i) { return ViewOf(checkpoint, binding[i]); });
  }
  if (const auto* packaged = std::get_if<PackagedCodec>(&codec.source)) {
    const BoundTensors& tensors = packaged->tensors;
    return Collect(tensors.specs, [&](size_t i) { return ViewOf(packaged->file->checkpoint(), tensors.binding[i]); });
  }
  if (const auto* hub = std::get_if<HubCodec>(&codec.source)) {
    return Collect(hub->tensors.specs, [&](size_t i) { return hub->weights->weights()[hub->tensors.binding[i]]; });
  }
  return Error{ErrorCode::kUnsupported, codec.name + ": only the weights of an EnCodec that are here can be compared"};
}

float HalfToFloat(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const float sign = (half & 0x8000) != 0 ? -1.f : 1.f;
  if (exponent == 31) return fraction == 0 ? sign * std::numeric_limits<float>::infinity() : std::nanf("");
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

template <class Element>
Element Load(const std::byte* data) {
  Element element;
  std::memcpy(&element, data, sizeof element);
  return element;
}

float ReadElement(pickle::Dtype dtype, const std::byte* data) {
  switch (dtype) {
    case pickle::Dtype::kFloat64: return static_cast<float>(Load<double>(data));
    case pickle::Dtype::kFloat16: return HalfToFloat(Load<uint16_t>(data));
    case pickle::Dtype::kBFloat16: return std::bit_cast<float>(static_cast<uint32_t>(Load<uint16_t>(data)) << 16);
    default: return Load<float>(data);
  }
}

// In row-major order. Precondition: IsFloating(view.dtype), and every element lies inside view.bytes.
std::vector<float> ReadValues(const checkpoint::WeightView& view) {
  int64_t count = 1;
  for (const int64_t size : view.shape) count *= size;
  std::vector<float> values;
  if (count <= 0 || view.bytes.empty()) return values;
  values.reserve(static_cast<size_t>(count));
  std::vector<int64_t> at(view.shape.size());
  int64_t position = 0;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(ReadElement(
        view.dtype, view.bytes.data() + static_cast<size_t>(position) * pickle::CountElementBytes(view.dtype)));
    for (size_t d = at.size(); d-- > 0;) {
      position += view.strides[d];
      if (++at[d] < view.shape[d]) break;
      position -= view.strides[d] * view.shape[d];
      at[d] = 0;
    }
  }
  return values;
}

// Bits of a float32's fraction that a narrower type has no room for, and how far rounding to it moves a number: half a
// unit in the last place, or a whole one where a writer cut them off.
struct Narrow {
  const char* name;
  uint32_t lost_bits;
  float relative, absolute;
};
constexpr Narrow kNarrowTypes[] = {{"float16", 0x1FFF, 0x1p-10f, 0x1p-24f}, {"bfloat16", 0xFFFF, 0x1p-7f, 0x1p-133f}};

bool Holds(const Narrow& type, const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [&](float value) {
    return (std::bit_cast<uint32_t>(value) & type.lost_bits) == 0 || std::fabs(value) < type.absolute * 1024;
  });
}

bool IsRounded(const Narrow& type, const std::vector<float>& a, const std::vector<float>& b) {
  if (!Holds(type, a) && !Holds(type, b)) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const float limit = type.relative * std::max(std::fabs(a[i]), std::fabs(b[i])) + type.absolute;
    if (!(std::fabs(a[i] - b[i]) <= limit)) return false;
  }
  return true;
}

// Weight norm as it acts: each row of directions has the length that its gain says.
std::vector<float> ReadActing(std::vector<std::vector<float>> values) {
  if (values.size() == 1) return std::move(values[0]);
  const std::vector<float>& gains = values[0];
  std::vector<float> acting = std::move(values[1]);
  if (gains.empty() || acting.size() % gains.size() != 0) return acting;
  const size_t row = acting.size() / gains.size();
  for (size_t r = 0; r < gains.size(); ++r) {
    double square = 0;
    for (size_t i = r * row; i < (r + 1) * row; ++i) square += static_cast<double>(acting[i]) * acting[i];
    const auto scale = static_cast<float>(gains[r] / std::sqrt(square));
    for (size_t i = r * row; i < (r + 1) * row; ++i) acting[i] *= scale;
  }
  return acting;
}

void SubtractMeanRow(size_t columns, std::vector<float>& values) {
  const size_t rows = values.size() / columns;
  for (size_t c = 0; c < columns; ++c) {
    double sum = 0;
    for (size_t r = 0; r < rows; ++r) sum += values[r * columns + c];
    for (size_t r = 0; r < rows; ++r) values[r * columns + c] -= static_cast<float>(sum / static_cast<double>(rows));
  }
}

double Correlate(const std::vector<float>& a, const std::vector<float>& b) {
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
    ab += static_cast<double>(a[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);  // NaN where one is zero
}

bool SameBytes(const checkpoint::WeightView& a, const checkpoint::WeightView& b) {
  if (a.dtype != b.dtype || a.strides != b.strides || a.shape != b.shape) return false;
  int64_t last = 0;
  for (size_t d = 0; d < a.shape.size(); ++d) {
    if (a.shape[d] == 0) return true;
    last += a.strides[d] * (a.shape[d] - 1);
  }
  const size_t size = (static_cast<size_t>(last) + 1) * pickle::CountElementBytes(a.dtype);
  return a.bytes.size() >= size && b.bytes.size() >= size && std::memcmp(a.bytes.data(), b.bytes.data(), size) == 0;
}

ComparedTensor CompareTensor(const Weights& a, const Weights& b) {
  ComparedTensor result{.name = a.name, .group = a.group, .elements = 1};
  for (const int64_t size : a.shape) result.elements *= size;
  if (a.views.size() == b.views.size() && std::equal(a.views.begin(), a.views.end(), b.views.begin(), SameBytes)) {
    result.same_bits = result.same_values = true;
    return result;
  }
  std::vector<std::vector<float>> raw_a, raw_b;
  for (const checkpoint::WeightView& view : a.views) raw_a.push_back(ReadValues(view));
  for (const checkpoint::WeightView& view : b.views) raw_b.push_back(ReadValues(view));
  result.same_values = raw_a == raw_b;
  if (!result.same_values && raw_a.size() == raw_b.size()) {
    for (const Narrow& type : kNarrowTypes) {
      bool rounded = true;
      for (size_t i = 0; i < raw_a.size(); ++i) {
        rounded = rounded && raw_a[i].size() == raw_b[i].size() && IsRounded(type, raw_a[i], raw_b[i]);
      }
      if (!rounded) continue;
      result.rounded_to = type.name;
      break;
    }
  }
  std::vector<float> left = ReadActing(std::move(raw_a)), right = ReadActing(std::move(raw_b));
  if (left.size() != right.size()) {
    result.relative_change = result.correlation = kNan;
    return result;
  }
  double change = 0, size = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const double difference = static_cast<double>(left[i]) - right[i];
    change += difference * difference;
    size += static_cast<double>(right[i]) * right[i];
  }
  result.relative_change = change == 0 ? 0 : size > 0 ? std::sqrt(change / size) : kNan;
  if (a.shape.size() < 2) {
    result.correlation = kNan;
    return result;
  }
  if (a.is_codebook() && a.shape[1] > 0) {
    SubtractMeanRow(static_cast<size_t>(a.shape[1]), left);
    SubtractMeanRow(static_cast<size_t>(a.shape[1]), right);
  }
  result.correlation = Correlate(left, right);
  return result;
}

// The first difference between what the two have, apart from the number of codebooks; empty: none.
std::string DescribeDifference(const std::vector<Weights>& a, const std::vector<Weights>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (a[i].group != b[i].group) {
      return fmt::format("its {} has {} tensors", a[i].group == "quantizer" ? b[i].group : a[i].group,
                         a[i].group == "quantizer" ? "fewer" : "more");
    }
    if (a[i].shape != b[i].shape) {
      return fmt::format("{} is {}, there {}", a[i].name, architecture::FormatShape(a[i].shape),
                         architecture::FormatShape(b[i].shape));
    }
  }
  return "";
}

Result<CodecComparison> Compare(std::vector<Weights> a, std::vector<Weights> b) {
  for (const auto* list : {&a, &b}) {
    for (const Weights& weights : *list) {
      for (const checkpoint::WeightView& view : weights.views) {
        if (pickle::IsFloating(view.dtype)) continue;
        return Error{ErrorCode::kUnsupported,
                     fmt::format("{} is {}: it can't be compared", weights.name, Name(view.dtype))};
      }
    }
  }
  CodecComparison comparison{.other_architecture = DescribeDifference(a, b)};
  if (!comparison.other_architecture.empty()) return comparison;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) comparison.tensors.push_back(CompareTensor(a[i], b[i]));
  return comparison;
}

std::vector<std::string> ListOtherOptions(const architecture::CodecSpec& a, const architecture::CodecSpec& b) {
  std::vector<std::string> list;
  const auto compare = [&](const char* key, const auto& ours, const auto& theirs) {
    if (ours != theirs) list.push_back(fmt::format("{} is {}, there {}", key, ours, theirs));
  };
  compare("encodec.causal", a.causal, b.causal);
  compare("encodec.sample_rate", a.sample_rate_hz, b.sample_rate_hz);
  compare("seanet.pad_mode", a.encoder.pad_mode, b.encoder.pad_mode);
  return list;
}

Result<CodecComparison> Compare(const CodecDescription& packed, Export* source, const CodecDescription& other) {
  HARNESS_ASSIGN_OR_RETURN(std::vector<Weights> a, CollectWeights(packed, source));
  HARNESS_ASSIGN_OR_RETURN(std::vector<Weights> b, CollectWeights(other, nullptr));
  HARNESS_ASSIGN_OR_RETURN(CodecComparison comparison, Compare(std::move(a), std::move(b)));
  comparison.other_options = ListOtherOptions(*packed.encodec(), *other.encodec());
  return comparison;
}

// The mean over a group's tensors of which the figure is known, weighted by elements.
template <class Figure>
double Mean(const std::vector<ComparedTensor>& tensors, const std::string& group, Figure figure) {
  double sum = 0, elements = 0;
  for (const ComparedTensor& tensor : tensors) {
    const double value = figure(tensor);
    if (tensor.group != group || std::isnan(value)) continue;
    sum += value * static_cast<double>(tensor.elements);
    elements += static_cast<double>(tensor.elements);
  }
  return elements > 0 ? sum / elements : kNan;
}

}  // namespace

bool CodecComparison::SameBits() const {
  return other_architecture.empty() &&
         std::all_of(tensors.begin(), tensors.end(), [](const ComparedTensor& tensor) { return tensor.same_bits; });
}

std::optional<std::string> CodecComparison::SameUpTo() const {
  if (!other_architecture.empty()) return std::nullopt;
  std::string narrowest = "float32";
  for (const ComparedTensor& tensor : tensors) {
    if (tensor.same_values) continue;
    if (tensor.rounded_to.empty()) return std::nullopt;
    if (narrowest != "bfloat16") narrowest = tensor.rounded_to;
  }
  return narrowest;
}

double CodecComparison::Correlation(const std::string& group) const {
  return Mean(tensors, group, [](const ComparedTensor& tensor) { return tensor.correlation; });
}

double CodecComparison::RelativeChange(const std::string& group) const {
  return Mean(tensors, group, [](const ComparedTensor& tensor) { return tensor.relative_change; });
}

const ComparedTensor* CodecComparison::MostChanged() const {
  const ComparedTensor* most = nullptr;
  for (const ComparedTensor& tensor : tensors) {
    if (tensor.relative_change > (most != nullptr ? most->relative_change : 0)) most = &tensor;
  }
  return most;
}

std::vector<std::string> CodecComparison::UnrelatedCodebooks() const {
  std::vector<std::string> names;
  for (const ComparedTensor& tensor : tensors) {
    if (tensor.group == "quantizer" && tensor.correlation < kUnrelatedCorrelation) names.push_back(tensor.name);
  }
  return names;
}

bool CodecComparison::IsAnotherModel() const {
  return !other_architecture.empty() || Correlation("encoder") < kUnrelatedCorrelation || !UnrelatedCodebooks().empty();
}

Result<CodecComparison> CompareWithPacked(Export& source, const CodecDescription& other) {
  const auto& packed = source.codec();
  if (!packed.ok()) return packed.error();
  return Compare(*packed, &source, other);
}

Result<CodecComparison> CompareCodecs(const CodecDescription& packed, const CodecDescription& other) {
  return Compare(packed, nullptr, other);
}

}  // namespace harness::exports
