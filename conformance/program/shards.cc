#include "conformance/program/shards.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::Error;
using harness::ErrorCode;
using harness::Report;
using nlohmann::json;

struct ShardReport {
  fs::path folder;
  Shard shard;
  std::set<std::string> tested;
  std::vector<std::string> all;  // the run's checks, in order
  Report report;
};

harness::Result<ShardReport> ReadShardReport(const fs::path& folder) {
  HARNESS_ASSIGN_OR_RETURN(Report report, harness::ReadReport(folder / "report.json"));
  ShardReport read{.folder = folder, .shard = {}, .tested = {}, .all = {}, .report = std::move(report)};
  try {  // nlohmann reports a wrong shape by exceptions; they end here
    const json& shard = read.report.environment.at("shard");
    read.shard = {.index = shard.at("index").get<int64_t>(), .total = shard.at("total").get<int64_t>()};
    for (const json& id : shard.at("tests")) read.tested.insert(id.get<std::string>());
    for (const json& id : shard.at("all")) read.all.push_back(id.get<std::string>());
  } catch (const json::exception&) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: is not the report of a shard (it has no environment.shard)",
                             (folder / "report.json").string()),
                 "Run it with GTEST_TOTAL_SHARDS and GTEST_SHARD_INDEX set"};
  }
  return read;
}

// What must be alike in all shards of a run.
json DescribeRun(const Report& report) {
  json run = {{"path", report.export_info.value("path", json())}};
  for (const char* file : {"language_model", "codec"}) {
    if (report.export_info.contains(file)) run[file] = report.export_info[file].value("size_bytes", json());
  }
  for (const char* key : {"suite", "libtorch", "profile", "require"}) run[key] = report.environment.value(key, json());
  return run;
}

void AddUnique(const std::vector<std::string>& from, std::vector<std::string>& to) {
  for (const std::string& text : from) {
    if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
  }
}

// A file's model is known to the shards that judged its options.
void AddModels(const Report& from, Report& to) {
  for (const char* file : {"language_model", "codec"}) {
    if (!from.export_info.contains(file) || !from.export_info[file].contains("model")) continue;
    if (to.export_info.contains(file) && !to.export_info[file].contains("model")) {
      to.export_info[file]["model"] = from.export_info[file]["model"];
    }
  }
}

// The sounds of every case once, with what all shards measured of it.
void AddGenerated(const ShardReport& shard, const fs::path& output, Report& merged) {
  for (harness::GenerationResult result : shard.report.generation) {
    const auto known = std::find_if(merged.generation.begin(), merged.generation.end(), [&](const auto& other) {
      return other.device == result.device && other.run == result.run;
    });
    if (known != merged.generation.end()) {
      known->metrics.update(result.metrics);
      continue;
    }
    for (std::string* path : {&result.tokens, &result.audio}) {
      if (!path->empty()) *path = fs::proximate(shard.folder / *path, output).string();
    }
    merged.generation.push_back(std::move(result));
  }
}

harness::Status CheckSameRun(const std::vector<ShardReport>& shards) {
  std::set<int64_t> seen;
  for (const ShardReport& shard : shards) {
    if (shard.shard.total != shards[0].shard.total || shard.all != shards[0].all ||
        DescribeRun(shard.report) != DescribeRun(shards[0].report)) {
      return Error{ErrorCode::kMismatch,
                   fmt::format("{} and {} are of different runs (export, profile, program or number of shards): {} and "
                               "{}",
                               shards[0].folder.string(), shard.folder.string(), DescribeRun(shards[0].report).dump(),
                               DescribeRun(shard.report).dump())};
    }
    if (!seen.insert(shard.shard.index).second) {
      return Error{ErrorCode::kMismatch,
                   fmt::format("{}: shard {} is there twice", shard.folder.string(), shard.shard.index)};
    }
  }
  return {};
}

}  // namespace

std::optional<Shard> FindShard(const std::function<const char*(const char*)>& variable) {
  const auto number = [&](const char* name, int64_t otherwise) {
    const char* value = variable(name);
    return value == nullptr ? otherwise : std::strtoll(value, nullptr, 10);
  };
  const Shard shard = {.index = number("GTEST_SHARD_INDEX", 0), .total = number("GTEST_TOTAL_SHARDS", 1)};
  return shard.total > 1 ? std::optional(shard) : std::nullopt;
}

void MarkShard(const Shard& shard, const std::vector<std::string>& tested, const std::vector<std::string>& all,
               Report& report) {
  report.environment["part"] =
      fmt::format("shard {} of {} (from 0 on): {} of {} tests; the verdict of all is conformance_judge --merge's",
                  shard.index, shard.total, tested.size(), all.size());
  report.environment["shard"] = {{"index", shard.index}, {"total", shard.total}, {"tests", tested}, {"all", all}};
}

harness::Result<Report> MergeShards(const std::vector<fs::path>& folders, const fs::path& output) {
  std::vector<ShardReport> shards;
  std::vector<std::string> lost;
  for (const fs::path& folder : folders) {
    auto shard = ReadShardReport(folder);
    if (shard.ok()) {
      shards.push_back(std::move(shard).value());
    } else if (shard.error().code == ErrorCode::kNotFound) {
      lost.push_back(folder.string() + " does not hold a report.json");
    } else {
      return shard.error();
    }
  }
  if (shards.empty()) {
    return Error{ErrorCode::kMismatch, fmt::format("no shard left a report: {}", fmt::join(lost, ", "))};
  }
  HARNESS_RETURN_IF_ERROR(CheckSameRun(shards));

  Report merged;
  merged.export_info = shards[0].report.export_info;
  merged.environment = shards[0].report.environment;
  for (const char* key : {"part", "shard"}) merged.environment.erase(key);
  std::map<std::string, const harness::CheckResult*> results;
  for (const ShardReport& shard : shards) {
    AddUnique(shard.report.not_run, merged.not_run);
    AddUnique(shard.report.not_applied, merged.not_applied);
    AddModels(shard.report, merged);
    AddGenerated(shard, output, merged);
    for (const harness::CheckResult& check : shard.report.checks) {
      if (!shard.tested.contains(check.id)) continue;
      if (!results.emplace(check.id, &check).second) {
        return Error{ErrorCode::kMismatch, fmt::format("{} ran in two shards", check.id)};
      }
    }
  }
  std::vector<std::string> absent;
  for (const std::string& id : shards[0].all) {
    const auto found = results.find(id);
    if (found == results.end()) {
      absent.push_back(id);
    } else {
      merged.checks.push_back(*found->second);
    }
  }
  const auto total = static_cast<size_t>(shards[0].shard.total);
  if (shards.size() < total || !absent.empty()) {
    merged.environment["part"] =
        fmt::format("{} of {} shards left a report{}{}; {} of {} checks did not run{}{}", shards.size(), total,
                    lost.empty() ? "" : ": ", fmt::join(lost, ", "), absent.size(), shards[0].all.size(),
                    absent.empty() ? "" : ", first ", absent.empty() ? "" : absent.front());
  }
  std::sort(merged.not_run.begin(), merged.not_run.end());
  return merged;
}

}  // namespace conformance
