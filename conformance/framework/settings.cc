#include "conformance/framework/settings.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/base/safe_text.h"
#include "harness/export/export_file.h"
#include "harness/hub/hub_cache.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;

std::string ReadVariable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

fs::path ChooseDefaultOutputDir() {
  std::error_code error;
  const fs::path build = ThisProgram().parent_path().parent_path();
  return (fs::exists(build / "CMakeCache.txt", error) ? build : fs::current_path(error)) / "conformance-artifacts";
}

// Size, times of change and identity of a file, links followed; "absent" where there is none.
std::string IdentifyFile(const fs::path& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "absent";
  return fmt::format("{}:{}:{}.{}:{}.{}:{}", info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                     info.st_ctim.tv_sec, info.st_ctim.tv_nsec, info.st_mode);
}

}  // namespace

fs::path ThisProgram() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

fs::path ResolveInput(const std::string& given) {
  fs::path path(given);
  std::error_code error;
  if (path.is_absolute()) return path.lexically_normal();
  const fs::path here = fs::current_path(error) / path;
  const std::string pwd = ReadVariable("PWD");
  if (fs::exists(here, error) || pwd.empty()) return here.lexically_normal();
  const fs::path there = fs::path(pwd) / path;
  return (fs::exists(there, error) ? there : here).lexically_normal();
}

harness::Result<Settings> ReadSettings() {
  Settings settings;
  settings.staged = ReadVariable("CONFORMANCE_STAGED") == "1";
  settings.plan = ReadVariable("CONFORMANCE_PLAN");
  settings.audiocraft_python = ReadVariable("AUDIOCRAFT_PYTHON");
  settings.export_dir_as_given = ReadVariable("AUDIOCRAFT_EXPORT_DIR");
  if (!settings.export_dir_as_given.empty()) settings.export_dir = ResolveInput(settings.export_dir_as_given);

  // CTest works in the build folder; the shell that started it says where its user is.
  const std::string shell_dir = ReadVariable("PWD");
  std::error_code error;
  settings.working_dir = settings.staged && !shell_dir.empty() ? fs::path(shell_dir) : fs::current_path(error);

  const std::string output = ReadVariable("CONFORMANCE_OUTPUT_DIR");
  if (output.empty()) {
    settings.output_dir = ChooseDefaultOutputDir();
  } else if (fs::path(output).is_absolute()) {
    settings.output_dir = output;
  } else {
    settings.output_dir = settings.working_dir / output;
  }

  const auto hub = harness::hub::HubCache::FromEnvironment(harness::hub::HubCache::OfProcess);
  settings.hub_root = ResolveInput(hub.root().string());

  std::stringstream words(ReadVariable("CONFORMANCE_REQUIRE"));
  for (std::string word; std::getline(words, word, ',');) {
    word.erase(0, word.find_first_not_of(' '));
    word.erase(word.find_last_not_of(' ') + 1);
    if (word.empty()) continue;
    static const std::set<std::string> kKnown = {"export", "cuda", "text", "codec", "melody"};
    if (!kKnown.contains(word)) {
      return harness::Error{
          harness::ErrorCode::kMismatch,
          fmt::format("CONFORMANCE_REQUIRE: expected are export, cuda, text, codec and melody, found '{}'", word)};
    }
    settings.require.insert(word);
  }

  if (const std::string profile = ReadVariable("CONFORMANCE_PROFILE"); !profile.empty()) {
    settings.profile_path = ResolveInput(profile);
    HARNESS_ASSIGN_OR_RETURN(settings.profile, ReadProfile(settings.profile_path));
  }
  return settings;
}

std::string IdentifyExportFile(const Settings& settings, harness::exports::Role role) {
  return IdentifyFile(settings.export_dir.value_or("") / harness::exports::FileName(role));
}

std::string IdentifyRun(const Settings& settings) {
  std::error_code error;
  nlohmann::json identity;
  identity["export"] = settings.export_dir ? harness::SafeLine(settings.export_dir->string()) : "";
  identity["as_given"] = harness::SafeLine(settings.export_dir_as_given);
  if (settings.export_dir) {
    for (const auto role : {harness::exports::Role::kLanguageModel, harness::exports::Role::kCodec}) {
      identity["files"].push_back(IdentifyExportFile(settings, role));
    }
  }
  identity["profile"] = settings.profile_path.empty() ? "" : IdentifyFile(settings.profile_path);
  identity["hub"] = settings.hub_root.string();
  for (const char* name : {"HOME", "CONFORMANCE_REQUIRE", "AUDIOCRAFT_PYTHON"}) {
    identity["variables"][name] = ReadVariable(name);
  }
  for (const char* program : {"conformance", "conformance_judge"}) {
    identity["programs"].push_back(IdentifyFile(ThisProgram().parent_path() / program));
  }
  return identity.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace conformance
