// One generation of a run: a prompt of the profile, or its melody, on a device.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

namespace conformance {

struct GenerationCase {
  std::string device;            // "cpu", "cuda"
  std::optional<size_t> prompt;  // which of the profile's; nullopt: its melody, with the first of its texts

  bool is_melody() const { return !prompt.has_value(); }
  // As report.json and the artifacts' folders name it.
  std::string Run() const { return prompt ? fmt::format("prompt{}", *prompt) : "melody"; }
  std::string Path() const { return fmt::format("{}/{}", device, Run()); }
};

}  // namespace conformance
