// What a harmless pickle asks of the Python that loads it. Every name here is one that this reader knows (see
// pickle_globals.h); what is foreign is safety's.
//
// audiocraft 1.3.0 pins torch 2.1.0, which exists for Python 3.8 to 3.11 and calls torch.load without weights_only.
// Sources: that environment, asked for each known name; torch 2.6's torch/_weights_only_unpickler.py.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/pickle/pickle.h"

namespace harness::pickle {

// kMismatch where the pickle names something that the reference's Python can't load, so that torch.load raises: with
// its arguments, its place and what writes it. `source` is the file's name.
Status CheckLoadsInReference(const Pickle& pickle, std::string_view source);

// A sentence on the names that the reference loads, and that torch.load refuses by default from torch 2.6 on; nothing
// where there are none.
std::optional<std::string> FindRefusedByNewerTorch(const Pickle& pickle, std::string_view source);

}  // namespace harness::pickle
