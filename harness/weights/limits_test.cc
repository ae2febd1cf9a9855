// At and past the limits of a checkpoint in harness/LIMITS.md.
#include "harness/archive/zip_archive.h"
#include "harness/checkpoint/package.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"
#include "harness/weights/payload.h"
#include "harness/weights/sharing.h"

namespace harness::weights {
namespace {

using namespace testing_support;

constexpr size_t kMega = size_t{1} << 20;

struct View {
  std::vector<int64_t> shape, strides;
  int64_t offset;
};

// Tensors t0, t1, ... over one storage of bytes, and what else lies in the archive.
checkpoint::Checkpoint OfBytes(const std::string& storage, const std::vector<View>& views,
                               const std::vector<std::pair<std::string, std::string>>& others = {}) {
  PickleWriter pickle;
  pickle.Raw("}(");
  for (size_t i = 0; i < views.size(); ++i) {
    pickle.Str("t" + std::to_string(i))
        .Tensor("0", "ByteStorage", static_cast<int64_t>(storage.size()), views[i].shape, views[i].strides,
                views[i].offset);
  }
  std::vector<std::pair<std::string, std::string>> storages = {{"0", storage}};
  storages.insert(storages.end(), others.begin(), others.end());
  return Open(WriteZip(TorchEntries(pickle.Raw("u").Stop(), storages)));
}

std::vector<checkpoint::NamedTensor> Names(const checkpoint::Checkpoint& checkpoint) {
  std::vector<checkpoint::NamedTensor> named;
  for (size_t i = 0; i < checkpoint.tensors().size(); ++i) named.push_back({"t" + std::to_string(i), i});
  return named;
}

std::vector<View> Shifted(size_t count) {
  std::vector<View> views;
  for (size_t i = 0; i < count; ++i) views.push_back({{kMega}, {1}, static_cast<int64_t>(i)});
  return views;
}

TEST(ViewLimit, AStorageIsShownSixtyFourTimes) {
  EXPECT_THAT(OfBytes(std::string(kMega + 128, 'x'), Shifted(64)).tensor_status(), Succeeds());
  const checkpoint::Checkpoint past = OfBytes(std::string(kMega + 128, 'x'), Shifted(65));
  EXPECT_THAT(past.tensor_status(),
              FailsWith(ErrorCode::kUnsupported,
                        "t64 and other views of storage 0 show its 1048704 elements more than 64 times over"));
  EXPECT_THAT(past.tensor_status(), HasRemedy("clone() each tensor"));
  for (const pickle::TensorView& view : past.tensors()) EXPECT_FALSE(view.valid);
}

TEST(ViewLimit, OneViewOfAHundredThousandNamesIsOne) {
  const checkpoint::Checkpoint checkpoint =
      OfBytes(std::string(kMega, 'x'), std::vector<View>(1000, {{kMega / 2}, {2}, 0}));
  EXPECT_THAT(checkpoint.tensor_status(), Succeeds());
  const Result<PayloadScan> scan = ScanPayload(checkpoint);
  ASSERT_THAT(scan, Succeeds());
  ASSERT_EQ(scan->statistics.size(), 1000u);
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(scan->statistics[i].tensor, i);
    EXPECT_EQ(scan->statistics[i].elements, static_cast<int64_t>(kMega / 2));
    EXPECT_EQ(scan->statistics[i].min, 'x');
  }
}

TEST(ViewLimit, ViewsOfASmallStorageAreFree) {
  std::vector<View> views;
  for (int64_t i = 0; i < 500; ++i) views.push_back({{i % 25 + 1}, {1}, i / 25});
  EXPECT_THAT(OfBytes(std::string(64, 'x'), views).tensor_status(), Succeeds());
}

TEST(RecordLimit, WhatNoStorageIsIsReadUpToABound) {
  const std::vector<std::pair<std::string, std::string>> unnamed = {{"1", std::string(40 * kMega, 'u')},
                                                                    {"2", std::string(23 * kMega, 'v')}};
  const checkpoint::Checkpoint at = OfBytes("x", {{{1}, {1}, 0}}, unnamed);
  const Result<PayloadScan> all = ScanPayload(at);
  ASSERT_THAT(all, Succeeds());
  EXPECT_EQ(all->records_left_out, 0u);
  EXPECT_EQ(all->records.size(), at.archive()->records().size());

  auto more = unnamed;
  more.emplace_back("3", std::string(2 * kMega, 'w'));
  const checkpoint::Checkpoint past = OfBytes("x", {{{1}, {1}, 0}}, more);
  const Result<PayloadScan> some = ScanPayload(past);
  ASSERT_THAT(some, Succeeds());
  EXPECT_EQ(some->records_left_out, 1u);
  EXPECT_EQ(some->bytes_left_out, 2 * kMega);
  EXPECT_EQ(some->records.size(), past.archive()->records().size() - 1);
}

TEST(SharingLimit, StridedViewsAreComparedUpToABound) {
  std::string storage(5 * kMega, 'x');
  for (size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<char>(i % 251);
  const auto count = static_cast<int64_t>(storage.size() / 2 - 1);
  const checkpoint::Checkpoint at = OfBytes(storage, {{{count}, {2}, 0}, {{count}, {2}, 1}});
  Sharing sharing = FindSharedElements(at, Names(at));
  EXPECT_EQ(sharing.left_open, std::nullopt);
  EXPECT_TRUE(sharing.found.empty());

  storage += storage;
  const checkpoint::Checkpoint past = OfBytes(storage, {{{2 * count}, {2}, 0}, {{2 * count}, {2}, 1}});
  sharing = FindSharedElements(past, Names(past));
  EXPECT_EQ(sharing.left_open, "t1");
  EXPECT_TRUE(sharing.found.empty());
}

TEST(SharingLimit, TheSameStridedViewNeedsNoComparison) {
  std::string storage(kMega, 'x');
  storage[0] = 'y';
  const checkpoint::Checkpoint checkpoint = OfBytes(storage, std::vector<View>(300, {{kMega / 2}, {2}, 0}));
  const Sharing sharing = FindSharedElements(checkpoint, Names(checkpoint));
  EXPECT_EQ(sharing.left_open, std::nullopt);
  ASSERT_EQ(sharing.found.size(), 1u);
  EXPECT_EQ(sharing.found[0].names.size(), 300u);
  EXPECT_EQ(sharing.found[0].elements, static_cast<int64_t>(kMega / 2));
}

Result<checkpoint::Package> WithName(size_t size) {
  PickleWriter pickle;
  pickle.Raw("}(").Str("best_state").Raw("}(").Str(std::string(size, 'n'));
  pickle.Tensor("0", "ByteStorage", 1, {1}, {1}, 0).Raw("u").Str("xp.cfg").Str("a: 1").Raw("u");
  return checkpoint::ReadPackage(Open(WriteZip(TorchEntries(pickle.Stop(), {{"0", "x"}}))),
                                 checkpoint::PackageKind::kLanguageModel);
}

TEST(NameLimit, ATensorsNameHasAThousandBytes) {
  EXPECT_THAT(WithName(checkpoint::kMaxTensorName), Succeeds());
  EXPECT_THAT(WithName(checkpoint::kMaxTensorName + 1),
              FailsWith(ErrorCode::kMismatch,
                        Parts{"best_state has a key of 1001 bytes (nnnn", "more than 1000", "strict loading raises"}));
}

}  // namespace
}  // namespace harness::weights
