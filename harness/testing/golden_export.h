// A fixture export, loaded as the suite loads it, and what the real audiocraft recorded of it in golden/. The program sets HARNESS_FIXTURES_DIR.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "harness/audio/npy.h"
#include "harness/pipeline/models.h"

namespace harness::testing_support {

inline std::filesystem::path ExportFolder(const std::string& name) {
  return std::filesystem::path(HARNESS_FIXTURES_DIR) / "exports" / name;
}

// "musicgen-tiny-mono" -> "MusicgenTinyMono": GoogleTest's names hold no dashes.
inline std::string CamelCase(const std::string& name) {
  std::string camel;
  bool upper = true;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte)) camel += static_cast<char>(upper ? std::toupper(byte) : byte);
    upper = !std::isalnum(byte);
  }
  return camel;
}

inline at::Tensor LoadArray(const std::filesystem::path& path) {
  if (const auto ints = audio::ReadNpy<int32_t>(path); ints.ok()) {
    return at::tensor(at::ArrayRef<int32_t>(ints->values)).to(at::kLong).reshape(ints->shape);
  }
  const auto floats = audio::ReadNpy<float>(path);
  TORCH_CHECK(floats.ok(), path.string(), ": ", floats.ok() ? "" : floats.error().message);
  return at::tensor(at::ArrayRef<float>(floats->values)).reshape(floats->shape);
}

// An export, loaded as the suite loads it, T5 and referenced codecs from fixtures/hub.
class Loaded {
 public:
  void Load(const std::string& name) {
    folder_ = ExportFolder(name);
    export_ = std::make_unique<exports::Export>(
        folder_, hub::HubCache(std::filesystem::path(HARNESS_FIXTURES_DIR) / "hub"), ".");
    setenv("HOME", (std::filesystem::path(HARNESS_FIXTURES_DIR) / "home").c_str(), /*overwrite=*/1);  // DAC's cache
    for (const exports::Role role : {exports::Role::kLanguageModel, exports::Role::kCodec}) {
      ASSERT_TRUE(export_->file(role).Present().ok());
      ASSERT_TRUE(export_->file(role).Format().ok());
      ASSERT_TRUE(export_->file(role).checkpoint().tensor_status().ok());
      ASSERT_TRUE(export_->file(role).package().ok());
    }
    auto models = pipeline::LoadModels(*export_, model::Placement{});
    ASSERT_TRUE(models.ok()) << models.error().message;
    models_ = std::make_unique<pipeline::Models>(std::move(models).value());
  }
  bool HasGolden(const std::string& name) const {
    return std::filesystem::exists(folder_ / "golden" / (name + ".npy"));
  }
  at::Tensor Golden(const std::string& name) const { return LoadArray(folder_ / "golden" / (name + ".npy")); }
  model::GuidedConditions Unconditional() const { return models_->conditions.Encode({{}}, true).value(); }

  std::filesystem::path folder_;
  std::unique_ptr<exports::Export> export_;
  std::unique_ptr<pipeline::Models> models_;
  c10::InferenceMode inference_;
};

}  // namespace harness::testing_support
