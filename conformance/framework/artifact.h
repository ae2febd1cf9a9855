// JSON that one process of a run leaves for the others, with the identity of the run that it belongs to.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/base/result.h"
#include "harness/export/export_file.h"
#include "harness/weights/payload.h"

namespace conformance {

// Where the stages leave what they found, under the output folder.
std::filesystem::path LocateBeginArtifact(const std::filesystem::path& output);
std::filesystem::path LocatePayloadArtifact(const std::filesystem::path& output, harness::exports::Role role);
std::filesystem::path LocateProductionArtifact(const std::filesystem::path& output);
std::filesystem::path LocateGenerationArtifact(const std::filesystem::path& output, const std::string& device);

// Written to a temporary name and renamed: a reader sees all of it or nothing.
harness::Status WriteArtifact(const std::filesystem::path& path, const std::string& run_id, const nlohmann::json& body);

// Errors: kNotFound, kMismatch (of another run), kCorrupt.
harness::Result<nlohmann::json> ReadArtifact(const std::filesystem::path& path, const std::string& run_id);

// The payload statistics of one file; a scan that failed is kept as the error that it gave.
nlohmann::json PayloadToJson(const harness::Result<harness::weights::PayloadScan>& scan);
harness::Result<harness::weights::PayloadScan> PayloadFromJson(const nlohmann::json& json);

}  // namespace conformance
