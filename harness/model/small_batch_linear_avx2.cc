// Compiled with -mavx2 -mfma -mf16c, and called only where the processor has them: includes nothing whose inline
// functions could end up, so compiled, in other code.
#include <immintrin.h>

#include <cstdint>

namespace harness::model {

namespace {

struct Float32 {
  using Element = float;
  static __m256 Load(const float* w) { return _mm256_loadu_ps(w); }
  static float Scalar(const float* w) { return *w; }
};
struct Float16 {
  using Element = uint16_t;
  static __m256 Load(const uint16_t* w) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
  }
  static float Scalar(const uint16_t* w) { return _cvtsh_ss(*w); }
};
struct BFloat16 {
  using Element = uint16_t;
  static __m256 Load(const uint16_t* w) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static float Scalar(const uint16_t* w) {
    const uint32_t bits = static_cast<uint32_t>(*w) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }
};

float Sum(__m256 v) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

// Enough independent sums of two rows of the weight to hide the latency of the additions, few enough for sixteen
// registers.
constexpr int kMostSums = 4;

// sums[i][r]: row i of the two, by row r of x. `ahead`: bytes that are asked for before they are read; 0: none.
template <class Type, int kRows, int64_t kAhead>
void AddPair(const float* x, const typename Type::Element* w0, const typename Type::Element* w1, int64_t k,
             float (&sums)[2][kMostSums]) {
  constexpr int64_t kLine = 64 / sizeof(typename Type::Element);  // a cache line
  __m256 wide[2][kRows];
  for (int r = 0; r < kRows; ++r) wide[0][r] = wide[1][r] = _mm256_setzero_ps();
  const auto add = [&](int64_t i) {
    const __m256 a = Type::Load(w0 + i), b = Type::Load(w1 + i);
    for (int r = 0; r < kRows; ++r) {
      const __m256 v = _mm256_loadu_ps(x + r * k + i);
      wide[0][r] = _mm256_fmadd_ps(a, v, wide[0][r]);
      wide[1][r] = _mm256_fmadd_ps(b, v, wide[1][r]);
    }
  };
  int64_t i = 0;
  for (; i + kLine <= k; i += kLine) {
    if constexpr (kAhead > 0) {
      _mm_prefetch(reinterpret_cast<const char*>(w0 + i) + kAhead, _MM_HINT_NTA);
      _mm_prefetch(reinterpret_cast<const char*>(w1 + i) + kAhead, _MM_HINT_NTA);
    }
    for (int64_t j = i; j < i + kLine; j += 8) add(j);
  }
  for (; i + 8 <= k; i += 8) add(i);
  for (int r = 0; r < kRows; ++r) {
    sums[0][r] = Sum(wide[0][r]);
    sums[1][r] = Sum(wide[1][r]);
    for (int64_t j = i; j < k; ++j) {
      sums[0][r] += Type::Scalar(w0 + j) * x[r * k + j];
      sums[1][r] += Type::Scalar(w1 + j) * x[r * k + j];
    }
  }
}

template <class Type, int64_t kAhead>
void AddPair(const float* x, const typename Type::Element* w0, const typename Type::Element* w1, int64_t rows,
             int64_t k, float (&sums)[2][kMostSums]) {
  switch (rows) {
    case 1: return AddPair<Type, 1, kAhead>(x, w0, w1, k, sums);
    case 2: return AddPair<Type, 2, kAhead>(x, w0, w1, k, sums);
    case 3: return AddPair<Type, 3, kAhead>(x, w0, w1, k, sums);
    default: return AddPair<Type, 4, kAhead>(x, w0, w1, k, sums);
  }
}

// A row of each half of [begin, end) at a time. Either half is one stream through memory, which the processor's own
// prefetching follows; two rows side by side are not where they share a page (rows of 2 KB: 21 GB/s, not 34). Asked for
// a page ahead, to see the next one in time, and past the caches, which nothing would be read from again: further rows
// of x find the two in the nearest cache.
template <class Type>
void Rows(const float* x, const void* weights, const float* bias, float* y, int64_t rows, int64_t k, int64_t n,
          int64_t begin, int64_t end) {
  const auto* weight = static_cast<const typename Type::Element*>(weights);
  const int64_t half = (end - begin + 1) / 2;
  for (int64_t row = begin; row < begin + half; ++row) {
    const bool pair = row + half < end;
    const auto* w0 = weight + row * k;
    const auto* w1 = pair ? w0 + half * k : w0;
    for (int64_t r = 0; r < rows; r += kMostSums) {
      const int64_t count = rows - r < kMostSums ? rows - r : kMostSums;
      float sums[2][kMostSums];
      if (r == 0) {
        AddPair<Type, 4096>(x, w0, w1, count, k, sums);
      } else {
        AddPair<Type, 0>(x + r * k, w0, w1, count, k, sums);
      }
      for (int64_t i = 0; i < count; ++i) {
        y[(r + i) * n + row] = sums[0][i] + (bias != nullptr ? bias[row] : 0);
        if (pair) y[(r + i) * n + row + half] = sums[1][i] + (bias != nullptr ? bias[row + half] : 0);
      }
    }
  }
}

}  // namespace

// `type`: WeightType as a number.
void SmallBatchLinearAvx2Raw(const float* x, const void* weight, const float* bias, float* y, int64_t rows, int64_t k,
                             int64_t n, int type, int64_t begin, int64_t end) {
  if (type == 0) return Rows<Float32>(x, weight, bias, y, rows, k, n, begin, end);
  if (type == 1) return Rows<Float16>(x, weight, bias, y, rows, k, n, begin, end);
  return Rows<BFloat16>(x, weight, bias, y, rows, k, n, begin, end);
}

}  // namespace harness::model
