#include "harness/export/role.h"

namespace harness::exports {

const char* FileName(Role role) {
  return role == Role::kLanguageModel ? "state_dict.bin" : "compression_state_dict.bin";
}

const char* Describe(Role role) { return role == Role::kLanguageModel ? "language model" : "codec"; }

}  // namespace harness::exports
