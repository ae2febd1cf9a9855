// White space as Python's str.strip has it.
#pragma once

#include <string>
#include <string_view>

namespace harness::text {

// `text` is UTF-8.
std::string StripLeft(std::string_view text);
std::string StripRight(std::string_view text);

}  // namespace harness::text
