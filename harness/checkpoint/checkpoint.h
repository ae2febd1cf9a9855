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

#include "harness/archive/zip_archive.h"
#include "harness/base/mapped_file.h"
#include "harness/base/result.h"
#include "harness/pickle/pickle.h"
#include "harness/pickle/tensor_view.h"

namespace harness::checkpoint {

class Checkpoint {
 public:
  enum class Format { kUnknown, kZip, kLegacy };

  // What to do with deflated records, which no PyTorch writes but a re-zip does. kNow inflates those that storages name
  // (a second for each GB, and memory for them); kLater leaves their Storage::bytes empty, where structure alone
  // is wanted.
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

  const archive::ZipArchive* archive() const;  // null for the legacy format
  const pickle::Pickle& pickle() const;        // empty where pickle_status() is not ok
  const std::vector<pickle::Storage>& storages() const;
  const std::vector<pickle::TensorView>& tensors() const;  // Node::tensor indexes this

 private:
  struct Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace harness::checkpoint
