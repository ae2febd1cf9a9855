#include "harness/model/tensor_table.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace harness {
namespace {

std::optional<at::ScalarType> ScalarTypeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat64: return at::kDouble;
    case Dtype::kFloat32: return at::kFloat;
    case Dtype::kFloat16: return at::kHalf;
    case Dtype::kBFloat16: return at::kBFloat16;
    case Dtype::kInt64: return at::kLong;
    case Dtype::kInt32: return at::kInt;
    case Dtype::kInt16: return at::kShort;
    case Dtype::kInt8: return at::kChar;
    case Dtype::kUInt8: return at::kByte;
    case Dtype::kBool: return at::kBool;
    case Dtype::kComplex64:
    case Dtype::kComplex128: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<TensorTable> TensorTable::Bind(const Checkpoint& checkpoint, const std::vector<TensorSpec>& specs,
                                      const std::vector<size_t>& binding) {
  TensorTable table;
  for (size_t i = 0; i < specs.size(); ++i) {
    const TensorView& view = checkpoint.tensors()[binding[i]];
    const auto type = ScalarTypeOf(view.dtype);
    if (!type) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} is {}: no weight of a MusicGen is complex", specs[i].name, Name(view.dtype))};
    }
    if (!view.valid) return Error{ErrorCode::kCorrupt, specs[i].name + " reaches beyond its storage"};
    const Storage& storage = checkpoint.storages()[view.storage];
    const std::byte* data = storage.bytes.data() + static_cast<size_t>(view.offset) * SizeOf(view.dtype);
    const auto options = at::TensorOptions().dtype(*type);
    at::Tensor tensor;
    if (view.num_elements() == 0) {
      tensor = at::empty(view.shape, options);
    } else if (reinterpret_cast<uintptr_t>(data) % SizeOf(view.dtype) == 0) {
      // from_blob takes a pointer to mutable data; nothing in this library writes to a bound tensor (the mapping is
      // read-only: a write would fault).
      tensor = at::from_blob(const_cast<std::byte*>(data), view.shape, view.strides, options);  // NOLINT
    } else {
      // Legacy files don't align their payloads: the only weights that get copied.
      const auto extent = storage.bytes.size() - static_cast<size_t>(data - storage.bytes.data());
      at::Tensor aligned = at::empty({static_cast<int64_t>(extent / SizeOf(view.dtype))}, options);
      std::copy(data, data + aligned.nbytes(), static_cast<std::byte*>(aligned.data_ptr()));
      tensor = aligned.as_strided(view.shape, view.strides);
    }
    table.tensors_.emplace(specs[i].name, std::move(tensor));
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

at::Tensor TensorTable::Weight(const std::string& name, at::Device device) const {
  const at::Tensor& tensor = (*this)[name];
  const auto type = tensor.scalar_type();
  const bool as_stored = type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
  return device.is_cpu() && as_stored && tensor.is_contiguous() ? tensor : Float(name, device);
}

}  // namespace harness
