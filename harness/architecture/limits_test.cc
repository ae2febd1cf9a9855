// At and past the limits of harness/LIMITS.md that this folder keeps.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "harness/architecture/lm_spec.h"
#include "harness/testing/configs.h"

namespace harness::architecture {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

Result<LmSpec> Describe(std::string_view from, const std::string& to) {
  std::string text = kLm;
  text.replace(text.find(from), from.size(), to);
  return DescribeLm(Parse(text.c_str()));
}

std::string MessageOf(const Result<LmSpec>& spec, ErrorCode code) {
  if (spec.ok()) return "it is described";
  return spec.error().code == code ? spec.error().message : "another error: " + spec.error().message;
}

TEST(SpecLimits, TensorsAreCountedBeforeTheyAreMade) {
  const auto layers = [](int count) { return Describe("num_layers: 1", fmt::format("num_layers: {}", count)); };
  const Result<LmSpec> at = layers(3124);
  ASSERT_TRUE(at.ok()) << at.error().message;
  EXPECT_LE(static_cast<int64_t>(ListLmTensors(*at).size()), kMaxTensors);
  EXPECT_THAT(
      MessageOf(layers(3125), ErrorCode::kUnsupported),
      HasSubstr("transformer_lm (num_layers 3125, n_q 2) and 1 conditioners imply up to 100022 tensors; this suite "
                "compares 100000"));
}

// Every option that adds tensors to a layer: the count that is made before stays above.
TEST(SpecLimits, TheCountIsNeverTooSmall) {
  config::Config config =
      Parse(kLm).With("transformer_lm.num_layers", {int64_t{3000}}).With("transformer_lm.layer_scale", {0.1});
  for (const char* key : {"bias_ff", "bias_attn", "bias_proj", "xpos", "qk_layer_norm", "qk_layer_norm_cross"}) {
    config = config.With(std::string("transformer_lm.") + key, {true});
  }
  const Result<LmSpec> spec = DescribeLm(config.With("transformer_lm.positional_embedding", Text("rope")));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  const auto tensors = static_cast<int64_t>(ListLmTensors(*spec).size());
  EXPECT_GT(tensors, 30 * 3000);
  EXPECT_LE(tensors, kMaxTensors);
}

// `count` tables beside the T5, each in a list of the fuser.
Result<LmSpec> WithConditioners(int count, const std::string& name) {
  std::string text = kLm, conditioners, names;
  for (int i = 0; i < count; ++i) {
    conditioners += fmt::format("{}{}: {{model: lut, lut: {{n_bins: 9, dim: 8, tokenizer: whitespace}}}}, ", name, i);
    names += fmt::format("{}{}, ", name, i);
  }
  text.insert(text.find("description: {model"), conditioners);
  text.insert(text.find("description], prepend"), names);
  return DescribeLm(Parse(text.c_str()));
}

TEST(SpecLimits, Conditioners) {
  EXPECT_THAT(MessageOf(WithConditioners(199, "c"), ErrorCode::kUnsupported), Not(HasSubstr("this suite reads up to")));
  EXPECT_THAT(MessageOf(WithConditioners(200, "c"), ErrorCode::kUnsupported),
              HasSubstr("conditioners has 201 entries; this suite reads up to 200"));
}

TEST(SpecLimits, NamesOfConditioners) {
  EXPECT_THAT(MessageOf(WithConditioners(1, std::string(499, 'c')), ErrorCode::kUnsupported),
              Not(HasSubstr("a name of")));
  EXPECT_THAT(MessageOf(WithConditioners(1, std::string(500, 'c')), ErrorCode::kUnsupported),
              HasSubstr("conditioners has a name of 501 bytes (cccc"));
}

TEST(SpecLimits, ProblemsThatAreTold) {
  const auto unknown = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("k{}: 1, ", i);
    return MessageOf(Describe("num_layers: 1", text + "num_layers: 1"), ErrorCode::kMismatch);
  };
  EXPECT_THAT(unknown(100), testing::AllOf(HasSubstr("transformer_lm.k99 is not a parameter"), Not(HasSubstr("more"))));
  EXPECT_THAT(unknown(101), testing::AllOf(HasSubstr("and 1 more"), Not(HasSubstr("transformer_lm.k100 "))));
}

}  // namespace
}  // namespace harness::architecture
