// What an export's models cost: a guided step, its products, a second of decoded sound, and one pass over the payload.
//
//   AUDIOCRAFT_EXPORT_DIR=EXPORT build/bin/models_benchmark [--benchmark_filter=Step]
//
// Bytes per second are of the weights as they are stored; compare them with SmallBatch, which has nothing else to do,
// and with ReadWeights.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "harness/export/export.h"
#include "harness/generate/guided_model.h"
#include "harness/model/small_batch_linear.h"
#include "harness/pipeline/models.h"

namespace harness {
namespace {

struct Loaded {
  std::unique_ptr<exports::Export> source;
  std::unique_ptr<pipeline::Models> models;
};

// Null, with the reason on stderr, where the export can't be loaded.
pipeline::Models* TheModels() {
  static const Loaded loaded = [] {
    Loaded result;
    const char* folder = std::getenv("AUDIOCRAFT_EXPORT_DIR");
    if (folder == nullptr) {
      std::fputs("AUDIOCRAFT_EXPORT_DIR is not set\n", stderr);
      return result;
    }
    result.source =
        std::make_unique<exports::Export>(folder, hub::HubCache::FromEnvironment(hub::HubCache::OfProcess), ".");
    for (const exports::Role role : {exports::Role::kLanguageModel, exports::Role::kCodec}) {
      exports::ExportFile& file = result.source->file(role);
      if (!file.Present().ok() || !file.Format().ok() || !file.checkpoint().tensor_status().ok() ||
          !file.package().ok()) {
        std::fputs("the export is faulty: build/bin/conformance says how\n", stderr);
        return result;
      }
    }
    auto models = pipeline::LoadModels(*result.source, model::Placement{});
    if (models.ok()) {
      result.models = std::make_unique<pipeline::Models>(std::move(models).value());
    } else {
      std::fprintf(stderr, "%s\n", models.error().message.c_str());
    }
    return result;
  }();
  return loaded.models.get();
}

// One guided step at position 50 of 100: both rows of a batch.
void GuidedStep(benchmark::State& state) {
  const pipeline::Models* models = TheModels();
  if (models == nullptr) return state.SkipWithError("no models");
  const c10::InferenceMode inference;
  const auto conditions = models->conditions.Encode({{}}, /*together=*/true);
  if (!conditions.ok()) return state.SkipWithError(conditions.error().message.c_str());
  const at::Tensor codes = at::zeros({1, models->language_model.spec().num_codebooks, 1}, at::kLong);
  constexpr int64_t kSteps = 100;
  std::unique_ptr<generate::GuidedModel> guided;
  int64_t step = kSteps, before = model::CountSmallBatches().weight_bytes, of_starts = 0;
  for (auto _ : state) {
    if (step >= kSteps) {
      state.PauseTiming();
      const int64_t start = model::CountSmallBatches().weight_bytes;
      guided =
          std::make_unique<generate::GuidedModel>(models->language_model, *conditions, 1, kSteps, generate::Sampling{});
      guided->Logits(codes);
      of_starts += model::CountSmallBatches().weight_bytes - start;
      step = 1;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(guided->Logits(codes));
    ++step;
  }
  state.SetBytesProcessed(model::CountSmallBatches().weight_bytes - before - of_starts);
}
BENCHMARK(GuidedStep)->Unit(benchmark::kMillisecond)->UseRealTime();

void DecodeASecond(benchmark::State& state) {
  const pipeline::Models* models = TheModels();
  if (models == nullptr) return state.SkipWithError("no models");
  const c10::InferenceMode inference;
  const architecture::CodecFacts& codec = models->codec->facts();
  const auto frames = static_cast<int64_t>(codec.frame_rate_hz) * state.range(0);
  const at::Tensor codes = at::randint(codec.cardinality, {1, codec.codebooks, frames}, at::kLong);
  for (auto _ : state) benchmark::DoNotOptimize(models->codec->Decode(codes));
  state.counters["per_second_of_audio"] = benchmark::Counter(
      static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(DecodeASecond)->Arg(1)->Arg(2)->Arg(4)->Unit(benchmark::kMillisecond)->UseRealTime();

// Rows of x, rows and columns of a float16 weight: the products of a model of width 1024, and its heads.
void SmallBatch(benchmark::State& state) {
  const c10::InferenceMode inference;
  const at::Tensor x = at::randn({state.range(0), state.range(2)});
  // Several weights in turn: one would stay in the cache.
  std::vector<at::Tensor> weights;
  for (int i = 0; i < 32; ++i) weights.push_back(at::randn({state.range(1), state.range(2)}).to(at::kHalf));
  size_t next = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(model::SmallBatchLinear(x, weights[next++ % weights.size()], at::Tensor()));
  state.SetBytesProcessed(state.iterations() * state.range(1) * state.range(2) * 2);
}
BENCHMARK(SmallBatch)
    ->Args({2, 3072, 1024})
    ->Args({2, 1024, 1024})
    ->Args({2, 4096, 1024})
    ->Args({2, 1024, 4096})
    ->UseRealTime();

// For comparison: as many bytes read by LibTorch, one thread a share, and only added up.
void ReadWeights(benchmark::State& state) {
  const c10::InferenceMode inference;
  const at::Tensor all = at::ones({int64_t{1} << 28}, at::kByte).view(at::kLong);
  for (auto _ : state) benchmark::DoNotOptimize(all.sum());
  state.SetBytesProcessed(state.iterations() * (int64_t{1} << 28));
}
BENCHMARK(ReadWeights)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace harness

BENCHMARK_MAIN();
