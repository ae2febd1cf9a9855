// A codebook pattern: the order in which K codebooks of T frames are generated.
//
// layout[s] lists the (frame, codebook) pairs that step s holds; every other codebook of that step holds the special
// token. Step 0 is all special (but for a negative empty_initial, and unroll with negative delays).
// Source: audiocraft 1.3.0, modules/codebooks_patterns.py: Pattern and the five CodebooksPatternProvider;
// the delay pattern is section 2.2 of arXiv:2306.05284.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/architecture/pattern_spec.h"
#include "harness/base/result.h"

namespace harness::model {

struct Coordinate {
  int64_t frame;
  int64_t codebook;
};

class Pattern {
 public:
  // Precondition: positive numbers. Errors: kMismatch, what the provider, Pattern or LMModel.generate raises for:
  // delays, group_by, frames of a codebook that no step holds; kUnsupported, more steps than this suite lays out.
  static Result<Pattern> Create(const architecture::PatternSpec& spec, int64_t num_codebooks, int64_t num_frames);

  int64_t num_steps() const { return static_cast<int64_t>(layout_.size()); }  // S
  int64_t num_frames() const { return num_frames_; }                          // T
  int64_t num_codebooks() const { return num_codebooks_; }                    // K
  // Steps up to the first that lacks a frame at or beyond T: what is trained on (Pattern.valid_layout).
  int64_t num_valid_steps() const { return num_valid_steps_; }
  // Without the frames at or beyond T that the reference's layout has, too, and masks where it is used.
  const std::vector<Coordinate>& step(int64_t s) const { return layout_[static_cast<size_t>(s)]; }

  // The first step that holds frame `frame`: generation starts there.
  std::optional<int64_t> FirstStepWith(int64_t frame) const;

 private:
  std::vector<std::vector<Coordinate>> layout_;
  int64_t num_frames_ = 0;
  int64_t num_valid_steps_ = 0;
  int64_t num_codebooks_ = 0;
};

}  // namespace harness::model
