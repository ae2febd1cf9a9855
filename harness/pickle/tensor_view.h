// What a pickle of torch.save names: storages, and the tensors that view them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/pickle/dtype.h"

namespace harness::pickle {

// The bytes that one or more tensors view: `data/KEY` of a ZIP archive, or a run of the legacy stream.
struct Storage {
  std::string key;       // as persistent_load's argument gives it
  Dtype dtype;           // element type of the storage class; tensors share it
  std::string location;  // "cpu", "cuda:3": where it lay when it was saved; never used
  int64_t num_elements;  // as the pickle says
  std::string record;    // ZIP: record name ("archive/data/KEY"); legacy: "storage KEY"
  uint64_t file_offset;  // of its first byte, in the file (of the compressed bytes, where the record is deflated)
  // Empty where the record is missing or of another size (storage_status() says so), and for a deflated record that was
  // not inflated yet (Payload::kLater).
  std::span<const std::byte> bytes;
  bool available = false;  // the record holds num_elements elements; bytes show them unless it is still to be inflated
  size_t record_index = SIZE_MAX;  // ZIP: into ZipArchive::records(); SIZE_MAX: none
};

// A strided view of a storage: torch._utils._rebuild_tensor_v2. Dimensions and strides are in elements.
struct TensorView {
  Dtype dtype;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  int64_t offset = 0;  // in elements
  size_t storage = 0;  // index into Checkpoint::storages()
  bool valid = false;  // every element lies inside the storage's bytes: only then may it be read

  int64_t num_elements() const;
  bool is_contiguous() const;
};

}  // namespace harness::pickle
