#include "conformance/framework/artifact.h"

#include <fmt/format.h>

#include <fstream>
#include <limits>

#include "harness/base/atomic_file.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::Error;
using harness::ErrorCode;
using nlohmann::json;

// JSON has no infinity; min > max says that a tensor has no values.
json EncodeNumber(double value) {
  if (value == std::numeric_limits<double>::infinity()) return "inf";
  if (value == -std::numeric_limits<double>::infinity()) return "-inf";
  return value;
}

double DecodeNumber(const json& value) {
  if (value.is_string()) {
    return value == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  }
  return value.get<double>();
}

}  // namespace

fs::path LocateBeginArtifact(const fs::path& output) { return output / "stages" / "begin.json"; }

fs::path LocatePayloadArtifact(const fs::path& output, harness::exports::Role role) {
  return output / "stages" / fmt::format("payload-{}.json", harness::exports::FileName(role));
}

fs::path LocateProductionArtifact(const fs::path& output) { return output / "stages" / "production.json"; }
fs::path LocateGenerationArtifact(const fs::path& output, const std::string& device) {
  return output / "stages" / fmt::format("generation-{}.json", device);
}

harness::Status WriteArtifact(const fs::path& path, const std::string& run_id, const json& body) {
  return harness::WriteFileAtomically(path, {json{{"run_id", run_id}, {"body", body}}.dump(
                                                -1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace)});
}

harness::Result<json> ReadArtifact(const fs::path& path, const std::string& run_id) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Error{ErrorCode::kNotFound, fmt::format("{} is not there", path.string())};
  json document = json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("run_id") || !document.contains("body")) {
    return Error{ErrorCode::kCorrupt, fmt::format("{} is not an artifact of this suite", path.string())};
  }
  if (document["run_id"] != run_id) {
    return Error{ErrorCode::kMismatch, fmt::format("{} is of another export, profile or program", path.string())};
  }
  return json(std::move(document["body"]));
}

json PayloadToJson(const harness::Result<harness::weights::PayloadScan>& scan) {
  if (!scan.ok()) {
    const Error& error = scan.error();
    return {{"error", {{"code", static_cast<int>(error.code)}, {"message", error.message}, {"remedy", error.remedy}}}};
  }
  json records = json::array(), statistics = json::array();
  for (const auto& r : scan->records) records.push_back({r.record, r.file_offset, r.size_bytes, r.stored, r.computed});
  for (const auto& s : scan->statistics) {
    statistics.push_back({s.tensor, s.elements, s.nan, s.infinite, s.beyond_float16, s.zeros, EncodeNumber(s.min),
                          EncodeNumber(s.max), s.first_nan, s.first_infinite, s.first_beyond_float16});
  }
  return {{"records", records},
          {"statistics", statistics},
          {"bytes_read", scan->bytes_read},
          {"records_left_out", scan->records_left_out},
          {"bytes_left_out", scan->bytes_left_out}};
}

harness::Result<harness::weights::PayloadScan> PayloadFromJson(const json& json_value) {
  try {  // nlohmann reports a wrong shape by exceptions; they end here
    if (json_value.contains("error")) {
      const json& error = json_value["error"];
      return Error{static_cast<ErrorCode>(error.at("code").get<int>()), error.at("message").get<std::string>(),
                   error.at("remedy").get<std::string>()};
    }
    harness::weights::PayloadScan scan;
    scan.bytes_read = json_value.at("bytes_read").get<uint64_t>();
    scan.records_left_out = json_value.at("records_left_out").get<uint64_t>();
    scan.bytes_left_out = json_value.at("bytes_left_out").get<uint64_t>();
    for (const json& r : json_value.at("records")) {
      scan.records.push_back({.record = r.at(0).get<std::string>(),
                              .file_offset = r.at(1).get<uint64_t>(),
                              .size_bytes = r.at(2).get<uint64_t>(),
                              .stored = r.at(3).get<uint32_t>(),
                              .computed = r.at(4).get<uint32_t>()});
    }
    for (const json& s : json_value.at("statistics")) {
      scan.statistics.push_back({.tensor = s.at(0).get<size_t>(),
                                 .elements = s.at(1).get<int64_t>(),
                                 .nan = s.at(2).get<int64_t>(),
                                 .infinite = s.at(3).get<int64_t>(),
                                 .beyond_float16 = s.at(4).get<int64_t>(),
                                 .zeros = s.at(5).get<int64_t>(),
                                 .min = DecodeNumber(s.at(6)),
                                 .max = DecodeNumber(s.at(7)),
                                 .first_nan = s.at(8).get<int64_t>(),
                                 .first_infinite = s.at(9).get<int64_t>(),
                                 .first_beyond_float16 = s.at(10).get<int64_t>()});
    }
    return scan;
  } catch (const json::exception& error) {
    return Error{ErrorCode::kCorrupt, fmt::format("the payload artifact is damaged: {}", error.what())};
  }
}

}  // namespace conformance
