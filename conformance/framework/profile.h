// CONFORMANCE_PROFILE: what to generate and which limits to hold it to. Every key is optional, an unknown one an error.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace conformance {

inline constexpr size_t kMaxPrompts = 1000;

struct Profile {
  std::vector<std::string> devices;  // empty: the rule of the reference
  std::vector<std::optional<std::string>> prompts = {std::nullopt, "upbeat lo fi hip hop beat"};
  double duration_s = 2.0;
  std::string sampling = "top_k";  // top_k, greedy, top_p
  int64_t top_k = 250;
  double top_p = 0.0;
  double temperature = 1.0;
  double cfg_coef = 3.0;
  bool two_step_cfg = false;
  int64_t seed = 0;
  int64_t float16_steps = 4;  // frames that generation/float16_readiness looks at; 0: none
  std::optional<std::string> melody;
  std::optional<std::string> reference_audio;  // an audio file; none: the clip of the suite
  bool expect_trained = true;                  // false: what belongs together is measured, and not judged
  std::string belonging = "default";           // quick: the likelihood alone; all: every alternative, over 10 s
  // A package, its folder, or a model on the hub; none: as the config of the language model says.
  std::optional<std::string> trained_with_codec;
  std::map<std::string, double> limits;  // overrides, by the names of the catalogue

  bool names_device(const std::string& device) const {
    return std::find(devices.begin(), devices.end(), device) != devices.end();
  }

  std::vector<std::string> keys;  // every key that the file set, "generation.seed"
};

// Errors: kNotFound, kIo, kCorrupt (not YAML), kMismatch (unknown key, wrong type, out of range), with the key.
harness::Result<Profile> ReadProfile(const std::filesystem::path& path);
harness::Result<Profile> ParseProfile(const std::string& yaml, const std::string& source);

// A limit that a check compares with. The catalogue (CHECKS.md) gives the reason of each default.
struct Limit {
  const char* name;
  double value;
};
inline constexpr std::array kLimits = {
    Limit{"audio.min_rms", 1e-4},           // -80 dBFS: below the noise of any converter
    Limit{"audio.max_offset_ratio", 0.9},   // |mean| / rms
    Limit{"audio.max_clipped_share", 0.1},  // of samples at or beyond full scale
    Limit{"audio.max_constant_s", 0.5},     // one value, without a break
    Limit{"audio.max_repeated_share",
          0.5},  // of 50 ms windows that repeat an earlier one: loops give 0.87, codes at random 0
    Limit{"belonging.min_band_correlation", 0.2},  // of a codec's round trip: another sound's is 0
    Limit{"belonging.min_below_chance", 0.1},      // nats a code; a model of noise has 0, MusicGen 2 to 4
    Limit{"belonging.min_gain", 0.05},      // nats a code: right models gave 0.03 at most, wrong numbers of heads 0.07
    Limit{"belonging.min_effect", 1e-6},    // of the largest logit: what float32 can tell apart
    Limit{"codebook.max_dead_share", 0.9},  // of a codec's codebook: all zero, or equal to an earlier entry
    Limit{"production.max_seconds", 1800},  // of the reference and its short generation
    Limit{"tokens.max_dominant_share", 0.95},  // of one code in a codebook
    Limit{"tokens.max_run_share", 0.9},        // of the longest run of one code in a codebook
};

}  // namespace conformance
