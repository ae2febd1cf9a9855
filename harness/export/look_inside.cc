#include "harness/export/look_inside.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "harness/architecture/foreign_names.h"
#include "harness/base/mapped_file.h"
#include "harness/base/safe_text.h"

namespace harness::exports {
namespace {

using Kind = pickle::Node::Kind;

// What stands before `mark` in a dotted name: "lm." of "lm.emb.0.weight".
std::optional<std::string> PrefixOf(std::string_view name, std::string_view mark) {
  if (!name.ends_with(mark)) return std::nullopt;
  name.remove_suffix(mark.size());
  return name.empty() || name.ends_with('.') ? std::optional<std::string>(name) : std::nullopt;
}

void LookForModels(const pickle::Pickle& pickle, pickle::NodeId dict, Inside& inside) {
  for (const auto& [key, value] : pickle[dict].pairs) {
    if (pickle[value].kind != Kind::kTensor || pickle[key].kind != Kind::kString) continue;
    const std::string& name = pickle[key].text;
    if (!inside.language_model) inside.language_model = PrefixOf(name, "emb.0.weight");
    if (!inside.codec) inside.codec = PrefixOf(name, "quantizer.vq.layers.0._codebook.embed");
  }
}

const std::vector<std::vector<std::string>> kPlaces = {
    {}, {"best_state"}, {"best_state", "model"}, {"state_dict"}, {"model"}, {"model_state_dict"}, {"module"}};

// kNoNode where there is no dict.
pickle::NodeId FindDict(const pickle::Pickle& pickle, const std::vector<std::string>& place) {
  pickle::NodeId dict = pickle.root;
  for (const std::string& key : place) {
    if (dict != pickle::kNoNode && pickle[dict].kind == Kind::kDict) dict = pickle.Find(dict, key);
  }
  return dict == pickle::kNoNode || pickle[dict].kind != Kind::kDict ? pickle::kNoNode : dict;
}

constexpr const char* kReferToHub =
    "Refer to it by its name: audiocraft.utils.export.export_pretrained_compression_model('facebook/encodec_32khz', "
    "'compression_state_dict.bin'), where the model was trained on that one";

// Source: descript-audio-codec 1.0.0; audiocraft 1.3.0 (models/loaders.py, load_diffusion_models); laion_clap 1.1.4;
// transformers 4.40.2 (T5, EnCodec).
constexpr Stranger kStrangers[] = {
    // Transformers' MusicGen, which has a T5 and an EnCodec inside: the package says so.
    {"lm_heads.", nullptr, architecture::kFromTransformers},
    {"quantizer.quantizers.0.codebook.weight", "the weights of DAC (descript-audio-codec)",
     "Refer to it by its name (dac_44khz, dac_24khz): "
     "audiocraft.utils.export.export_pretrained_compression_model('dac_44khz', "
     "'compression_state_dict.bin'). Whoever loads the export then needs the package descript-audio-codec"},
    {"n_bands", "a diffusion decoder (MultiBandDiffusion), which works beside a codec and not in its place",
     "Load it with audiocraft.models.MultiBandDiffusion, and put the model's own file here"},
    {"audio_branch.", "a CLAP model",
     "Put the model's own file here: a conditioner's CLAP is a file of its own, which "
     "the config names"},
    {"SelfAttention.q.weight", "a T5, a text encoder",
     "Put the model's own file here: audiocraft takes T5 from the hub, by the name in the config"},
    {"quantizer.layers.0.codebook.embed", "an EnCodec of the Transformers library", kReferToHub},
};

}  // namespace

const Stranger* FindStranger(const checkpoint::Checkpoint& checkpoint) {
  const pickle::Pickle& pickle = checkpoint.pickle();
  if (pickle.Root() == nullptr) return nullptr;
  for (const std::vector<std::string>& place : kPlaces) {
    const pickle::NodeId dict = FindDict(pickle, place);
    if (dict == pickle::kNoNode) continue;
    for (const Stranger& stranger : kStrangers) {
      const auto& pairs = pickle[dict].pairs;
      if (std::none_of(pairs.begin(), pairs.end(), [&](const auto& pair) {
            return pickle[pair.first].text.find(stranger.mark) != std::string::npos;
          })) {
        continue;
      }
      return &stranger;
    }
  }
  return nullptr;
}

std::optional<Inside> LookInside(const checkpoint::Checkpoint& checkpoint) {
  if (!checkpoint.pickle_status().ok() || !checkpoint.safety_status().ok()) return std::nullopt;
  const pickle::Pickle& pickle = checkpoint.pickle();
  if (pickle.Root() == nullptr || pickle.Root()->kind != Kind::kDict) return std::nullopt;
  const auto has = [&](std::string_view key) { return pickle.Find(pickle.root, key) != pickle::kNoNode; };
  Inside inside;
  if (has("pretrained")) {
    inside.package = Inside::Package::kReference;
    return inside;
  }
  for (const std::vector<std::string>& place : kPlaces) {
    const pickle::NodeId dict = FindDict(pickle, place);
    if (dict == pickle::kNoNode) continue;
    LookForModels(pickle, dict, inside);
    if (!inside.language_model && !inside.codec) continue;
    inside.place = place;
    if (place.size() == 1 && place[0] == "best_state" && has("xp.cfg")) inside.package = Inside::Package::kExport;
    if (place.size() == 2) inside.package = Inside::Package::kTraining;
    return inside;
  }
  return std::nullopt;
}

std::optional<Inside> LookInside(const std::filesystem::path& file) {
  auto mapped = MappedFile::Open(file);
  if (!mapped.ok()) return std::nullopt;
  return LookInside(checkpoint::Checkpoint::Read(std::move(mapped).value(), checkpoint::Checkpoint::Payload::kLater));
}

std::string FormatStateDict(const Inside& inside, const std::string& prefix, const std::string& file) {
  std::string dict = fmt::format("torch.load('{}', 'cpu')", file);
  for (const std::string& key : inside.place) dict += fmt::format("['{}']", key);
  if (prefix.empty() && !(inside.language_model && inside.codec)) return dict;
  const std::string shown = Printable(prefix, 60);
  return fmt::format("{{k.removeprefix('{0}'): v for k, v in {1}.items() if k.startswith('{0}')}}", shown, dict);
}

std::string FormatPacking(Role role, const std::string& state_dict) {
  return fmt::format(
      "take the config of the model that it was trained from (BASE: the folder of its export): p = "
      "torch.load('BASE/{0}', 'cpu'); p['best_state'] = {1}; torch.save(p, '{0}')",
      FileName(role), state_dict);
}

}  // namespace harness::exports
