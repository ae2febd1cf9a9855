#include "harness/generate/device_agreement.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>

#include "harness/generate/teacher_forced.h"

namespace harness::generate {
namespace {

// Note [Tolerance of agreement]
// Float16 rounds each operand and each result by up to 2^-11 of its size. Such errors are independent of each other:
// they add up as the square root of how many follow one another, about eight in a layer (norm, projections, attention,
// the product in between, two residual sums). A layer's outputs are compared with the largest of them: what cancels out
// in small ones is not an error of theirs. kSpread covers how far single values stray from the mean.
// Measured with float32 against emulated float16 on the CPU: the layer that comes closest takes 0.10 to 0.23 of its
// tolerance on the 30 exports of fixtures/ (2 layers), 0.11 on a full-size one of random weights (24 layers); logits
// differ by 0.0005 to 0.0017 of the largest. Trained weights, whose outliers are larger, and a card were not at hand.
// In float32 only the order of the sums differs: 2^-24 for each, in rows of some thousand products.
constexpr double kSpread = 8;

double Roundoff(const model::LanguageModel& model) {
  return model.precision() == model::Precision::kFloat16Autocast ? std::ldexp(1.0, -11) : 64 * std::ldexp(1.0, -24);
}

// `layer`: 0 for the embeddings.
double Tolerance(double roundoff, int64_t layer) {
  return kSpread * roundoff * std::sqrt(1 + static_cast<double>(layer));
}

// Relative to the largest magnitude of `reference`; infinite where a value is not finite.
double Difference(const at::Tensor& reference, const at::Tensor& other) {
  if (reference.numel() == 0) return 0;
  const double largest = reference.abs().max().item<double>();
  const double difference = (reference - other).abs().max().item<double>();
  if (!std::isfinite(largest) || !std::isfinite(difference)) return std::numeric_limits<double>::infinity();
  return difference == 0 ? 0 : difference / largest;
}

std::string NameOf(const model::LanguageModel& model) {
  return fmt::format("{} on {}", model.precision() == model::Precision::kFloat32 ? "float32" : "float16",
                     model.device().is_cpu() ? "cpu" : "cuda");
}

}  // namespace

Result<DeviceAgreement> CompareModels(const model::LanguageModel& reference, const model::LanguageModel& other,
                                      const model::LmConditions& conditions, const at::Tensor& codes) {
  const architecture::LmSpec &a = reference.spec(), &b = other.spec();
  if (a.num_codebooks != b.num_codebooks || a.cardinality != b.cardinality || a.num_layers != b.num_layers ||
      a.dim != b.dim) {
    return Error{ErrorCode::kMismatch, "two models of other shapes can't be compared"};
  }
  DeviceAgreement agreement;
  agreement.reference = NameOf(reference);
  agreement.other = NameOf(other);
  std::map<std::string, at::Tensor> outputs;
  const auto keep = [&](const std::string& layer, const at::Tensor& output) {
    outputs[layer] = output.to(at::kCPU, at::kFloat);
  };
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor expected, ComputeTeacherForcedLogits(reference, conditions, codes, keep));
  const double roundoff = std::max(Roundoff(reference), Roundoff(other));
  int64_t done = 0;  // layers of the transformer
  const auto compare = [&](const std::string& layer, const at::Tensor& output) {
    const auto found = outputs.find(layer);
    if (found == outputs.end()) return;
    ++agreement.layers;
    if (agreement.first_layer.empty()) {
      const double difference = Difference(found->second, output.to(at::kCPU, at::kFloat));
      const double tolerance = Tolerance(roundoff, done + 1);
      if (difference / tolerance > agreement.closest) {
        agreement.closest = difference / tolerance;
        agreement.closest_layer = layer;
      }
      if (!(difference <= tolerance)) {
        agreement.first_layer = layer;
        agreement.layer_difference = difference;
        agreement.layer_tolerance = tolerance;
      }
    }
    // A layer itself is seen after its parts.
    if (layer == fmt::format("transformer.layers.{}", done)) ++done;
    outputs.erase(found);
  };
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor logits, ComputeTeacherForcedLogits(other, conditions, codes, compare));
  agreement.difference = Difference(expected, logits);
  agreement.tolerance = Tolerance(roundoff, a.num_layers + 1);
  agreement.largest_logit = expected.abs().max().item<double>();
  return agreement;
}

std::string Describe(const DeviceAgreement& agreement) {
  const std::string both = fmt::format("{} against {}", agreement.other, agreement.reference);
  if (agreement.agrees()) {
    return fmt::format(
        "{}: logits of the same codes differ by {:.2g} of the largest, {:.4g} (up to {:.2g} is rounding); "
        "no layer of {} diverges: {} comes closest, at {:.2g} of its tolerance",
        both, agreement.difference, agreement.largest_logit, agreement.tolerance, agreement.layers,
        agreement.closest_layer, agreement.closest);
  }
  std::string where = "no single layer diverges: the errors add up";
  if (!agreement.first_layer.empty()) {
    where = fmt::format("{} is the first layer to diverge: {} (up to {:.2g} is rounding)", agreement.first_layer,
                        std::isfinite(agreement.layer_difference)
                            ? fmt::format("its outputs differ by {:.2g} of the largest", agreement.layer_difference)
                            : "its outputs are not finite",
                        agreement.layer_tolerance);
  }
  const std::string logits =
      std::isfinite(agreement.difference)
          ? fmt::format("differ by {:.2g} of the largest, {:.4g}, where up to {:.2g} is rounding", agreement.difference,
                        agreement.largest_logit, agreement.tolerance)
          : std::string("are not finite");
  return fmt::format(
      "{}: logits of the same codes {}; {}. What was trained or judged on one device is not what the other generates",
      both, logits, where);
}

}  // namespace harness::generate
