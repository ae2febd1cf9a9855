// The files of a T5 in a hub's cache: config, SentencePiece model, the tokenizer's JSON files, the weights.
#include <array>

#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/zip_model.h"
#include "harness/text/t5_files.h"
#include "harness/text/t5_tokenizer.h"

using namespace harness;
using namespace harness::fuzz;

namespace {

// In the order of the bundle.
constexpr std::array kFiles = {
    "config.json",       "tokenizer_config.json", "special_tokens_map.json",      "added_tokens.json", "tokenizer.json",
    "model.safetensors", "pytorch_model.bin",     "model.safetensors.index.json", "spiece.model"};
constexpr const char* kName = "t5-small";

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string_view> files = Unbundle(AsText(data, size), kFiles.size());
  for (size_t i = 0; i < files.size(); ++i) WriteScratch(std::filesystem::path(kName) / kFiles[i], files[i]);
  (void)text::CheckT5(kName, hub::HubCache(ScratchFolder() / "hub"), 0, ScratchFolder());
  const auto tokenizer = text::T5Tokenizer::FromFolder(ScratchFolder() / kName);
  if (!tokenizer.ok()) return 0;
  for (const char* text :
       {"", "upbeat lo fi hip hop beat", "<extra_id_0> a </s>  b", "\xe2\x80\x8b\xef\xbc\xa1\xcc\x81"}) {
    const auto ids = tokenizer->Encode(text);
    if (!ids.ok()) continue;
    for (const int64_t id : *ids) Require(id <= tokenizer->max_id(), "no token is beyond max_id");
  }
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const std::vector<Mutation> of_file = {MutateBytes, MutateBytes,      MutateBytes, MutateBytes, MutateBytes,
                                         MutateBytes, MutateCheckpoint, MutateBytes, MutateBytes};
  const auto mutation = [&](std::string_view input, Random& random) { return MutateBundle(input, of_file, random); };
  return Mutate(mutation, data, size, max_size, seed);
}
