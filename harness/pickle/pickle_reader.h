// Reads one pickle as PyTorch wrote it, without calling anything.
//
// Input: bytes that start with a pickle; what follows STOP is left alone. Output: the values as far as the reading got,
// the storages and tensors that they name (not yet tied to bytes), and whatever would have run foreign code.
// Memory is linear in the input; nothing recurses. Errors: kCorrupt, kUnsupported, with offset and opcode.
// Source: CPython's Lib/pickletools.py and Modules/_pickle.c; torch/serialization.py and torch/_utils.py.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "harness/pickle/pickle_reading.h"

namespace harness::pickle {

// `place` names file and record in messages: "state_dict.bin: data.pkl".
// `more`: how many pickles a loader reads behind this one; where this reader breaks off, they are scanned, too.
Reading ReadPickle(std::span<const std::byte> bytes, std::string_view place, PersistentIds ids = PersistentIds::kZip,
                   size_t more = 0);

}  // namespace harness::pickle
