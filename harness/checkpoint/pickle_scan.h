// What a pickle goes on to do behind the place where the reader breaks off: Python's unpickler may take what this one
// refuses, and go on. Opcodes say how long they are, so that the names behind can be listed without following the
// stack.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "harness/checkpoint/pickle.h"

namespace harness {

// The foreign names from `at` on to STOP, or to where no unpickler gets further, each once: "posix.system"; a name that
// is put together while the file is loaded, an extension code, and a call that can't be judged are words. Empty where
// nothing there can run: `read` is what stands before, `frame_end` where its last frame ends. Linear in `bytes`; keeps
// at most 100 names.
std::vector<std::string> WhatMayRunBehind(std::span<const std::byte> bytes, size_t at, size_t frame_end,
                                          const Pickle& read);

}  // namespace harness
