#include "harness/export/follow_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "harness/architecture/known_codecs.h"
#include "harness/base/suggest.h"
#include "harness/export/codec_references.h"
#include "harness/export/folder_contents.h"

namespace harness::exports {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> FindPath(const std::string& name, const CodecPlaces& places) {
  std::error_code error;
  if (name.empty() || name.size() > 4096 || name.find('\0') != std::string::npos) return std::nullopt;
  if (fs::path(name).is_absolute()) return fs::exists(name, error) ? std::optional<fs::path>(name) : std::nullopt;
  for (const fs::path& folder : places.folders) {
    if (fs::exists(folder / name, error)) return (folder / name).lexically_normal();
  }
  return std::nullopt;
}

constexpr const char* kExportWeights = "Export with export_encodec, which puts the weights into the file";

bool LooksLikeAPath(const std::string& name) {
  return std::count(name.begin(), name.end(), '/') > 1 || name.starts_with('/') || name.starts_with('.') ||
         name.starts_with('~');
}

// Why nothing at all is known of `name`.
Error DescribeUnknown(const std::string& name) {
  std::vector<std::string> names;
  for (const architecture::KnownCodec& codec : architecture::ListKnownCodecs()) names.push_back(codec.name);
  for (const std::string& known : names) {
    if (!known.ends_with("/" + name)) continue;
    return {ErrorCode::kMismatch,
            fmt::format("pretrained is '{}', without the organisation that the hub has it under (expected '{}')", name,
                        known),
            fmt::format("Export again with export_pretrained_compression_model('{}')", known)};
  }
  if (name.starts_with("//sig/")) {
    return {ErrorCode::kMismatch,
            fmt::format("pretrained is '{}', the trainer's name of an experiment: only solvers on the machine that "
                        "trained it look that up",
                        name),
            kExportWeights};
  }
  if (const auto near = FindNearestTypo(name, names)) {
    return {ErrorCode::kMismatch,
            fmt::format("pretrained is '{}', which is not a codec: did you mean '{}'?", name, *near),
            fmt::format("Export again with export_pretrained_compression_model('{}')", *near)};
  }
  if (LooksLikeAPath(name)) {
    return {ErrorCode::kNotFound,
            fmt::format(
                "pretrained is the path '{}', which is not there: a path of the machine that trained the model?", name),
            std::string(kExportWeights) + ", or refer to a codec on the hub"};
  }
  return {
      ErrorCode::kUnsupported,
      fmt::format("the codec is a reference to '{}', which is neither in the hub cache nor known to this suite", name),
      fmt::format("Fetch it with `hf download {0}` or `huggingface-cli download {0}`", name)};
}

// Not cached, or not all of it, and audiocraft would fetch it: the properties, where they are known.
Result<CodecDescription> FallBackToKnown(const std::string& name, Result<CodecDescription> followed) {
  if (followed.ok() || followed.error().code != ErrorCode::kNotFound) return followed;
  const architecture::KnownCodec* known = architecture::FindKnownCodec(name);
  if (known == nullptr) return DescribeUnknown(name);
  CodecDescription codec{.name = name,
                         .facts = known->facts,
                         .encoder_hop = known->facts.hop_length,
                         .decoder_hop = known->facts.hop_length,
                         .source = {}};
  codec.source =
      UncachedCodec{{followed.error().code, followed.error().message, fmt::format("Run `{}`", known->fetch)}};
  return codec;
}

struct Trail {
  std::vector<fs::path> seen;
  bool circular = false;
};

Result<CodecDescription> Follow(const std::string& name, const CodecPlaces& places, Trail& trail) {
  if (const architecture::KnownCodec* known = architecture::FindKnownCodec(name);
      known != nullptr && known->dac_weights) {
    return FallBackToKnown(name, FollowDac(*known, places.dac));
  }
  if (name == "debug_compression_model") {
    return Error{ErrorCode::kMismatch,
                 "pretrained is 'debug_compression_model': its weights are random, other ones each time that it is "
                 "loaded",
                 "Export the codec that the model was trained with"};
  }
  if (const auto path = FindPath(name, places)) {
    std::error_code error;
    const fs::path file = fs::is_directory(*path, error) ? *path / FileName(Role::kCodec) : *path;
    const fs::path canonical = fs::weakly_canonical(file, error);
    std::vector<fs::path>& seen = trail.seen;
    if (std::find(seen.begin(), seen.end(), canonical) != seen.end()) {
      trail.circular = true;
      // Only the first one is named by the export itself.
      return Error{ErrorCode::kMismatch,
                   fmt::format("the references lead in a circle: {} is met again (RecursionError when it is loaded)",
                               canonical == seen.front() ? file.string() : "a file")};
    }
    if (seen.size() >= 100) return Error{ErrorCode::kMismatch, "more than 100 references lead to one another"};
    seen.push_back(canonical);
    const bool of_export = !places.exported.empty() && IsOfFolder(file, places.exported);
    auto package = FollowPackage(file, of_export);
    if (!package.ok()) return package.error();
    if (package->next) {
      auto next = Follow(*package->next, places, trail);
      return next.ok() || of_export || trail.circular ? std::move(next) : Withhold(file, next.error());
    }
    return std::move(package->codec);
  }
  if (LooksLikeAPath(name)) return DescribeUnknown(name);  // no name that the hub could have
  return FallBackToKnown(name, FollowHub(name, places.hub));
}

}  // namespace

CodecPlaces FindCodecPlaces(const hub::HubCache& hub, const hub::HubCache::Environment& environment) {
  CodecPlaces places{hub, fs::path(environment("HOME").value_or("/root")) / ".cache" / "descript" / "dac", {}};
  std::error_code error;
  places.folders.push_back(fs::current_path(error));
  if (const auto shell = environment("PWD"); shell && !shell->empty()) places.folders.emplace_back(*shell);
  return places;
}

CodecPlaces FindCodecPlaces(const hub::HubCache& hub) { return FindCodecPlaces(hub, hub::HubCache::OfProcess); }

Result<CodecDescription> FollowReference(const std::string& reference, const CodecPlaces& places) {
  Trail trail;
  return Follow(reference, places, trail);
}

}  // namespace harness::exports
