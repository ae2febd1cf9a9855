// What a pickle goes on to do behind the place where the reader breaks off: Python's unpickler may take what this one
// refuses, and go on. Opcodes say how long they are, so that the names behind can be listed without following the
// stack.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "harness/pickle/pickle.h"

namespace harness::pickle {

struct Behind {
  std::vector<std::string> names;  // foreign ones, each once, at most 100; of what has no name, words
  bool calls = false;              // something is called there
};

struct ScanFrom {
  size_t frame_end = 0;  // of the last frame before
  size_t more = 0;       // STOPs to go through: a loader of the legacy format reads five pickles in a row
};

// From `at` on to STOP, or to where no unpickler gets further. A name that is put together while the file is loaded, an
// extension code, and a call that can't be judged are words. No names where nothing there can run: `read` is what
// stands before. Linear in `bytes`.
Behind ScanBehind(std::span<const std::byte> bytes, size_t at, ScanFrom from, const Pickle& read);

}  // namespace harness::pickle
