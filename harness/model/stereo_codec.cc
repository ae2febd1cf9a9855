#include "harness/model/stereo_codec.h"

#include <ATen/ATen.h>

namespace harness::model {

at::Tensor StereoCodec::Decode(const at::Tensor& codes) const {
  TORCH_CHECK(codes.dim() == 3 && codes.size(1) == facts_.codebooks, "codes must be [B, ", facts_.codebooks, ", T]");
  TORCH_CHECK(codes.size(2) % facts_.steps_per_frame == 0, "left and right must have as many steps");
  const int64_t dim = facts_.steps_per_frame == 2 ? 2 : 1;
  const auto side = [&](int64_t first) {
    return mono_->Decode(codes.slice(dim, first, /*end=*/std::nullopt, /*step=*/2).contiguous());
  };
  return at::cat({side(0), side(1)}, 1);
}

at::Tensor StereoCodec::Encode(const at::Tensor& audio) const {
  TORCH_CHECK(audio.dim() == 3 && audio.size(1) == 2, "audio must be [B, 2, N]");
  const at::Tensor left = mono_->Encode(audio.narrow(1, 0, 1)), right = mono_->Encode(audio.narrow(1, 1, 1));
  const int64_t dim = facts_.steps_per_frame == 2 ? 2 : 1;
  return at::stack({left, right}, dim + 1).flatten(dim, dim + 1);
}

}  // namespace harness::model
