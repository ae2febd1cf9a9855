// codebooks_pattern: how K codebooks of T frames become a sequence of S steps, as an LM config describes it.
//
// Source: audiocraft 1.3.0, models/builders.py get_codebooks_pattern_provider, modules/codebooks_patterns.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/config/config.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {

struct PatternSpec {
  enum class Kind { kDelay, kParallel, kUnroll, kCoarseFirst, kMusicLm };
  Kind kind = Kind::kDelay;
  std::string modeling;  // as configured
  // Frames, in steps that rise from codebook to codebook; as configured: codec_compatibility/delays judges them. One
  // per codebook; for kCoarseFirst one per codebook after the first; zeros for kMusicLm.
  std::vector<int64_t> delays;
  int64_t flatten_first = 0;        // kDelay: frames
  int64_t empty_initial = 0;        // kDelay, kParallel: steps; negative: no step of special tokens at all
  std::vector<int64_t> flattening;  // kUnroll: each codebook's place among the steps of one frame
  int64_t group_by = 2;             // kMusicLm: codebooks
  bool explicit_delays = false;     // false: the default

  // Whether T frames begin with the steps of any fewer frames, but for the last max_delay(): false where a pattern goes
  // through all frames of one codebook before it begins another.
  bool frame_by_frame() const { return kind != Kind::kCoarseFirst && kind != Kind::kMusicLm; }
  int64_t max_delay() const;  // frames
};

// Reads codebooks_pattern, or transformer_lm.q_modeling where codebooks_pattern.modeling is null.
PatternSpec ReadPattern(const config::Config& config, int64_t num_codebooks,
                        const std::optional<std::string>& q_modeling, config::OptionProblems& problems);

// Errors: kMismatch: arguments that the provider's constructor asserts against.
Status CheckPattern(const PatternSpec& spec, int64_t num_codebooks);

}  // namespace harness::architecture
