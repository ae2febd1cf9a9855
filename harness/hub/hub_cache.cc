#include "harness/hub/hub_cache.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <string_view>

namespace harness::hub {
namespace {

namespace fs = std::filesystem;

bool IsWord(char c) {
  // Python's \w takes every letter: bytes of UTF-8 beyond ASCII pass.
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte == '_' || byte >= 0x80;
}

// os.path.expanduser.
std::string ExpandUser(const std::string& path, const HubCache::Environment& environment) {
  if (!path.starts_with('~')) return path;
  const size_t end = std::min(path.find('/'), path.size());
  std::string home;
  if (const auto value = environment("HOME"); end == 1 && value) {
    home = *value;
  } else {
    const passwd* user = end == 1 ? getpwuid(getuid()) : getpwnam(path.substr(1, end - 1).c_str());
    if (user == nullptr) return path;
    home = user->pw_dir;
  }
  while (home.ends_with('/')) home.pop_back();
  home += path.substr(end);
  return home.empty() ? "/" : home;
}

// os.path.expandvars: what is not set stays as it is.
std::string ExpandVariables(const std::string& path, const HubCache::Environment& environment) {
  std::string out;
  for (size_t i = 0; i < path.size();) {
    size_t begin = i + 1, end = begin;
    size_t next = end;
    if (path[i] == '$' && begin < path.size() && path[begin] == '{') {
      end = path.find('}', ++begin);
      next = end == std::string::npos ? i : end + 1;
    } else if (path[i] == '$') {
      while (end < path.size() && IsWord(path[end])) ++end;
      next = end == begin ? i : end;
    } else {
      next = i;
    }
    const auto value = next > i ? environment(path.substr(begin, end - begin)) : std::nullopt;
    if (value) {
      out += *value;
      i = next;
    } else {
      out += path[i++];
    }
  }
  return out;
}

// huggingface_hub.utils.validate_repo_id.
bool IsRepositoryName(std::string_view name) {
  if (name.find("--") != name.npos || name.find("..") != name.npos || name.ends_with(".git")) return false;
  const size_t slash = name.find('/');
  const std::string_view owner = slash == name.npos ? "" : name.substr(0, slash);
  const std::string_view model = slash == name.npos ? name : name.substr(slash + 1);
  const auto valid = [](std::string_view part) {
    return !part.empty() && IsWord(part.front()) && IsWord(part.back()) &&
           std::all_of(part.begin(), part.end(), [](char c) { return IsWord(c) || c == '-' || c == '.'; });
  };
  return valid(model) && model.size() <= 96 && (slash == name.npos || valid(owner));
}

}  // namespace

std::optional<std::string> HubCache::OfProcess(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

HubCache HubCache::FromEnvironment(const Environment& environment) {
  for (const char* name : {"TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE"}) {
    if (const auto value = environment(name)) return HubCache(*value);
  }
  const auto expand = [&](const fs::path& path) {
    return fs::path(ExpandVariables(ExpandUser(path.string(), environment), environment));
  };
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto value = environment(name)) return HubCache(expand(*value));
  }
  fs::path home;
  if (const auto value = environment("HF_HOME")) {
    home = *value;
  } else if (const auto cache = environment("XDG_CACHE_HOME")) {
    home = fs::path(*cache) / "huggingface";
  } else {
    home = fs::path(ExpandUser("~", environment)) / ".cache" / "huggingface";
  }
  // Twice, as there: once for HF_HOME, once for what is made of it.
  return HubCache(expand(expand(home) / "hub"));
}

Result<fs::path> HubCache::Snapshot(const std::string& name) const {
  if (!IsRepositoryName(name)) {
    return Error{
        ErrorCode::kMismatch,
        fmt::format("'{}' is not the name of a model on the hub: NAME or ORG/NAME of letters, digits, '-', '_' and "
                    "'.', without '--' or '..', at most 96 long",
                    name.substr(0, 120))};
  }
  std::string folder = "models--" + name;
  if (const size_t slash = folder.find('/'); slash != std::string::npos) folder.replace(slash, 1, "--");
  const fs::path model = root_ / folder, ref = model / "refs" / "main";
  std::error_code error;
  if (!fs::is_regular_file(ref, error)) {
    return Error{ErrorCode::kNotFound, fmt::format("{} is not in the hub cache: there is no {}", name, ref.string())};
  }
  std::string revision(129, '\0');
  std::ifstream file(ref, std::ios::binary);
  file.read(revision.data(), static_cast<std::streamsize>(revision.size()));
  if (file.bad() || !file.is_open()) {
    return Error{ErrorCode::kIo, fmt::format("{} can't be read", ref.string()), "Check its permissions"};
  }
  revision.resize(static_cast<size_t>(file.gcount()));
  // The client takes the file as it is: with a newline at its end it names no folder.
  const bool plain =
      !revision.empty() && revision.size() <= 128 && revision != "." && revision != ".." &&
      std::all_of(revision.begin(), revision.end(), [](char c) { return IsWord(c) || c == '-' || c == '.'; });
  if (!plain) {
    const bool newline = !revision.empty() && revision.back() == '\n';
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} is not in the hub cache: {} must hold a revision and nothing else{}", name,
                             ref.string(), newline ? ", and ends with a newline" : ""),
                 fmt::format("Remove {} and fetch the model again", model.string())};
  }
  fs::path snapshot = model / "snapshots" / revision;
  if (!fs::is_directory(snapshot, error)) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{} is not in the hub cache: {} names revision {}, and there is no {}", name, ref.string(),
                             revision, snapshot.string())};
  }
  return snapshot;
}

}  // namespace harness::hub
