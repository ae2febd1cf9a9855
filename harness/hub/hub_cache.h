// Models in the Hugging Face hub's cache, found as its client finds them without a network:
// ROOT/models--ORG--NAME/refs/main holds a revision, ROOT/models--ORG--NAME/snapshots/REVISION/ the files (links,
// mostly). Source: huggingface_hub 0.36, constants.py (HF_HUB_CACHE) and file_download.py (try_to_load_from_cache);
// transformers 4.40.2, utils/hub.py (TRANSFORMERS_CACHE): T5 and EnCodec are both looked up through it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "harness/base/result.h"

namespace harness::hub {

class HubCache {
 public:
  using Environment = std::function<std::optional<std::string>(const std::string&)>;

  // The variables of this process.
  static std::optional<std::string> OfProcess(const std::string& name);

  explicit HubCache(std::filesystem::path root) : root_(std::move(root)) {}

  // The first that is set, even to nothing, of TRANSFORMERS_CACHE, PYTORCH_TRANSFORMERS_CACHE,
  // PYTORCH_PRETRAINED_BERT_CACHE (all deprecated), HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
  // XDG_CACHE_HOME/huggingface/hub; else ~/.cache/huggingface/hub. `~` and `$NAME` are expanded in all but the first
  // three. What is set to nothing means the working directory, as there.
  static HubCache FromEnvironment(const Environment& environment);

  const std::filesystem::path& root() const { return root_; }

  // The snapshot folder of model `name` ("t5-small", "google/flan-t5-base"); nothing is said of the files in it.
  // Errors: kNotFound, naming what was looked for; kCorrupt (a ref that is not a revision); kMismatch (a name that is not valid).
  Result<std::filesystem::path> Snapshot(const std::string& name) const;

 private:
  std::filesystem::path root_;
};

}  // namespace harness::hub
