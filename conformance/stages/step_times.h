// When the steps of a generation were done, and how far it is: for the record and for who waits.
#pragma once

#include <string>
#include <vector>

#include "harness/generate/generator.h"

namespace conformance {

// One line that is redrawn, on a terminal only.
harness::generate::GenerationCallbacks ShowProgress(const std::string& what);

// When each step of a generation was done, which starts where this is made.
class StepTimes {
 public:
  StepTimes();
  harness::generate::GenerationCallbacks Watch(harness::generate::GenerationCallbacks callbacks);
  // Of the process's first generation from the start of the process, so that loading LibTorch and the models counts; of
  // a later one from its own. 0 without a step.
  double first_s() const;
  // The median of the later ones: the first step also prepares. 0 without one.
  double step_s() const;

 private:
  double start_s_;
  std::vector<double> times_;
};

}  // namespace conformance
