#include "harness/model/pattern.h"

#include <fmt/format.h>

#include <algorithm>

namespace harness::model {
namespace {

using Kind = architecture::PatternSpec::Kind;
using Step = std::vector<Coordinate>;
using Layout = std::vector<Step>;

// An hour of sixteen flattened codebooks at 50 frames a second.
constexpr int64_t kMaxSteps = 3600 * 50 * 16;

// No less than the steps that a layout comes to, at every stage of its making.
double StepsBound(const architecture::PatternSpec& spec, int64_t num_codebooks, int64_t num_frames) {
  const auto frames = static_cast<double>(num_frames + spec.max_delay());
  const auto codebooks = static_cast<double>(num_codebooks);
  switch (spec.kind) {
    case Kind::kDelay:
    case Kind::kParallel:
      return frames + static_cast<double>(std::max(int64_t{0}, spec.empty_initial)) +
             static_cast<double>(std::min(num_frames, spec.flatten_first)) * codebooks;
    case Kind::kUnroll: return frames * static_cast<double>(std::max(int64_t{0}, spec.flattening.back()) + 1);
    case Kind::kCoarseFirst: return frames * 2;
    case Kind::kMusicLm: return frames * codebooks;
  }
  return 0;
}

Layout Delayed(const architecture::PatternSpec& spec, int64_t num_codebooks, int64_t num_frames) {
  Layout layout;
  if (spec.empty_initial >= 0) layout.resize(static_cast<size_t>(1 + spec.empty_initial));
  for (int64_t t = 0; t < std::min(num_frames, spec.flatten_first); ++t) {
    for (int64_t q = 0; q < num_codebooks; ++q) layout.push_back({{t, q}});
  }
  const int64_t max_delay = *std::max_element(spec.delays.begin(), spec.delays.end());
  for (int64_t t = spec.flatten_first; t < num_frames + max_delay; ++t) {
    Step step;
    for (int64_t q = 0; q < num_codebooks; ++q) {
      const int64_t frame = t - spec.delays[static_cast<size_t>(q)];
      if (frame >= spec.flatten_first) step.push_back({frame, q});
    }
    layout.push_back(std::move(step));
  }
  return layout;
}

// Every frame is emitted place by place; then the steps are sorted by when they are due, those due at once by what they
// hold: an empty step, which the reference puts where no codebook has a place, comes first.
Layout Unrolled(const architecture::PatternSpec& spec, int64_t num_codebooks, int64_t num_frames) {
  struct Due {
    int64_t frame;
    Step step;
  };
  std::vector<Due> due = {{-1, {}}};
  const int64_t end = num_frames + *std::max_element(spec.delays.begin(), spec.delays.end());
  for (int64_t t = 0; t < end; ++t) {
    for (int64_t place = 0; place <= spec.flattening.back(); ++place) {
      Step step;
      int64_t frame = t;
      for (int64_t q = 0; q < num_codebooks; ++q) {
        if (spec.flattening[static_cast<size_t>(q)] != place) continue;
        step.push_back({t, q});
        frame = t + spec.delays[static_cast<size_t>(q)];
      }
      if (step.empty() || frame < end) due.push_back({frame, std::move(step)});
    }
  }
  const auto key = [](const Due& a) {
    // Steps of one frame hold no codebook twice: the first coordinate tells them apart.
    return a.step.empty() ? std::make_tuple(a.frame, int64_t{-1}, int64_t{-1})
                          : std::make_tuple(a.frame, a.step[0].frame, a.step[0].codebook);
  };
  std::stable_sort(due.begin(), due.end(), [&](const Due& a, const Due& b) { return key(a) < key(b); });
  Layout layout;
  for (Due& entry : due) layout.push_back(std::move(entry.step));
  return layout;
}

Layout CoarseFirst(const architecture::PatternSpec& spec, int64_t num_frames) {
  Layout layout(1);
  for (int64_t t = 0; t < num_frames; ++t) layout.push_back({{t, 0}});
  const int64_t max_delay = *std::max_element(spec.delays.begin(), spec.delays.end());
  for (int64_t t = 0; t < num_frames + max_delay; ++t) {
    Step step;
    for (size_t q = 0; q < spec.delays.size(); ++q) {
      if (t >= spec.delays[q]) step.push_back({t - spec.delays[q], static_cast<int64_t>(q) + 1});
    }
    layout.push_back(std::move(step));
  }
  return layout;
}

Layout MusicLm(const architecture::PatternSpec& spec, int64_t num_codebooks, int64_t num_frames) {
  Layout layout(1);
  for (int64_t first = 0; first < num_codebooks && spec.group_by > 0; first += spec.group_by) {
    for (int64_t t = 0; t < num_frames; ++t) {
      for (int64_t q = first; q < first + spec.group_by; ++q) layout.push_back({{t, q}});
    }
  }
  return layout;
}

Error Mismatch(const architecture::PatternSpec& spec, const std::string& what) {
  return {ErrorCode::kMismatch, fmt::format("codebooks_pattern.{}: {}", spec.modeling, what),
          fmt::format("Set codebooks_pattern.{} to what the model was trained with", spec.modeling)};
}

// What get_pattern raises for before there is a layout.
Status CheckArguments(const architecture::PatternSpec& spec, int64_t num_codebooks) {
  HARNESS_RETURN_IF_ERROR(architecture::CheckPattern(spec, num_codebooks));
  if (spec.kind == Kind::kCoarseFirst && spec.delays.empty()) {
    return Mismatch(spec,
                    "the pattern needs a second codebook, and transformer_lm.n_q is 1 (ValueError: max() arg is "
                    "an empty sequence)");
  }
  if (spec.kind == Kind::kMusicLm && (spec.group_by <= 0 || num_codebooks % spec.group_by != 0)) {
    return Mismatch(spec, fmt::format("group_by must divide transformer_lm.n_q, found {} and {} ({} when it generates)",
                                      spec.group_by, num_codebooks,
                                      spec.group_by > 0    ? "KeyError"
                                      : spec.group_by == 0 ? "ValueError"
                                                           : "AssertionError"));
  }
  return {};
}

// LMModel.generate asserts that every code has come to have a value.
Status CheckComplete(const architecture::PatternSpec& spec, const Layout& layout, int64_t num_codebooks,
                     int64_t num_frames) {
  std::vector<int64_t> frames(static_cast<size_t>(num_codebooks));
  for (const Step& step : layout) {
    for (const Coordinate& coordinate : step) ++frames[static_cast<size_t>(coordinate.codebook)];
  }
  for (int64_t q = 0; q < num_codebooks; ++q) {
    const int64_t held = frames[static_cast<size_t>(q)];
    if (held == num_frames) continue;
    return Mismatch(spec,
                    fmt::format("the steps hold {} of the {} frames of codebook {}, by its negative {}: "
                                "LMModel.generate fails on the codes that are never generated",
                                held, num_frames, q, spec.kind == Kind::kUnroll ? "delay or flattening" : "delay"));
  }
  return {};
}

}  // namespace

Result<Pattern> Pattern::Create(const architecture::PatternSpec& spec, int64_t num_codebooks, int64_t num_frames) {
  HARNESS_RETURN_IF_ERROR(CheckArguments(spec, num_codebooks));
  if (const double bound = StepsBound(spec, num_codebooks, num_frames); !(bound <= static_cast<double>(kMaxSteps))) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("codebooks_pattern.{} needs up to {:.0f} steps for {} frames: this "
                             "suite lays out {} at most",
                             spec.modeling, bound, num_frames, kMaxSteps)};
  }
  Pattern pattern;
  pattern.num_frames_ = num_frames;
  pattern.num_codebooks_ = num_codebooks;
  switch (spec.kind) {
    case Kind::kDelay:
    case Kind::kParallel: pattern.layout_ = Delayed(spec, num_codebooks, num_frames); break;
    case Kind::kUnroll: pattern.layout_ = Unrolled(spec, num_codebooks, num_frames); break;
    case Kind::kCoarseFirst: pattern.layout_ = CoarseFirst(spec, num_frames); break;
    case Kind::kMusicLm: pattern.layout_ = MusicLm(spec, num_codebooks, num_frames); break;
  }
  // As the reference counts them: the first step is not looked at.
  int64_t end = 0;
  for (size_t s = 1; s < pattern.layout_.size(); ++s) {
    for (const Coordinate& coordinate : pattern.layout_[s]) end = std::max(end, coordinate.frame + 1);
  }
  pattern.num_valid_steps_ = std::clamp(pattern.num_steps() - (end - num_frames), int64_t{0}, pattern.num_steps());
  for (Step& step : pattern.layout_) {
    std::erase_if(step, [&](const Coordinate& coordinate) { return coordinate.frame >= num_frames; });
  }
  HARNESS_RETURN_IF_ERROR(CheckComplete(spec, pattern.layout_, num_codebooks, num_frames));
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

}  // namespace harness::model
