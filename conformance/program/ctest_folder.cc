#include "conformance/program/ctest_folder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "conformance/framework/settings.h"
#include "conformance/program/ctest_script.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::Error;
using harness::ErrorCode;

constexpr std::string_view kMark = "# Written by the conformance suite";

void ReplaceAll(std::string& text, std::string_view word, const std::string& by) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
}

}  // namespace

harness::Status WriteCTestFolder(const fs::path& folder) {
  const fs::path path = folder / "CTestTestfile.cmake";
  if (std::ifstream old(path); old) {
    const std::string text(std::istreambuf_iterator<char>(old), {});
    if (!text.starts_with(kMark)) {
      return Error{ErrorCode::kMismatch, fmt::format("--ctest: {} is there, and of another project", path.string()),
                   "Name a folder of its own"};
    }
  }
  const char* libraries = std::getenv("CONFORMANCE_LIBRARY_PATH");
  std::string script =
      fmt::format("{}; `ctest --test-dir THIS_FOLDER -L conformance` runs it.\n{}", kMark, kCTestScript);
  // CMake's quoted strings take every path but one with a quote, a backslash or a dollar sign.
  const std::string programs = ThisProgram().parent_path().string(),
                    library_path = libraries == nullptr ? "" : libraries;
  for (const std::string& part : {programs, library_path}) {
    if (part.find_first_of("\"\\$;@") != std::string::npos)
      return Error{ErrorCode::kMismatch, fmt::format("--ctest: CMake can't name {}", part), "Install it elsewhere"};
  }
  ReplaceAll(script, "@conformance_programs@", programs);
  ReplaceAll(script, "@conformance_library_path@", library_path);
  std::error_code error;
  fs::create_directories(folder, error);
  std::ofstream file(path, std::ios::binary);
  file << script;
  if (!file.flush()) return Error{ErrorCode::kIo, fmt::format("--ctest: {} can't be written", path.string())};
  return {};
}

}  // namespace conformance
