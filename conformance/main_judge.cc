#include "conformance/program.h"

int main(int argc, char** argv) { return conformance::RunProgram(argc, argv, nullptr); }
