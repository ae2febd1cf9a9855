// The two files of an export as check ids and test names spell them.
#pragma once

#include <array>

#include "harness/export/export_file.h"

namespace conformance {

inline constexpr std::array kRoles = {harness::Role::kLanguageModel, harness::Role::kCodec};

constexpr const char* Slug(harness::Role role) {
  return role == harness::Role::kLanguageModel ? "language_model" : "codec";
}
constexpr const char* CamelCase(harness::Role role) {
  return role == harness::Role::kLanguageModel ? "LanguageModel" : "Codec";
}

}  // namespace conformance
