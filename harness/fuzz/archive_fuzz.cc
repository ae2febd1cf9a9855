// A ZIP archive: opened, every record read.
#include "harness/archive/file_kind.h"
#include "harness/archive/zip_archive.h"
#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/zip_model.h"

using namespace harness;
using namespace harness::fuzz;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file = AsBytes(AsText(data, size));
  (void)archive::DescribeFileKind(archive::SniffFileKind(file), file);
  const auto archive = archive::ZipArchive::Open(file, "state_dict.bin");
  if (!archive.ok()) return 0;
  for (size_t i = 0; i < (*archive)->records().size(); ++i) {
    const archive::ZipRecord& record = (*archive)->records()[i];
    const auto bytes = (*archive)->Read(i);
    if (!bytes.ok()) continue;
    Require(record.readable, "only a readable record is read");
    Require(bytes->size() == record.size, "a record has the size that the directory says");
    Touch(*bytes);
  }
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return Mutate(MutateZip, data, size, max_size, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t* first, size_t first_size, const uint8_t* second, size_t second_size,
                                 uint8_t* out, size_t max_size, unsigned seed) {
  return CrossOver(CrossZips, AsText(first, first_size), AsText(second, second_size), out, max_size, seed);
}
