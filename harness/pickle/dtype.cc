#include "harness/pickle/dtype.h"

#include <array>

namespace harness::pickle {
namespace {

struct Row {
  Dtype dtype;
  size_t size;
  std::string_view name;
  std::string_view storage_class;
};

// In the order of the enumeration: Row(dtype) indexes it.
constexpr std::array<Row, 12> kRows = {{
    {Dtype::kFloat64, 8, "float64", "DoubleStorage"},
    {Dtype::kFloat32, 4, "float32", "FloatStorage"},
    {Dtype::kFloat16, 2, "float16", "HalfStorage"},
    {Dtype::kBFloat16, 2, "bfloat16", "BFloat16Storage"},
    {Dtype::kInt64, 8, "int64", "LongStorage"},
    {Dtype::kInt32, 4, "int32", "IntStorage"},
    {Dtype::kInt16, 2, "int16", "ShortStorage"},
    {Dtype::kInt8, 1, "int8", "CharStorage"},
    {Dtype::kUInt8, 1, "uint8", "ByteStorage"},
    {Dtype::kBool, 1, "bool", "BoolStorage"},
    {Dtype::kComplex64, 8, "complex64", "ComplexFloatStorage"},
    {Dtype::kComplex128, 16, "complex128", "ComplexDoubleStorage"},
}};

const Row& RowOf(Dtype dtype) { return kRows[static_cast<size_t>(dtype)]; }

}  // namespace

size_t CountElementBytes(Dtype dtype) { return RowOf(dtype).size; }

std::string_view Name(Dtype dtype) { return RowOf(dtype).name; }

bool IsFloating(Dtype dtype) {
  return dtype == Dtype::kFloat64 || dtype == Dtype::kFloat32 || dtype == Dtype::kFloat16 || dtype == Dtype::kBFloat16;
}

std::optional<Dtype> FindDtypeOfStorageClass(std::string_view name) {
  if (name == "UntypedStorage" || name == "_UntypedStorage") return Dtype::kUInt8;
  for (const Row& row : kRows) {
    if (row.storage_class == name) return row.dtype;
  }
  return std::nullopt;
}

std::optional<Dtype> FindDtype(std::string_view name) {
  // PyTorch's aliases: torch.half is torch.float16, and pickles hold either.
  if (name == "double") name = "float64";
  if (name == "float") name = "float32";
  if (name == "half") name = "float16";
  if (name == "long") name = "int64";
  if (name == "int") name = "int32";
  if (name == "short") name = "int16";
  if (name == "cfloat") name = "complex64";
  if (name == "cdouble") name = "complex128";
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

}  // namespace harness::pickle
