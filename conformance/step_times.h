// When the steps of a generation were done, and how far it is: for the record and for who waits.
#pragma once

#include <string>
#include <vector>

#include "harness/generate/generator.h"

namespace conformance {

// One line that is redrawn, on a terminal only.
harness::GenerationCallbacks Progress(const std::string& what);

// When each step was done.
class StepTimes {
 public:
  harness::GenerationCallbacks Watch(harness::GenerationCallbacks callbacks);
  // From the start of the process: the time before main, in which LibTorch is loaded, counts. 0 without a step.
  double first_s() const;
  // The median of the later ones: the first step also prepares. 0 without one.
  double step_s() const;

 private:
  std::vector<double> times_;
};

}  // namespace conformance
