// What one run of the suite found, and report.json, its lasting form.
//
//   {schema: "2", verdict: pass|fail|incomplete, not_run: [text], not_applied: [text], export: {...},
//    environment: {...},
//    checks: [{id, category, status: pass|fail|skip|blocked|unsupported, message, remedy, reason, blocked_by,
//              requirement, device, measured, limit}],
//    generation: [{device, run, prompt, seed, tokens, audio, frames, metrics}]}
//
// report.schema.json describes each key. No decision is taken from the words of a message: whatever decides has a
// field.
//
// Texts may come out of the files under test: whatever they hold, the JSON is valid. Broken UTF-8 is stored as U+FFFD.
// JSON has no NaN: numbers that are not finite are stored as the texts "nan", "inf" and "-inf", never as null.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace harness::report {

// kSkip: something that the run was not given (a device, a text encoder) keeps the check from running. kBlocked:
// another check must pass first. kUnsupported: the export holds something that this suite can't judge.
enum class CheckStatus { kPass, kFail, kSkip, kBlocked, kUnsupported };
enum class Verdict { kPass, kFail, kIncomplete };

const char* Name(CheckStatus status);  // "pass", "fail", "skip", "blocked", "unsupported"
const char* Name(Verdict verdict);     // "pass", "fail", "incomplete"

struct CheckResult {
  std::string id;                           // "state_dict_integrity/codec/checksums"
  std::string category;                     // "state_dict_integrity"
  CheckStatus status = CheckStatus::kFail;  // a status that was forgotten must not pass
  std::string message;                      // what is wrong; of a pass: empty, or something to know
  std::string remedy = {};                  // what to do about it; empty: nothing
  std::string reason = {};                  // a code in snake_case: "no_device"; empty on an ordinary pass
  // The id of the check that must pass first; also of a skip that another check's skip brings about; empty: none.
  std::string blocked_by = {};
  // Of export, cuda, text, codec and melody: what stays unexercised where this check does not run; empty: none.
  std::string requirement = {};
  std::string device = {};  // "cpu", "cuda"; empty: none
  nlohmann::json measured;  // null where nothing is measured
  nlohmann::json limit;
};

struct GenerationResult {
  std::string device;                 // "cpu"
  std::string run;                    // the folder under the device
  std::optional<std::string> prompt;  // none: unconditional
  int64_t seed = 0;
  std::string tokens;  // path relative to report.json; empty (null in the file): there is none
  std::string audio;   // likewise
  int64_t frames = 0;
  nlohmann::json metrics = nlohmann::json::object();  // an object
};

struct Report {
  // Capabilities that the run did not exercise: of export, cuda, text, codec and melody. Those that
  // environment["require"] (a list: CONFORMANCE_REQUIRE) names make the verdict incomplete.
  std::vector<std::string> not_run;
  std::vector<std::string> not_applied;  // settings and artifacts that were asked for and are not built yet
  nlohmann::json export_info = nlohmann::json::object();  // "export"; its "path" heads the summary
  nlohmann::json environment = nlohmann::json::object();
  std::vector<CheckResult> checks;  // in the order in which a person should read them
  std::vector<GenerationResult> generation;

  // Those of not_run that were required.
  std::vector<std::string> missing() const;
  // The ids of the unsupported checks, one for each message: what stands behind such a check can't be judged, either,
  // and repeats its message. Nobody can say then that the export is good.
  std::vector<std::string> unjudged() const;
  // environment["part"]: what this report sees of the run ("3 of 69 checks ran, ..."); nothing where it sees all of it.
  std::optional<std::string> part() const;
  // Fail where a check fails; else incomplete where the report sees a part of the run only, something required did not
  // run or a check can't be judged; else pass.
  Verdict verdict() const;
};

struct CheckCounts {
  int passed = 0, failed = 0, blocked = 0, skipped = 0, unsupported = 0;
  int total() const { return passed + failed + blocked + skipped + unsupported; }
};
CheckCounts Count(const std::vector<CheckResult>& checks);

// Written whole or not at all; the folder is created. Errors: kIo.
Status WriteReport(const std::filesystem::path& path, const Report& report);

// Strict: every key there, none unknown, each of its type, and the verdict the one that the checks give.
// Errors: kNotFound, kIo, kUnsupported (another schema; more than 64 MiB), kCorrupt (everything else), with the place.
Result<Report> ReadReport(const std::filesystem::path& path);

// CTest runs one process a check: each leaves DIR/ID.json, with every '/' of the id as '.', for the run's report.
// The folder belongs to one run; clear it before the first check, or results of an older run are collected.
// Errors: kIo; kUnsupported, for an id that can't be a file name (only letters, digits and _ - . / between them).
Status WriteCheckResult(const std::filesystem::path& folder, const CheckResult& check);

struct CollectedChecks {
  std::vector<CheckResult> checks;   // in the order of the ids
  std::vector<std::string> missing;  // ids without a result: not selected, or their process died
};
// Errors: kIo; kUnsupported, as above; kCorrupt; kMismatch, where a file holds the result of another id.
Result<CollectedChecks> ReadCheckResults(const std::filesystem::path& folder, const std::vector<std::string>& ids);

}  // namespace harness::report
