#include "harness/export/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/testing/temporary_folder.h"

namespace harness::exports {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

constexpr const char* kSmall = "models--t5-small";
constexpr const char* kFlan = "models--google--flan-t5-small";

// What is advised for an export with a fine-tuned t5-small, where the cache has the Flan-T5 of the fixtures under that
// name, and `flan`, if anything, under Flan-T5's.
std::optional<std::string> Advise(const char* flan) {
  const fs::path fixtures(HARNESS_FIXTURES_DIR);
  const TemporaryFolder hub;
  fs::create_directory_symlink(fixtures / "hub" / kFlan, hub.path() / kSmall);
  if (flan != nullptr) fs::create_directory_symlink(fixtures / "hub" / flan, hub.path() / kFlan);
  Export exported(fixtures / "exports" / "musicgen-tiny-t5-finetune", hub::HubCache(hub.path()), hub.path());
  ExportFile& file = exported.file(Role::kLanguageModel);
  EXPECT_TRUE(file.Present().ok() && file.Format().ok() && file.checkpoint().pickle_status().ok() &&
              file.package().ok() && file.config().ok());
  const auto edit = exported.SuggestedEdit(Role::kLanguageModel);
  return edit ? std::optional(edit->Text()) : std::nullopt;
}

TEST(Export, SuggestsAnotherT5OnlyWhereItKnowsItsShapes) {
  EXPECT_EQ(Advise(kSmall), "conditioners.description.t5.name: google/flan-t5-small");
  EXPECT_EQ(Advise(kFlan), std::nullopt);
  // Nothing is known of it: its shapes would be taken from the file, which they then fit.
  EXPECT_EQ(Advise(nullptr), std::nullopt);
}

}  // namespace
}  // namespace harness::exports
