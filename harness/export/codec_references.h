// One step of following a reference, for each kind of thing that it can lead to. Errors are those of
// codec_description.h; kNotFound means that the cache does not have it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/export/codec_description.h"

namespace harness {

struct FollowedPackage {
  std::optional<std::string> next;  // a reference again
  CodecDescription codec;           // else
};

Result<FollowedPackage> FollowPackage(const std::filesystem::path& file);
Result<CodecDescription> FollowHub(const std::string& name, const HubCache& hub);
Result<CodecDescription> FollowDac(const std::string& name, const std::filesystem::path& folder);

}  // namespace harness
