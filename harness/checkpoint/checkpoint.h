// One file written by torch.save (ZIP or legacy), opened without executing anything that it contains.
//
// Opening never fails as a whole: each stage has a Status of its own, and a stage whose input is missing is left empty.
// The payloads stay in the mapped file; nothing here copies weights, except records that the archive deflated.
//
// Ownership: a Checkpoint owns the mapping; every view (TensorView, std::span) is valid while it lives.
// Errors: kCorrupt, kUnsupported, kIo, each with the file's name, the record, the offset, expected and found.
// Source: see FORMAT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/dtype.h"
#include "harness/checkpoint/mapped_file.h"
#include "harness/checkpoint/pickle.h"

namespace harness {

class ZipArchive;

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

class Checkpoint {
 public:
  enum class Format { kUnknown, kZip, kLegacy };

  // What to do with deflated records, which no PyTorch writes but a re-zip does. kNow inflates those that storages name
  // (a second for each GB, and memory for them); kLater leaves their Storage::bytes empty, for who wants structure
  // only.
  enum class Payload { kNow, kLater };

  // Reads the directory and the pickle of `file`. Time is that of the pickle (milliseconds), not of the payload, unless
  // there is something to inflate.
  static Checkpoint Read(MappedFile file, Payload deflated = Payload::kNow);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  const MappedFile& file() const;
  Format format() const;

  // Stages, in order; each later one is meaningful only where the earlier ones are ok, with one exception:
  // safety_status() may be kUnsafe although the pickle breaks off, since what stands before the break would have run.
  // Where a stage could not be reached, its status is the error that stopped the reading (safety: ok, nothing was
  // seen).
  const Status& structure_status() const;  // ZIP directory and headers agree with the file, or the legacy stream does
  // kUnsafe: another reader may see another file in these bytes (see zip_layout.h, legacy_reader.h). What was read is
  // what torch.load reads. Judged as far as the file was read, also where the structure is not ok.
  const Status& unambiguous_status() const;
  const Status& pickle_status() const;   // the pickle is well formed and ends; says nothing of safety
  const Status& safety_status() const;   // kUnsafe: names every foreign call or global with its arguments and place
  const Status& storage_status() const;  // every storage is there, of the size that the pickle says
  const Status& tensor_status() const;   // every tensor's shape, strides and offset stay inside its storage

  const ZipArchive* archive() const;  // null for the legacy format
  const Pickle& pickle() const;       // empty where pickle_status() is not ok
  const std::vector<Storage>& storages() const;
  const std::vector<TensorView>& tensors() const;  // PickleNode::tensor indexes this

 private:
  struct Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace harness
