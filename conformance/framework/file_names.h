// The two files of an export as check ids and test names spell them.
#pragma once

#include <array>

#include "harness/export/export_file.h"

namespace conformance {

inline constexpr std::array kRoles = {harness::exports::Role::kLanguageModel, harness::exports::Role::kCodec};

constexpr const char* Slug(harness::exports::Role role) {
  return role == harness::exports::Role::kLanguageModel ? "language_model" : "codec";
}
constexpr const char* CamelCase(harness::exports::Role role) {
  return role == harness::exports::Role::kLanguageModel ? "LanguageModel" : "Codec";
}

}  // namespace conformance
