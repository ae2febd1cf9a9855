// A T5 model on this machine: where the reference finds it, and whether it is whole. No LibTorch: the judge can ask.
// Source: audiocraft 1.3.0, modules/conditioners.py T5Conditioner; transformers 4.40.2, from_pretrained of
// T5Tokenizer and T5EncoderModel.
#pragma once

#include <filesystem>
#include <string>

#include "harness/architecture/t5_spec.h"
#include "harness/base/result.h"
#include "harness/hub/hub_cache.h"

namespace harness::text {

struct T5Files {
  std::filesystem::path folder;  // holds config.json, spiece.model and the weights
  bool in_working_directory = false;
  architecture::T5Spec spec;
};

// A folder called `name` in `working_directory` wins over the hub cache, whole or not. `dim`: the width that
// T5Conditioner expects of that name (T5Dim); 0: any.
// Errors: kNotFound names every file that is missing, where it was looked for, and the command that fetches it; also
// those of ReadT5Spec and HubCache::Snapshot; kMismatch where the width is another one.
Result<T5Files> FindT5(const std::string& name, const hub::HubCache& hub, int64_t dim,
                       const std::filesystem::path& working_directory = ".");

// Whether it loads and is complete: FindT5, the tokenizer, and every tensor with its shape. Reads no payload.
Status CheckT5(const std::string& name, const hub::HubCache& hub, int64_t dim,
               const std::filesystem::path& working_directory = ".");

}  // namespace harness::text
