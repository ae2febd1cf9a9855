#include "harness/hub/hub_cache.h"

#include <gmock/gmock.h>

namespace harness {
namespace {

TEST(HubCache, NamesWhatIsNotThere) {
  const auto snapshot = HubCache("/no/such/folder").Snapshot("google/flan-t5-base");
  ASSERT_FALSE(snapshot.ok());
  EXPECT_EQ(snapshot.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(snapshot.error().message, testing::HasSubstr("models--google--flan-t5-base/refs/main"));
}

}  // namespace
}  // namespace harness
