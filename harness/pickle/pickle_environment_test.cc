#include "harness/pickle/pickle_environment.h"

#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::pickle {
namespace {

using namespace testing_support;
using namespace std::string_literals;

struct Case {
  const char* name;
  std::string pickle;
  Parts absent;         // words of CheckLoadsInReference's message; none: it loads
  std::string refused;  // part of FindRefusedByNewerTorch's; "": it takes it
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// {"args": VALUE}
std::string InArgs(const std::string& value) {
  return "}U\x04"
         "args" +
         value + "s.";
}

class PickleEnvironmentTest : public ::testing::TestWithParam<Case> {};

TEST_P(PickleEnvironmentTest, SaysWhoLoadsIt) {
  const checkpoint::Checkpoint checkpoint = OpenPickle(GetParam().pickle);
  ASSERT_THAT(checkpoint.pickle_status(), Succeeds());
  ASSERT_THAT(checkpoint.safety_status(), Succeeds());
  const Status loads = CheckLoadsInReference(checkpoint.pickle(), "a.bin");
  if (GetParam().absent.empty()) {
    EXPECT_THAT(loads, Succeeds());
  } else {
    EXPECT_THAT(loads, FailsWith(ErrorCode::kMismatch, GetParam().absent));
    EXPECT_THAT(loads, HasRemedy("An export needs no such object"));
  }
  const auto refused = FindRefusedByNewerTorch(checkpoint.pickle(), "a.bin");
  if (GetParam().refused.empty()) {
    EXPECT_EQ(refused, std::nullopt);
  } else {
    EXPECT_THAT(refused, ::testing::Optional(::testing::StartsWith("a.bin: holds " + GetParam().refused)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Names, PickleEnvironmentTest,
    ::testing::Values(
        Case{"Plain", InArgs("]"), {}, ""},
        Case{"Tensor", PickleWriter().Tensor("0", "FloatStorage", 1, {}, {}).Stop(), {}, ""},
        Case{"OrderedDict", InArgs("ccollections\nOrderedDict\n)R"), {}, ""},
        Case{"DefaultDict",
             InArgs("ccollections\ndefaultdict\n)R"),
             {},
             "collections.defaultdict (at args), which torch.load refuses from torch 2.6 on"},
        Case{"Dtype", InArgs("ctorch\nfloat16\n"), {}, ""},
        Case{"Device",
             InArgs("ctorch\ndevice\nU\x03"
                    "cpu\x85R"),
             {},
             ""},
        Case{"Path",
             InArgs("cpathlib\nPosixPath\nU\x01"
                    "a\x85R"),
             {},
             "pathlib.PosixPath (at args), which"},
        Case{"Namespace", InArgs("cargparse\nNamespace\n)\x81"), {}, "argparse.Namespace (at args), which"},
        Case{"DictConfig",
             InArgs("comegaconf.dictconfig\nDictConfig\n)\x81"
                    "cbuiltins\nint\n\x86"),
             {},
             "omegaconf.dictconfig.DictConfig (at args → [0]) and one more name, which"},
        Case{"TwoMore",
             InArgs("(cbuiltins\nint\ncbuiltins\nfloat\ncbuiltins\nstr\nt"),
             {},
             "builtins.int (at args → [0]) and 2 more names, which"},
        Case{"PathOfPython313",
             InArgs("cpathlib._local\nPosixPath\nU\x01"
                    "a\x85R"),
             {"a.bin: holds pathlib._local.PosixPath('a') (at args): Python 3.13"},
             "pathlib._local.PosixPath"},
        Case{"ClassOfPython313",
             InArgs("cpathlib._local\nPath\n"),
             {"a.bin: holds pathlib._local.Path (at args): Python 3.13"},
             "pathlib._local.Path"},
        Case{"PathOfWindows",
             InArgs("cpathlib\nWindowsPath\nU\x01"
                    "a\x85R"),
             {"pathlib.WindowsPath('a') (at args)", "NotImplementedError"},
             "pathlib.WindowsPath"},
        Case{"ClassOfWindows", InArgs("cpathlib\nWindowsPath\n"), {}, "pathlib.WindowsPath"},
        Case{"NumpyTwo",
             InArgs("cnumpy._core.numeric\n_frombuffer\n"),
             {"numpy._core.numeric._frombuffer", "NumPy 1"},
             "numpy._core.numeric._frombuffer"},
        Case{
            "NumpyTwoForwardCompatible",  // NumPy 1.26 has this one
            InArgs("cnumpy._core.multiarray\nscalar\n"),
            {},
            "numpy._core.multiarray.scalar (at args), which torch.load refuses from torch 2.6 on (weights_only=True is "
            "its default); torch 2.1, which audiocraft 1.3.0 pins, loads it with NumPy 1.26 or later"},
        Case{"TensorOfFloat8",
             InArgs("ctorch._utils\n_rebuild_tensor_v3\n"),
             {"torch._utils._rebuild_tensor_v3", "float8"},
             ""},
        Case{
            "Buffer", InArgs("ctorch.nn.parameter\nBuffer\n"), {"torch.nn.parameter.Buffer", "torch 2.1"}, "torch.nn"}),
    [](const auto& tested) { return tested.param.name; });

TEST(PickleEnvironment, AnEmptyPickleAsksForNothing) {
  EXPECT_THAT(CheckLoadsInReference({}, "a.bin"), Succeeds());
  EXPECT_EQ(FindRefusedByNewerTorch({}, "a.bin"), std::nullopt);
}

}  // namespace
}  // namespace harness::pickle
