// "did you mean ...?"
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// The candidate that `word` was probably meant to be: a few typing errors away, or the word with something in front or
// behind ("heads", "num_heads"). Nothing where none is near.
std::optional<std::string> FindNearest(std::string_view word, const std::vector<std::string>& candidates);

// The same by typing errors alone: where a longer name may be meant ("dac_44khz_mine"; an option of a fork).
std::optional<std::string> FindNearestTypo(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace harness
