#include "harness/hub/hub_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace harness {

namespace fs = std::filesystem;

HubCache HubCache::FromEnvironment(const Environment& environment) {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto value = environment(name)) return HubCache(*value);
  }
  if (const auto home = environment("HF_HOME")) return HubCache(fs::path(*home) / "hub");
  if (const auto cache = environment("XDG_CACHE_HOME")) return HubCache(fs::path(*cache) / "huggingface" / "hub");
  return HubCache(fs::path(environment("HOME").value_or("/root")) / ".cache" / "huggingface" / "hub");
}

Result<fs::path> HubCache::Snapshot(const std::string& name) const {
  std::string folder = "models--" + name;
  for (size_t at; (at = folder.find('/')) != std::string::npos;) folder.replace(at, 1, "--");
  const fs::path model = root_ / folder, ref = model / "refs" / "main";
  std::ifstream file(ref);
  std::string revision;
  if (!file || !std::getline(file, revision)) {
    return Error{ErrorCode::kNotFound, fmt::format("{} is not in the hub cache: there is no {}", name, ref.string())};
  }
  fs::path snapshot = model / "snapshots" / revision;
  std::error_code error;
  if (!fs::is_directory(snapshot, error)) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{} is not in the hub cache: {} names revision {}, and there is no {}", name, ref.string(),
                             revision, snapshot.string())};
  }
  return snapshot;
}

}  // namespace harness
