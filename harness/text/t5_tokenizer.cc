#include "harness/text/t5_tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "harness/base/mapped_file.h"
#include "harness/base/safe_text.h"
#include "harness/base/utf8.h"
#include "harness/text/added_tokens.h"
#include "harness/text/python_space.h"
#include "harness/text/sentencepiece_model.h"

namespace harness::text {
namespace {

constexpr std::string_view kUnderline = "\xe2\x96\x81";  // U+2581, SentencePiece's space

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (size_t at; (at = text.find(from)) != text.npos; text.remove_prefix(at + from.size())) {
    out.append(text.substr(0, at)).append(to);
  }
  return out.append(text);
}

}  // namespace

struct T5Tokenizer::Impl {
  std::shared_ptr<const sentencepiece::SentencePieceProcessor> pieces;
  TokenizerSettings settings;
  AddedTokens added;
  std::vector<std::pair<std::string, int64_t>> by_length;  // added tokens, the longest first
  std::string unk_token;
  size_t unk_length = 0;  // pieces of its text
  int64_t eos_id = 0, pad_id = 0;

  bool IsAdded(const std::string& text) const { return added.ids.contains(text); }

  int64_t Id(const std::string& token) const {
    const auto it = added.ids.find(token);
    return it == added.ids.end() ? pieces->PieceToId(token) : it->second;
  }

  std::vector<std::string> Pieces(const std::string& text) const {
    std::vector<std::string> out;
    if (!pieces->Encode(text, &out).ok()) out.clear();
    return out;
  }

  std::vector<std::string> Split(std::string_view text) const;
  std::vector<std::string> Segment(const std::string& text) const;
  std::vector<std::string> Tokenize(std::string text) const;
};

// Leftmost, and there the longest, as the trie there finds them for tokens that don't begin inside each other.
std::vector<std::string> T5Tokenizer::Impl::Split(std::string_view text) const {
  std::vector<std::string> parts;
  size_t begin = 0, at = 0;
  while (at < text.size()) {
    const auto hit = std::find_if(by_length.begin(), by_length.end(),
                                  [&](const auto& token) { return text.substr(at).starts_with(token.first); });
    if (hit == by_length.end()) {
      ++at;
      continue;
    }
    if (at > begin) parts.emplace_back(text.substr(begin, at - begin));
    parts.push_back(hit->first);
    at += hit->first.size();
    begin = at;
  }
  if (begin < text.size()) parts.emplace_back(text.substr(begin));
  return parts;
}

// T5Tokenizer._tokenize.
std::vector<std::string> T5Tokenizer::Impl::Segment(const std::string& text) const {
  if (settings.legacy || !(text.starts_with(kUnderline) || text.starts_with(' '))) return Pieces(text);
  // Without a dummy prefix, SentencePiece would strip the space: it is kept behind another token.
  std::vector<std::string> tokens = Pieces(unk_token + text);
  if (tokens.size() >= unk_length) tokens.erase(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(unk_length));
  return tokens;
}

std::vector<std::string> T5Tokenizer::Impl::Tokenize(std::string text) const {
  const bool modern = !settings.legacy && !text.empty();
  if (modern) {
    text = ReplaceAll(text, kUnderline, " ");
    if (settings.add_prefix_space) text.insert(0, kUnderline);
  }
  std::vector<std::string> parts = settings.split_special_tokens ? std::vector{text} : Split(text);
  const auto added_here = [&](const std::string& part) { return !settings.split_special_tokens && IsAdded(part); };
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!added_here(parts[i])) continue;
    const std::string token = parts[i];
    const AddedToken& flags = added.by_id.at(added.ids.at(token));
    const std::string left = i > 0 ? parts[i - 1] : "", right = i + 1 < parts.size() ? parts[i + 1] : "";
    if (flags.rstrip && !right.empty()) parts[i + 1] = StripLeft(right);
    if (flags.lstrip && !left.empty()) parts[i - 1] = StripRight(left);
    if (flags.single_word && !left.empty() && left.back() != ' ') {
      parts[i - 1] += token;
      parts[i].clear();
    } else if (flags.single_word && !right.empty() && right.front() != ' ') {
      parts[i + 1].insert(0, token);
      parts[i].clear();
    }
  }
  std::vector<std::string> tokens;
  for (std::string& part : parts) {
    if (part.empty()) continue;
    if (added_here(part)) {
      tokens.push_back(std::move(part));
    } else {
      std::vector<std::string> segments = Segment(part);
      std::move(segments.begin(), segments.end(), std::back_inserter(tokens));
    }
  }
  const auto special = [&](const std::string& token) {
    return std::find(added.all_special.begin(), added.all_special.end(), token) != added.all_special.end();
  };
  if (modern && tokens.size() > 1 && tokens[0] == kUnderline && special(tokens[1])) tokens.erase(tokens.begin());
  return tokens;
}

Result<T5Tokenizer> T5Tokenizer::FromFolder(const std::filesystem::path& folder) {
  auto impl = std::make_unique<Impl>();
  HARNESS_ASSIGN_OR_RETURN(impl->settings, ReadTokenizerSettings(folder));
  const std::filesystem::path path = folder / "spiece.model";
  HARNESS_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  std::string model(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  HARNESS_ASSIGN_OR_RETURN(impl->pieces, LoadSentencePiece(std::move(model), impl->settings.legacy, path.string()));
  HARNESS_ASSIGN_OR_RETURN(impl->added, CollectAddedTokens(impl->settings, *impl->pieces, folder.string()));
  for (const auto& [content, id] : impl->added.ids) {
    if (!content.empty()) impl->by_length.emplace_back(content, id);
  }
  std::stable_sort(impl->by_length.begin(), impl->by_length.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  const auto special = [&](const char* name, const char* text) {
    const auto it = impl->settings.special.find(name);
    return it == impl->settings.special.end() ? std::string(text) : it->second.token.content;
  };
  impl->unk_token = special("unk_token", "<unk>");
  impl->unk_length = impl->Pieces(impl->unk_token).size();
  impl->eos_id = impl->Id(special("eos_token", "</s>"));
  impl->pad_id = impl->Id(special("pad_token", "<pad>"));
  return T5Tokenizer(std::move(impl));
}

Result<std::vector<int64_t>> T5Tokenizer::Encode(std::string_view text) const {
  if (text.size() > kMaxTextBytes) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("a text of {} bytes is longer than the {} that this suite tokenizes", text.size(), kMaxTextBytes)};
  }
  if (!IsUtf8(text)) {
    return Error{ErrorCode::kUnsupported, fmt::format("the text '{}' is not UTF-8", Printable(text, 60))};
  }
  std::vector<int64_t> ids;
  try {
    for (const std::string& token : impl_->Tokenize(std::string(text))) ids.push_back(impl_->Id(token));
  } catch (const std::exception& error) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("SentencePiece failed on '{}': {}", Printable(text, 60), error.what())};
  }
  if (ids.empty() || ids.back() != impl_->eos_id) ids.push_back(impl_->eos_id);
  return ids;
}

Result<T5Tokenizer::Batch> T5Tokenizer::EncodeBatch(const std::vector<std::string>& texts) const {
  std::vector<std::vector<int64_t>> rows;
  Batch batch;
  for (const std::string& text : texts) {
    HARNESS_ASSIGN_OR_RETURN(std::vector<int64_t> row, Encode(text));
    batch.length = std::max(batch.length, row.size());
    rows.push_back(std::move(row));
  }
  for (const std::vector<int64_t>& row : rows) {
    const size_t padding = batch.length - row.size();
    const size_t before = impl_->settings.pad_left ? padding : 0;
    batch.ids.insert(batch.ids.end(), before, impl_->pad_id);
    batch.attention.insert(batch.attention.end(), before, 0);
    batch.ids.insert(batch.ids.end(), row.begin(), row.end());
    batch.attention.insert(batch.attention.end(), row.size(), 1);
    batch.ids.insert(batch.ids.end(), padding - before, impl_->pad_id);
    batch.attention.insert(batch.attention.end(), padding - before, 0);
  }
  return batch;
}

int64_t T5Tokenizer::max_id() const {
  int64_t max = impl_->pieces->GetPieceSize();
  if (!impl_->added.by_id.empty()) max = std::max(max, impl_->added.by_id.rbegin()->first + 1);
  return max;
}

T5Tokenizer::T5Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
T5Tokenizer::T5Tokenizer(T5Tokenizer&&) noexcept = default;
T5Tokenizer& T5Tokenizer::operator=(T5Tokenizer&&) noexcept = default;
T5Tokenizer::~T5Tokenizer() = default;

}  // namespace harness::text
