// One run of the suite over several processes: GoogleTest's sharding, and the verdict of all shards together.
//
// A shard judges its own tests, and what those need, so its report is that of a part: its verdict is fail or
// incomplete, never pass, and its exit status says whether its own tests passed. MergeShards gives the run's verdict.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/report/report.h"

namespace conformance {

struct Shard {
  int64_t index = 0, total = 1;
};

// From GTEST_SHARD_INDEX and GTEST_TOTAL_SHARDS; nullopt where the run is not divided. GoogleTest itself refuses
// values that make no sense.
std::optional<Shard> FindShard(const std::function<const char*(const char*)>& variable);

// Says in report.json what it sees of the run: environment.part in words, environment.shard with the tests' ids.
// `all`: those of the whole run, in order.
void MarkShard(const Shard& shard, const std::vector<std::string>& tested, const std::vector<std::string>& all,
               harness::Report& report);

// The whole run's report, from the folders in which the shards left theirs; paths of artifacts are taken from `output`.
// A shard that left no report, or a check that no shard ran, makes it incomplete, by name.
// Errors: those of ReadReport, but for kNotFound; kMismatch (no shard's report, shards of different runs, one twice).
harness::Result<harness::Report> MergeShards(const std::vector<std::filesystem::path>& folders,
                                             const std::filesystem::path& output);

}  // namespace conformance
