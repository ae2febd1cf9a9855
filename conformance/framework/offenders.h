// What a message lists of things that are wrong: up to six, then a count.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <concepts>
#include <string>
#include <vector>

namespace conformance {

struct Offenders {
  std::vector<std::string> shown;
  size_t count = 0;
  void Add(std::string text) {
    if (++count <= 6) shown.push_back(std::move(text));
  }
  // words() gives the text; it is not called for what is only counted.
  template <class Words>
  requires std::invocable<Words>
  void Add(Words words) {
    if (++count <= 6) shown.push_back(words());
  }
  std::string Text() const {
    return count > shown.size() ? fmt::format("{} and {} more", fmt::join(shown, ", "), count - shown.size())
                                : fmt::format("{}", fmt::join(shown, ", "));
  }
};

}  // namespace conformance
