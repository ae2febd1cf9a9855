#include "conformance/program/program.h"
#include "conformance/stages/generation_stage.h"
#include "conformance/stages/stage_device.h"

int main(int argc, char** argv) {
  return conformance::RunProgram(argc, argv,
                                 {.generator = conformance::GenerateOn, .can_use_cuda = conformance::CanUseCuda});
}
