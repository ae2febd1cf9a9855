// UTF-8, code point by code point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace harness {

struct CodePoint {
  size_t bytes;  // of it at the beginning of the text: at least 1; of a broken sequence, its maximal part (Unicode 15,
                 // table 3-7: no overlong forms, no surrogates, none beyond U+10FFFF)
  bool valid;
  uint32_t value;
};
// Precondition: the text is not empty.
CodePoint FirstCodePoint(std::string_view text);

// The number of bytes of the UTF-8 sequence that `text` starts with; 0: none. Lone surrogates count as valid, as in
// Python's "surrogatepass", which pickle uses.
size_t Utf8SequenceLength(std::string_view text);
bool IsUtf8(std::string_view text);

// Appends the UTF-8 form of a code point up to 0x10ffff.
void AppendUtf8(uint32_t code_point, std::string& out);

}  // namespace harness
