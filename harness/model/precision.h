// The precision of a language model's forward pass, and where it runs.
//
// Note [Float16 under autocast]
// On CUDA MusicGen.generate runs the language model under torch.autocast("cuda", float16), with a model that was built
// with dtype=float16. What that comes to, operation by operation:
//   - Parameters that take the dtype are float16: all of transformer.layers, but for q_layer_norm and k_layer_norm. A
//     finite float32 beyond 65504 becomes infinite. `emb`, `out_norm`, `linears`, the conditioners' output_proj and the
//     rotary buffers are made without it, and stay float32.
//   - linear, matmul and scaled_dot_product_attention cast their operands to float16, `linears` and output_proj, too,
//     and give float16: sums are kept in float32, and rounded once.
//   - layer_norm, softmax and pow cast theirs to float32, and give float32.
//   - All else takes the types that it is given, and promotes. So what runs through the layers, from embeddings to
//     out_norm, is float32, to which each layer adds what is float16. Logits are float16, and guidance as well.
//   - Attention that is `custom` without memory_efficient makes its products of queries and keys in float32 where it
//     streams: generation does (torch 2.1, which audiocraft 1.3.0 pins, takes float32 for an autocast type; later
//     versions turn autocast off there).
// T5, the melody's chroma and the codec run in float32.
// On the CPU the same is emulated: values are float16 tensors; a product is made of float16 operands in float32 and
// rounded once.
// Source: audiocraft 1.3.0: models/genmodel.py, models/builders.py get_lm_model, models/lm.py, modules/transformer.py,
// modules/conditioners.py; the lists of operations: ATen/autocast_mode.h of LibTorch 2.11.
#pragma once

#include <c10/core/Device.h>

namespace harness::model {

enum class Precision {
  kFloat32,          // weights as stored, accumulated in float32: the reference on the CPU
  kFloat16Autocast,  // float16 parameters under torch.autocast("cuda", float16): the reference on CUDA
};

struct Placement {
  c10::Device device = c10::kCPU;             // of both models
  Precision precision = Precision::kFloat32;  // of the language model: all else is float32
};

// What the reference does on `device`.
inline Placement PlaceAsReference(c10::Device device) {
  return {device, device.is_cpu() ? Precision::kFloat32 : Precision::kFloat16Autocast};
}

}  // namespace harness::model
