// Pickles as lists of opcodes, and changes to them that mostly leave the machine's stack as it was: a value in place of
// another, a call or a BUILD around one, globals that run something, the spellings that only CPython takes.
//
// Source: CPython's Lib/pickletools.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/fuzz/random.h"

namespace harness::fuzz {

struct PickleOp {
  uint8_t code = 0;
  std::string argument;  // its bytes, the length before a text and the line feed behind it included
};

struct PickleModel {
  std::vector<PickleOp> ops;
  std::string rest;  // from the first byte that is not an opcode, or behind STOP

  static PickleModel Parse(std::string_view pickle);
  std::string Write() const;
};

// One small change.
std::string MutatePickle(std::string_view pickle, Random& random);
// A run of `second`'s opcodes in `first`.
std::string CrossPickles(std::string_view first, std::string_view second, Random& random);

}  // namespace harness::fuzz
