// One pass over every payload: CRC-32 of each record, and of each tensor whether its values can be used.
// Never copies payloads; reads with several threads and releases pages behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"

namespace harness {

struct RecordChecksum {
  std::string record;        // name in the archive
  uint64_t file_offset = 0;  // of its first payload byte
  uint64_t size_bytes = 0;
  uint32_t stored = 0;  // the directory's CRC-32; 0 also means "not computed" (torch.serialization.set_crc32_options)
  uint32_t computed = 0;
  bool matches() const { return stored == 0 || stored == computed; }
};

// Over the elements that the tensor shows (not its whole storage). Integer and bool tensors count zeros, min and max
// only, complex ones elements only.
struct TensorStatistics {
  size_t tensor = 0;  // index into Checkpoint::tensors()
  int64_t elements = 0;
  int64_t nan = 0;
  int64_t infinite = 0;
  int64_t beyond_float16 = 0;  // finite, but infinite once rounded to float16: |x| >= 65520
  int64_t zeros = 0;
  double min = 0;  // over the elements that are not NaN; min > max: none
  double max = 0;
  int64_t first_nan = -1;  // flat index, row-major; -1: none
  int64_t first_infinite = -1;
  int64_t first_beyond_float16 = -1;
};

// Of records that no storage is, so much is read in all: torch.save's own have some dozens of bytes.
inline constexpr uint64_t kMaxUnnamedPayload = uint64_t{64} << 20;
// Of everything else: ten times the largest MusicGen in float32. A file with holes may say more than a disk holds.
inline constexpr uint64_t kMaxPayload = uint64_t{128} << 30;

struct PayloadScan {
  std::vector<RecordChecksum> records;       // every record of the archive, in directory order; empty for legacy files
  std::vector<TensorStatistics> statistics;  // of every valid tensor, in order
  uint64_t bytes_read = 0;  // payload bytes that were read, each counted once however often it was used
  // Records that no storage is and that were left out, since there are more than kMaxUnnamedPayload bytes of them.
  uint64_t records_left_out = 0, bytes_left_out = 0;
};

// `progress(done_bytes, total_bytes)` is called now and then, from one thread at a time; may be empty.
// Errors: kCorrupt, where a deflated record doesn't inflate; kUnsupported, for more than kMaxPayload bytes.
Result<PayloadScan> ScanPayload(const Checkpoint& checkpoint,
                                const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace harness
