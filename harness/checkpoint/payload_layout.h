// Ties the storages and tensors that a pickle names to bytes, and checks them against what is there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/archive/zip_archive.h"
#include "harness/pickle/pickle_reading.h"

namespace harness::checkpoint {

// Where the bytes of one storage are, and how many. Found by the format's reader.
struct StoragePlace {
  bool found = false;
  uint64_t size_bytes = 0;
};

// Marks as available every storage whose place holds exactly its elements. `places` has an entry for each storage.
// Bytes are set by the caller, before. Returns one message about all that are wrong, with code kCorrupt (kUnsupported, where
// the only trouble is an element type).
Status CheckStorages(pickle::Reading& reading, const std::vector<StoragePlace>& places, std::string_view place);

// Marks as valid every tensor whose elements lie inside its storage. One message about all that don't, by key path.
// kUnsupported, and no tensor is valid, where the views of a storage show it more often than this suite reads it.
Status CheckTensors(pickle::Reading& reading, std::string_view place);

// Why `view` does not fit into `storage`; nothing where it does. Exact: no product or sum overflows.
std::optional<std::string> FindOutOfBounds(const pickle::TensorView& view, const pickle::Storage& storage);

}  // namespace harness::checkpoint
