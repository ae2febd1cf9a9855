// What a message lists of things that are wrong: up to six, then a count.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace conformance {

struct Offenders {
  std::vector<std::string> shown;
  size_t count = 0;
  void Add(std::string text) {
    if (++count <= 6) shown.push_back(std::move(text));
  }
  std::string Text() const {
    return count > shown.size() ? fmt::format("{} and {} more", fmt::join(shown, ", "), count - shown.size())
                                : fmt::format("{}", fmt::join(shown, ", "));
  }
};

}  // namespace conformance
