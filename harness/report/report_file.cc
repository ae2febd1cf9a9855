// Everything of this layer that touches the disk.

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "harness/base/atomic_file.h"
#include "harness/report/report.h"
#include "harness/report/report_json.h"
#include "harness/report/text.h"

namespace harness::report {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{64} << 20;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxReasonBytes = 300;  // the parser quotes the token that it stumbled over, however long
constexpr size_t kMaxIdBytes = 200;      // file systems end at 255

// The deepest nesting of brackets outside of strings. Meaningful for text that is not JSON, too.
int Depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == '"') {
        in_string = false;
      }
    } else if (text[i] == '"') {
      in_string = true;
    } else if (text[i] == '[' || text[i] == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (text[i] == ']' || text[i] == '}') {
      --depth;
    }
  }
  return deepest;
}

Result<std::filesystem::path> CheckPath(const std::filesystem::path& folder, const std::string& id) {
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./").find(c) != std::string_view::npos;
  });
  if (!plain || id.empty() || id.size() > kMaxIdBytes || id[0] == '.' || id[0] == '/') {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("check id '{}' can't be a file name: expected 1 to {} letters, digits, '_', '-', '.' and '/', "
                    "beginning with none of the last two",
                    CleanLine(id), kMaxIdBytes)};
  }
  std::string name = id;
  std::replace(name.begin(), name.end(), '/', '.');
  return folder / (name + ".json");
}

}  // namespace

Result<nlohmann::json> ReadJsonFile(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: is not there", path.string())};
  }
  if (!std::filesystem::is_regular_file(status)) {
    return Error{ErrorCode::kIo, fmt::format("{}: is not a regular file", path.string())};
  }
  const uint64_t bytes = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) return Error{ErrorCode::kIo, fmt::format("{}: could not be opened for reading", path.string())};
  if (bytes > kMaxFileBytes) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: has {} bytes; at most {} are read", path.string(), bytes, kMaxFileBytes)};
  }
  std::string text(bytes, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return Error{ErrorCode::kIo, fmt::format("{}: could not be read", path.string())};
  }
  if (const int depth = Depth(text); depth > kMaxDepth) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: is nested {} deep; at most {} are read", path.string(), depth, kMaxDepth)};
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& exception) {  // with the line, the column and what was expected
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: is not JSON: {}", path.string(),
                             CleanLine(std::string_view(exception.what()).substr(0, kMaxReasonBytes)))};
  }
}

Status WriteReport(const std::filesystem::path& path, const Report& report) {
  return WriteFileAtomically(path, {Dump(ToJson(report))});
}

Result<Report> ReadReport(const std::filesystem::path& path) {
  HARNESS_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonFile(path));
  return ReportFromJson(json, path.string());
}

Status WriteCheckResult(const std::filesystem::path& folder, const CheckResult& check) {
  HARNESS_ASSIGN_OR_RETURN(const std::filesystem::path path, CheckPath(folder, check.id));
  return WriteFileAtomically(path, {Dump(ToJson(check))});
}

Result<CollectedChecks> ReadCheckResults(const std::filesystem::path& folder, const std::vector<std::string>& ids) {
  CollectedChecks collected;
  for (const std::string& id : ids) {
    HARNESS_ASSIGN_OR_RETURN(const std::filesystem::path path, CheckPath(folder, id));
    const Result<nlohmann::json> json = ReadJsonFile(path);
    if (!json.ok() && json.error().code == ErrorCode::kNotFound) {
      collected.missing.push_back(id);
      continue;
    }
    if (!json.ok()) return json.error();
    HARNESS_ASSIGN_OR_RETURN(CheckResult check, CheckFromJson(*json, path.string()));
    if (check.id != id) {
      return Error{ErrorCode::kMismatch, fmt::format("{}: expected the result of {}, found that of {}: two ids that "
                                                     "differ in '/' and '.' share a file name",
                                                     path.string(), id, CleanLine(check.id))};
    }
    collected.checks.push_back(std::move(check));
  }
  return collected;
}

}  // namespace harness::report
