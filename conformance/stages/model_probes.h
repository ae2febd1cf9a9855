// What checks measure on loaded models: the language model compared with itself, in float16 on the CPU, and on CUDA
// against the CPU. Part of the generation stage, on LibTorch. A new one is a function and a row in model_probes.cc.
#pragma once

#include "conformance/framework/context.h"
#include "conformance/framework/generation_record.h"
#include "harness/pipeline/models.h"

namespace conformance {

// Every probe of the record's device. They pass the first codes of `run`, the device's first prompt, through the model;
// where it left none, because it failed, codes that are made up: what overflows does so for most.
void RunProbes(Context& context, const harness::pipeline::Models& models, const GenerationRun& run,
               GenerationRecord& record);

// A probe that came to nothing. What can't be done here (options that are not built; a text that needs spaCy), and a
// limit of this machine, is not a failure of the export.
ModelProbe MakeFailedProbe(const harness::Error& error);

// Whether `models`, loaded on the CPU, would stay within float16's range on CUDA.
ModelProbe ProbeFloat16(Context& context, const harness::pipeline::Models& models, const GenerationRun& run);
// Whether `models`, loaded on CUDA, gives the CPU's logits.
ModelProbe ProbeAgreement(Context& context, const harness::pipeline::Models& models, const GenerationRun& run);

}  // namespace conformance
