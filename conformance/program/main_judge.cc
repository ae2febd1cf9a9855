#include "conformance/framework/settings.h"
#include "conformance/program/command_line.h"
#include "conformance/program/program.h"
#include "conformance/stages/subprocess.h"

namespace {

constexpr double kPatienceS = 60;  // for a card that another process keeps busy

// Asks the program on LibTorch, which lies beside this one.
harness::Status AskConformance() {
  const auto beside = conformance::ThisProgram().parent_path();
  const auto asked =
      conformance::RunProcess({(beside / "conformance").string(), conformance::kCanUseCuda}, {}, beside, kPatienceS);
  if (!asked.ok()) return asked.error();
  if (asked->exit_code == 0 && asked->signal == 0 && !asked->timed_out) return {};
  return harness::Error{harness::ErrorCode::kIo, asked->output};
}

}  // namespace

int main(int argc, char** argv) {
  return conformance::RunProgram(argc, argv, {.generator = nullptr, .can_use_cuda = AskConformance});
}
