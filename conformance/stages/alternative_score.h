// What one other reading of the weights made of real audio, and what follows from it.
#pragma once

#include <string>
#include <vector>

#include "harness/export/role.h"
#include "harness/generate/paired.h"

namespace conformance {

struct AlternativeScore {
  size_t candidate = 0;             // its place in their list
  std::string key, value, present;  // as Alternative has them
  bool of_config = false;
  harness::exports::Role role = harness::exports::Role::kLanguageModel;
  double nats = 0;                                       // of the first clip
  std::vector<double> gains, tempered_gains;             // a frame: the config's nats minus its own
  harness::generate::BlockTest better, better_tempered;  // of these
  bool predicts = false;                                 // below chance, itself
  std::vector<double> band_losses_db;                    // of a codec, a window: its band error minus the config's
  bool contradicted = false;                             // another clip that the model predicts says the opposite
  bool whole = false;                                    // over all clips

  std::string Describe() const { return key + ": " + value; }
};

// Of the first frames: that more of them may tell. Where they are too few for a test, their mean decides.
bool MayBeAboveZero(const harness::generate::BlockTest& test);

// Of the first frames: what looks better so far is scored over the clip as far as the budget goes. A good export has
// hardly any.
bool IsWorthALook(const AlternativeScore& score);

// Of one among `scored`, with Bonferroni's correction.
double CorrectP(const AlternativeScore& score, size_t scored);

// Better, significantly, by `min_gain` nats a code and by more than its being less sure; it must itself predict, no
// other clip may say the opposite, and a codec must sound as good.
bool IsBetter(const AlternativeScore& score, double corrected_p, double min_gain);

}  // namespace conformance
