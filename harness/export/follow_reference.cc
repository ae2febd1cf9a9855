#include "harness/export/follow_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "harness/architecture/known_codecs.h"
#include "harness/archive/zip_layout.h"
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
         name.starts_with('~') || name.find('\\') != std::string::npos;
}

bool LooksLikeAFile(const std::string& name) {
  static constexpr const char* kEndings[] = {".bin", ".th", ".pt", ".pth", ".ckpt", ".safetensors", ".json", ".zip"};
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](const char* ending) { return name.ends_with(ending); });
}

// "https://huggingface.co/facebook/encodec_32khz/tree/main" and the like -> "facebook/encodec_32khz", in lower case.
std::string ReduceToName(const std::string& given) {
  std::string name = archive::LowerAscii(given);
  name.erase(0, std::min(name.find_first_not_of(" \t\r\n"), name.size()));
  for (const char* start :
       {"https://", "http://", "hf://", "www.", "huggingface.co/", "hf.co/", "//pretrained/", "models--"}) {
    if (name.starts_with(start)) name.erase(0, std::string_view(start).size());
  }
  if (const size_t organisation = name.find("--"); organisation != std::string::npos)
    name.replace(organisation, 2, "/");
  for (const char* end : {"/tree/", "/blob/", "/resolve/", "@", "?"}) name.erase(std::min(name.find(end), name.size()));
  name.erase(name.find_last_not_of("/ \t\r\n") + 1);
  return name;
}

// The codec that a name was meant for, but for capitals, blanks, the organisation, an address around it.
std::optional<std::string> FindMeantCodec(const std::string& given) {
  const std::string name = ReduceToName(given);
  for (const architecture::KnownCodec& codec : architecture::ListKnownCodecs()) {
    if (codec.name == name || codec.name.ends_with("/" + name)) return codec.name;
  }
  return std::nullopt;
}

// A model whose codec is a repository of its own. Source: audiocraft 1.3.0, models/{musicgen,audiogen,magnet}.py.
bool NamesALanguageModel(const std::string& given) {
  std::string name = ReduceToName(given);
  if (name.starts_with("facebook/")) name.erase(0, std::string_view("facebook/").size());
  if (name.find('/') != std::string::npos) return false;
  static constexpr const char* kAliases[] = {"small", "medium", "large", "melody"};
  return name.starts_with("musicgen-") || name.starts_with("audiogen-") || name.starts_with("magnet-") ||
         name.starts_with("audio-magnet-") ||
         std::any_of(std::begin(kAliases), std::end(kAliases), [&](const char* alias) { return name == alias; });
}

struct ForeignCodec {
  std::string_view start;  // of the name, in lower case
  std::string_view what;
  std::string_view meant;  // what audiocraft calls it; empty where it has none
};
// Codecs that are no EnCodec. EncodecModel.from_pretrained (transformers 4.40.2) takes any config: it builds an EnCodec
// of it, finds none of its tensors in the file, and leaves them random with a warning, where it does not raise.
constexpr ForeignCodec kForeignCodecs[] = {
    {"descript/dac_44khz", "DAC as the Transformers library has it", "dac_44khz"},
    {"descript/dac_24khz", "DAC as the Transformers library has it", "dac_24khz"},
    {"descript/", "DAC", ""},
    {"kyutai/", "Mimi", ""},
    {"hubertsiuzdak/snac", "SNAC", ""},
};

// Why nothing at all is known of `name`.
Error DescribeUnknown(const std::string& name) {
  const auto export_as = [](const std::string& codec) {
    return fmt::format("Export again with export_pretrained_compression_model('{}')", codec);
  };
  if (name.starts_with("//sig/")) {
    return {ErrorCode::kMismatch,
            fmt::format("pretrained is '{}', the trainer's name of an experiment: only solvers on the machine that "
                        "trained it look that up",
                        name),
            kExportWeights};
  }
  if (const auto meant = FindMeantCodec(name)) {
    const bool bare = meant->ends_with("/" + name);
    return {ErrorCode::kMismatch,
            bare ? fmt::format("pretrained is '{}', without the organisation that the hub has it under (expected '{}')",
                               name, *meant)
                 : fmt::format("pretrained is '{}', and audiocraft takes it letter by letter (expected '{}')", name,
                               *meant),
            export_as(*meant)};
  }
  for (const ForeignCodec& foreign : kForeignCodecs) {
    if (!ReduceToName(name).starts_with(foreign.start)) continue;
    const bool has = !foreign.meant.empty();
    return {
        ErrorCode::kMismatch,
        fmt::format("pretrained is '{}': {}, which is not an EnCodec{}. audiocraft builds an EnCodec by its config, "
                    "raises, or leaves all weights random",
                    name, foreign.what, has ? fmt::format(" (expected '{}')", foreign.meant) : ""),
        has ? export_as(std::string(foreign.meant))
            : "audiocraft can't load this codec: refer to the codec that the language model was trained with, an "
              "EnCodec or DAC, or " +
                  std::string("export it with export_encodec")};
  }
  std::vector<std::string> names;
  for (const architecture::KnownCodec& codec : architecture::ListKnownCodecs()) names.push_back(codec.name);
  if (const auto near = FindNearestTypo(name, names)) {
    return {ErrorCode::kMismatch,
            fmt::format("pretrained is '{}', which is not a codec: did you mean '{}'?", name, *near), export_as(*near)};
  }
  if (NamesALanguageModel(name)) {
    const std::string codec =
        archive::LowerAscii(name).find("audiogen") != std::string::npos ? "" : "facebook/encodec_32khz";
    return {ErrorCode::kMismatch,
            fmt::format("pretrained is '{}', a language model, not a codec{}", name,
                        codec.empty() ? "" : fmt::format(" (expected '{}', the codec of the published ones)", codec)),
            codec.empty() ? std::string(kExportWeights) : export_as(codec)};
  }
  if (archive::LowerAscii(name).starts_with("http://") || archive::LowerAscii(name).starts_with("https://")) {
    return {
        ErrorCode::kMismatch,
        fmt::format("pretrained is the address '{}': audiocraft takes the name of a repository (OWNER/NAME) or a path",
                    name),
        std::string(kExportWeights) + ", or refer to a codec on the hub by its name"};
  }
  if (LooksLikeAPath(name) || LooksLikeAFile(name)) {
    return {
        ErrorCode::kNotFound,
        fmt::format("pretrained is the {} '{}', which is not there: {}", LooksLikeAPath(name) ? "path" : "file", name,
                    LooksLikeAPath(name) ? "a path of the machine that trained the model?"
                                         : "audiocraft looks for it where it is started, not in the export"),
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
  if (LooksLikeAPath(name) || LooksLikeAFile(name)) return DescribeUnknown(name);  // no name that the hub could have
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
