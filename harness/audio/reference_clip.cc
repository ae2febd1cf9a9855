#include "harness/audio/reference_clip.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

namespace harness::audio {
namespace {

constexpr double kBeatS = 60.0 / 110;
constexpr double kAttackS = 0.005;
constexpr std::array kMajor = {0, 2, 4, 5, 7, 9, 11};
constexpr int kTonic = 2;                          // D: semitones above C
constexpr std::array kProgression = {0, 4, 5, 3};  // I V vi IV
constexpr uint32_t kMelodySeed = 1812433253, kDrumsSeed = 69069;

// The linear congruential generator of Numerical Recipes.
class Noise {
 public:
  explicit Noise(uint32_t seed) : state_(seed) {}
  uint32_t Draw() { return state_ = 1664525u * state_ + 1013904223u; }
  double Sample() { return Draw() / 2147483648.0 - 1; }
  // Below `count`: the high bits, since the low ones repeat soon.
  int Choose(int count) { return static_cast<int>((uint64_t{Draw()} * static_cast<uint64_t>(count)) >> 32); }

 private:
  uint32_t state_;
};

// One instrument's sound over the whole clip.
class Track {
 public:
  Track(double rate, size_t frames) : rate_(rate), samples_(frames) {}

  const std::vector<double>& samples() const { return samples_; }
  double rate() const { return rate_; }

  // `sample(i)` of the i-th sample after `at_s`, for `duration_s`, as far as the clip goes.
  template <class Function>
  void Add(double at_s, double duration_s, Function sample) {
    const auto start = static_cast<size_t>(at_s * rate_);
    const auto length = static_cast<size_t>(duration_s * rate_);
    for (size_t i = 0; i < length && start + i < samples_.size(); ++i) samples_[start + i] += sample(i);
  }

  // Harmonics of 1/h under one decay; `semitone` 69 is 440 Hz.
  void AddTone(int semitone, double at_s, double duration_s, double gain, int harmonics, double decay_s) {
    const double frequency_hz = 440 * std::exp2((semitone - 69) / 12.0);
    const double fall = std::exp(-1 / (decay_s * rate_));
    for (int h = 1; h <= harmonics && h * frequency_hz < rate_ / 2; ++h) {
      const auto step = std::polar(fall, 2 * std::numbers::pi * h * frequency_hz / rate_);
      std::complex<double> wave = gain / h;
      Add(at_s, duration_s, [&](size_t i) {
        const double value = wave.imag() * std::min(static_cast<double>(i) / (kAttackS * rate_), 1.0);
        wave *= step;
        return value;
      });
    }
  }

 private:
  double rate_;
  std::vector<double> samples_;
};

int Pitch(int degree, int octave) {
  return 12 * octave + kTonic + 12 * (degree / 7) + kMajor[static_cast<size_t>(degree % 7)];
}

// Eighths and quarters that wander over ten degrees of the scale.
void PlayMelody(Track& track, double seconds) {
  Noise random(kMelodySeed);
  int degree = 4;
  for (double beat = 0; beat * kBeatS < seconds;) {
    const double length = random.Choose(3) < 2 ? 0.5 : 1;
    degree = std::clamp(degree + random.Choose(5) - 2, 0, 9);
    track.AddTone(Pitch(degree, 6), beat * kBeatS, length * kBeatS, 0.5, 4, 0.3);
    beat += length;
  }
}

void PlayBassAndChords(Track& bass, Track& chords, double seconds) {
  for (int beat = 0; beat * kBeatS < seconds; ++beat) {
    const int root = kProgression[static_cast<size_t>(beat / 4 % 4)];
    bass.AddTone(Pitch(root, 3), beat * kBeatS, kBeatS, 0.6, 2, 0.35);
    if (beat % 4 != 0) continue;
    for (const int third : {0, 2, 4}) chords.AddTone(Pitch(root + third, 5), beat * kBeatS, 4 * kBeatS, 0.2, 3, 1.2);
  }
}

// A sine that falls from 120 to 45 Hz.
void PlayKick(Track& track, double at_s) {
  track.Add(at_s, 0.25, [&](size_t i) {
    const double t = static_cast<double>(i) / track.rate();
    const double turns = 45 * t + (120 - 45) * 0.04 * (1 - std::exp(-t / 0.04));
    return 0.8 * std::sin(2 * std::numbers::pi * turns) * std::exp(-t / 0.09);
  });
}

void PlaySnare(Track& track, double at_s) {
  Noise noise(kDrumsSeed);
  track.Add(at_s, 0.25, [&](size_t i) {
    const double t = static_cast<double>(i) / track.rate();
    return 0.4 * (noise.Sample() + std::sin(2 * std::numbers::pi * 180 * t)) * std::exp(-t / 0.06);
  });
}

// The difference of neighbours leaves the high frequencies of noise.
void PlayHat(Track& track, double at_s) {
  Noise noise(kDrumsSeed);
  double last = 0;
  track.Add(at_s, 0.1, [&](size_t i) {
    const double t = static_cast<double>(i) / track.rate();
    const double now = noise.Sample();
    return 0.15 * (now - std::exchange(last, now)) * std::exp(-t / 0.015);
  });
}

// A kick on 1 and 3, a snare on 2 and 4, a hat on each eighth.
void PlayDrums(Track& track, double seconds) {
  for (int eighth = 0; eighth * kBeatS / 2 < seconds; ++eighth) {
    const double at_s = eighth * kBeatS / 2;
    PlayHat(track, at_s);
    if (eighth % 4 == 0) PlayKick(track, at_s);
    if (eighth % 4 == 2) PlaySnare(track, at_s);
  }
}

}  // namespace

Result<Waveform> MakeReferenceClip(int64_t sample_rate_hz, int64_t channels, double seconds) {
  const double exact = std::floor(static_cast<double>(sample_rate_hz) * seconds);
  if (channels < 1 || channels > 2 || sample_rate_hz < 1 || sample_rate_hz > std::numeric_limits<int>::max() ||
      !(seconds <= kMaxReferenceSeconds) || !(exact >= 1) ||
      !(exact * static_cast<double>(channels) <= static_cast<double>(kMaxReadSamples))) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("no clip of {} s, {} Hz and {} channels can be made: it has 1 or 2 "
                             "channels, and at most {} s and {} samples",
                             seconds, sample_rate_hz, channels, kMaxReferenceSeconds, kMaxReadSamples)};
  }
  const auto frames = static_cast<size_t>(exact);
  const auto rate = static_cast<double>(sample_rate_hz);
  Track melody(rate, frames), bass(rate, frames), chords(rate, frames), drums(rate, frames);
  PlayMelody(melody, seconds);
  PlayBassAndChords(bass, chords, seconds);
  PlayDrums(drums, seconds);

  std::vector<double> mix;
  mix.reserve(frames * static_cast<size_t>(channels));
  double peak = 1e-9;
  for (size_t i = 0; i < frames; ++i) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double left = channels == 2 && channel == 0 ? 0.5 : 1;
      const double right = channels == 2 && channel == 1 ? 0.5 : 1;
      mix.push_back(melody.samples()[i] * left + chords.samples()[i] * right + bass.samples()[i] + drums.samples()[i]);
      peak = std::max(peak, std::fabs(mix.back()));
    }
  }
  Waveform clip{static_cast<int>(sample_rate_hz), static_cast<int>(channels), {}};
  clip.samples.reserve(mix.size());
  for (const double sample : mix) clip.samples.push_back(static_cast<float>(kReferenceClipPeak * sample / peak));
  return clip;
}

}  // namespace harness::audio
