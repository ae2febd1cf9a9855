#include "harness/architecture/agreement.h"

#include <gmock/gmock.h>

namespace harness::architecture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TensorSpec Spec(std::string name, std::vector<int64_t> shape, std::string group = "g") {
  return {.name = std::move(name), .shape = std::move(shape), .group = std::move(group), .origin = "some.key"};
}

TEST(Agreement, MatchesNamesAndShapesExactly) {
  TensorSpec aliased = Spec("a.mha.w", {2});
  aliased.aliases = {"a.w"};
  const std::vector<TensorSpec> specs = {aliased, Spec("b", {3}), Spec("c", {4}, "h")};
  const Agreement agreement = Compare(specs, {{"c", {5}}, {"a.w", {2}}, {"d", {1}}});
  ASSERT_EQ(agreement.groups.size(), 2u);
  EXPECT_THAT(agreement.unexpected, ElementsAre("d"));
  ASSERT_EQ(agreement.groups.at("g").missing.size(), 1u);
  EXPECT_EQ(agreement.groups.at("g").missing[0].name, "b");
  ASSERT_EQ(agreement.groups.at("h").mismatched.size(), 1u);
  EXPECT_THAT(agreement.groups.at("h").mismatched[0].found, ElementsAre(5));
  EXPECT_THAT(agreement.binding, ElementsAre(1u, Agreement::npos, 0u));
}

TEST(Agreement, DescribesOnceWhatRepeats) {
  Disagreement disagreement;
  for (int i : {0, 1, 2, 5}) disagreement.missing.push_back(Spec("layers." + std::to_string(i) + ".w", {2}));
  disagreement.mismatched.push_back({Spec("emb.0.weight", {257, 32}), {257, 64}});
  disagreement.mismatched.push_back({Spec("emb.1.weight", {257, 32}), {257, 64}});
  const std::string text = DescribeDisagreement(disagreement);
  EXPECT_THAT(text, HasSubstr("4 expected tensors are missing: layers.{0..2,5}.w (asked for by some.key)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "2 tensors have another shape: emb.{0..1}.weight: expected [257, 32] (from some.key), found [257, 64]"));
  EXPECT_EQ(DescribeDisagreement({}), "");
}

TEST(FoldNames, KeepsItShort) {
  EXPECT_EQ(FoldNames({"a.0.b", "a.1.b", "a.3.b"}), "a.{0..1,3}.b");
  EXPECT_EQ(FoldNames({"a.7"}), "a.7");
  EXPECT_EQ(FoldNames({"x1.y2"}), "x1.y2") << "numbers inside of words are names";
  EXPECT_EQ(FoldNames({"a", "b", "c"}, 2), "a, b, and 1 more kinds");
  EXPECT_EQ(FoldNames({"a.99999999999999999999"}), "a.99999999999999999999") << "no number of a module";
  EXPECT_EQ(FoldNames({}), "");
}

}  // namespace
}  // namespace harness::architecture
