#include "conformance/generation_stage.h"
#include "conformance/program.h"

int main(int argc, char** argv) { return conformance::RunProgram(argc, argv, conformance::GenerateOn); }
