#include "conformance/program/command_line.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

namespace conformance {
namespace {

using harness::Error;
using harness::ErrorCode;
using harness::Result;
using Action = CommandLine::Action;

constexpr int64_t kMaxJobs = 4096, kMaxTasks = 1 << 20;

Error Wrong(std::string message) { return {ErrorCode::kMismatch, std::move(message)}; }

Result<int64_t> ReadNumber(const std::string& option, std::string_view text, int64_t least, int64_t most) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most)
    return Wrong(fmt::format("{} expects a number from {} to {}, found '{}'", option, least, most, text));
  return number;
}

// "2/16": the third of sixteen shares.
Result<Share> ReadShare(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return Wrong(fmt::format("--share expects NUMBER/COUNT, e.g. 0/4, found '{}'", text));
  HARNESS_ASSIGN_OR_RETURN(const int64_t of, ReadNumber("--share's COUNT", text.substr(slash + 1), 1, kMaxTasks));
  HARNESS_ASSIGN_OR_RETURN(const int64_t number, ReadNumber("--share's NUMBER", text.substr(0, slash), 0, of - 1));
  return Share{number, of};
}

harness::Status ReadList(const std::string& path, std::vector<std::string>& exports) {
  std::ifstream file(path);
  if (!file) return Error{ErrorCode::kIo, fmt::format("--from-file: {} can't be read", path)};
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) exports.push_back(line);
  }
  if (file.bad()) return Error{ErrorCode::kIo, fmt::format("--from-file: {} can't be read", path)};
  if (exports.empty())
    return Wrong(fmt::format("--from-file: {} names no export; one folder a line is expected", path));
  return {};
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  Result<CommandLine> Run() {
    bool options = true;
    for (at_ = 0; at_ < arguments_.size(); ++at_) {
      const std::string& argument = arguments_[at_];
      if (options && argument == "--") {
        options = false;
      } else if (options && argument.size() > 1 && argument.starts_with("-")) {
        HARNESS_RETURN_IF_ERROR(ReadOption(argument));
      } else {
        if (argument.empty())
          return Wrong("an export's folder is expected, and the argument is empty: an unset variable?");
        line_.exports.push_back(argument);
      }
    }
    if (!list_.empty()) HARNESS_RETURN_IF_ERROR(ReadList(list_, line_.exports));
    line_.many = line_.exports.size() > 1 || !list_.empty() || line_.jobs > 0 || !line_.gpus.empty() ||
                 line_.action == Action::kCollect;
    return Check();
  }

 private:
  // The value of the option that is being read: behind its `=`, or the next argument.
  Result<std::string> Value(const std::string& name, const std::string& what) {
    const std::string& argument = arguments_[at_];
    if (argument.size() > name.size()) return argument.substr(name.size() + 1);
    if (at_ + 1 == arguments_.size()) return Wrong(fmt::format("{} expects {}", name, what));
    return arguments_[++at_];
  }

  harness::Status SetAction(Action action) {
    if (line_.action != Action::kJudge && line_.action != action)
      return Wrong(fmt::format("{} does not go together with the option before it", arguments_[at_]));
    line_.action = action;
    return {};
  }

  harness::Status ReadOption(const std::string& argument) {
    const std::string name = argument.substr(0, argument.find('='));
    if (argument.starts_with("--gtest_")) return line_.googletest.push_back(argument), harness::Status();
    if (argument == "-h" || argument == "--help") return SetAction(Action::kHelp);
    if (argument == "--version") return SetAction(Action::kVersion);
    if (argument == "--list-checks" || argument == "--list-checks=json") {
      line_.as_json = argument.ends_with("=json");
      return SetAction(Action::kListChecks);
    }
    if (argument == "--list-ctest") return SetAction(Action::kListCTest);
    if (argument == kCanUseCuda) return SetAction(Action::kAskForCuda);
    if (argument == "--collect") return SetAction(Action::kCollect);
    if (argument == "--quiet") return line_.quiet = true, harness::Status();
    return ReadValue(name);
  }

  harness::Status ReadValue(const std::string& name) {
    if (name == "--stage") {
      HARNESS_ASSIGN_OR_RETURN(line_.stage, Value(name, "the name of a stage"));
      return SetAction(Action::kStage);
    }
    if (name == "--ctest") {
      HARNESS_ASSIGN_OR_RETURN(line_.ctest_folder, Value(name, "a folder to write"));
      return SetAction(Action::kWriteCTest);
    }
    if (name == "--jobs" || name == "-j") {
      HARNESS_ASSIGN_OR_RETURN(const std::string text, Value(name, "a number"));
      HARNESS_ASSIGN_OR_RETURN(line_.jobs, ReadNumber(name, text, 1, kMaxJobs));
      return {};
    }
    if (name == "--share") {
      HARNESS_ASSIGN_OR_RETURN(const std::string text, Value(name, "NUMBER/COUNT"));
      HARNESS_ASSIGN_OR_RETURN(line_.share, ReadShare(text));
      return {};
    }
    if (name == "--from-file") {
      HARNESS_ASSIGN_OR_RETURN(list_, Value(name, "a file with a folder a line"));
      return {};
    }
    if (name == "--resource-spec-file") {
      HARNESS_ASSIGN_OR_RETURN(line_.gpus, Value(name, "a file"));
      return {};
    }
    return Wrong(fmt::format("unknown option {}; --help shows those that there are", arguments_[at_]));
  }

  Result<CommandLine> Check() {
    if (line_.share.of > 1 && list_.empty()) return Wrong("--share takes a part of the list of --from-file; name one");
    if (line_.many && line_.exports.empty())
      return Wrong("several exports are expected: name their folders, or a list with --from-file");
    const bool takes_exports = line_.action == Action::kJudge || line_.action == Action::kCollect;
    if (!takes_exports && !line_.exports.empty() && line_.action != Action::kHelp)
      return Wrong(fmt::format("'{}' is one argument too many", line_.exports.front()));
    if (line_.many && !line_.googletest.empty()) {
      return Wrong(
          fmt::format("{} is for one export: name one, or none and AUDIOCRAFT_EXPORT_DIR", line_.googletest.front()));
    }
    return std::move(line_);
  }

  const std::vector<std::string>& arguments_;
  size_t at_ = 0;
  std::string list_;
  CommandLine line_;
};

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) { return Parser(arguments).Run(); }

}  // namespace conformance
