#include "harness/weights/sharing.h"

#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::weights {
namespace {

using namespace testing_support;

// Tensors of float32 in one storage of twelve elements, 0 to 11.
struct View {
  std::string name;
  std::vector<int64_t> shape, strides;
  int64_t offset;
};

struct Case {
  const char* name;
  std::vector<View> views;
  std::vector<std::string> names;  // of the one group that is found; empty: none
  bool identical = true;
  int64_t elements = 0;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
class SharingTest : public ::testing::TestWithParam<Case> {};

std::vector<SharedElements> Find(const std::vector<View>& views, const std::string& storage) {
  PickleWriter pickle;
  pickle.Raw("}(");
  for (const View& view : views) {
    pickle.Str(view.name).Tensor("0", "FloatStorage", 12, view.shape, view.strides, view.offset);
  }
  const checkpoint::Checkpoint checkpoint = Open(WriteZip(TorchEntries(pickle.Raw("u").Stop(), {{"0", storage}})));
  EXPECT_THAT(checkpoint.tensor_status(), Succeeds());
  std::vector<checkpoint::NamedTensor> named;
  for (size_t i = 0; i < views.size(); ++i) named.push_back({views[i].name, i});
  const Sharing sharing = FindSharedElements(checkpoint, named);
  EXPECT_EQ(sharing.left_open, std::nullopt);
  return sharing.found;
}

TEST_P(SharingTest, IsFound) {
  std::string storage;
  for (int i = 0; i < 12; ++i) storage += Little(static_cast<float>(i));
  const std::vector<SharedElements> found = Find(GetParam().views, storage);
  if (GetParam().names.empty()) {
    EXPECT_TRUE(found.empty()) << found[0].names[0] << ", " << found[0].names[1];
    return;
  }
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].names, GetParam().names);
  EXPECT_EQ(found[0].identical, GetParam().identical);
  EXPECT_EQ(found[0].elements, GetParam().elements);
}

std::vector<Case> Cases() {
  const std::string shared = "condition_provider.conditioners.description.t5.shared.weight";
  const std::string tokens = "condition_provider.conditioners.description.t5.encoder.embed_tokens.weight";
  return {
      {"BesideEachOther", {{"a", {2, 3}, {3, 1}, 0}, {"b", {2, 3}, {3, 1}, 6}}, {}},
      {"OneBuffer", {{"a", {2, 3}, {3, 1}, 0}, {"b", {6}, {1}, 0}, {"c", {3, 2}, {2, 1}, 0}}, {"a", "b", "c"}, true, 6},
      {"LastRowIsTheFirst", {{"a", {2, 3}, {3, 1}, 0}, {"b", {2, 3}, {3, 1}, 3}}, {"a", "b"}, false, 3},
      {"Inside", {{"a", {12}, {1}, 0}, {"b", {2}, {1}, 4}}, {"a", "b"}, false, 2},
      {"InTheOrderOfTheStorage", {{"b", {4}, {1}, 3}, {"a", {4}, {1}, 0}}, {"a", "b"}, false, 1},
      // c lies on a, and not on b, which begins between them.
      {"OverAnother", {{"a", {6}, {2}, 0}, {"b", {2}, {2}, 1}, {"c", {2}, {2}, 4}}, {"a", "c"}, false, 2},
      {"Interleaved", {{"a", {3, 2}, {4, 1}, 0}, {"b", {3, 2}, {4, 1}, 2}}, {}},
      {"InterleavedByOneTooFew", {{"a", {3, 2}, {4, 1}, 0}, {"b", {3, 2}, {4, 1}, 1}}, {"a", "b"}, false, 3},
      {"Transposed", {{"a", {3, 4}, {4, 1}, 0}, {"b", {4, 3}, {1, 4}, 0}}, {"a", "b"}, true, 12},
      {"ExpandedRow", {{"a", {3, 4}, {0, 1}, 5}}, {"a"}, false, 8},
      {"Sliding", {{"a", {3, 4}, {1, 1}, 5}}, {"a"}, false, 6},
      {"CrossingStridesThatMiss", {{"a", {3, 3}, {3, 2}, 0}}, {}},
      {"OfOneRow", {{"a", {1, 4}, {0, 1}, 5}, {"b", {4, 1}, {1, 0}, 0}}, {}},
      {"WithGaps", {{"a", {2, 2}, {6, 2}, 0}, {"b", {2, 2}, {6, 2}, 1}}, {}},
      {"Expanded", {{"a", {3, 4}, {0, 0}, 5}, {"b", {4}, {1}, 6}}, {}},
      {"Empty", {{"a", {0}, {1}, 0}, {"b", {0}, {1}, 0}, {"c", {12}, {1}, 0}}, {}},
      {"TiedHeads", {{"emb.1.weight", {4, 3}, {3, 1}, 0}, {"linears.1.weight", {3, 3}, {3, 1}, 0}}, {}},
      {"HeadsOfAnotherCodebook",
       {{"emb.1.weight", {4, 3}, {3, 1}, 0}, {"linears.0.weight", {3, 3}, {3, 1}, 0}},
       {"emb.1.weight", "linears.0.weight"},
       false,
       9},
      {"HeadsFromTheSecondRow",
       {{"emb.1.weight", {4, 3}, {3, 1}, 0}, {"linears.1.weight", {3, 3}, {3, 1}, 3}},
       {"emb.1.weight", "linears.1.weight"},
       false,
       9},
      {"RopeOfEveryLayer",
       {{"transformer.rope.frequencies", {4}, {1}, 0},
        {"transformer.layers.0.self_attn.rope.frequencies", {4}, {1}, 0},
        {"transformer.layers.1.self_attn.rope.frequencies", {4}, {1}, 0}},
       {}},
      {"RopeAndItsDecay",
       {{"transformer.rope.frequencies", {4}, {1}, 0}, {"transformer.rope.xpos.decay_rates", {4}, {1}, 0}},
       {"transformer.rope.frequencies", "transformer.rope.xpos.decay_rates"},
       true,
       4},
      {"TiedText", {{shared, {4, 3}, {3, 1}, 0}, {tokens, {4, 3}, {3, 1}, 0}}, {}},
  };
}
INSTANTIATE_TEST_SUITE_P(Views, SharingTest, ::testing::ValuesIn(Cases()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Sharing, EqualElementsAreHarmless) {
  std::string zeros;
  for (int i = 0; i < 12; ++i) zeros += Little(0.0f);
  EXPECT_TRUE(Find({{"a", {6}, {1}, 0}, {"b", {6}, {1}, 0}}, zeros).empty());
  zeros.replace(20, 4, Little(1.0f));
  EXPECT_EQ(Find({{"a", {6}, {1}, 0}, {"b", {6}, {1}, 0}}, zeros).size(), 1u);
}

// A file with thousands of views of one buffer must not take long, and is reported in one group.
TEST(Sharing, ManyViewsOfOneBuffer) {
  std::string storage;
  for (int i = 0; i < 12; ++i) storage += Little(static_cast<float>(i));
  std::vector<View> views;
  for (int i = 0; i < 3000; ++i) views.push_back({std::to_string(i), {2, 3}, {6, 2}, 0});
  const std::vector<SharedElements> found = Find(views, storage);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].names.size(), 3000u);
}

}  // namespace
}  // namespace harness::weights
