// The arithmetic of a language model's forward pass.
#pragma once

namespace harness {

enum class Arithmetic {
  kFloat32,          // weights as stored, accumulated in float32: production on the CPU
  kFloat16Autocast,  // float16 parameters under torch.autocast("cuda", float16): production on CUDA
};

}  // namespace harness
