// Every row of testdata/conditioner_cases.json, which the real audiocraft made (scripts/oracle/conditioner_cases.py),
// and the words of what is wrong.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/architecture/conditioner_kind.h"
#include "harness/architecture/conditioner_tensors.h"
#include "harness/architecture/generation_inputs.h"
#include "harness/architecture/lm_spec.h"

namespace harness::architecture {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const json& Table() {
  static const json table = json::parse(std::ifstream(HARNESS_ARCHITECTURE_TESTDATA "/conditioner_cases.json"));
  return table;
}

config::ConfigValue ToValue(const json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return {value.get<bool>()};
  if (value.is_number_integer()) return {value.get<int64_t>()};
  if (value.is_number()) return {value.get<double>()};
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_array()) {
    config::ConfigValue::List list;
    for (const json& item : value) list.push_back(ToValue(item));
    return {std::move(list)};
  }
  config::ConfigValue::Map map;
  for (const auto& [key, item] : value.items()) map.emplace_back(key, ToValue(item));
  return {std::move(map)};
}

config::Config Edited(const json& edits) {
  config::Config config =
      config::Config::Parse(Table()["base"].get<std::string>(), "file.bin: xp.cfg", [](const std::string&) {
        return std::nullopt;
      }).value();
  for (const json& edit : edits) {
    const auto path = edit[0].get<std::string>();
    config = edit[1] == "__delete__" ? config.Without(path) : config.With(path, ToValue(edit[1]));
  }
  return config;
}

// Where this suite and the real one differ, on purpose.
struct Difference {
  const char* row;
  const char* version;
  const char* reason;
};
constexpr Difference kDifferences[] = {
    {"style", "1.3.0", "told by needs_audiocraft: the export is right, the installed audiocraft too old"},
};

std::string ReasonToDiffer(const json& row) {
  for (const Difference& difference : kDifferences) {
    if (row[0] == difference.row && row[2] == difference.version) return difference.reason;
  }
  return "";
}

// What is wrong with this suite's verdict on the row, or empty.
std::string Disagreement(const json& row) {
  const auto spec = DescribeLm(Edited(row[1]));
  const bool runs = row[3] == "ok";
  const std::string problem = spec.ok() ? FindInputProblem(*spec).value_or("") : spec.error().message;
  if (!ReasonToDiffer(row).empty()) return problem.empty() == runs ? "agrees now: remove it from kDifferences" : "";
  if (!spec.ok() && spec.error().code != ErrorCode::kMismatch) return "is no verdict: " + problem;
  if (runs != problem.empty()) return runs ? "is refused: " + problem : "is accepted";
  if (spec.ok() && (row[3] == "build" || row[3] == "load")) return "is accepted by DescribeLm";
  if (!runs) return "";

  std::map<std::string, std::vector<int64_t>> tensors;
  for (const TensorSpec& tensor : ListLmTensors(*spec)) {
    if (tensor.name.starts_with("condition_provider.")) tensors[tensor.name] = tensor.shape;
  }
  const auto prefixes = ListUncheckedPrefixes(spec->conditioners);
  for (const auto& [tensor, shape] : row[4].items()) {
    const std::string& name = tensor;
    if (std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) { return name.starts_with(prefix); }))
      continue;
    if (!tensors.contains(name)) return name + " is not described";
    if (tensors[name] != shape.get<std::vector<int64_t>>()) return name + " has the shape " + shape.dump();
    tensors.erase(name);
  }
  return tensors.empty() ? "" : tensors.begin()->first + " is described, but not there";
}

TEST(Conditioners, HaveTheVerdictAndTheTensorsOfAudiocraft) {
  ASSERT_GT(Table()["rows"].size(), 150u);
  for (const json& row : Table()["rows"]) {
    EXPECT_EQ(Disagreement(row), "") << row[0] << " with audiocraft " << row[2] << ": " << row[3] << " " << row[4];
  }
}

const json* Row(const std::string& name) {
  for (const json& row : Table()["rows"]) {
    if (row[0] == name) return &row;
  }
  return nullptr;
}

TEST(Conditioners, SayWhatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"conditioners null",
       "conditioners is null: training takes that for no conditioner, but get_pretrained looks for"},
      {"conditioners.description.t5.finetune=null",
       "conditioners.description.t5.finetune must be true or false, found"},
      {"conditioners.description.t5.device=\"cpu\"",
       "conditioners.description.t5.device is not a parameter of T5Conditioner"},
      {"conditioners.description.lut.pad_idx=50", "must be an entry of the table, 0 to n_bins - 1 = 49, found 50"},
      {"conditioners.description.lut.tokenizer=\"x\"", "tokenizer must be one of noop, whitespace, found 'x'"},
      {"conditioners.self_wav.chroma_stem.nfft=512",
       "chroma_stem.nfft must be 2 or more, and no shorter than the window: found "
       "512 and 1024 samples"},
      {"conditioners.self_wav.chroma_stem.radix2_exp=1",
       "winhop is a quarter of the window by default: 0 with a window of 2"},
      {"conditioners.self_wav.chroma_stem.eval_wavs=\"/no/such.jsonl\"",
       "eval_wavs must be null in an export, found the text"},
      {"conditioners.self_wav.chroma_stem.tuning=0", "chroma_stem.tuning is not a parameter of ChromaStemConditioner"},
      {"conditioners.self_wav.style.eval_q=3", "style.eval_q must be between 1 and n_q_out = 2, found 3"},
      {"text called 'type'", "a conditioner that can't be called 'type'"},
      {"chroma_stem null beside another model",
       "conditioners.self_wav.chroma_stem must be a mapping or absent, found null"},
      {"model unknown", "conditioners.self_wav.model must be one of t5, lut, chroma_stem, clap, style, found 'chroma'"},
      {"text called genre",
       "conditioners.genre takes a text, and MusicGen.generate gives none of that name, only "
       "'description' (KeyError 'genre')"},
      {"wav called wav",
       "conditioners.wav takes a waveform, and MusicGen.generate gives none of that name, only 'self_wav'"},
      {"description in no list", "conditioners.description stands in no list of fuser"},
      {"clap", "conditioners.description.model is clap, which takes a joint embedding 'description'"},
  };
  for (const auto& [name, words] : cases) {
    SCOPED_TRACE(name);
    const json* row = Row(name);
    ASSERT_NE(row, nullptr);
    const auto spec = DescribeLm(Edited((*row)[1]));
    EXPECT_THAT(spec.ok() ? FindInputProblem(*spec).value_or("") : spec.error().message, HasSubstr(words));
  }
}

TEST(Conditioners, AreReadAsTheKindThatTheyName) {
  ASSERT_EQ(ListConditionerKinds().size(), std::variant_size_v<ConditionerOptions>);
  std::set<std::string> read;
  for (const json& row : Table()["rows"]) {
    const auto spec = DescribeLm(Edited(row[1]));
    if (!spec.ok()) continue;
    for (const ConditionerSpec& conditioner : spec->conditioners) {
      const auto model = Edited(row[1]).GetString("conditioners." + conditioner.name + ".model");
      EXPECT_EQ(*model, FindConditionerKind(conditioner).model) << row[0];
      read.insert(*model);
    }
  }
  EXPECT_EQ(read.size(), ListConditionerKinds().size()) << "a kind without a row in conditioner_cases.json";
}

// CheckTensorCount sizes nothing that it has not counted before.
TEST(Conditioners, NeverImplyMoreTensorsThanTheyCount) {
  for (const json& row : Table()["rows"]) {
    const auto spec = DescribeLm(Edited(row[1]));
    for (const ConditionerSpec& conditioner : spec.ok() ? spec->conditioners : std::vector<ConditionerSpec>{}) {
      std::vector<TensorSpec> tensors;
      AppendConditionerTensors(conditioner, 16, tensors);
      EXPECT_LE(tensors.size(), static_cast<size_t>(CountMostTensors(conditioner))) << row[0];
    }
  }
}

TEST(Conditioners, TellWhatLoadingFetches) {
  const auto fetches = [](const char* row, size_t conditioner) {
    return DescribeLm(Edited((*Row(row))[1])).value().conditioners.at(conditioner).fetches;
  };
  EXPECT_THAT(fetches("base", 0), ElementsAre(HasSubstr("Demucs")));
  EXPECT_THAT(fetches("base", 1), ElementsAre("T5 t5-small (from the hub)"));
  EXPECT_THAT(fetches("conditioners.description.t5.normalize_text=true", 1), testing::Contains(HasSubstr("spaCy")));
  EXPECT_THAT(fetches("mert", 0), ElementsAre(HasSubstr("m-a-p/MERT-v1-95M")));
}

TEST(Conditioners, LeaveWhatTheyCannotKnowUnchecked) {
  const json edits = json::array({json::array({"conditioners.description.t5.finetune", true})});
  auto spec = DescribeLm(Edited(edits)).value();
  const auto prefixes = ListUncheckedPrefixes(spec.conditioners);
  ASSERT_THAT(prefixes, ElementsAre("condition_provider.conditioners.description.t5."));
  const Agreement agreement = Compare({}, {{prefixes[0] + "shared.weight", {192, 512}}, {"other", {1}}}, prefixes);
  EXPECT_THAT(agreement.unchecked, ElementsAre(prefixes[0] + "shared.weight"));
  EXPECT_THAT(agreement.unexpected, ElementsAre("other"));
  // With T5's config at hand they are tensors as all others.
  std::get<T5Options>(spec.conditioners[1].options).tensors = {
      {.name = prefixes[0] + "shared.weight", .shape = {192, 512}, .group = "conditioners", .origin = ""}};
  EXPECT_THAT(ListUncheckedPrefixes(spec.conditioners), IsEmpty());
  std::vector<TensorSpec> list;
  AppendConditionerTensors(spec.conditioners[1], 16, list);
  EXPECT_EQ(list.back().name, prefixes[0] + "shared.weight");
}

// A codec of another name or place has codebooks of a size that nothing here knows.
TEST(Conditioners, NameTheStyleCodecThatTheyDoNotKnow) {
  json edits = (*Row("style"))[1];
  edits.push_back({"conditioners.self_wav.style.encodec_checkpoint", "//pretrained/someone/codec"});
  const auto known = DescribeLm(Edited(edits));
  ASSERT_TRUE(known.ok()) << known.error().message;
  EXPECT_THAT(ListUncheckedPrefixes(known->conditioners),
              ElementsAre("condition_provider.conditioners.self_wav.embed."));
  EXPECT_STREQ(FindConditionerKind(known->conditioners[0]).needs_audiocraft, "1.4");
  edits.back()[1] = "//sig/1234abcd";
  const auto local = DescribeLm(Edited(edits));
  ASSERT_FALSE(local.ok());
  EXPECT_EQ(local.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(local.error().message, HasSubstr("'//sig/1234abcd', a checkpoint that is not in the export"));
}

TEST(Conditioners, BoundWhatTheyCompute) {
  const json edits = json::array({json::array({"conditioners.self_wav.chroma_stem.winhop", 1}),
                                  json::array({"conditioners.self_wav.chroma_stem.sample_rate", 1e9})});
  const auto spec = DescribeLm(Edited(edits));
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(spec.error().message, HasSubstr("is more than this suite computes"));
}

}  // namespace
}  // namespace harness::architecture
