// The suite for CTest where there is no build folder: an installed package's way into pipelines that run ctest.
#pragma once

#include <filesystem>

#include "harness/base/result.h"

namespace conformance {

// Writes FOLDER/CTestTestfile.cmake, which runs the programs beside this one; the folder is made. What
// CONFORMANCE_LIBRARY_PATH names goes before LD_LIBRARY_PATH of those that load LibTorch.
// Errors: kMismatch (something else's CTestTestfile.cmake is there), kIo.
harness::Status WriteCTestFolder(const std::filesystem::path& folder);

}  // namespace conformance
