// One figure of a whole sound, held to a limit.
#pragma once

#include "conformance/checks/audio_output/audio_output.h"

namespace conformance {

struct Figure {
  const char* limit;  // its name in the catalogue
  bool at_least;      // the limit is a minimum
  double (*value)(const harness::SignalMeasures&);
  const char* what;  // "is {value}, {at most|at least} {limit}": what the figure is, and what a bad one means
  const char* cause;
};

Outcome JudgeFigure(Context& context, const GenerationCase& of, const Figure& figure);

}  // namespace conformance
