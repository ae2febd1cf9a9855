#include "harness/weights/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "harness/base/little_endian.h"

namespace harness::weights {
namespace {

// Note [Floats as integers]
// The bits of an IEEE number without its sign, taken as an unsigned integer, grow with its magnitude: the maximum over
// a block tells whether any element can be NaN, infinite or beyond a bound. With the sign kept and the others flipped
// where it is set, the bits taken as a signed integer order like the numbers. Both vectorise to a handful of
// instructions for as many elements as a register holds, where comparing numbers with care for NaN does not.
struct Float16 {
  using Bits = uint16_t;
  using Key = int16_t;
  static constexpr Bits kMagnitude = 0x7fff, kInfinity = 0x7c00, kBeyond = 0x7c00;
  static double Value(Bits bits) {
    const int exponent = bits >> 10 & 0x1f;
    const double mantissa = bits & 0x3ff;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
  }
};
struct BFloat16 {
  using Bits = uint16_t;
  using Key = int16_t;
  static constexpr Bits kMagnitude = 0x7fff, kInfinity = 0x7f80, kBeyond = 0x4780;  // 65536, the first >= 65520
  static double Value(Bits bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
};
struct Float32 {
  using Bits = uint32_t;
  using Key = int32_t;
  static constexpr Bits kMagnitude = 0x7fffffff, kInfinity = 0x7f800000, kBeyond = 0x477ff000;  // 65520
  static double Value(Bits bits) { return std::bit_cast<float>(bits); }
};
struct Float64 {
  using Bits = uint64_t;
  using Key = int64_t;
  // PyTorch goes by float32: this is the first that becomes its 65520.
  static constexpr Bits kMagnitude = 0x7fffffffffffffff, kInfinity = 0x7ff0000000000000;
  static constexpr Bits kBeyond = std::bit_cast<Bits>(65519.998046875);
  static double Value(Bits bits) { return std::bit_cast<double>(bits); }
};

template <class Format>
struct Block {
  using Bits = typename Format::Bits;
  using Key = typename Format::Key;
  Bits max_magnitude = 0;
  Bits zeros = 0;
  Key min = std::numeric_limits<Key>::max();
  Key max = std::numeric_limits<Key>::min();
};

constexpr int64_t kBlock = 16384;  // elements; their zeros fit into 16 bits

template <class Format>
[[gnu::always_inline]] inline void ScanBody(const std::byte* data, int64_t count, Block<Format>& block) {
  using Bits = typename Format::Bits;
  using Key = typename Format::Key;
  Bits max_magnitude = 0, zeros = 0;
  Key min = block.min, max = block.max;
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = LoadLittle<Bits>(data + static_cast<size_t>(i) * sizeof(Bits));
    const Bits magnitude = bits & Format::kMagnitude;
    const Bits sign = static_cast<Bits>(static_cast<Key>(bits) >> (8 * sizeof(Bits) - 1));
    const auto key = static_cast<Key>(bits ^ static_cast<Bits>(sign & Format::kMagnitude));
    max_magnitude = std::max(max_magnitude, magnitude);
    zeros = static_cast<Bits>(zeros + (magnitude == 0));
    min = std::min(min, key);
    max = std::max(max, key);
  }
  block = {max_magnitude, zeros, min, max};
}

template <class Format>
void ScanPortable(const std::byte* data, int64_t count, Block<Format>& block) {
  ScanBody<Format>(data, count, block);
}

#if defined(__x86_64__)
template <class Format>
[[gnu::target("avx2")]] void ScanAvx2(const std::byte* data, int64_t count, Block<Format>& block) {
  ScanBody<Format>(data, count, block);
}
const bool kHasAvx2 = __builtin_cpu_supports("avx2");
#endif

template <class Format>
Block<Format> Scan(const std::byte* data, int64_t count) {
  Block<Format> block;
#if defined(__x86_64__)
  if (kHasAvx2) {
    ScanAvx2<Format>(data, count, block);
    return block;
  }
#endif
  ScanPortable<Format>(data, count, block);
  return block;
}

void First(int64_t index, int64_t& first) {
  if (first < 0 || index < first) first = index;
}

template <class Format>
double KeyValue(typename Format::Key key) {
  using Bits = typename Format::Bits;
  const auto bits = static_cast<Bits>(key);
  return Format::Value(key < 0 ? static_cast<Bits>(bits ^ Format::kMagnitude) : bits);
}

template <class Format>
void AddExactly(const std::byte* data, int64_t count, int64_t first_index, TensorStatistics& s) {
  using Bits = typename Format::Bits;
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = LoadLittle<Bits>(data + static_cast<size_t>(i) * sizeof(Bits));
    const Bits magnitude = bits & Format::kMagnitude;
    if (magnitude > Format::kInfinity) {
      ++s.nan;
      First(first_index + i, s.first_nan);
      continue;
    }
    double value = Format::Value(bits);
    if (magnitude == Format::kInfinity) {
      ++s.infinite;
      First(first_index + i, s.first_infinite);
      value = bits == magnitude ? HUGE_VAL : -HUGE_VAL;
    } else if (magnitude >= Format::kBeyond) {
      ++s.beyond_float16;
      First(first_index + i, s.first_beyond_float16);
    }
    s.zeros += magnitude == 0;
    s.min = std::min(s.min, value);
    s.max = std::max(s.max, value);
  }
}

template <class Format>
void AddFloats(const std::byte* data, int64_t count, int64_t first_index, TensorStatistics& s) {
  for (int64_t done = 0; done < count; done += kBlock) {
    const int64_t size = std::min(kBlock, count - done);
    const std::byte* from = data + static_cast<size_t>(done) * sizeof(typename Format::Bits);
    const Block<Format> block = Scan<Format>(from, size);
    if (block.max_magnitude >= Format::kBeyond) {
      AddExactly<Format>(from, size, first_index + done, s);
      continue;
    }
    s.zeros += static_cast<int64_t>(block.zeros);
    s.min = std::min(s.min, KeyValue<Format>(block.min));
    s.max = std::max(s.max, KeyValue<Format>(block.max));
  }
}

template <class Integer>
void AddIntegers(const std::byte* data, int64_t count, TensorStatistics& s) {
  if (count == 0) return;
  Integer min = std::numeric_limits<Integer>::max(), max = std::numeric_limits<Integer>::min();
  for (int64_t i = 0; i < count; ++i) {
    const auto value = LoadLittle<Integer>(data + static_cast<size_t>(i) * sizeof(Integer));
    s.zeros += value == 0;
    min = std::min(min, value);
    max = std::max(max, value);
  }
  s.min = std::min(s.min, static_cast<double>(min));
  s.max = std::max(s.max, static_cast<double>(max));
}

}  // namespace

TensorStatistics EmptyStatistics(size_t tensor) {
  TensorStatistics statistics;
  statistics.tensor = tensor;
  statistics.min = HUGE_VAL;
  statistics.max = -HUGE_VAL;
  return statistics;
}

void AddElements(pickle::Dtype dtype, const std::byte* data, int64_t count, int64_t first_index, TensorStatistics& s) {
  s.elements += count;
  switch (dtype) {
    case pickle::Dtype::kFloat64: return AddFloats<Float64>(data, count, first_index, s);
    case pickle::Dtype::kFloat32: return AddFloats<Float32>(data, count, first_index, s);
    case pickle::Dtype::kFloat16: return AddFloats<Float16>(data, count, first_index, s);
    case pickle::Dtype::kBFloat16: return AddFloats<BFloat16>(data, count, first_index, s);
    case pickle::Dtype::kInt64: return AddIntegers<int64_t>(data, count, s);
    case pickle::Dtype::kInt32: return AddIntegers<int32_t>(data, count, s);
    case pickle::Dtype::kInt16: return AddIntegers<int16_t>(data, count, s);
    case pickle::Dtype::kInt8: return AddIntegers<int8_t>(data, count, s);
    case pickle::Dtype::kUInt8:
    case pickle::Dtype::kBool: return AddIntegers<uint8_t>(data, count, s);
    case pickle::Dtype::kComplex64:
    case pickle::Dtype::kComplex128: return;
  }
}

void Merge(const TensorStatistics& other, TensorStatistics& into) {
  into.elements += other.elements;
  into.nan += other.nan;
  into.infinite += other.infinite;
  into.beyond_float16 += other.beyond_float16;
  into.zeros += other.zeros;
  into.min = std::min(into.min, other.min);
  into.max = std::max(into.max, other.max);
  if (other.first_nan >= 0) First(other.first_nan, into.first_nan);
  if (other.first_infinite >= 0) First(other.first_infinite, into.first_infinite);
  if (other.first_beyond_float16 >= 0) First(other.first_beyond_float16, into.first_beyond_float16);
}

}  // namespace harness::weights
