// One figure of a whole sound, held to a limit.
#pragma once

#include "conformance/checks/audio_output/audio_output.h"

namespace conformance {

struct Figure {
  const char* limit;  // its name in the catalogue
  bool at_least;      // the limit is a minimum
  double (*value)(const harness::audio::SignalMeasures&);
  const char* what;   // "WHAT is {value}, ..."
  const char* cause;  // what a bad one means
  const char* remedy;
};

Outcome CheckFigure(Context& context, const GenerationCase& of, const Figure& figure);

}  // namespace conformance
