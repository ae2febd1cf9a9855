#include "harness/model/pattern.h"

#include <fmt/format.h>

#include <algorithm>

namespace harness {

Result<Pattern> Pattern::Create(const PatternSpec& spec, int64_t num_codebooks, int64_t num_frames) {
  if (spec.kind == PatternSpec::Kind::kOther) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("codebooks_pattern.modeling '{}' is not built in this suite yet", spec.modeling)};
  }
  if (const std::string problem = DelayProblem(spec, num_codebooks); !problem.empty()) {
    return Error{ErrorCode::kMismatch, problem};
  }
  Pattern pattern;
  pattern.num_frames_ = num_frames;
  pattern.num_codebooks_ = num_codebooks;
  auto& layout = pattern.layout_;
  if (spec.empty_initial >= 0) layout.resize(static_cast<size_t>(1 + spec.empty_initial));
  for (int64_t t = 0; t < std::min(num_frames, spec.flatten_first); ++t) {
    for (int64_t q = 0; q < num_codebooks; ++q) layout.push_back({{t, q}});
  }
  const int64_t max_delay = *std::max_element(spec.delays.begin(), spec.delays.end());
  for (int64_t t = spec.flatten_first; t < num_frames + max_delay; ++t) {
    std::vector<Coordinate> step;
    for (int64_t q = 0; q < num_codebooks; ++q) {
      const int64_t frame = t - spec.delays[static_cast<size_t>(q)];
      // Frames at or beyond T stand in upstream's layout too, and are masked when it is used.
      if (frame >= spec.flatten_first && frame < num_frames) step.push_back({frame, q});
    }
    layout.push_back(std::move(step));
  }
  return pattern;
}

std::optional<int64_t> Pattern::FirstStepWith(int64_t frame) const {
  for (size_t s = 0; s < layout_.size(); ++s) {
    for (const Coordinate& coordinate : layout_[s]) {
      if (coordinate.frame == frame) return static_cast<int64_t>(s);
    }
  }
  return std::nullopt;
}

}  // namespace harness
