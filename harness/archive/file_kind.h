// What a file is, from its bytes: whoever downloads or copies an export often ends up with something else under its
// name. Reads the first and last few kilobytes only (of a ZIP archive: its directory).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace harness::archive {

enum class FileKind {
  kTorchZip,     // torch.save since PyTorch 1.6
  kTorchLegacy,  // torch.save(_use_new_zipfile_serialization=False)
  kTorchTar,     // torch.save before PyTorch 0.1.10
  kTorchScript,  // torch.jit.save
  kOtherZip,
  kTruncatedZip,
  kTruncatedStart,  // less than what distinguishes ZIP and legacy format
  kDamagedZip,
  kPlainPickle,  // pickle.dump
  kGitLfsPointer,
  kHtml,
  kJson,
  kSafetensors,
  kGguf,
  kOnnx,
  kNumpy,
  kHdf5,
  kAudio,
  kCompressed,
  kAppleDouble,  // "._NAME", which macOS writes beside NAME
  kLinkText,     // the path that a symbolic link led to, where the link was copied as text
  kTar,
  kEmpty,
  kZeros,
  kText,
  kUnknown,
};

FileKind SniffFileKind(std::span<const std::byte> file);

struct FileDescription {
  std::string what;    // "is a Git LFS pointer to ... (3364394304 bytes), not the file itself": continues "FILE "
  std::string remedy;  // "Run `git lfs pull`, ..."; empty for a checkpoint
};

// `exporter`: what writes the right file, for "Export with ...". Without `quote`, nothing that the file holds is shown:
// it is a file of this machine, not of the export.
FileDescription DescribeFileKind(FileKind kind, std::span<const std::byte> file,
                                 std::string_view exporter = "audiocraft.utils.export", bool quote = true);

}  // namespace harness::archive
