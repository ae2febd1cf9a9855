#include "conformance/stages/gpu_choice.h"

#include <gmock/gmock.h>

#include <map>

namespace conformance {
namespace {

using Variables = std::map<std::string, std::string>;

std::function<const char*(const char*)> Of(const Variables& variables) {
  return [&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

TEST(GpuChoice, CountsTheDevicesThatAreVisible) {
  const struct {
    const char* name;
    Variables variables;
    const char* expected;
  } cases[] = {
      {"NoSpecification", {}, ""},
      {"NoSpecificationKeepsTheScheduler", {{"CUDA_VISIBLE_DEVICES", "2"}}, ""},
      {"Empty", {{"CTEST_RESOURCE_GROUP_0_GPUS", ""}}, ""},
      {"Second", {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:1,slots:1"}}, "1"},
      {"SecondOfTheScheduler", {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:1,slots:1"}, {"CUDA_VISIBLE_DEVICES", "2,3"}}, "3"},
      {"ByUuid",
       {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:0,slots:2"}, {"CUDA_VISIBLE_DEVICES", "GPU-8932f937"}},
       "GPU-8932f937"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto gpu = FindAssignedGpu(Of(c.variables));
    ASSERT_TRUE(gpu.ok()) << gpu.error().message;
    EXPECT_EQ(*gpu, c.expected);
  }
}

TEST(GpuChoice, RefusesWhatNamesNoDevice) {
  const struct {
    const char* name;
    Variables variables;
    const char* words;
  } cases[] = {
      {"NotANumber", {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:card,slots:1"}}, "the id is not a number"},
      {"NumberAndMore", {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:1a,slots:1"}}, "the id is not a number"},
      {"NoId", {{"CTEST_RESOURCE_GROUP_0_GPUS", "slots:1"}}, "expected id:NUMBER,slots:NUMBER"},
      {"Two", {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:0,slots:1;id:1,slots:1"}}, "expected one GPU"},
      {"BeyondTheVisible",
       {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:2,slots:1"}, {"CUDA_VISIBLE_DEVICES", "0,1"}},
       "CUDA_VISIBLE_DEVICES='0,1' leaves no device of that number"},
      {"NoneVisible",
       {{"CTEST_RESOURCE_GROUP_0_GPUS", "id:0,slots:1"}, {"CUDA_VISIBLE_DEVICES", ""}},
       "CUDA_VISIBLE_DEVICES='' leaves no device of that number"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto gpu = FindAssignedGpu(Of(c.variables));
    ASSERT_FALSE(gpu.ok());
    EXPECT_EQ(gpu.error().code, harness::ErrorCode::kMismatch);
    EXPECT_THAT(gpu.error().message, testing::HasSubstr(c.words));
  }
}

TEST(GpuChoice, IsToldInWords) {
  EXPECT_EQ(DescribeGpuChoice(Of({})), "");
  const Variables scheduler = {{"CUDA_VISIBLE_DEVICES", "2"}};
  EXPECT_EQ(DescribeGpuChoice(Of(scheduler)), "CUDA_VISIBLE_DEVICES=2");
  const Variables both = {{"CUDA_VISIBLE_DEVICES", "2"}, {"CTEST_RESOURCE_GROUP_0_GPUS", "id:0,slots:1"}};
  EXPECT_EQ(DescribeGpuChoice(Of(both)), "CTest assigned id:0,slots:1: CUDA_VISIBLE_DEVICES=2");
}

}  // namespace
}  // namespace conformance
