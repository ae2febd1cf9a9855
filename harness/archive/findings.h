// The first few of what may be thousands of sentences, and their number: for messages about hostile files.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace harness::archive {

class Findings {
 public:
  template <class... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    if (count_++ < kShown) shown_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  // `words()`: the sentence, made only where it is shown.
  template <class Words>
  requires std::is_invocable_r_v<std::string, Words>
  void Add(Words&& words) {
    if (count_++ < kShown) shown_.push_back(words());
  }
  void Append(const Findings& other) {
    for (const std::string& text : other.shown_) {
      if (shown_.size() < kShown) shown_.push_back(text);
    }
    count_ += other.count_;
  }
  size_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // "one; two; and 3 more"
  std::string Text() const {
    return fmt::format("{}{}", fmt::join(shown_, "; "),
                       count_ > shown_.size() ? fmt::format("; and {} more", count_ - shown_.size()) : "");
  }

 private:
  static constexpr size_t kShown = 5;
  std::vector<std::string> shown_;
  size_t count_ = 0;
};

}  // namespace harness::archive
