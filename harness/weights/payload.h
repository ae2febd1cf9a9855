// One pass over every payload: CRC-32 of each record, and of each tensor whether its values can be used.
// Never copies payloads; reads with several threads and releases pages behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/weights/statistics.h"

namespace harness::weights {

struct RecordChecksum {
  std::string record;        // name in the archive
  uint64_t file_offset = 0;  // of its first payload byte
  uint64_t size_bytes = 0;
  uint32_t stored = 0;  // the directory's CRC-32; 0 also means "not computed" (torch.serialization.set_crc32_options)
  uint32_t computed = 0;
  bool matches() const { return stored == 0 || stored == computed; }
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
Result<PayloadScan> ScanPayload(const checkpoint::Checkpoint& checkpoint,
                                const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace harness::weights
