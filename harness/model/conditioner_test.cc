// Conditioners, chroma and resampling against what the real audiocraft, librosa and julius made of the same inputs:
// testdata/conditioners.pt and .json (scripts/oracle/conditioner_cases.py).
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/architecture/read_conditioners.h"
#include "harness/checkpoint/package.h"
#include "harness/model/chroma.h"
#include "harness/model/condition_provider.h"
#include "harness/model/hash_trick.h"
#include "harness/model/resample.h"

namespace harness::model {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The .pt as a table of tensors by name.
class Goldens {
 public:
  static const Goldens& Get() {
    static const Goldens goldens;
    return goldens;
  }
  at::Tensor operator()(const std::string& name) const { return (*table_)[name]; }
  // Tensors under PREFIX/condition_provider. as a model would bind them, without the prefix.
  TensorTable Weights(const std::string& prefix) const {
    std::vector<architecture::TensorSpec> specs;
    std::vector<size_t> binding;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!names_[i].starts_with(prefix + "/condition_provider.")) continue;
      specs.push_back({.name = names_[i].substr(prefix.size() + 1), .shape = {}, .group = "", .origin = ""});
      binding.push_back(indices_[i]);
    }
    return TensorTable::Bind(checkpoint_, specs, binding).value();
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  Goldens()
      : checkpoint_(checkpoint::Checkpoint::Read(MappedFile::Open(HARNESS_MODEL_TESTDATA "/conditioners.pt").value())) {
    std::vector<architecture::TensorSpec> specs;
    const checkpoint::Package package =
        checkpoint::ReadPackage(checkpoint_, checkpoint::PackageKind::kLanguageModel).value();
    for (const checkpoint::NamedTensor& tensor : package.best_state) {
      names_.push_back(tensor.name);
      indices_.push_back(tensor.tensor);
      specs.push_back({.name = tensor.name, .shape = {}, .group = "", .origin = ""});
    }
    table_ = TensorTable::Bind(checkpoint_, specs, indices_).value();
  }
  checkpoint::Checkpoint checkpoint_;
  std::vector<std::string> names_;
  std::vector<size_t> indices_;
  std::optional<TensorTable> table_;
};

const json& Table() {
  static const json table = json::parse(std::ifstream(HARNESS_MODEL_TESTDATA "/conditioners.json"));
  return table;
}

// Largest absolute difference; infinite for NaN and for another shape.
double Difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  const double difference = (a - b).abs().max().item<double>();
  return std::isnan(difference) ? INFINITY : difference;
}

// float32 on both sides; FFT and sums in another order. Values are of the order of one.
constexpr double kTolerance = 1e-5;

architecture::LmSpec SpecOf(const json& row) {
  architecture::LmSpec spec;
  spec.dim = row["dim"];
  config::OptionProblems problems;
  spec.conditioners = architecture::ReadConditioners(
      config::Config::Parse(row["config"].get<std::string>(), "test", [](const std::string&) { return std::nullopt; })
          .value(),
      problems);
  const Status status = problems.ToStatus("test");
  TORCH_CHECK(status.ok(), status.ok() ? "" : status.error().message);
  spec.fuser.prepend = {"self_wav", "description"};
  return spec;
}

std::vector<ConditioningInput> InputsOf(const json& row) {
  std::vector<ConditioningInput> inputs;
  for (const json& sample : row["samples"]) {
    ConditioningInput input;
    if (!sample[0].is_null()) input.description = sample[0].get<std::string>();
    if (!sample[1].is_null()) {
      input.melody = Goldens::Get()("melody/" + sample[1].get<std::string>());
      input.melody_sample_rate_hz = row["rate"];
    }
    inputs.push_back(input);
  }
  return inputs;
}

class ConditionerGoldens : public testing::TestWithParam<std::string> {
 protected:
  const json& row() const {
    for (const json& row : Table()["cases"]) {
      if (row["name"] == GetParam()) return row;
    }
    return Table();
  }
  ConditionProvider Provider() const {
    return ConditionProvider::Build(SpecOf(row()), Goldens::Get().Weights(GetParam()), {}).value();
  }
  void Expect(const LmConditions& conditions, const std::string& kind) const {
    std::vector<std::string> order;
    double largest = 0;
    for (const Condition& condition : conditions) {
      order.push_back(condition.name);
      const double difference =
          Difference(condition.embedding, Goldens::Get()(GetParam() + "/" + kind + "/" + condition.name));
      EXPECT_LE(difference, kTolerance) << kind << " " << condition.name << " " << condition.embedding.sizes();
      largest = std::fmax(largest, difference);
    }
    RecordProperty(kind, std::to_string(largest));
    EXPECT_EQ(order, row()["order"].get<std::vector<std::string>>());
  }
};

TEST_P(ConditionerGoldens, EmbedAsAudiocraft) {
  const auto inputs = InputsOf(row());
  const auto together = Provider().Encode(inputs, true), apart = Provider().Encode(inputs, false);
  ASSERT_TRUE(together.ok()) << together.error().message;
  ASSERT_TRUE(apart.ok()) << apart.error().message;
  Expect(together->positive, "positive");
  Expect(together->null, "null");
  Expect(apart->null, "apart");
}

// Under autocast output_proj multiplies float16 operands and rounds once: input, weight and result are each off by up
// to 2^-11 of their size, and terms that cancel leave more of it (measured: up to 3.4 times 2^-11 of the largest).
// Masks must not promote it to float32.
TEST_P(ConditionerGoldens, GiveFloat16UnderAutocast) {
  const auto provider = ConditionProvider::Build(SpecOf(row()), Goldens::Get().Weights(GetParam()), {},
                                                 Placement{at::kCPU, Precision::kFloat16Autocast});
  ASSERT_TRUE(provider.ok()) << provider.error().message;
  const auto conditions = provider->Encode(InputsOf(row()), true);
  ASSERT_TRUE(conditions.ok()) << conditions.error().message;
  for (const Condition& condition : conditions->positive) {
    EXPECT_EQ(condition.embedding.scalar_type(), at::kHalf) << condition.name;
    const at::Tensor golden = Goldens::Get()(GetParam() + "/positive/" + condition.name);
    const double largest = golden.abs().max().item<double>();
    EXPECT_LE(Difference(condition.embedding.to(at::kFloat), golden), largest * 8 / 2048) << condition.name;
  }
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const json& row : Table()["cases"]) names.push_back(row["name"]);
  return names;
}

INSTANTIATE_TEST_SUITE_P(, ConditionerGoldens, testing::ValuesIn(CaseNames()),
                         [](const testing::TestParamInfo<std::string>& row) {
                           std::string name;
                           for (const char c : row.param) name += c == '-' ? "" : std::string(1, c);
                           return name;
                         });

TEST(MakeChromaFilterBank, IsThatOfLibrosa) {
  for (const json& bank : Table()["banks"]) {
    const std::string name = bank[0].dump() + "/" + bank[1].dump() + "/" + bank[2].dump();
    SCOPED_TRACE(name);
    const at::Tensor weights = MakeChromaFilterBank(bank[0], bank[1], bank[2]);
    EXPECT_EQ(weights.size(1), bank[1].get<int64_t>() / 2 + 1);
    EXPECT_LE(Difference(weights.slice(1, 0, std::nullopt, bank[3].get<int64_t>()), Goldens::Get()("bank/" + name)),
              1e-6);
  }
}

TEST(Resample, IsThatOfJulius) {
  int count = 0;
  for (const std::string& name : Goldens::Get().names()) {
    if (!name.starts_with("resample/") || name == "resample/input") continue;
    SCOPED_TRACE(name);
    int64_t from = 0, to = 0, length = 0;
    ASSERT_EQ(std::sscanf(name.c_str(), "resample/%ld/%ld/%ld", &from, &to, &length), 3);
    const auto resampled = Resample(Goldens::Get()("resample/input").narrow(1, 0, length), from, to);
    ASSERT_TRUE(resampled.ok()) << resampled.error().message;
    const double difference = Difference(*resampled, Goldens::Get()(name));
    EXPECT_LE(difference, 1e-5) << resampled->sizes();
    ++count;
  }
  EXPECT_GE(count, 9);
}

TEST(ConvertAudio, IsThatOfAudiocraft) {
  const at::Tensor input = Goldens::Get()("resample/input");
  EXPECT_LE(Difference(ConvertAudio(input, 44100, 32000, 1).value(), Goldens::Get()("convert/44100/32000/1")), 1e-5);
  EXPECT_LE(Difference(ConvertAudio(input, 32000, 32000, 2).value(), Goldens::Get()("convert/32000/32000/2")), 0);
  EXPECT_LE(Difference(ConvertAudio(input, 16000.9, 32000, 2).value(), Goldens::Get()("convert/16000/32000/2")), 1e-5);
}

TEST(ConvertAudio, RepeatsMonoAndTakesTheFirstOfMany) {
  const at::Tensor wave = at::arange(12, at::kFloat).reshape({3, 4});
  EXPECT_TRUE(at::equal(ConvertChannels(wave, 2).value(), wave.narrow(0, 0, 2)));
  EXPECT_TRUE(at::equal(ConvertChannels(wave.narrow(0, 0, 1), 2).value(), wave.narrow(0, 0, 1).expand({2, 4})));
}

TEST(ConvertAudio, RefusesWhatCannotBe) {
  const at::Tensor wave = at::zeros({2, 10});
  struct Case {
    const char* name;
    Result<at::Tensor> result;
    ErrorCode code;
    const char* words;
  };
  const Case cases[] = {
      {"Channels", ConvertAudio(wave, 8000, 8000, 4), ErrorCode::kMismatch,
       "audio of 2 channels can't become audio of 4"},
      {"NoRate", ConvertAudio(wave, 0, 8000, 2), ErrorCode::kMismatch, "from 0 Hz to 8000 Hz"},
      {"Negative", ConvertAudio(wave, 8000, -1, 2), ErrorCode::kMismatch, "from 8000 Hz to 0 Hz"},
      {"NaN", ConvertAudio(wave, NAN, 8000, 2), ErrorCode::kMismatch, "from 0 Hz"},
      {"Empty", ConvertAudio(at::zeros({2, 0}), 8000, 16000, 2), ErrorCode::kMismatch, "without a sample"},
      {"Huge", ConvertAudio(wave, 1, 1e11, 2), ErrorCode::kUnsupported, "more than this suite resamples"},
      {"Coprime", ConvertAudio(wave, 999999937, 1000000007, 2), ErrorCode::kUnsupported,
       "more than this suite resamples"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ASSERT_FALSE(c.result.ok());
    EXPECT_EQ(c.result.error().code, c.code);
    EXPECT_THAT(c.result.error().message, HasSubstr(c.words));
  }
}

std::string Hex(std::string_view text) {
  std::string hex;
  for (const uint8_t byte : ComputeSha256(text)) {
    hex += "0123456789abcdef"[byte / 16];
    hex += "0123456789abcdef"[byte % 16];
  }
  return hex;
}

// NIST's examples for SHA-256, and one of a length that needs a second block for the count alone.
TEST(HashTrick, IsSha256) {
  EXPECT_EQ(Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(HashTrick("abc", 256), 0xad);
  EXPECT_EQ(HashTrick("abc", 1), 0);
}

}  // namespace
}  // namespace harness::model
