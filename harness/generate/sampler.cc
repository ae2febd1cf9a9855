#include "harness/generate/sampler.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>

namespace harness::generate {
namespace {

at::Generator GeneratorOf(c10::Device device, uint64_t seed) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(seed);
  at::Generator generator = at::detail::getCUDAHooks().getNewGenerator(device.index());
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace

Sampler::Sampler(const Sampling& sampling, c10::Device device)
    : sampling_(sampling), generator_(GeneratorOf(device, sampling.seed)) {}

at::Tensor Sampler::Probabilities(const at::Tensor& logits) const {
  at::Tensor probabilities = at::softmax((logits / sampling_.temperature).to(at::kFloat), -1);
  if (sampling_.mode == Sampling::Mode::kTopK) {
    // Everything at or above the k-th largest stays, ties included, as the reference's comparison has it.
    const at::Tensor smallest = std::get<0>(at::topk(probabilities, sampling_.top_k, -1)).slice(-1, -1);
    probabilities = at::where(probabilities >= smallest, probabilities, at::zeros_like(probabilities));
  } else {
    const auto [sorted, order] = at::sort(probabilities, /*dim=*/-1, /*descending=*/true);
    const at::Tensor before = sorted.cumsum(-1) - sorted;
    const at::Tensor kept = at::where(before > sampling_.top_p, at::zeros_like(sorted), sorted);
    probabilities = at::zeros_like(probabilities).scatter(-1, order, kept);
  }
  return probabilities / probabilities.sum(-1, /*keepdim=*/true);
}

at::Tensor Sampler::Next(const at::Tensor& logits) {
  if (sampling_.mode == Sampling::Mode::kGreedy || sampling_.temperature <= 0) return logits.argmax(-1);
  const at::Tensor rows = Probabilities(logits).reshape({-1, logits.size(-1)});
  return at::multinomial(rows, 1, /*replacement=*/false, generator_).reshape(logits.sizes().slice(0, logits.dim() - 1));
}

}  // namespace harness::generate
