// The edge that no exception of LibTorch passes.
#pragma once

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>

#include "harness/base/result.h"

namespace harness::generate {

// What was thrown while `doing` ("generating"), by its text: kIo where the CUDA device ran out of memory or stopped, with
// a remedy; kMachine where this machine did; else kCorrupt.
Error TorchError(const char* doing, const std::string& what, bool out_of_memory);

// Runs `body`, which returns a Result<T>; what it throws becomes an Error. See TorchError.
template <class T, class Body>
Result<T> CatchTorch(const char* doing, Body&& body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    return TorchError(doing, error.what_without_backtrace(), /*out_of_memory=*/true);
  } catch (const c10::Error& error) {
    return TorchError(doing, error.what_without_backtrace(), /*out_of_memory=*/false);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kIo, fmt::format("out of memory while {}", doing)};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kCorrupt, fmt::format("{} failed: {}", doing, error.what())};
  }
}

}  // namespace harness::generate
