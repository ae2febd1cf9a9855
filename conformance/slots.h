// The device × prompt grid: the same for every export, so that test names and histories stay.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "conformance/generation_record.h"

namespace conformance {

struct Slot {
  std::string device;  // "cpu", "cuda"
  size_t index;        // of the profile's prompts

  std::string Path() const { return fmt::format("{}/prompt{}", device, index); }
  std::string Camel() const { return fmt::format("{}Prompt{}", device == "cpu" ? "Cpu" : "Cuda", index); }
};

inline std::vector<Slot> AllSlots() {
  std::vector<Slot> slots;
  for (const char* device : {"cpu", "cuda"}) {
    for (size_t i = 0; i < kMaxPrompts; ++i) slots.push_back({device, i});
  }
  return slots;
}

// "unconditional", "prompt 'rock'": for messages.
inline std::string PromptText(const GenerationRun& run) {
  return run.prompt ? fmt::format("prompt '{}'", *run.prompt) : "unconditional";
}

}  // namespace conformance
