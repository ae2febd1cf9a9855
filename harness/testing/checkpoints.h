// Small files of torch.save.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/mapped_file.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/testing/archive_writer.h"

namespace harness::testing_support {

// The records of torch.save around a pickle and its storages, in folder "archive".
std::vector<ZipEntry> TorchEntries(std::string_view pickle,
                                   const std::vector<std::pair<std::string, std::string>>& storages);

// An export: best_state {a: float32 [2, 3], b: float16 [4]}, xp.cfg, version, exported.
std::string SmallExportPickle();
std::vector<ZipEntry> SmallExport();

// `bytes` as a file of that name, opened.
MappedFile FileOf(std::string_view bytes, const std::string& name = "state_dict.bin");
checkpoint::Checkpoint Open(std::string_view bytes,
                            checkpoint::Checkpoint::Payload deflated = checkpoint::Checkpoint::Payload::kNow);
checkpoint::Checkpoint OpenPickle(std::string_view pickle);  // in an archive without storages

}  // namespace harness::testing_support
