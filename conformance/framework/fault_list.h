// What is wrong, for one message: the first six of a kind in words, and how many more there are.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <concepts>
#include <string>
#include <vector>

namespace conformance {

struct FaultList {
  std::vector<std::string> shown;
  size_t count = 0;
  void Add(std::string text) {
    if (++count <= 6) shown.push_back(std::move(text));
  }
  // describe() gives the text; it is not called for what is only counted.
  template <class Describe>
  requires std::invocable<Describe>
  void Add(Describe describe) {
    if (++count <= 6) shown.push_back(describe());
  }
  std::string Join() const {
    return count > shown.size() ? fmt::format("{} and {} more", fmt::join(shown, ", "), count - shown.size())
                                : fmt::format("{}", fmt::join(shown, ", "));
  }
};

}  // namespace conformance
