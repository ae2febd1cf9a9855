// Whether one score is lower than another over the same frames, beyond what chance would give.
//
// Neighbouring frames are alike, so that they say less than as many independent ones: means of blocks are compared, by
// Student's t. Source: batch means, e.g. Geyer, Practical Markov Chain Monte Carlo (1992), section 3.2.
#pragma once

#include <cstdint>
#include <vector>

namespace harness::generate {

struct BlockTest {
  double mean = 0;            // of all values
  double standard_error = 0;  // of that mean, over blocks
  int64_t blocks = 0;
  double p = 1;  // one-sided: that values whose mean is not above zero give a mean as high

  bool can_tell() const { return blocks >= 3; }
};

// values: one a frame, in order of time. Blocks are `frames_per_block` long; what is left over at the end goes to the
// last one. With too few blocks nothing can be said, and p is 1.
BlockTest TestAboveZero(const std::vector<double>& values, int64_t frames_per_block);

// P(T > t) of Student's t distribution.
double StudentUpperTail(double t, double degrees_of_freedom);

}  // namespace harness::generate
