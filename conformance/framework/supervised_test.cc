#include "conformance/framework/supervised.h"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>

namespace conformance {
namespace {

using testing::HasSubstr;

harness::report::CheckResult Result(const std::string& id) {
  return {.id = id,
          .category = "file_presence",
          .status = harness::report::CheckStatus::kPass,
          .message = "as it should be\xff",
          .measured = {{"bytes", 5}},
          .limit = nullptr};
}

TEST(Supervised, TheExitCodeIsTheChilds) {
  const Ending ending = RunInChild([] { return 7; });
  EXPECT_EQ(ending.exit_code, 7);
  EXPECT_EQ(ending.signal, 0);
}

TEST(Supervised, WhatTheChildChangesIsItsOwn) {
  int value = 1;
  RunInChild([&] { return value = 2; });
  EXPECT_EQ(value, 1);
}

TEST(Supervised, ASignalIsNamed) {
  struct Case {
    int signal;
    const char* name;
    const char* advice;
  };
  for (const Case& c : {Case{SIGSEGV, "SIGSEGV (Segmentation fault)", "Report it"},
                        Case{SIGABRT, "SIGABRT (Aborted)", "more memory; if it ends"},
                        Case{SIGKILL, "SIGKILL (Killed)", "more memory, or look at its limits"}}) {
    const Ending ending = RunInChild([&] {
      std::signal(c.signal, SIG_DFL);  // a sanitizer has handlers of its own
      std::raise(c.signal);
      return 0;
    });
    const EndingText text = DescribeEnding(ending);
    EXPECT_THAT(text.message, HasSubstr(c.name));
    EXPECT_THAT(text.remedy, HasSubstr(c.advice));
  }
}

TEST(Supervised, AnExitWithoutAWordIsReported) {
  EXPECT_THAT(DescribeEnding(RunInChild([]() -> int { std::_Exit(9); })).message, HasSubstr("status 9"));
}

TEST(Journal, KeepsWhatWasWrittenBeforeTheEnd) {
  Journal journal;
  RunInChild([&] {
    journal.Started("file_presence/folder");
    journal.Finished(Result("file_presence/folder"));
    journal.Started("state_dict_integrity/codec/finite");
    journal.Started("state_dict_integrity/codec/storages");  // which the other needs
    journal.Finished(Result("state_dict_integrity/codec/storages"));
    journal.Started("state_dict_integrity/codec/checksums");
    std::_Exit(1);
    return 0;
  });
  const Journal::Left left = journal.Read();
  EXPECT_FALSE(left.concluded);
  EXPECT_EQ(left.judging, "state_dict_integrity/codec/checksums");
  ASSERT_EQ(left.checks.size(), 2u);
  EXPECT_EQ(left.checks[0].id, "file_presence/folder");
  EXPECT_EQ(left.checks[0].status, harness::report::CheckStatus::kPass);
  EXPECT_THAT(left.checks[0].message, HasSubstr("as it should be"));
  EXPECT_EQ(left.checks[0].measured, (nlohmann::json{{"bytes", 5}}));
}

TEST(Journal, ReadsItselfWhenNothingWentWrong) {
  Journal journal;
  journal.Started("file_presence/folder");
  journal.Finished(Result("file_presence/folder"));
  journal.Concluded();
  const Journal::Left left = journal.Read();
  EXPECT_TRUE(left.concluded);
  EXPECT_EQ(left.judging, "");
}

}  // namespace
}  // namespace conformance
