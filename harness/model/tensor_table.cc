#include "harness/model/tensor_table.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <span>

#include "harness/architecture/agreement.h"

namespace harness::model {
namespace {

std::optional<at::ScalarType> ScalarTypeOf(pickle::Dtype dtype) {
  switch (dtype) {
    case pickle::Dtype::kFloat64: return at::kDouble;
    case pickle::Dtype::kFloat32: return at::kFloat;
    case pickle::Dtype::kFloat16: return at::kHalf;
    case pickle::Dtype::kBFloat16: return at::kBFloat16;
    case pickle::Dtype::kInt64: return at::kLong;
    case pickle::Dtype::kInt32: return at::kInt;
    case pickle::Dtype::kInt16: return at::kShort;
    case pickle::Dtype::kInt8: return at::kChar;
    case pickle::Dtype::kUInt8: return at::kByte;
    case pickle::Dtype::kBool: return at::kBool;
    case pickle::Dtype::kComplex64:
    case pickle::Dtype::kComplex128: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

// `name` is the spec's: view.name may be an alias.
Status TensorTable::Add(const std::string& name, const checkpoint::WeightView& view) {
  const auto type = ScalarTypeOf(view.dtype);
  if (!type) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is {}: no weight of a MusicGen is complex", name, pickle::Name(view.dtype))};
  }
  const std::byte* data = view.bytes.data();
  const auto options = at::TensorOptions().dtype(*type);
  at::Tensor tensor;
  if (view.bytes.empty()) {
    tensor = at::empty(view.shape, options);
  } else if (reinterpret_cast<uintptr_t>(data) % pickle::CountElementBytes(view.dtype) == 0) {
    // from_blob takes a pointer to mutable data; nothing in this library writes to a bound tensor (the mapping is
    // read-only: a write would fault).
    tensor = at::from_blob(const_cast<std::byte*>(data), view.shape, view.strides, options);  // NOLINT
  } else {
    // Legacy files, and safetensors of other writers, don't align their payloads: the only weights that get copied.
    at::Tensor aligned =
        at::empty({static_cast<int64_t>(view.bytes.size() / pickle::CountElementBytes(view.dtype))}, options);
    std::copy(data, data + aligned.nbytes(), static_cast<std::byte*>(aligned.data_ptr()));
    tensor = aligned.as_strided(view.shape, view.strides);
  }
  tensors_.insert_or_assign(name, std::move(tensor));
  return {};
}

Result<TensorTable> TensorTable::Bind(const checkpoint::Checkpoint& checkpoint,
                                      const std::vector<architecture::TensorSpec>& specs,
                                      const std::vector<size_t>& binding) {
  TensorTable table;
  for (size_t i = 0; i < specs.size(); ++i) {
    const pickle::TensorView& view = checkpoint.tensors()[binding[i]];
    if (!view.valid) return Error{ErrorCode::kCorrupt, specs[i].name + " reaches beyond its storage"};
    std::span<const std::byte> bytes;
    if (view.num_elements() > 0) {
      bytes = checkpoint.storages()[view.storage].bytes.subspan(static_cast<size_t>(view.offset) *
                                                                pickle::CountElementBytes(view.dtype));
    }
    HARNESS_RETURN_IF_ERROR(table.Add(specs[i].name, {specs[i].name, view.dtype, view.shape, view.strides, bytes}));
  }
  return table;
}

Result<TensorTable> TensorTable::Bind(const checkpoint::WeightsFile& weights,
                                      const std::vector<architecture::TensorSpec>& specs) {
  std::vector<architecture::FoundTensor> found;
  for (const checkpoint::WeightView& view : weights.weights()) found.push_back({view.name, view.shape});
  const architecture::Agreement agreement = architecture::Compare(specs, found);
  std::string problems;
  for (const auto& [group, disagreement] : agreement.groups) {
    if (!disagreement.empty())
      problems += (problems.empty() ? "" : "; ") + architecture::DescribeDisagreement(disagreement);
  }
  if (!problems.empty()) {
    return Error{ErrorCode::kMismatch, fmt::format("{}: {}", weights.path().string(), problems)};
  }
  TensorTable table;
  for (size_t i = 0; i < specs.size(); ++i) {
    HARNESS_RETURN_IF_ERROR(table.Add(specs[i].name, weights.weights()[agreement.binding[i]]));
  }
  return table;
}

const at::Tensor& TensorTable::operator[](const std::string& name) const {
  const auto it = tensors_.find(name);
  TORCH_CHECK(it != tensors_.end(), "no tensor is bound to ", name);
  return it->second;
}

at::Tensor TensorTable::Float(const std::string& name, at::Device device) const {
  return (*this)[name].to(device, at::kFloat).contiguous();
}

at::Tensor TensorTable::Half(const std::string& name, at::Device device) const {
  // Cast first: half as much is moved.
  return (*this)[name].to(at::kHalf).to(device).contiguous();
}

at::Tensor TensorTable::Weight(const std::string& name, at::Device device) const {
  const at::Tensor& tensor = (*this)[name];
  const auto type = tensor.scalar_type();
  const bool as_stored = type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
  return device.is_cpu() && as_stored && tensor.is_contiguous() ? tensor : Float(name, device);
}

}  // namespace harness::model
