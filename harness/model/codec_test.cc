// Codecs against the real ones: testdata/codec_cases.bin, made by scripts/oracle/codec_cases.py.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "harness/architecture/agreement.h"
#include "harness/architecture/hub_encodec.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/model/dac.h"
#include "harness/model/encodec_model.h"
#include "harness/pickle/plain_value.h"

namespace harness::model {
namespace {

using testing::HasSubstr;

const checkpoint::Checkpoint& Cases() {
  static const checkpoint::Checkpoint checkpoint =
      checkpoint::Checkpoint::Read(MappedFile::Open(HARNESS_MODEL_TESTDATA "/codec_cases.bin").value());
  return checkpoint;
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  const pickle::Pickle& pickle = Cases().pickle();
  for (const auto& [key, value] : pickle.Root()->pairs) names.push_back(pickle[key].text);
  return names;
}

// A config.json, or a dict of numbers and lists, as a mapping.
config::ConfigValue ToConfigValue(const pickle::PlainValue& value) {
  if (value.kind == pickle::PlainValue::Kind::kInt) return {value.integer};
  if (value.kind == pickle::PlainValue::Kind::kFloat) return {value.real};
  if (value.kind == pickle::PlainValue::Kind::kList) {
    config::ConfigValue::List list;
    for (const pickle::PlainValue& item : value.items) list.push_back(ToConfigValue(item));
    return {std::move(list)};
  }
  config::ConfigValue::Map map;
  for (size_t i = 0; i < value.items.size(); ++i) map.emplace_back(value.keys[i].text, ToConfigValue(value.items[i]));
  return {std::move(map)};
}

class CodecCase : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    case_ = pickle_.Find(pickle_.root, GetParam());
    ASSERT_NE(case_, pickle::kNoNode);
    const std::string kind = pickle_[Find("kind")].text;
    if (kind == "audiocraft") {
      const auto spec =
          architecture::DescribeCodec(config::Config::Parse(pickle_[Find("config")].text, "case").value());
      ASSERT_TRUE(spec.ok()) << spec.error().message;
      Build(*spec, architecture::SummarizeCodec(*spec));
    } else if (kind == "transformers") {
      const auto config = config::Config::Parse(pickle_[Find("config")].text, "config.json").value().Get("").value();
      const auto model = architecture::DescribeHubEncodec(*config::AsMap(config), "config.json");
      ASSERT_TRUE(model.ok()) << model.error().message;
      Build(model->spec, model->facts);
    } else {
      const config::ConfigValue kwargs = ToConfigValue(pickle::ToPlainValue(pickle_, Find("config")).value());
      const auto dac = architecture::DescribeDac(*config::AsMap(kwargs), "weights.pth");
      ASSERT_TRUE(dac.ok()) << dac.error().message;
      codec_ = std::make_unique<DacCodec>(
          DacCodec::Build(dac->spec, dac->facts, Bind(architecture::ListDacTensors(dac->spec)), at::kCPU).value());
    }
  }

  pickle::NodeId Find(const char* key) const { return pickle_.Find(case_, key); }
  at::Tensor Tensor(const char* key) const {
    const auto tensor = TensorTable::Bind(Cases(), {{key, {}, "", ""}}, {pickle_[Find(key)].tensor});
    return (*tensor)[key].contiguous();
  }
  double Fact(const char* key) const {
    const pickle::Node& node = pickle_[pickle_.Find(Find("facts"), key)];
    return node.kind == pickle::Node::Kind::kInt ? static_cast<double>(node.integer) : node.real;
  }
  void Build(const architecture::CodecSpec& spec, const architecture::CodecFacts& facts) {
    seanet_ = spec;
    codec_ = std::make_unique<EncodecModel>(
        EncodecModel::Build(spec, facts, Bind(architecture::ListCodecTensors(spec)), at::kCPU).value());
  }
  // Strictly, as load_state_dict would; what only training reads is not in the file.
  TensorTable Bind(std::vector<architecture::TensorSpec> specs) const {
    std::erase_if(specs, [](const architecture::TensorSpec& spec) { return spec.training_only; });
    std::vector<architecture::FoundTensor> found;
    std::vector<size_t> tensors;
    for (const auto& [key, value] : pickle_[Find("state")].pairs) {
      tensors.push_back(pickle_[value].tensor);
      found.push_back({pickle_[key].text, Cases().tensors()[tensors.back()].shape});
    }
    const architecture::Agreement agreement = architecture::Compare(specs, found);
    EXPECT_THAT(agreement.unexpected, testing::IsEmpty());
    std::vector<size_t> binding;
    for (const auto& [group, disagreement] : agreement.groups) {
      EXPECT_TRUE(disagreement.empty()) << architecture::DescribeDisagreement(disagreement);
      if (!disagreement.empty()) return {};
    }
    for (const size_t index : agreement.binding) binding.push_back(tensors[index]);
    return TensorTable::Bind(Cases(), specs, binding).value();
  }

  const pickle::Pickle& pickle_ = Cases().pickle();
  pickle::NodeId case_ = pickle::kNoNode;
  std::unique_ptr<CompressionModel> codec_;
  std::optional<architecture::CodecSpec> seanet_;  // none: DAC
  c10::InferenceMode inference_;
};

double Difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  const double difference = (a - b).abs().max().item<double>();
  return std::isnan(difference) ? INFINITY : difference;
}

// float32 on both sides, sums in another order; the audio is of the order of one.
constexpr double kTolerance = 1e-4;

TEST_P(CodecCase, IsTheRealOne) {
  const architecture::CodecFacts& facts = codec_->facts();
  EXPECT_EQ(facts.sample_rate_hz, Fact("sample_rate"));
  EXPECT_EQ(facts.frame_rate_hz, Fact("frame_rate"));
  EXPECT_EQ(facts.channels, Fact("channels"));
  EXPECT_EQ(facts.codebooks, Fact("codebooks"));
  EXPECT_EQ(facts.cardinality, Fact("cardinality"));

  const at::Tensor codes = Tensor("codes"), audio = codec_->Decode(codes);
  const double error = Difference(audio, Tensor("audio"));
  RecordProperty("error", std::to_string(error));
  EXPECT_LE(error, kTolerance) << audio.sizes() << " against " << Tensor("audio").sizes();
  EXPECT_EQ(audio.size(2), facts.Samples(codes.size(2)));
  EXPECT_LE(Difference(codec_->Decode(codes.narrow(2, 0, 1)), Tensor("short")), kTolerance);

  ASSERT_EQ(Find("encode_raises"), pickle::kNoNode);
  EXPECT_TRUE(at::equal(codec_->Encode(Tensor("input")), Tensor("encoded")));
  EXPECT_EQ(facts.encode_gives_scale, pickle_[Find("scaled")].boolean);
}

// What the goldens, a few frames long, don't reach: the same decoder without pieces and interleaved weights, which is
// what the real one does, against both, with a piece as short as it may be.
TEST_P(CodecCase, PiecesJoinWithoutASeam) {
  if (!seanet_) GTEST_SKIP() << "DAC is not cut";
  const TensorTable tensors = Bind(architecture::ListCodecTensors(*seanet_));
  const architecture::SeanetSpec& decoder = seanet_->decoder;
  const Seanet whole(decoder, tensors, at::kCPU, {.interleaved = 0, .in_pieces = 0});
  const Seanet interleaved(decoder, tensors, at::kCPU, {.piece = int64_t{1} << 40});
  const Seanet cut(decoder, tensors, at::kCPU, {.piece = 1});
  bool bounded = decoder.pad_mode != "circular";
  for (const architecture::SeanetLayer& layer : decoder.layers) {
    bounded = bounded && !(layer.kind == architecture::SeanetLayer::Kind::kConv &&
                           layer.conv.norm == architecture::ConvNorm::kTimeGroupNorm);
  }
  at::manual_seed(1);
  for (const int64_t length : {1, 40, 41, 400}) {
    SCOPED_TRACE(length);
    const at::Tensor latent = at::randn({2, decoder.dimension, length}), expected = whole.Run(latent);
    EXPECT_EQ(whole.Pieces(length), 1);
    EXPECT_EQ(interleaved.Pieces(length), 1);
    EXPECT_EQ(cut.Pieces(length) > 2, bounded && length > 100) << cut.Pieces(length);
    EXPECT_LE(Difference(interleaved.Run(latent), expected), kTolerance);
    EXPECT_LE(Difference(cut.Run(latent), expected), kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(, CodecCase, testing::ValuesIn(CaseNames()),
                         [](const testing::TestParamInfo<std::string>& test) { return test.param; });

}  // namespace
}  // namespace harness::model
