// One of the two files of an export, opened lazily: each stage runs once and remembers why it could not.
//
// Stages, each meaningful only where the one before is ok: present -> format -> checkpoint (with stages of its own) ->
// package -> config. Nothing here loads LibTorch.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/package.h"
#include "harness/config/config.h"
#include "harness/export/role.h"
#include "harness/weights/payload.h"

namespace harness::exports {

class ExportFile {
 public:
  ExportFile(const std::filesystem::path& folder, Role role);
  // A package of that role by another name: what a reference leads to. `of_export`: it lies in the export.
  ExportFile(Role role, std::filesystem::path path, bool of_export);

  Role role() const { return role_; }
  const std::filesystem::path& path() const { return path_; }
  // False where a link leads out of the export, or a reference: messages then say what it is, not what it holds.
  bool of_export() const { return of_export_; }

  // A regular file (links followed) that can be read and is not empty.
  const Status& Present();
  // Really a PyTorch checkpoint: not a Git LFS pointer, an error page, safetensors, a half download, ...
  const Status& Format();
  // Precondition: Format() is ok.
  const checkpoint::Checkpoint& checkpoint();
  // Precondition: checkpoint().pickle_status() is ok.
  const Result<checkpoint::Package>& package();
  // Precondition: package() is ok and holds a config.
  const Result<config::Config>& config();

  // "state_dict.bin: xp.cfg"
  std::string ConfigSource() const;

 private:
  Role role_;
  std::filesystem::path path_;
  bool of_export_;
  MappedFile mapped_;  // until checkpoint() takes it
  std::optional<Status> present_, format_;
  std::optional<checkpoint::Checkpoint> checkpoint_;
  std::optional<Result<checkpoint::Package>> package_;
  std::optional<Result<config::Config>> config_;
};

}  // namespace harness::exports
