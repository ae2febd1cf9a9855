// The two files of an export, by what they hold.
#pragma once

namespace harness::exports {

enum class Role { kLanguageModel, kCodec };

// "state_dict.bin", "compression_state_dict.bin".
const char* FileName(Role role);
// "language model", "codec": for messages.
const char* Describe(Role role);

}  // namespace harness::exports
