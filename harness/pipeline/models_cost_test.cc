// What a load and a step cost, in what is not noise: bytes copied, weights read, products, allocations. Timings are for
// scripts/benchmark.
#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "harness/generate/guided_model.h"
#include "harness/model/small_batch_linear.h"
#include "harness/pipeline/models.h"

namespace harness::pipeline {
namespace {

// Counts what LibTorch's CPU allocator hands out on this thread while it lives.
class Allocations {
 public:
  Allocations() : counter_(std::make_shared<Counter>()), guard_(c10::DebugInfoKind::PROFILER_STATE, counter_) {}
  int64_t bytes() const { return counter_->bytes; }
  int64_t count() const { return counter_->count; }

 private:
  struct Counter : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
      if (size <= 0) return;
      bytes += size;
      ++count;
    }
    bool memoryProfilingEnabled() const override { return true; }
    int64_t bytes = 0, count = 0;
  };
  std::shared_ptr<Counter> counter_;
  c10::DebugInfoGuard guard_;
};

struct Loaded {
  std::unique_ptr<exports::Export> source;
  std::unique_ptr<Models> models;
};

Loaded LoadFixture(const std::string& name) {
  const auto fixtures = std::filesystem::path(HARNESS_FIXTURES_DIR);
  Loaded loaded;
  loaded.source = std::make_unique<exports::Export>(fixtures / "exports" / name, hub::HubCache(fixtures / "hub"), ".");
  for (const exports::Role role : {exports::Role::kLanguageModel, exports::Role::kCodec}) {
    exports::ExportFile& file = loaded.source->file(role);
    const bool ok = file.Present().ok() && file.Format().ok() && file.checkpoint().tensor_status().ok();
    if (!ok || !file.package().ok()) return loaded;
  }
  auto models = LoadModels(*loaded.source, {});
  if (models.ok()) loaded.models = std::make_unique<Models>(std::move(models).value());
  return loaded;
}

int64_t Elements(const architecture::TensorSpec& spec) {
  int64_t elements = 1;
  for (const int64_t size : spec.shape) elements *= size;
  return elements;
}

class ModelsCost : public testing::TestWithParam<const char*> {};

TEST_P(ModelsCost, NoMatrixOfTheLanguageModelIsCopied) {
  const Loaded loaded = LoadFixture(GetParam());
  ASSERT_TRUE(loaded.models);
  const c10::InferenceMode inference;
  const exports::CheckedTensors& tensors = loaded.source->tensors(exports::Role::kLanguageModel);
  const auto table = model::TensorTable::Bind(loaded.source->file(exports::Role::kLanguageModel).checkpoint(),
                                              tensors.specs, tensors.Binding());
  ASSERT_TRUE(table.ok());
  const Allocations allocations;
  ASSERT_TRUE(model::LanguageModel::Build(*loaded.source->lm_spec(), *table).ok());
  int64_t vectors = 0;
  for (const architecture::TensorSpec& spec : tensors.specs) {
    if (spec.shape.size() == 1 && !spec.name.starts_with("condition_provider.")) vectors += 4 * Elements(spec);
  }
  // Biases and norms that are not float32 become it; no matrix has a second copy.
  EXPECT_LE(allocations.bytes(), vectors);
}

TEST_P(ModelsCost, AGuidedStepReadsEveryWeightOnce) {
  const Loaded loaded = LoadFixture(GetParam());
  ASSERT_TRUE(loaded.models);
  const c10::InferenceMode inference;
  const model::LanguageModel& model = loaded.models->language_model;
  const architecture::LmSpec& spec = model.spec();
  const auto conditions = loaded.models->conditions.Encode({{}}, /*together=*/true);
  ASSERT_TRUE(conditions.ok());
  constexpr int64_t kSteps = 40;
  generate::GuidedModel guided(model, *conditions, 1, kSteps, generate::Sampling{});
  const at::Tensor codes = at::zeros({1, spec.num_codebooks, 1}, at::kLong);
  guided.Logits(codes);
  struct Cost {
    int64_t products, weight_bytes, allocations, allocated;
  };
  std::vector<Cost> costs;
  for (int64_t step = 1; step < kSteps; ++step) {
    const model::SmallBatchCounts before = model::CountSmallBatches();
    const Allocations allocations;
    guided.Logits(codes);
    const model::SmallBatchCounts after = model::CountSmallBatches();
    costs.push_back({after.products - before.products, after.weight_bytes - before.weight_bytes, allocations.count(),
                     allocations.bytes()});
  }
  // One batch holds both rows of guidance: in_proj, out_proj, linear1, linear2 and with cross-attention its queries and
  // out_proj; its keys and values are those of the start. All heads are one.
  const int64_t of_layer = spec.cross_attention ? 6 : 4;
  EXPECT_EQ(costs.front().products, spec.num_layers * of_layer + 1);
  int64_t bytes = 0;
  for (const architecture::TensorSpec& tensor : loaded.source->tensors(exports::Role::kLanguageModel).specs) {
    const bool used =
        tensor.shape.size() == 2 && (tensor.name.starts_with("transformer.") || tensor.name.starts_with("linears."));
    if (!used) continue;
    const bool packed =
        tensor.name.find("cross_attention") != std::string::npos && tensor.name.ends_with("in_proj_weight");
    bytes += 4 * Elements(tensor) / (packed ? 3 : 1);  // the fixtures are float32
  }
  EXPECT_EQ(costs.front().weight_bytes, bytes);
  // A step does not depend on those before it: a cache that grew would cost more each time.
  EXPECT_EQ(costs.back().products, costs.front().products);
  EXPECT_EQ(costs.back().weight_bytes, costs.front().weight_bytes);
  EXPECT_EQ(costs.back().allocations, costs.front().allocations);
  // But for a row of attention scores a layer, a float a step: keys alone would come to 2 dim floats.
  EXPECT_LE(costs.back().allocated - costs.front().allocated, spec.num_layers * kSteps * 4);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ModelsCost, testing::Values("musicgen-tiny-mono", "musicgen-tiny-melody"),
                         [](const auto& test) { return std::string(test.param).substr(14); });

}  // namespace
}  // namespace harness::pipeline
