// One step of following a reference, for each kind of thing that it can lead to. Errors are those of
// codec_description.h; kNotFound means that the cache does not have it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/architecture/known_codecs.h"
#include "harness/export/codec_description.h"
#include "harness/hub/hub_cache.h"

namespace harness::exports {

struct FollowedPackage {
  std::optional<std::string> next;  // a reference again
  CodecDescription codec;           // else
};

// `of_export`: it lies in the export; else its errors say what is wrong in kind, and show nothing that it holds.
Result<FollowedPackage> FollowPackage(const std::filesystem::path& file, bool of_export);
// In the place of an error whose message may show what such a file holds.
Error Withhold(const std::filesystem::path& file, const Error& error);
Result<CodecDescription> FollowHub(const std::string& name, const hub::HubCache& hub);
// `folder`: DAC's cache.
Result<CodecDescription> FollowDac(const architecture::KnownCodec& dac, const std::filesystem::path& folder);

}  // namespace harness::exports
