#include "harness/hub/hub_cache.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "harness/testing/temporary_folder.h"

namespace harness::hub {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using testing::HasSubstr;

// scripts/oracle/hub_cases.py asked the real libraries.
TEST(HubCache, IsWhereTheRealClientLooks) {
  std::ifstream file(HARNESS_HUB_TESTDATA "/hub_cases.json");
  const nlohmann::json rows = nlohmann::json::parse(file);
  ASSERT_GE(rows.size(), 25U);
  for (const auto& row : rows) {
    SCOPED_TRACE(row["name"].get<std::string>());
    const auto environment = row["environment"].get<std::map<std::string, std::string>>();
    const HubCache cache = HubCache::FromEnvironment([&](const std::string& name) -> std::optional<std::string> {
      const auto it = environment.find(name);
      if (it == environment.end()) return std::nullopt;
      return it->second;
    });
    EXPECT_EQ(cache.root().string(), row["root"].get<std::string>());
  }
}

class HubFolder : public testing::Test {
 protected:
  HubFolder() {
    fs::create_directories(root_ / "models--google--flan-t5-base" / "refs");
    fs::create_directories(root_ / "models--google--flan-t5-base" / "snapshots" / "0123abcd");
  }
  void Ref(const std::string& text) {
    std::ofstream(root_ / "models--google--flan-t5-base" / "refs" / "main", std::ios::binary) << text;
  }
  const TemporaryFolder temporary_;
  const fs::path root_ = temporary_.path();
  const HubCache cache_{root_};
};

TEST_F(HubFolder, GivesTheSnapshotOfMain) {
  Ref("0123abcd");
  const auto snapshot = cache_.Snapshot("google/flan-t5-base");
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message;
  EXPECT_EQ(*snapshot, root_ / "models--google--flan-t5-base" / "snapshots" / "0123abcd");
}

TEST_F(HubFolder, TakesAnyRevisionThatIsAFolder) {
  Ref("v1.0-tag");
  fs::create_directory_symlink(root_ / "models--google--flan-t5-base" / "snapshots" / "0123abcd",
                               root_ / "models--google--flan-t5-base" / "snapshots" / "v1.0-tag");
  EXPECT_TRUE(cache_.Snapshot("google/flan-t5-base").ok());
}

TEST_F(HubFolder, NamesWhatIsNotThere) {
  const auto no_ref = cache_.Snapshot("google/flan-t5-base");
  ASSERT_FALSE(no_ref.ok());
  EXPECT_EQ(no_ref.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(no_ref.error().message, HasSubstr("models--google--flan-t5-base/refs/main"));
  Ref("4567");
  const auto no_snapshot = cache_.Snapshot("google/flan-t5-base");
  ASSERT_FALSE(no_snapshot.ok());
  EXPECT_EQ(no_snapshot.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(no_snapshot.error().message, HasSubstr("names revision 4567, and there is no"));
  EXPECT_THAT(no_snapshot.error().message, HasSubstr("snapshots/4567"));
}

// Tried with the real client: with a newline it finds nothing.
TEST_F(HubFolder, WantsARefThatIsARevision) {
  for (const char* ref : {"0123abcd\n", "", "../snapshots/0123abcd", "..", ".", "0123abcd extra"}) {
    Ref(ref);
    const auto snapshot = cache_.Snapshot("google/flan-t5-base");
    ASSERT_FALSE(snapshot.ok()) << ref;
    EXPECT_EQ(snapshot.error().code, ErrorCode::kCorrupt) << ref;
    EXPECT_THAT(snapshot.error().message, HasSubstr("must hold a revision and nothing else")) << ref;
  }
  Ref(std::string(1000, 'a'));
  EXPECT_EQ(cache_.Snapshot("google/flan-t5-base").error().code, ErrorCode::kCorrupt);
}

// HFValidationError there.
TEST_F(HubFolder, WantsANameThatTheHubAllows) {
  for (const std::string name :
       {"../x", "a/b/c", "/etc", "a--b", "a..b", "-a", "a.", "a/", "", ".", "name.git", "a b", "a/.."}) {
    const auto snapshot = cache_.Snapshot(name);
    ASSERT_FALSE(snapshot.ok()) << name;
    EXPECT_EQ(snapshot.error().code, ErrorCode::kMismatch) << name;
    EXPECT_THAT(snapshot.error().message, HasSubstr("not the name of a model on the hub")) << name;
  }
  // Each letter of Python's \w, from the first byte of UTF-8 beyond ASCII on, in front, inside and at the end.
  for (const std::string name : {"a", "_a_", "9/0", "a.b-c", "Àa/aÀ", "éa/aé"}) {
    EXPECT_EQ(cache_.Snapshot(name).error().code, ErrorCode::kNotFound) << name;
  }
  EXPECT_EQ(cache_.Snapshot(std::string(97, 'a')).error().code, ErrorCode::kMismatch);
  EXPECT_EQ(cache_.Snapshot(std::string(96, 'a')).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace harness::hub
