#include "harness/weights/payload.h"

#include <cmath>
#include <limits>
#include <random>

#include "harness/archive/crc32.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"
#include "harness/weights/statistics.h"

namespace harness::weights {
namespace {

using namespace testing_support;

TEST(ComputeCrc32, KnownValuesAndCombination) {
  EXPECT_EQ(archive::ComputeCrc32(0, Bytes("123456789")), 0xcbf43926u);  // the check value of the CRC catalogue
  EXPECT_EQ(archive::ComputeCrc32(0, {}), 0u);
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t a = archive::ComputeCrc32(0, Bytes(text.substr(0, cut))),
                   b = archive::ComputeCrc32(0, Bytes(text.substr(cut)));
    EXPECT_EQ(archive::CombineCrc32(a, b, text.size() - cut), archive::ComputeCrc32(0, Bytes(text))) << cut;
  }
}

// --- statistics, held against plain loops over doubles

double HalfToDouble(uint16_t h) {
  const int exponent = h >> 10 & 31, mantissa = h & 1023;
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == 31) return mantissa ? NAN : sign * HUGE_VAL;
  return sign * (exponent ? std::ldexp(1 + mantissa / 1024.0, exponent - 15) : std::ldexp(mantissa / 1024.0, -14));
}

TensorStatistics Slow(const std::vector<double>& values, bool floating) {
  TensorStatistics s = EmptyStatistics(0);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const double v = values[i];
    ++s.elements;
    if (std::isnan(v)) {
      ++s.nan;
      if (s.first_nan < 0) s.first_nan = index;
      continue;
    }
    if (floating && std::isinf(v)) {
      ++s.infinite;
      if (s.first_infinite < 0) s.first_infinite = index;
    } else if (floating && std::abs(static_cast<float>(v)) >= kFloat16Overflow) {
      ++s.beyond_float16;
      if (s.first_beyond_float16 < 0) s.first_beyond_float16 = index;
    }
    s.zeros += v == 0;
    s.min = std::min(s.min, v);
    s.max = std::max(s.max, v);
  }
  return s;
}

void ExpectSame(const TensorStatistics& a, const TensorStatistics& b) {
  EXPECT_EQ(a.elements, b.elements);
  EXPECT_EQ(a.nan, b.nan);
  EXPECT_EQ(a.infinite, b.infinite);
  EXPECT_EQ(a.beyond_float16, b.beyond_float16);
  EXPECT_EQ(a.zeros, b.zeros);
  EXPECT_EQ(a.min, b.min);
  EXPECT_EQ(a.max, b.max);
  EXPECT_EQ(a.first_nan, b.first_nan);
  EXPECT_EQ(a.first_infinite, b.first_infinite);
  EXPECT_EQ(a.first_beyond_float16, b.first_beyond_float16);
}

// `raw` holds elements of `Element`, behind one byte, so that nothing is aligned.
template <class Element, class ToDouble>
void Compare(pickle::Dtype dtype, const std::vector<Element>& elements, ToDouble to_double, bool floating = true) {
  std::string raw = "x";
  std::vector<double> values;
  for (const Element element : elements) {
    raw += Little(element);
    values.push_back(to_double(element));
  }
  TensorStatistics fast = EmptyStatistics(0);
  AddElements(dtype, Bytes(raw).data() + 1, static_cast<int64_t>(elements.size()), 0, fast);
  ExpectSame(fast, Slow(values, floating));
}

TEST(Statistics, EveryFloat16) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  Compare(pickle::Dtype::kFloat16, all, HalfToDouble);
  std::vector<uint16_t> finite;
  for (const uint16_t h : all) {
    if ((h & 0x7c00) != 0x7c00) finite.push_back(h);
  }
  Compare(pickle::Dtype::kFloat16, finite, HalfToDouble);
  for (const uint16_t h : all) Compare(pickle::Dtype::kFloat16, std::vector<uint16_t>{h}, HalfToDouble);
}

TEST(Statistics, EveryBFloat16) {
  const auto widen = [](uint16_t b) { return static_cast<double>(std::bit_cast<float>(uint32_t{b} << 16)); };
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  Compare(pickle::Dtype::kBFloat16, all, widen);
  for (const uint16_t b : all) Compare(pickle::Dtype::kBFloat16, std::vector<uint16_t>{b}, widen);
}

TEST(Statistics, WideFloatsAroundTheEdges) {
  const double edges[] = {0.0,        -0.0, 1,     -1,       65504,     65519.996, 65520,  -65520, 65519, 65519.998,
                          -65519.999, 1e5,  -1e30, HUGE_VAL, -HUGE_VAL, NAN,       5e-324, 1e-40,  3e38,  -3e38};
  for (const double edge : edges) {
    for (const size_t at : {0, 1, 1000, 16383, 16384, 39'999}) {
      std::mt19937 random(1);
      std::normal_distribution<double> normal(0, 0.02);
      std::vector<double> doubles(40'000);
      for (double& d : doubles) d = normal(random);
      doubles[at] = edge;
      std::vector<float> floats(doubles.begin(), doubles.end());
      Compare(pickle::Dtype::kFloat64, doubles, [](double d) { return d; });
      Compare(pickle::Dtype::kFloat32, floats, [](float f) { return static_cast<double>(f); });
    }
  }
}

TEST(Statistics, Integers) {
  Compare<int8_t>(
      pickle::Dtype::kInt8, {-128, 0, 127, 0}, [](int8_t v) { return v; }, false);
  Compare<uint8_t>(
      pickle::Dtype::kUInt8, {255, 0, 3}, [](uint8_t v) { return v; }, false);
  Compare<uint8_t>(
      pickle::Dtype::kBool, {1, 1}, [](uint8_t v) { return v; }, false);
  Compare<int16_t>(
      pickle::Dtype::kInt16, {-32768, 5}, [](int16_t v) { return v; }, false);
  Compare<int32_t>(
      pickle::Dtype::kInt32, {std::numeric_limits<int32_t>::min(), 0}, [](int32_t v) { return v; }, false);
  Compare<int64_t>(
      pickle::Dtype::kInt64, {100'000, 0, -7}, [](int64_t v) { return static_cast<double>(v); }, false);
  Compare<int64_t>(
      pickle::Dtype::kInt64, {}, [](int64_t v) { return static_cast<double>(v); }, false);
}

// --- scans

checkpoint::Checkpoint WithFloats(size_t count, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                                  int64_t offset, bool deflate = false,
                                  checkpoint::Checkpoint::Payload payload = checkpoint::Checkpoint::Payload::kNow) {
  std::string data;
  for (size_t i = 0; i < count; ++i)
    data += Little(i == 5 ? NAN : i == 7 ? HUGE_VALF : i == 8 ? 1e6f : static_cast<float>(i));
  const std::string pickle =
      PickleWriter().Tensor("0", "FloatStorage", static_cast<int64_t>(count), shape, strides, offset).Stop();
  std::vector<ZipEntry> entries = TorchEntries(pickle, {{"0", data}});
  for (ZipEntry& entry : entries) entry.deflate = deflate;
  return Open(WriteZip(entries), payload);
}

TEST(PayloadScan, LongPayloadsInSegments) {
  const size_t count = 5'000'000;  // 20 MB: five segments
  const checkpoint::Checkpoint checkpoint = WithFloats(count, {1000, 5000}, {5000, 1}, 0);
  uint64_t last = 0, total = 0;
  const Result<PayloadScan> scan = ScanPayload(checkpoint, [&](uint64_t done, uint64_t all) {
    EXPECT_GE(done, last);
    last = done, total = all;
  });
  ASSERT_THAT(scan, Succeeds());
  EXPECT_EQ(last, total);
  EXPECT_EQ(scan->bytes_read, total);
  ASSERT_EQ(scan->records.size(), 5u);
  for (const RecordChecksum& record : scan->records) EXPECT_EQ(record.stored, record.computed) << record.record;
  EXPECT_EQ(scan->records[2].size_bytes, count * 4);
  ASSERT_EQ(scan->statistics.size(), 1u);
  const TensorStatistics& s = scan->statistics[0];
  EXPECT_EQ(s.elements, static_cast<int64_t>(count));
  EXPECT_EQ(s.first_nan, 5);
  EXPECT_EQ(s.first_infinite, 7);
  EXPECT_EQ(s.first_beyond_float16, 8);
  EXPECT_EQ(s.beyond_float16, static_cast<int64_t>(count) - 65520 + 1);
  EXPECT_EQ(s.zeros, 1);
}

TEST(PayloadScan, ViewsCountWhatTheyShow) {
  struct Row {
    const char* name;
    std::vector<int64_t> shape, strides;
    int64_t offset, elements, nan, first_nan, infinite;
    double min;
  };
  for (const Row& row :
       {Row{"contiguous part", {4}, {1}, 4, 4, 1, 1, 1, 4}, Row{"transposed", {4, 3}, {1, 4}, 0, 12, 1, 4, 1, 0},
        Row{"every second", {3}, {2}, 1, 3, 1, 2, 0, 1}, Row{"expanded in front", {2, 3}, {0, 1}, 4, 6, 2, 1, 0, 4},
        Row{"expanded behind", {3, 2}, {1, 0}, 4, 6, 2, 2, 0, 4}, Row{"scalar", {}, {}, 5, 1, 1, 0, 0, HUGE_VAL},
        Row{"empty", {0, 2}, {2, 1}, 0, 0, 0, -1, 0, HUGE_VAL},
        Row{"hugely expanded", {int64_t{1} << 40, 2}, {0, 1}, 5, int64_t{1} << 41, int64_t{1} << 40, 0, 0, 6}}) {
    for (const auto& [deflate, payload] : {std::pair(false, checkpoint::Checkpoint::Payload::kNow),
                                           {true, checkpoint::Checkpoint::Payload::kNow},
                                           {true, checkpoint::Checkpoint::Payload::kLater}}) {
      const checkpoint::Checkpoint checkpoint = WithFloats(12, row.shape, row.strides, row.offset, deflate, payload);
      const Result<PayloadScan> scan = ScanPayload(checkpoint);
      ASSERT_THAT(scan, Succeeds());
      ASSERT_EQ(scan->statistics.size(), 1u) << row.name;
      const TensorStatistics& s = scan->statistics[0];
      EXPECT_EQ(s.elements, row.elements) << row.name;
      EXPECT_EQ(s.nan, row.nan) << row.name;
      EXPECT_EQ(s.first_nan, row.first_nan) << row.name;
      EXPECT_EQ(s.infinite, row.infinite) << row.name;
      EXPECT_EQ(s.min, row.min) << row.name;
      for (const RecordChecksum& record : scan->records) EXPECT_EQ(record.stored, record.computed) << row.name;
    }
  }
}

TEST(PayloadScan, SharedStoragesAreReadOnceForTheirChecksum) {
  const std::string pickle = PickleWriter()
                                 .Raw("(")
                                 .Tensor("0", "FloatStorage", 4, {4}, {1})
                                 .Tensor("0", "FloatStorage", 4, {2}, {1}, 2)
                                 .Raw("t")
                                 .Stop();
  const checkpoint::Checkpoint checkpoint =
      Open(WriteZip(TorchEntries(pickle, {{"0", Little(1.f) + Little(2.f) + Little(3.f) + Little(4.f)}})));
  const Result<PayloadScan> scan = ScanPayload(checkpoint);
  ASSERT_THAT(scan, Succeeds());
  EXPECT_EQ(scan->bytes_read, pickle.size() + 6 + 16 + 2 + 10);
  ASSERT_EQ(scan->statistics.size(), 2u);
  EXPECT_EQ(scan->statistics[0].min, 1);
  EXPECT_EQ(scan->statistics[1].min, 3);
}

TEST(PayloadScan, FlippedBitsAreSeenInAnyRecord) {
  const std::vector<ZipEntry> good = SmallExport();
  for (size_t i = 0; i < good.size(); ++i) {
    std::vector<ZipEntry> entries = good;
    entries[i].crc = archive::ComputeCrc32(0, Bytes(entries[i].data)) ^ 1;
    const checkpoint::Checkpoint checkpoint = Open(WriteZip(entries));
    const Result<PayloadScan> scan = ScanPayload(checkpoint);
    ASSERT_THAT(scan, Succeeds());
    for (size_t j = 0; j < good.size(); ++j) {
      EXPECT_EQ(scan->records[j].matches(), i != j);
      EXPECT_EQ(scan->records[j].record, good[j].name);
    }
    entries[i].crc = 0;  // not computed
    const checkpoint::Checkpoint without = Open(WriteZip(entries));
    EXPECT_TRUE(ScanPayload(without)->records[i].matches());
  }
}

TEST(PayloadScan, InvalidTensorsAreLeftOut) {
  std::vector<ZipEntry> entries = SmallExport();
  entries[2].data.pop_back();
  const checkpoint::Checkpoint checkpoint = Open(WriteZip(entries));
  const Result<PayloadScan> scan = ScanPayload(checkpoint);
  ASSERT_THAT(scan, Succeeds());
  ASSERT_EQ(scan->statistics.size(), 1u);
  EXPECT_EQ(scan->statistics[0].tensor, 1u);
  EXPECT_EQ(scan->statistics[0].min, -3);
  EXPECT_EQ(scan->statistics[0].zeros, 1);
}

TEST(PayloadScan, DeflatedRecordThatDoesNotInflate) {
  std::vector<ZipEntry> entries = SmallExport();
  entries.push_back({.name = "archive/extra", .data = "\xff\xff\xff", .method = 8, .size = 24, .compressed_size = 3});
  const checkpoint::Checkpoint checkpoint = Open(WriteZip(entries));
  EXPECT_THAT(ScanPayload(checkpoint), FailsWith(ErrorCode::kCorrupt, Parts{"record archive/extra", "deflate stream"}));
}

TEST(PayloadScan, NothingToScan) {
  const checkpoint::Checkpoint checkpoint = Open("hello");
  const Result<PayloadScan> scan = ScanPayload(checkpoint);
  ASSERT_THAT(scan, Succeeds());
  EXPECT_TRUE(scan->records.empty());
  EXPECT_EQ(scan->bytes_read, 0u);
}

}  // namespace
}  // namespace harness::weights
