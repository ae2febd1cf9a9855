// JSON that one process of a run leaves for the others, stamped with the run that it belongs to.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/base/result.h"
#include "harness/export/export_file.h"
#include "harness/weights/payload.h"

namespace conformance {

// Where the stages leave what they found, under the output folder.
std::filesystem::path BeginArtifact(const std::filesystem::path& output);
std::filesystem::path PayloadArtifact(const std::filesystem::path& output, harness::Role role);
std::filesystem::path ProductionArtifact(const std::filesystem::path& output);
std::filesystem::path GenerationArtifact(const std::filesystem::path& output, const std::string& device);

// Written to a temporary name and renamed: a reader sees all of it or nothing.
harness::Status WriteArtifact(const std::filesystem::path& path, const std::string& stamp, const nlohmann::json& body);

// Errors: kNotFound, kMismatch (another run's stamp), kCorrupt.
harness::Result<nlohmann::json> ReadArtifact(const std::filesystem::path& path, const std::string& stamp);

// The payload statistics of one file; a scan that failed is kept as the error that it gave.
nlohmann::json PayloadToJson(const harness::Result<harness::PayloadScan>& scan);
harness::Result<harness::PayloadScan> PayloadFromJson(const nlohmann::json& json);

}  // namespace conformance
