#include "harness/model/stereo_codec.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>

namespace harness::model {
namespace {

// Decodes to the sum of 100^k * code_k, a sample a frame; encodes a sample into its codes.
class Digits : public CompressionModel {
 public:
  const architecture::CodecFacts& facts() const override { return facts_; }
  at::Tensor Decode(const at::Tensor& codes) const override {
    return (codes.select(1, 0) + 100 * codes.select(1, 1)).unsqueeze(1).to(at::kFloat);
  }
  at::Tensor Encode(const at::Tensor& audio) const override {
    const at::Tensor whole = audio.to(at::kLong);
    return at::cat({whole.remainder(100), whole.floor_divide(100)}, 1);
  }
  static architecture::CodecFacts Facts() {
    architecture::CodecFacts facts;
    facts.sample_rate_hz = 100;
    facts.frame_rate_hz = 100;
    facts.hop_length = 2;
    facts.channels = 1;
    facts.codebooks = facts.total_codebooks = 2;
    facts.cardinality = 100;
    return facts;
  }

 private:
  architecture::CodecFacts facts_ = Facts();
};

StereoCodec Stereo(bool per_timestep) {
  return StereoCodec(std::make_unique<Digits>(),
                     architecture::Wrap(Digits::Facts(), {true, per_timestep, std::nullopt}).value());
}

// rearrange(codes, 'b (k c) t -> c b k t', c=2)
TEST(StereoCodec, InterleavesCodebooks) {
  const StereoCodec stereo = Stereo(false);
  const at::Tensor codes = at::tensor({1, 2, 3, 4, 5, 6, 7, 8}, at::kLong).view({1, 4, 2});  // L0 R0 L1 R1, 2 frames
  const at::Tensor audio = at::tensor({501., 602., 703., 804.}, at::kFloat).view({1, 2, 2});
  EXPECT_TRUE(at::equal(stereo.Decode(codes), audio)) << stereo.Decode(codes);
  EXPECT_TRUE(at::equal(stereo.Encode(audio), codes));
}

// rearrange(codes, 'b k (t c) -> c b k t', c=2)
TEST(StereoCodec, InterleavesTimesteps) {
  const StereoCodec stereo = Stereo(true);
  const at::Tensor codes = at::tensor({1, 2, 3, 4, 5, 6, 7, 8}, at::kLong).view({1, 2, 4});  // L R L R, 2 codebooks
  const at::Tensor audio = at::tensor({501., 703., 602., 804.}, at::kFloat).view({1, 2, 2});
  EXPECT_TRUE(at::equal(stereo.Decode(codes), audio)) << stereo.Decode(codes);
  EXPECT_TRUE(at::equal(stereo.Encode(audio), codes));
  EXPECT_THROW((void)stereo.Decode(codes.narrow(2, 0, 3)), c10::Error);
}

TEST(StereoCodec, WantsAllCodebooks) {
  EXPECT_THROW((void)Stereo(false).Decode(at::zeros({1, 2, 2}, at::kLong)), c10::Error);
}

}  // namespace
}  // namespace harness::model
