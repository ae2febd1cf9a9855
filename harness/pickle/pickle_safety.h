// Whether a pickle that was read would have run something, in words.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/base/result.h"
#include "harness/pickle/pickle_reading.h"

namespace harness::pickle {

// kUnsafe where `reading` has something foreign, or breaks off before something that may run: each call with its
// arguments, offset and key path. `base_offset` is added to offsets. ok() otherwise. `is_loaded`: whether torch.load,
// as audiocraft calls it, reads this pickle.
Status DescribeForeign(const Reading& reading, std::string_view place, uint64_t base_offset = 0, bool is_loaded = true);

}  // namespace harness::pickle
