// The device × run grid: the same for every export, so that test names and histories stay.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "conformance/generation_record.h"

namespace conformance {

struct Slot {
  std::string device;  // "cpu", "cuda"
  size_t index;        // of the profile's prompts; kMelodySlot: the first text of them, with the profile's melody

  bool is_melody() const { return index == kMelodySlot; }
  // As report.json and the artifacts' folders name it.
  std::string Run() const { return is_melody() ? "melody" : fmt::format("prompt{}", index); }
  std::string Path() const { return fmt::format("{}/{}", device, Run()); }
  std::string Camel() const {
    return fmt::format("{}{}", device == "cpu" ? "Cpu" : "Cuda",
                       is_melody() ? "Melody" : fmt::format("Prompt{}", index));
  }
};

inline std::vector<Slot> AllSlots() {
  std::vector<Slot> slots;
  for (const char* device : {"cpu", "cuda"}) {
    for (size_t i = 0; i < kMaxSlots; ++i) slots.push_back({device, i});
  }
  return slots;
}

// "unconditional", "prompt 'rock'": for messages.
inline std::string PromptText(const GenerationRun& run) {
  const std::string text = run.prompt ? fmt::format("prompt '{}'", *run.prompt) : "unconditional";
  return run.melody.empty() ? text : fmt::format("{}, melody {}", text, run.melody);
}

}  // namespace conformance
