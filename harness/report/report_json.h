// Report <-> JSON, strictly; for the files of this layer.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/base/result.h"
#include "harness/report/report.h"

namespace harness::report {

nlohmann::ordered_json ToJson(const CheckResult& check);
nlohmann::ordered_json ToJson(const Report& report);

// `where` begins each message: the file, and the place in it. Errors: kCorrupt, kUnsupported (another schema).
Result<CheckResult> CheckFromJson(const nlohmann::json& json, const std::string& where);
Result<Report> ReportFromJson(const nlohmann::json& json, const std::string& where);

// Indented text with a line feed at its end. Never throws on what a string holds.
std::string Dump(const nlohmann::ordered_json& json);

// One JSON file, at most 64 MiB, nested at most 64 deep (the JSON library walks its values recursively).
// Errors: kNotFound, kIo, kUnsupported (too large), kCorrupt (not JSON; nested too deep).
Result<nlohmann::json> ReadJsonFile(const std::filesystem::path& path);

}  // namespace harness::report
