// torch.save's format before PyTorch 1.6 (_use_new_zipfile_serialization=False): five pickles, then the raw storages.
// Source: torch/serialization.py, _legacy_load; see FORMAT.md.
#pragma once

#include <span>
#include <string>

#include "harness/archive/findings.h"
#include "harness/checkpoint/payload_layout.h"
#include "harness/pickle/pickle_reading.h"

namespace harness::checkpoint {

struct LegacyReading {
  pickle::Reading object;            // of the fourth pickle: the object
  std::vector<StoragePlace> places;  // of object.storages, whose bytes are set
  Status structure;                  // header, list of keys, lengths
  Status safety;                     // of all five pickles
  // What another reader may see in the file: a tar or ZIP archive, something between or behind what torch.save writes.
  archive::Findings doubts;
};

LegacyReading ReadLegacy(std::span<const std::byte> file, const std::string& file_name);

}  // namespace harness::checkpoint
