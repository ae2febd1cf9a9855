#include "harness/generate/float16_readiness.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "harness/generate/teacher_forced.h"

namespace harness::generate {
namespace {

// Of the finite values; 0 where there are none.
double Largest(const at::Tensor& x) {
  if (x.numel() == 0) return 0;
  const at::Tensor values = x.to(at::kFloat);
  return at::where(at::isfinite(values), values.abs(), at::zeros_like(values)).max().item<double>();
}

}  // namespace

Result<Float16Readiness> CheckFloat16Readiness(const model::LanguageModel& float16, const model::LanguageModel& float32,
                                               const model::LmConditions& conditions, const at::Tensor& codes) {
  TORCH_CHECK(float16.precision() == model::Precision::kFloat16Autocast, "the first model must run in float16");
  Float16Readiness readiness;
  const auto look = [&](const std::string& layer, const at::Tensor& output) {
    // What follows the first overflow only hands it on.
    if (!readiness.first_layer.empty()) return;
    const auto nan = at::isnan(output).sum().item<int64_t>(), infinite = at::isinf(output).sum().item<int64_t>();
    if (nan + infinite > 0) {
      readiness.first_layer = layer;
      readiness.nan = nan;
      readiness.infinite = infinite;
      readiness.values = output.numel();
    } else if (output.scalar_type() == at::kHalf) {
      if (const double largest = Largest(output); largest > readiness.largest) {
        readiness.largest = largest;
        readiness.largest_layer = layer;
      }
    }
  };
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor logits, ComputeTeacherForcedLogits(float16, conditions, codes, look));
  readiness.steps = logits.size(2);
  if (readiness.ready()) return readiness;
  const auto measure = [&](const std::string& layer, const at::Tensor& output) {
    if (layer == readiness.first_layer) readiness.float32_largest = Largest(output);
  };
  HARNESS_RETURN_IF_ERROR(ComputeTeacherForcedLogits(float32, conditions, codes, measure));
  return readiness;
}

std::string Describe(const Float16Readiness& readiness) {
  if (readiness.ready()) {
    return fmt::format(
        "{} steps in float16, as audiocraft runs on CUDA, give no infinities: {} has the largest magnitude, {:.6g}, "
        "{:.3g} times below float16's {:g}",
        readiness.steps, readiness.largest_layer, readiness.largest,
        readiness.largest > 0 ? kFloat16Largest / readiness.largest : kFloat16Largest, kFloat16Largest);
  }
  std::string found;
  if (readiness.infinite > 0) found = fmt::format("{} infinite values", readiness.infinite);
  if (readiness.nan > 0) found += fmt::format("{}{} NaN", found.empty() ? "" : " and ", readiness.nan);
  const std::string cause =
      readiness.float32_largest > kFloat16Largest
          ? fmt::format("float32: {:.6g} at most, beyond float16's {:g}", readiness.float32_largest, kFloat16Largest)
          : fmt::format(
                "float32: {:.6g} at most; float16 ends at {:g}, and a weight beyond it, or a product within the "
                "layer, becomes infinite",
                readiness.float32_largest, kFloat16Largest);
  return fmt::format(
      "{} is the first layer to leave float16's range: {} of {} in float16 ({}). On the CPU audiocraft runs in float32 "
      "and is not affected; on CUDA it runs in float16, and these become NaN logits: generation raises, or gives noise",
      readiness.first_layer, found, readiness.values, cause);
}

}  // namespace harness::generate
