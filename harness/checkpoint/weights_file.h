// A bare state dict of the Transformers library: model.safetensors, or pytorch_model.bin as torch.save wrote it. Names,
// types and shapes; the payloads stay in the mapped file, and nothing is executed.
//
// Ownership: views are valid while the WeightsFile lives.
// Source: the safetensors format, https://github.com/huggingface/safetensors#format; FORMAT.md for the other.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"

namespace harness {

struct WeightView {
  std::string name;
  Dtype dtype;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;      // in elements
  std::span<const std::byte> bytes;  // from the first element on, to the end of its storage
};

class WeightsFile {
 public:
  // Errors: kNotFound, kIo, kCorrupt (with the place), kUnsafe (a pickle that would run code), kUnsupported (a type).
  static Result<WeightsFile> Read(const std::filesystem::path& path);
  // `folder`/model.safetensors, else `folder`/pytorch_model.bin: the order of from_pretrained. kNotFound names both.
  static Result<WeightsFile> Find(const std::filesystem::path& folder);

  WeightsFile(WeightsFile&&) noexcept;
  WeightsFile& operator=(WeightsFile&&) noexcept;
  ~WeightsFile();

  const std::filesystem::path& path() const;
  const std::vector<WeightView>& weights() const;  // in file order
  const WeightView* FindWeight(const std::string& name) const;

 private:
  struct Impl;
  explicit WeightsFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace harness
