// The next token of each codebook from logits: greedy, top-k or top-p, as audiocraft samples.
// Source: audiocraft 1.3.0, models/lm.py _sample_next_token, utils/utils.py sample_top_k, sample_top_p.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>

namespace harness::generate {

struct Sampling {
  enum class Mode { kGreedy, kTopK, kTopP };
  Mode mode = Mode::kTopK;
  int64_t top_k = 250;
  double top_p = 0.0;
  double temperature = 1.0;
  double cfg_coef = 3.0;  // guidance: null + (condition - null) * cfg_coef
  // Guidance in two passes that are padded apart. The reference then takes classifier_free_guidance.inference_coef for
  // cfg_coef (LMModel._sample_next_token).
  bool two_step_cfg = false;
  uint64_t seed = 0;
};

// Draws on the device where logits are, as the reference does: what a seed gives differs between CPU and CUDA.
class Sampler {
 public:
  // Starts as torch.manual_seed(sampling.seed) does, for `device`, with a generator of its own.
  explicit Sampler(const Sampling& sampling, c10::Device device = c10::kCPU);

  const Sampling& sampling() const { return sampling_; }

  // logits: [..., cardinality] float32 or float16 on `device`, finite. Returns [...] int64, there.
  at::Tensor Next(const at::Tensor& logits);

  // What the filter leaves, normalised: [..., cardinality]. For kTopK and kTopP.
  at::Tensor Probabilities(const at::Tensor& logits) const;

 private:
  Sampling sampling_;
  at::Generator generator_;
};

}  // namespace harness::generate
