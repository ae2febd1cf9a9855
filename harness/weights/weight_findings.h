// What the values of a model's weights say that no trained model can look like.
//
// Each finding has its reason beside it: an alarm on values is worth nothing if a real model can raise it. What can't
// be known from the values is not looked for: transposed square matrices, another number of heads, layers in another
// order.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/package.h"
#include "harness/weights/payload.h"

namespace harness::weights {

// A tensor of best_state.
struct Weight {
  std::string name;
  pickle::Dtype dtype = pickle::Dtype::kFloat32;
  std::vector<int64_t> shape;
  const TensorStatistics* statistics = nullptr;  // null where it could not be read
  std::span<const std::byte> bytes;              // its elements, row-major; empty where they don't lie in one piece
};

// In file order. The result views both arguments.
std::vector<Weight> CollectWeights(const checkpoint::Checkpoint& checkpoint,
                                   const std::vector<checkpoint::NamedTensor>& best_state, const PayloadScan& scan);

// Statistics of the training that inference never reads: any values do.
bool IsTrainingOnly(const std::string& name);

// A tensor of a MusicGen or its codec that inference reads, by its name: what else lies in best_state is for the shape
// checks.
bool IsReadByInference(const std::string& name);

// Matrices, and weights of norms, that are zero throughout: no gradient leaves either so. Biases may be zero.
std::vector<std::string> FindZeroTensors(const std::vector<Weight>& weights);

// Matrices of one value throughout that is not zero; gains of weight norm may have it.
std::vector<std::string> FindConstantTensors(const std::vector<Weight>& weights);

// Modules that are bit for bit alike: layers of the transformer, or codebooks. Layers that begin as copies (a model
// extended in depth) get gradients of their own and differ after one step; a residual codebook quantizes what the one
// before left over. Each group names its modules ("transformer.layers.0").
std::vector<std::vector<std::string>> FindCopiedModules(const std::vector<Weight>& weights);

// Transformer layers all of whose norms are exactly 1 and 0, as torch initialises them, where other layers' are not:
// one step of an optimizer moves every one of them. Norms that were frozen are so in every layer, and are no finding.
std::vector<std::string> FindLayersAtInitialValues(const std::vector<Weight>& weights);

// Entries of a codebook that decode like another one, or to nothing. A codec that does not replace dead entries has
// some, which its encoder never emits; how many are too many is for the caller.
struct DeadEntries {
  std::string name;  // "quantizer.vq.layers.0._codebook.embed"
  int64_t entries = 0;
  int64_t dead = 0;  // all zero, or equal to an earlier entry
  double share() const { return entries > 0 ? static_cast<double>(dead) / static_cast<double>(entries) : 0; }
};
std::vector<DeadEntries> CountDeadEntries(const std::vector<Weight>& weights);

}  // namespace harness::weights
