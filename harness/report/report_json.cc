#include "harness/report/report_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/safe_text.h"
#include "harness/base/utf8.h"
#include "harness/report/text.h"

namespace harness::report {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSchema = "2";
constexpr int kMaxStoredDepth = 48;  // leaves room below ReadJsonFile's 64

// What JSON can hold: valid UTF-8, finite numbers.
ordered_json Storable(const json& value, int depth = 0) {
  if (depth > kMaxStoredDepth) return "(nested too deep to be stored)";
  switch (value.type()) {
    case json::value_t::object: {
      ordered_json object = ordered_json::object();
      for (const auto& [key, item] : value.items()) object[ValidUtf8(key)] = Storable(item, depth + 1);
      return object;
    }
    case json::value_t::array: {
      ordered_json array = ordered_json::array();
      for (const json& item : value) array.push_back(Storable(item, depth + 1));
      return array;
    }
    case json::value_t::string: return ValidUtf8(value.get_ref<const std::string&>());
    case json::value_t::number_float: {
      const double number = value.get<double>();
      if (std::isnan(number)) return "nan";
      if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
      return number;
    }
    case json::value_t::binary: return "(bytes)";
    case json::value_t::discarded: return nullptr;
    default: return value;
  }
}

ordered_json StorableObject(const json& value) { return value.is_null() ? ordered_json::object() : Storable(value); }

ordered_json TextOrNull(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(ValidUtf8(text));
}

ordered_json ToJson(const GenerationResult& result) {
  ordered_json out = ordered_json::object();
  out["device"] = ValidUtf8(result.device);
  out["run"] = ValidUtf8(result.run);
  out["prompt"] = result.prompt ? ordered_json(ValidUtf8(*result.prompt)) : ordered_json();
  out["seed"] = result.seed;
  out["tokens"] = TextOrNull(result.tokens);
  out["audio"] = TextOrNull(result.audio);
  out["frames"] = result.frames;
  out["metrics"] = StorableObject(result.metrics);
  return out;
}

ordered_json Texts(const std::vector<std::string>& texts) {
  ordered_json out = ordered_json::array();
  for (const std::string& text : texts) out.push_back(ValidUtf8(text));
  return out;
}

// Reads the members of one object; the first thing that is wrong is kept, and what follows reads as empty.
class Members {
 public:
  Members(const json& object, std::string where, std::initializer_list<std::string_view> keys)
      : object_(object), where_(std::move(where)) {
    if (!object.is_object()) {
      Fail("", "an object", object);
      return;
    }
    for (std::string_view key : keys) {
      if (!object.contains(key)) {
        error_ = Error{ErrorCode::kCorrupt, fmt::format("{}: key '{}' is missing", where_, key)};
        return;
      }
    }
    for (const auto& item : object.items()) {
      if (std::find(keys.begin(), keys.end(), item.key()) == keys.end()) {
        error_ = Error{ErrorCode::kCorrupt, fmt::format("{}: unknown key '{}'", where_, CleanLine(item.key()))};
        return;
      }
    }
  }

  Status status() const { return ok() ? Status() : Status(*error_); }

  std::string Text(const char* key) {
    const json* value = Find(key, "a string", &json::is_string);
    return value ? value->get<std::string>() : "";
  }
  std::optional<std::string> OptionalText(const char* key) {
    if (ok() && object_[key].is_null()) return std::nullopt;
    return Text(key);
  }
  int64_t Integer(const char* key) {
    const json* value = Find(key, "an integer", &json::is_number_integer);
    if (value && value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX) {
      Fail(key, "an integer of 64 bits with a sign", *value);
      value = nullptr;
    }
    return value ? value->get<int64_t>() : 0;
  }
  json Object(const char* key) {
    const json* value = Find(key, "an object", &json::is_object);
    return value ? *value : json::object();
  }
  json Any(const char* key) { return ok() ? object_[key] : json(); }
  // Calls read(item, place) for each; read returns a Status.
  template <class Read>
  void Each(const char* key, Read read) {
    const json* value = Find(key, "an array", &json::is_array);
    for (size_t i = 0; value && ok() && i < value->size(); ++i) {
      const Status status = read((*value)[i], fmt::format("{}: {}[{}]", where_, key, i));
      if (!status.ok()) error_ = status.error();
    }
  }
  std::vector<std::string> TextList(const char* key) {
    std::vector<std::string> texts;
    Each(key, [&](const json& item, const std::string& place) -> Status {
      if (!item.is_string()) {
        return Error{ErrorCode::kCorrupt, fmt::format("{}: expected a string, found {}", place, item.type_name())};
      }
      texts.push_back(item.get<std::string>());
      return {};
    });
    return texts;
  }

 private:
  bool ok() const { return !error_; }
  const json* Find(const char* key, const char* expected, bool (json::*is)() const noexcept) {
    if (!ok()) return nullptr;
    const json& value = object_[key];
    if ((value.*is)()) return &value;
    Fail(key, expected, value);
    return nullptr;
  }
  void Fail(std::string_view key, std::string_view expected, const json& found) {
    error_ = Error{ErrorCode::kCorrupt, fmt::format("{}{}{}: expected {}, found {}", where_, key.empty() ? "" : ": ",
                                                    key, expected, found.type_name())};
  }

  const json& object_;
  std::string where_;
  std::optional<Error> error_;  // the first
};

Result<GenerationResult> GenerationFromJson(const json& value, const std::string& where) {
  Members members(value, where, {"device", "run", "prompt", "seed", "tokens", "audio", "frames", "metrics"});
  GenerationResult result;
  result.device = members.Text("device");
  result.run = members.Text("run");
  result.prompt = members.OptionalText("prompt");
  result.seed = members.Integer("seed");
  result.tokens = members.OptionalText("tokens").value_or("");
  result.audio = members.OptionalText("audio").value_or("");
  result.frames = members.Integer("frames");
  result.metrics = members.Object("metrics");
  HARNESS_RETURN_IF_ERROR(members.status());
  return result;
}

}  // namespace

ordered_json ToJson(const CheckResult& check) {
  ordered_json out = ordered_json::object();
  out["id"] = ValidUtf8(check.id);
  out["category"] = ValidUtf8(check.category);
  out["status"] = Name(check.status);
  out["message"] = ValidUtf8(check.message);
  out["remedy"] = TextOrNull(check.remedy);
  out["reason"] = TextOrNull(check.reason);
  out["blocked_by"] = TextOrNull(check.blocked_by);
  out["requirement"] = TextOrNull(check.requirement);
  out["device"] = TextOrNull(check.device);
  out["measured"] = Storable(check.measured);
  out["limit"] = Storable(check.limit);
  return out;
}

ordered_json ToJson(const Report& report) {
  ordered_json out = ordered_json::object();
  out["schema"] = kSchema;
  out["verdict"] = Name(report.verdict());
  out["not_run"] = Texts(report.not_run);
  out["not_applied"] = Texts(report.not_applied);
  out["export"] = StorableObject(report.export_info);
  out["environment"] = StorableObject(report.environment);
  out["checks"] = ordered_json::array();
  for (const CheckResult& check : report.checks) out["checks"].push_back(ToJson(check));
  out["generation"] = ordered_json::array();
  for (const GenerationResult& result : report.generation) out["generation"].push_back(ToJson(result));
  return out;
}

Result<CheckResult> CheckFromJson(const json& value, const std::string& where) {
  Members members(value, where,
                  {"id", "category", "status", "message", "remedy", "reason", "blocked_by", "requirement", "device",
                   "measured", "limit"});
  CheckResult check;
  check.id = members.Text("id");
  check.category = members.Text("category");
  const std::string name = members.Text("status");
  check.message = members.Text("message");
  check.remedy = members.OptionalText("remedy").value_or("");
  check.reason = members.OptionalText("reason").value_or("");
  check.blocked_by = members.OptionalText("blocked_by").value_or("");
  check.requirement = members.OptionalText("requirement").value_or("");
  check.device = members.OptionalText("device").value_or("");
  check.measured = members.Any("measured");
  check.limit = members.Any("limit");
  HARNESS_RETURN_IF_ERROR(members.status());
  for (CheckStatus status :
       {CheckStatus::kPass, CheckStatus::kFail, CheckStatus::kSkip, CheckStatus::kBlocked, CheckStatus::kUnsupported}) {
    if (name != Name(status)) continue;
    check.status = status;
    return check;
  }
  return Error{
      ErrorCode::kCorrupt,
      fmt::format("{}: status: expected pass, fail, skip, blocked or unsupported, found '{}'", where, CleanLine(name))};
}

Result<Report> ReportFromJson(const json& value, const std::string& where) {
  if (value.is_object() && value.contains("schema") && value["schema"].is_string() && value["schema"] != kSchema) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: schema '{}' was written by another version of this suite, which reads schema '{}'",
                             where, CleanLine(value["schema"].get<std::string>()), kSchema)};
  }
  Members members(value, where,
                  {"schema", "verdict", "not_run", "not_applied", "export", "environment", "checks", "generation"});
  Report report;
  members.Text("schema");
  const std::string verdict = members.Text("verdict");
  report.not_run = members.TextList("not_run");
  report.not_applied = members.TextList("not_applied");
  report.export_info = members.Object("export");
  report.environment = members.Object("environment");
  members.Each("checks", [&](const json& item, const std::string& place) -> Status {
    HARNESS_ASSIGN_OR_RETURN(CheckResult check, CheckFromJson(item, place));
    report.checks.push_back(std::move(check));
    return {};
  });
  members.Each("generation", [&](const json& item, const std::string& place) -> Status {
    HARNESS_ASSIGN_OR_RETURN(GenerationResult result, GenerationFromJson(item, place));
    report.generation.push_back(std::move(result));
    return {};
  });
  HARNESS_RETURN_IF_ERROR(members.status());
  if (verdict != Name(report.verdict())) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: verdict: its checks, not_run and environment.require give '{}', found '{}'", where,
                             Name(report.verdict()), CleanLine(verdict))};
  }
  return report;
}

std::string Dump(const ordered_json& value) {
  // What may steer its reader stands in strings only: there it is written as JSON's own escape, and read back as it
  // was.
  const std::string text = value.dump(2, ' ', false, ordered_json::error_handler_t::replace);
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const CodePoint first = FirstCodePoint(std::string_view(text).substr(i));
    const bool command = text.compare(i, 2, "##") == 0;
    if (first.value == '\n' || !(command || IsUnsafe(first.value))) {
      out.append(text, i, first.bytes);
    } else if (first.value < 0x10000) {
      out += fmt::format("\\u{:04x}", first.value);
    } else {
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0 + (first.value >> 10), 0xDC00 + (first.value & 0x3FF));
    }
    i += first.bytes;
  }
  return out + "\n";
}

}  // namespace harness::report
