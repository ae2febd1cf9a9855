// A checkpoint cut anywhere is refused, by a message that tells a person what happened.
#include "harness/archive/file_kind.h"
#include "harness/archive/zip_archive.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::checkpoint {
namespace {

using namespace testing_support;
using namespace std::string_literals;

// The first stage that is not ok; ok where all are.
Status FirstFault(const Checkpoint& checkpoint) {
  for (const Status* status : {&checkpoint.structure_status(), &checkpoint.pickle_status(),
                               &checkpoint.storage_status(), &checkpoint.tensor_status()}) {
    if (!status->ok()) return *status;
  }
  return {};
}

// Each 64th of the file, and one byte before, at and behind each of `places`.
std::vector<size_t> Cuts(size_t size, const std::vector<size_t>& places) {
  std::vector<size_t> cuts;
  for (size_t i = 1; i < 64; ++i) cuts.push_back(size * i / 64);
  for (const size_t place : places) {
    for (const size_t cut : {place - 1, place, place + 1}) {
      if (cut > 0 && cut < size) cuts.push_back(cut);
    }
  }
  return cuts;
}

std::vector<size_t> RecordBoundaries(const std::string& zip) {
  std::vector<size_t> places = {2, 4, 30};
  const Result<archive::ZipDirectory> directory = archive::ReadZipDirectory(Bytes(zip), "");
  EXPECT_THAT(directory, Succeeds());
  for (const archive::ZipRecord& record : directory->records) {
    places.push_back(record.header_offset);
    places.push_back(record.header_offset + 30 + record.name.size());
  }
  places.push_back(directory->offset);
  for (size_t back = 1; back < 130; ++back) places.push_back(zip.size() - back);  // end records and the last entry
  return places;
}

TEST(Truncation, OfAnArchiveIsAlwaysReported) {
  std::vector<ZipEntry> big = SmallExport();
  big[2].data.append(20'000, 'x');  // more than the directory: sixty-fourths fall into a payload
  for (const std::string& zip :
       {WriteZip(SmallExport()), WriteZip(SmallExport(), "", true), WriteZip(big, "a comment")}) {
    for (const size_t cut : Cuts(zip.size(), RecordBoundaries(zip))) {
      const std::string part = zip.substr(0, cut);
      const Checkpoint checkpoint = Open(part);
      if (cut < 2) continue;  // a single byte is anything
      if (cut + std::string_view("a comment").size() >= zip.size() && zip.ends_with("a comment")) {
        EXPECT_THAT(checkpoint.unambiguous_status(), FailsWith(ErrorCode::kUnsafe, Parts{"announces a comment of 9"}));
        continue;  // to PyTorch it is all there
      }
      EXPECT_THAT(FirstFault(checkpoint),
                  FailsWith(ErrorCode::kCorrupt, Parts{"state_dict.bin ", "is the beginning of a"}))
          << cut << " of " << zip.size();
      EXPECT_THAT(FirstFault(checkpoint), HasRemedy("Copy it again"));
      EXPECT_THAT(checkpoint.safety_status(), Succeeds());
    }
  }
}

// The five pickles and two storages of the legacy format (FORMAT.md, section 3).
struct Legacy {
  std::string bytes;
  std::vector<size_t> boundaries;
};

Legacy SmallLegacy() {
  Legacy legacy;
  const auto add = [&](const std::string& part) {
    legacy.bytes += part;
    legacy.boundaries.push_back(legacy.bytes.size());
  };
  add("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s);
  add("\x80\x02M\xe9\x03."s);
  add(PickleWriter().Raw("}(").Str("little_endian").Raw("\x88u").Stop());
  PickleWriter object;
  object.Legacy().Raw("}(");
  for (const char* key : {"0", "1"}) object.Str(key).Tensor(key, "FloatStorage", 600, {600}, {1});
  add(object.Raw("u").Stop());
  add(PickleWriter().Raw("](").Str("0").Str("1").Raw("e").Stop());
  for (int i = 0; i < 2; ++i) {
    add(Little(int64_t{600}));
    add(std::string(2400, 'x'));
  }
  return legacy;
}

TEST(Truncation, OfALegacyFileIsAlwaysReported) {
  const Legacy legacy = SmallLegacy();
  ASSERT_THAT(FirstFault(Open(legacy.bytes)), Succeeds());
  std::vector<size_t> places = legacy.boundaries;
  for (size_t i = 2; i < legacy.boundaries[4]; ++i) places.push_back(i);  // every byte of the pickles
  for (const size_t cut : Cuts(legacy.bytes.size(), places)) {
    if (cut < 2) continue;
    const Status fault = FirstFault(Open(legacy.bytes.substr(0, cut)));
    ASSERT_THAT(fault, FailsWith(ErrorCode::kCorrupt, Parts{"state_dict.bin"})) << cut;
    const std::string& message = fault.error().message;
    EXPECT_TRUE(message.find("cut off") != message.npos || fault.error().remedy == "Copy it again")
        << cut << ": " << message;
  }
}

}  // namespace
}  // namespace harness::checkpoint
