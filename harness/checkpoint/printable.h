// Text out of a file, made fit for a message: at most `limit` bytes, what may steer its reader escaped as SafeLine
// does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace harness {

std::string Printable(std::string_view text, size_t limit = 120);

// The number of bytes of the UTF-8 sequence that `text` starts with; 0: none. Lone surrogates count as valid, as in
// Python's "surrogatepass", which pickle uses.
size_t Utf8SequenceLength(std::string_view text);
bool IsUtf8(std::string_view text);

// Appends the UTF-8 form of a code point up to 0x10ffff.
void AppendUtf8(uint32_t code_point, std::string& out);

}  // namespace harness
