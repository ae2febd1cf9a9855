#include "harness/text/added_tokens.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "harness/base/json_text.h"
#include "harness/base/mapped_file.h"
#include "harness/base/safe_text.h"

namespace harness::text {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kMaxExtraIds = 10'000;
constexpr size_t kMaxAddedTokens = 20'000;
// SPECIAL_TOKENS_ATTRIBUTES, in its order, but for additional_special_tokens, which comes last.
constexpr std::array kSpecialNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                                      "pad_token", "cls_token", "mask_token"};

class SettingsReader {
 public:
  explicit SettingsReader(const fs::path& folder) : folder_(folder) {}

  Result<TokenizerSettings> Run() {
    HARNESS_ASSIGN_OR_RETURN(const std::optional<Json> config, Read("tokenizer_config.json"));
    bool decoder = false;
    if (config) {
      HARNESS_RETURN_IF_ERROR(ReadConfig(*config));
      decoder = config->contains("added_tokens_decoder");
    }
    // Files of older versions: only read where tokenizer_config.json does not hold it all.
    if (!decoder) {
      HARNESS_ASSIGN_OR_RETURN(const std::optional<Json> map, Read("special_tokens_map.json"));
      if (map) HARNESS_RETURN_IF_ERROR(ReadSpecialTokens(*map, true));
      HARNESS_ASSIGN_OR_RETURN(const std::optional<Json> added, Read("added_tokens.json"));
      if (added) HARNESS_RETURN_IF_ERROR(ReadAddedTokens(*added));
      HARNESS_ASSIGN_OR_RETURN(const std::optional<Json> fast, Read("tokenizer.json"));
      if (fast) HARNESS_RETURN_IF_ERROR(ReadFastTokens(*fast));
    }
    if (settings_.added.size() + settings_.additional.size() > kMaxAddedTokens) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: more than {} added tokens", folder_.string(), kMaxAddedTokens)};
    }
    return std::move(settings_);
  }

 private:
  Result<std::optional<Json>> Read(const char* name) {
    file_ = (folder_ / name).string();
    std::error_code error;
    if (!fs::is_regular_file(folder_ / name, error)) return std::optional<Json>();
    HARNESS_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(folder_ / name));
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    HARNESS_ASSIGN_OR_RETURN(JsonDocument document, ParseJson(text, file_));
    if (!document.root.is_object()) return Error{ErrorCode::kCorrupt, file_ + ": is not a JSON object"};
    return std::optional<Json>(std::move(document.root));
  }

  Error Wrong(const std::string& key, const char* expected, const Json& found) const {
    return {ErrorCode::kCorrupt, fmt::format("{}: {} must be {}, found {}", file_, Printable(key), expected,
                                             Printable(found.dump(-1, ' ', true), 80))};
  }

  Status ReadConfig(const Json& config) {
    for (const auto& [key, target] : {std::pair{"legacy", &settings_.legacy},
                                      {"add_prefix_space", &settings_.add_prefix_space},
                                      {"split_special_tokens", &settings_.split_special_tokens}}) {
      const auto value = config.find(key);
      if (value == config.end() || (value->is_null() && target == &settings_.legacy)) continue;
      if (!value->is_boolean()) return Wrong(key, "true or false", *value);
      *target = value->get<bool>();
    }
    if (const auto side = config.find("padding_side"); side != config.end()) {
      if (*side != "left" && *side != "right") return Wrong("padding_side", "left or right", *side);
      settings_.pad_left = *side == "left";
    }
    if (const auto extra = config.find("extra_ids"); extra != config.end()) {
      if (!extra->is_number_unsigned() || *extra > kMaxExtraIds) {
        return Wrong("extra_ids", "an integer from 0 to 10000", *extra);
      }
      settings_.extra_ids = extra->get<int64_t>();
    }
    for (const char* key : {"sp_model_kwargs", "vocab_file", "init_inputs"}) {
      const auto value = config.find(key);
      if (value == config.end() || value->is_null() || value->empty()) continue;
      return Error{ErrorCode::kUnsupported, fmt::format("{}: {} is {}, which changes how texts are tokenized in a way "
                                                        "that this suite does not follow",
                                                        file_, key, Printable(value->dump(-1, ' ', true), 80))};
    }
    if (const auto decoder = config.find("added_tokens_decoder"); decoder != config.end()) {
      if (!decoder->is_object()) return Wrong("added_tokens_decoder", "an object", *decoder);
      for (const auto& [id, token] : decoder->items()) {
        int64_t number = 0;
        const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
        if (error != std::errc() || end != id.data() + id.size() || number < 0 || number > INT32_MAX) {
          return Wrong("added_tokens_decoder", "an object with ids as keys", id);
        }
        HARNESS_ASSIGN_OR_RETURN(const AddedToken added, Token("added_tokens_decoder", token));
        settings_.added[number] = settings_.flagged[added.content] = added;
      }
    }
    return ReadSpecialTokens(config, false);
  }

  Result<AddedToken> Token(const std::string& key, const Json& token) const {
    const auto content = token.is_object() ? token.find("content") : token.end();
    if (!token.is_object() || content == token.end() || !content->is_string()) {
      return Wrong(key, "an object with a content", token);
    }
    AddedToken out{.content = content->get<std::string>()};
    for (const auto& [name, flag] :
         {std::pair{"single_word", &out.single_word}, {"lstrip", &out.lstrip}, {"rstrip", &out.rstrip}}) {
      const auto value = token.find(name);
      if (value == token.end()) continue;
      if (!value->is_boolean()) return Wrong(key, "an object whose flags are true or false", token);
      *flag = value->get<bool>();
    }
    return out;
  }

  // Objects are tokens with flags in special_tokens_map.json; in tokenizer_config.json only where they say so.
  Result<TokenizerSettings::Special> Special(const std::string& key, const Json& value, bool map) const {
    if (value.is_string()) return TokenizerSettings::Special{{.content = value.get<std::string>()}, true};
    const bool says_so = value.is_object() && value.contains("__type") && value["__type"] == "AddedToken";
    if (!map && !says_so) return Wrong(key, "text, or an object with \"__type\": \"AddedToken\"", value);
    HARNESS_ASSIGN_OR_RETURN(AddedToken token, Token(key, value));
    return TokenizerSettings::Special{std::move(token), false};
  }

  Status ReadSpecialTokens(const Json& file, bool map) {
    for (const char* name : kSpecialNames) {
      const auto value = file.find(name);
      if (value == file.end() || value->is_null()) continue;
      HARNESS_ASSIGN_OR_RETURN(settings_.special[name], Special(name, *value, map));
    }
    const auto list = file.find("additional_special_tokens");
    if (list == file.end() || list->is_null()) return {};
    if (!list->is_array()) return Wrong("additional_special_tokens", "a list", *list);
    settings_.has_additional = true;
    for (const Json& value : *list) {
      HARNESS_ASSIGN_OR_RETURN(auto special, Special("additional_special_tokens", value, map));
      const bool known = std::any_of(settings_.additional.begin(), settings_.additional.end(), [&](const auto& other) {
        return other.is_text == special.is_text && other.token.content == special.token.content;
      });
      if (!map || !known) settings_.additional.push_back(std::move(special));
    }
    return {};
  }

  Status ReadAddedTokens(const Json& tokens) {
    for (const auto& [content, id] : tokens.items()) {
      if (!id.is_number_unsigned() || id > INT32_MAX) return Wrong(content, "an id", id);
      settings_.added[id.get<int64_t>()] = {.content = content};
    }
    return {};
  }

  Status ReadFastTokens(const Json& file) {
    const auto tokens = file.find("added_tokens");
    if (tokens == file.end() || !tokens->is_array()) {
      return Error{ErrorCode::kCorrupt, file_ + ": has no list of added_tokens"};
    }
    for (const Json& token : *tokens) {
      const auto id = token.is_object() ? token.find("id") : token.end();
      if (!token.is_object() || id == token.end() || !id->is_number_unsigned() || *id > INT32_MAX) {
        return Wrong("added_tokens", "a list of objects with an id", token);
      }
      HARNESS_ASSIGN_OR_RETURN(const AddedToken added, Token("added_tokens", token));
      settings_.added[id->get<int64_t>()] = settings_.flagged[added.content] = added;
    }
    return {};
  }

  const fs::path& folder_;
  std::string file_;
  TokenizerSettings settings_;
};

}  // namespace

Result<TokenizerSettings> ReadTokenizerSettings(const fs::path& folder) { return SettingsReader(folder).Run(); }

Result<AddedTokens> CollectAddedTokens(const TokenizerSettings& settings,
                                       const sentencepiece::SentencePieceProcessor& pieces, const std::string& folder) {
  AddedTokens out;
  using Special = TokenizerSettings::Special;
  std::map<std::string, Special> special = settings.special;
  // A special token that a file names, and that is among the added ones, has their flags.
  for (auto& [name, value] : special) {
    const auto it = settings.flagged.find(value.token.content);
    if (it != settings.flagged.end()) value = {it->second, false};
  }
  for (const auto& [name, text] : {std::pair{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}}) {
    special.try_emplace(name, Special{{.content = text}, true});
    special[name].is_text = false;  // T5Tokenizer makes an AddedToken of each
  }
  std::vector<Special> additional = settings.additional;
  const auto is_extra = [](const Special& value) {
    return value.token.content.find("<extra_id_") != std::string::npos;
  };
  auto extra = static_cast<int64_t>(std::count_if(additional.begin(), additional.end(), is_extra));
  if (settings.has_additional && extra > 0 && settings.extra_ids > 0 && extra != settings.extra_ids) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: extra_ids is {}, and additional_special_tokens has {} extra ids: "
                             "T5Tokenizer refuses that",
                             folder, settings.extra_ids, extra)};
  }
  if (extra == 0) {
    for (int64_t i = 0; i < settings.extra_ids; ++i) {
      additional.push_back({{.content = fmt::format("<extra_id_{}>", i)}, true});
    }
    // Where the list holds none, they are added behind all others, in rising order.
    if (!settings.has_additional) extra = settings.extra_ids;
  }
  for (int64_t i = 0; i < extra; ++i) {
    out.by_id[pieces.GetPieceSize() - 1 + settings.extra_ids - i] = {
        .content = fmt::format("<extra_id_{}>", i), .lstrip = true, .rstrip = true};
  }
  for (const auto& [id, token] : settings.added) out.by_id[id] = token;
  for (const auto& [id, token] : out.by_id) out.ids[token.content] = id;

  std::vector<Special> all;  // all_special_tokens_extended
  std::set<std::string> seen;
  for (const char* name : kSpecialNames) {
    const auto it = special.find(name);
    if (it == special.end() || it->second.token.content.empty()) continue;
    if (seen.insert(it->second.token.content).second) all.push_back(it->second);
  }
  std::copy_if(additional.begin(), additional.end(), std::back_inserter(all),
               [&](const Special& value) { return !seen.contains(value.token.content); });
  for (const Special& value : all) out.all_special.push_back(value.token.content);

  // _add_tokens: an id of the vocabulary, or the next one after it.
  std::map<std::string, int64_t> vocabulary;
  for (int id = 0; id < pieces.GetPieceSize(); ++id) {
    const auto added = out.by_id.find(id);
    vocabulary[added == out.by_id.end() ? pieces.IdToPiece(id) : added->second.content] = id;
  }
  for (const auto& [content, id] : out.ids) vocabulary[content] = id;
  auto next = static_cast<int64_t>(vocabulary.size());
  for (const Special& value : all) {
    const std::string& content = value.token.content;
    if (content.empty() || (value.is_text && out.ids.contains(content))) continue;
    const auto [it, added] = vocabulary.try_emplace(content, next);
    if (added) ++next;
    out.by_id[it->second] = value.token;
    out.ids[content] = it->second;
  }
  return out;
}

}  // namespace harness::text
