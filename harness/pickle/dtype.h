// The element types that a PyTorch checkpoint can name. Source: torch/storage.py (_dtype_to_storage_type_map) and
// c10/core/ScalarType.h, PyTorch 2.11.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace harness::pickle {

enum class Dtype {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUInt8,
  kBool,
  kComplex64,
  kComplex128,
};

// Bytes of one element.
size_t CountElementBytes(Dtype dtype);

// "float32", "bfloat16", ...: PyTorch's names.
std::string_view Name(Dtype dtype);

// The four that audiocraft's loader casts to the parameters' type.
bool IsFloating(Dtype dtype);

// From a legacy storage class ("FloatStorage", "HalfStorage", ...), and from a dtype's name ("float32").
std::optional<Dtype> FindDtypeOfStorageClass(std::string_view name);
std::optional<Dtype> FindDtype(std::string_view name);

}  // namespace harness::pickle
