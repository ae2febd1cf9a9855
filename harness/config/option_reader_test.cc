#include "harness/config/option_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace harness::config {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::SizeIs;

TEST(OptionProblems, AnErrorHasTheKeysOfWhatItNames) {
  OptionProblems problems;
  const ConfigValue::Map map = {{"dim", {std::string("wide")}}, {"heads", {int64_t{4}}}};
  OptionReader options(map, "transformer_lm", "LMModel", problems);
  options.Int("dim", std::nullopt);
  options.Finish();
  problems.AddUnsupported("fuser", "is not read");

  const Status status = problems.ToStatus("xp.cfg");

  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(status.error().keys, ElementsAre("transformer_lm.dim", "transformer_lm.heads"));
}

TEST(OptionProblems, ARemedyStandsApartAndOnce) {
  OptionProblems problems;
  problems.AddWrong("seanet.ratios", "are empty", "Give a ratio");
  problems.AddWrong("seanet.ratios", "are empty", "Give a ratio");
  problems.AddWrong("seanet.lstm", "is negative", "Give a ratio");
  problems.AddWrong("seanet.norm", "is unknown", "Name a norm");

  const Error error = problems.ToStatus("xp.cfg").error();

  EXPECT_EQ(error.message, "xp.cfg: seanet.ratios are empty; seanet.lstm is negative; seanet.norm is unknown");
  EXPECT_EQ(error.remedy, "Give a ratio. Name a norm");
  EXPECT_THAT(error.keys, ElementsAre("seanet.ratios", "seanet.lstm", "seanet.norm"));
}

TEST(OptionProblems, AMessageShowsAHundredAndTheErrorHasAllKeys) {
  OptionProblems problems;
  for (int i = 0; i < 250; ++i) problems.AddWrong(std::to_string(i), "is wrong");

  const Error error = problems.ToStatus("xp.cfg").error();

  EXPECT_THAT(error.message, EndsWith("; 99 is wrong; and 150 more"));
  EXPECT_THAT(error.keys, SizeIs(250));
}

TEST(OptionProblems, WhatIsMissingStandsInOneSentence) {
  OptionProblems problems;
  const ConfigValue::Map map = {{"bins", {int64_t{4}}}};
  OptionReader options(map, "clap", "CLAP", problems);
  for (const char* key : {"dim", "n_q", "bins"}) options.Int(key, std::nullopt);

  const Error error = problems.ToStatus("xp.cfg").error();

  EXPECT_EQ(error.message, "xp.cfg: clap.dim, clap.n_q are missing: CLAP needs it");
  EXPECT_EQ(error.remedy, "Set them to what the model was trained with");
  EXPECT_THAT(error.keys, ElementsAre("clap.dim", "clap.n_q"));
}

TEST(OptionProblems, WhatHasNoRemedyGetsTheGeneralOne) {
  OptionProblems problems;
  const ConfigValue::Map map = {
      {"dim", {}}, {"norm", {std::string("layer")}}, {"act", {std::string("gellu")}}, {"haeds", {int64_t{2}}}};
  OptionReader options(map, "lm", "LMModel", problems);
  options.Int("dim", std::nullopt);
  options.Choice("norm", "none", {"none", "weight"});
  options.Choice("act", "relu", {"relu", "gelu"});
  options.Int("heads", 2);
  options.StringList("cross", std::nullopt);
  options.Finish();
  problems.AddRemedies();

  EXPECT_EQ(
      problems.ToStatus("xp.cfg").error().remedy,
      "Set lm.dim to what the model was trained with. Set lm.norm to the one of these that the model was trained "
      "with. What a fork of audiocraft added loads in that fork only. Set lm.act: gelu in xp.cfg. Set lm.cross: [] "
      "in xp.cfg where nothing is listed. Rename lm.haeds to heads");
}

// The value is this machine's: whoever downloads the export has another one, or none.
TEST(OptionReader, ANumberOfTheEnvironmentIsAProblem) {
  const ConfigValue numbers[] = {{0.5, "${oc.env:RATE}"}, {int64_t{2}, "${oc.env:RATE}"}};
  for (const ConfigValue& number : numbers) {
    OptionProblems problems;
    const ConfigValue::Map map = {{"rate", number}};
    OptionReader options(map, "encodec", "EncodecModel", problems);
    EXPECT_EQ(options.Float("rate", 7), 7);
    EXPECT_THAT(problems.ToStatus("xp.cfg").error().keys, ElementsAre("encodec.rate"));
  }
  OptionProblems none;
  const ConfigValue::Map map = {{"rate", {0.5}}, {"other", {int64_t{2}}}};
  OptionReader options(map, "encodec", "EncodecModel", none);
  EXPECT_EQ(options.Float("rate", 7), 0.5);
  EXPECT_EQ(options.Float("other", 7), 2);
  EXPECT_TRUE(none.ToStatus("xp.cfg").ok());
}

}  // namespace
}  // namespace harness::config
