// The state dict of a model of the Transformers library, as its from_pretrained finds it in a folder: safetensors or
// torch.save, in one file or in shards. Names, types and shapes; the payloads stay in the mapped files, and nothing is
// executed.
//
// Ownership: views are valid while the WeightsFile lives.
// Source: transformers 4.40.2, modeling_utils.py (from_pretrained, load_state_dict), utils/hub.py
// (get_checkpoint_shard_files); FORMAT.md for the formats.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/pickle/dtype.h"

namespace harness::checkpoint {

struct WeightView {
  std::string name;
  pickle::Dtype dtype;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;      // in elements
  std::span<const std::byte> bytes;  // from the first element to the end of its storage: every element lies inside
};

class WeightsFile {
 public:
  // One file; its first bytes decide which format it is.
  // Errors: kNotFound, kIo, kCorrupt (with the place), kUnsafe (a pickle that would run code), kUnsupported (an element
  // type), kMismatch (a pickle that is not a dict of tensors).
  static Result<WeightsFile> Read(const std::filesystem::path& path);

  // The first of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json in
  // `folder`, shards and all. Errors: as Read; kNotFound names all four; kUnsupported for a safetensors file of another
  // framework (its __metadata__ must say pt or mlx).
  static Result<WeightsFile> Find(const std::filesystem::path& folder);

  WeightsFile(WeightsFile&&) noexcept;
  WeightsFile& operator=(WeightsFile&&) noexcept;
  ~WeightsFile();

  const std::filesystem::path& path() const;       // what was read: the index, where there are shards
  const std::vector<WeightView>& weights() const;  // in file order, each name once

 private:
  struct Impl;
  explicit WeightsFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace harness::checkpoint
