// The numbers that mutators draw: the same from the same seed, on every machine and compiler.
#pragma once

#include <cstddef>
#include <cstdint>

namespace harness::fuzz {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 to n - 1; 0 where n is 0.
  size_t Below(size_t n) { return n == 0 ? 0 : static_cast<size_t>(Next() % n); }
  bool OneIn(size_t n) { return Below(n) == 0; }

  template <class Container>
  const auto& Pick(const Container& choices) {
    return choices[Below(std::size(choices))];
  }

 private:
  uint64_t state_;
};

}  // namespace harness::fuzz
