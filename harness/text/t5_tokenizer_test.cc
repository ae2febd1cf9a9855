#include "harness/text/t5_tokenizer.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "harness/testing/temporary_folder.h"
#include "harness/text/python_space.h"
#include "harness/text/sentencepiece_model.h"

namespace harness::text {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using Ids = std::vector<int64_t>;

const fs::path kVocabulary = fs::path(HARNESS_FIXTURES_DIR) /
                             "hub/models--t5-small/snapshots/0000000000000000000000000000000000000001/spiece.model";

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class TokenizerFolder : public testing::Test {
 protected:
  TokenizerFolder() { Clear(); }
  void Clear() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    fs::copy(kVocabulary, folder_ / "spiece.model");
  }
  void Put(const std::string& name, const std::string& text) { PutFile(folder_ / name, text); }
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

// scripts/oracle/t5_cases.py asked the real T5Tokenizer.
TEST_F(TokenizerFolder, GivesTheTokensOfTheRealOne) {
  const json cases = json::parse(ReadText(HARNESS_TEXT_TESTDATA "/tokens.json"));
  const auto texts = cases["texts"].get<std::vector<std::string>>();
  ASSERT_GE(texts.size(), 70U);
  for (const json& row : cases["sets"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    Clear();
    for (const auto& [file, content] : row["files"].items()) Put(file, content.dump());
    const auto tokenizer = T5Tokenizer::FromFolder(folder_);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto ids = tokenizer->Encode(texts[i]);
      ASSERT_TRUE(ids.ok()) << ids.error().message;
      EXPECT_EQ(*ids, row["ids"][i].get<Ids>()) << "text " << i << ": '" << texts[i] << "'";
    }
    const auto batch = tokenizer->EncodeBatch({"jazz rock", ""});
    ASSERT_TRUE(batch.ok()) << batch.error().message;
    Ids ids, attention;
    for (const json& line : row["batch"][0]) ids.insert(ids.end(), line.begin(), line.end());
    for (const json& line : row["batch"][1]) attention.insert(attention.end(), line.begin(), line.end());
    EXPECT_EQ(batch->ids, ids);
    EXPECT_EQ(batch->attention, attention);
  }
}

TEST_F(TokenizerFolder, RefusesWhatTheRealOneRefuses) {
  const json cases = json::parse(ReadText(HARNESS_TEXT_TESTDATA "/tokens.json"));
  ASSERT_FALSE(cases["refused"].empty());
  for (const json& row : cases["refused"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    Clear();
    for (const auto& [file, content] : row["files"].items()) Put(file, content.dump());
    const auto tokenizer = T5Tokenizer::FromFolder(folder_);
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(tokenizer.error().message, HasSubstr("extra_ids is 5, and additional_special_tokens has 1"));
  }
}

struct BadSettings {
  const char* name;
  const char* file;
  const char* json;
  ErrorCode code;
  const char* part;
};

TEST_F(TokenizerFolder, NamesWhatIsWrongInItsFiles) {
  const BadSettings cases[] = {
      {"NoJson", "tokenizer_config.json", "{", ErrorCode::kCorrupt, "tokenizer_config.json is not valid JSON"},
      {"List", "special_tokens_map.json", "[]", ErrorCode::kCorrupt, "special_tokens_map.json: is not a JSON object"},
      {"Legacy", "tokenizer_config.json", R"({"legacy":"yes"})", ErrorCode::kCorrupt, "legacy must be true or false"},
      {"ExtraIds", "tokenizer_config.json", R"({"extra_ids":-1})", ErrorCode::kCorrupt, "extra_ids must be"},
      {"ManyExtraIds", "tokenizer_config.json", R"({"extra_ids":1000000000})", ErrorCode::kCorrupt, "extra_ids"},
      {"Side", "tokenizer_config.json", R"({"padding_side":"up"})", ErrorCode::kCorrupt, "left or right"},
      {"Sampling", "tokenizer_config.json", R"({"sp_model_kwargs":{"enable_sampling":true}})", ErrorCode::kUnsupported,
       "enable_sampling"},
      {"VocabFile", "tokenizer_config.json", R"({"vocab_file":"/other/spiece.model"})", ErrorCode::kUnsupported,
       "vocab_file"},
      {"DecoderId", "tokenizer_config.json", R"({"added_tokens_decoder":{"x":{"content":"a"}}})", ErrorCode::kCorrupt,
       "ids as keys"},
      {"DecoderToken", "tokenizer_config.json", R"({"added_tokens_decoder":{"1":{}}})", ErrorCode::kCorrupt, "content"},
      {"Flag", "tokenizer_config.json", R"({"added_tokens_decoder":{"1":{"content":"a","lstrip":1}}})",
       ErrorCode::kCorrupt, "true or false"},
      {"Eos", "tokenizer_config.json", R"({"eos_token":{"content":"</s>"}})", ErrorCode::kCorrupt, "AddedToken"},
      {"Additional", "tokenizer_config.json", R"({"additional_special_tokens":{}})", ErrorCode::kCorrupt, "a list"},
      {"AddedId", "added_tokens.json", R"({"a":-1})", ErrorCode::kCorrupt, "an id"},
      {"FastList", "tokenizer.json", "{}", ErrorCode::kCorrupt, "added_tokens"},
      {"FastId", "tokenizer.json", R"({"added_tokens":[{"content":"a"}]})", ErrorCode::kCorrupt, "with an id"},
  };
  for (const BadSettings& bad : cases) {
    SCOPED_TRACE(bad.name);
    Clear();
    Put(bad.file, bad.json);
    const auto tokenizer = T5Tokenizer::FromFolder(folder_);
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_EQ(tokenizer.error().code, bad.code);
    EXPECT_THAT(tokenizer.error().message, HasSubstr(bad.part));
    EXPECT_THAT(tokenizer.error().message, HasSubstr(bad.file));
  }
}

TEST_F(TokenizerFolder, WantsAVocabulary) {
  fs::remove(folder_ / "spiece.model");
  auto tokenizer = T5Tokenizer::FromFolder(folder_);
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(tokenizer.error().message, HasSubstr("spiece.model"));
  for (const char* text : {"", "version https://git-lfs.github.com/spec/v1\n", "<html>", "\x0a\xff\xff\xff\xff\x0f"}) {
    Put("spiece.model", text);
    tokenizer = T5Tokenizer::FromFolder(folder_);
    ASSERT_FALSE(tokenizer.ok()) << text;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kCorrupt) << text;
    EXPECT_THAT(tokenizer.error().message, HasSubstr("spiece.model")) << text;
  }
}

TEST_F(TokenizerFolder, BoundsItsTexts) {
  const auto tokenizer = T5Tokenizer::FromFolder(folder_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_TRUE(tokenizer->Encode(std::string(kMaxTextBytes, '<')).ok());
  const auto longer = tokenizer->Encode(std::string(kMaxTextBytes + 1, 'a'));
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(longer.error().message, HasSubstr("32769 bytes"));
  const auto broken = tokenizer->Encode("rock \xff");
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(broken.error().message, HasSubstr("is not UTF-8"));
  EXPECT_EQ(tokenizer->max_id(), 188);
}

// Whatever becomes of the file: an error, or a tokenizer that can be used.
TEST(SentencePieceModel, SurvivesDamage) {
  const std::string whole = ReadText(kVocabulary);
  ASSERT_GT(whole.size(), 200'000U);
  const auto attempt = [](std::string model) {
    const auto pieces = LoadSentencePiece(std::move(model), true, "spiece.model");
    if (!pieces.ok()) {
      EXPECT_EQ(pieces.error().code, ErrorCode::kCorrupt);
    }
    return pieces.ok();
  };
  EXPECT_TRUE(attempt(whole));
  for (size_t size = 1; size < whole.size(); size += 5003) EXPECT_FALSE(attempt(whole.substr(0, size))) << size;
  size_t refused = 0;
  for (size_t i = 0; i < 300; ++i) {
    std::string flipped = whole;
    flipped[i * 7919 % flipped.size()] ^= static_cast<char>(1U << (i % 8));
    refused += attempt(std::move(flipped)) ? 0 : 1;
  }
  EXPECT_GT(refused, 0U);
}

TEST(SentencePieceModel, NamesANormalisationTableThatLeadsOutside) {
  std::string model = ReadText(kVocabulary);
  const size_t name = model.find("nmt_nfkc");
  ASSERT_NE(name, std::string::npos);
  // Units of the trie, somewhere in the middle of the table, all bits of an offset set.
  for (size_t i = 0; i < 4000; ++i) model[name + 1000 + i] = '\x7f';
  const auto pieces = LoadSentencePiece(std::move(model), true, "spiece.model");
  ASSERT_FALSE(pieces.ok());
  EXPECT_EQ(pieces.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(pieces.error().message, HasSubstr("the normalisation table leads outside of its trie"));
}

TEST(SentencePieceModel, BoundsTheNumberOfPieces) {
  const auto of = [](size_t count) {
    const std::string_view piece("\n\x02\n\0", 4);  // an empty one, which the library refuses
    std::string model;
    for (size_t i = 0; i < count; ++i) model += piece;
    return LoadSentencePiece(std::move(model), true, "spiece.model");
  };
  const auto at = of(1 << 20), past = of((1 << 20) + 1);
  ASSERT_FALSE(at.ok());
  EXPECT_EQ(at.error().code, ErrorCode::kCorrupt);
  ASSERT_FALSE(past.ok());
  EXPECT_EQ(past.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(past.error().message, HasSubstr("spiece.model: has more than 1048576 pieces"));
}

TEST(PythonSpace, StripsOneSide) {
  EXPECT_EQ(StripLeft(" \t\xe3\x80\x80\xc2\xa0x "), "x ");
  EXPECT_EQ(StripRight(" x\n\xe2\x80\xaf\x1f"), " x");
  EXPECT_EQ(StripLeft("\xe2\x80\x8bx"), "\xe2\x80\x8bx");  // a zero-width space is none
  EXPECT_EQ(StripRight(" "), "");
}

}  // namespace
}  // namespace harness::text
