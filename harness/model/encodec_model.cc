#include "harness/model/encodec_model.h"

#include <ATen/ATen.h>

namespace harness::model {
Result<EncodecModel> EncodecModel::Build(const architecture::CodecSpec& spec, architecture::CodecFacts facts,
                                         const TensorTable& tensors, at::Device device) {
  EncodecModel codec(spec, std::move(facts), tensors, device);
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    codec.codebooks_.push_back(tensors.Float(spec.Codebook(k) + ".embed", device));
  }
  return codec;
}

at::Tensor EncodecModel::Decode(const at::Tensor& codes) const {
  TORCH_CHECK(codes.dim() == 3 && codes.size(1) <= spec_.num_codebooks, "codes must be [B, K, T], K at most ",
              spec_.num_codebooks);
  at::Tensor latent;
  for (int64_t k = 0; k < codes.size(1); ++k) {
    const at::Tensor entry = at::embedding(codebooks_[static_cast<size_t>(k)], codes.select(1, k));
    latent = k == 0 ? entry : latent + entry;
  }
  return decoder_.Run(latent.transpose(1, 2));
}

at::Tensor EncodecModel::EncodeLatent(const at::Tensor& audio) const { return encoder_.Run(audio); }

at::Tensor EncodecModel::Encode(const at::Tensor& audio) const {
  at::Tensor input = audio;
  if (spec_.renormalize) {
    const at::Tensor mono = audio.mean(at::IntArrayRef{1}, /*keepdim=*/true);
    input = audio / (mono.pow(2).mean(at::IntArrayRef{2}, /*keepdim=*/true).sqrt() + 1e-8);
  }
  at::Tensor residual = EncodeLatent(input).transpose(1, 2);  // [B, T, D]
  std::vector<at::Tensor> codes;
  for (int64_t k = 0; k < facts_.codebooks; ++k) {
    const at::Tensor& codebook = codebooks_[static_cast<size_t>(k)];
    const at::Tensor flat = residual.reshape({-1, spec_.dimension});
    // The nearest entry, by the expanded square as the reference computes it: ties fall alike.
    const at::Tensor distance =
        flat.pow(2).sum(1, true) - 2 * flat.matmul(codebook.t()) + codebook.t().pow(2).sum(0, true);
    const at::Tensor index = (-distance).argmax(-1).view({residual.size(0), residual.size(1)});
    residual = residual - at::embedding(codebook, index);
    codes.push_back(index);
  }
  return at::stack(codes, 1);
}

}  // namespace harness::model
