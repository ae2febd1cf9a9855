#include "harness/report/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/report/grouping.h"
#include "harness/report/html_style.h"
#include "harness/report/text.h"

namespace harness::report {
namespace {

using nlohmann::json;

constexpr const char* kPolicy = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self' file: data:";

// A value in one line, as JSON; a string without its quotes.
std::string ValueText(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());  // NaN and infinity by name
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void Cells(std::string& out, std::string_view name, const json& measured, const json& limit) {
  fmt::format_to(std::back_inserter(out), "<tr><th>{}</th><td><code>{}</code></td><td><code>{}</code></td></tr>",
                 EscapeHtml(name), EscapeHtml(ValueText(measured)), EscapeHtml(ValueText(limit)));
}

// Measured values beside their limits: a row a key where one of both is an object, else one row.
std::string Values(const json& measured, const json& limit) {
  if (measured.is_null() && limit.is_null()) return "";
  std::string rows;
  const bool named = (measured.is_object() || limit.is_object()) && (measured.is_object() || measured.is_null()) &&
                     (limit.is_object() || limit.is_null());
  if (!named) {
    Cells(rows, "value", measured, limit);
  } else {
    std::set<std::string> keys;
    for (const json& side : {measured, limit}) {
      for (const auto& item : side.items()) keys.insert(item.key());
    }
    for (const std::string& key : keys) {
      const json none;
      Cells(rows, key, measured.contains(key) ? measured[key] : none, limit.contains(key) ? limit[key] : none);
    }
  }
  return fmt::format(
      "<table "
      "class=\"values\"><thead><tr><th></th><th>measured</th><th>limit</th></tr></thead><tbody>{}</tbody></table>",
      rows);
}

// RFC 4648, section 4.
std::string EncodeBase64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i)
      group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (size_t i = 0; i < 4; ++i) text += at + i > bytes.size() ? '=' : kDigits[group >> (18 - 6 * i) & 63];
  }
  return text;
}

// The area between the least and the largest sample of each column.
std::string DrawWaveform(const PageSound& sound) {
  std::string points;
  const size_t columns = std::min(sound.lows.size(), sound.highs.size());
  float peak = 0;
  const auto add = [&](size_t column, float value) {
    if (!std::isfinite(value)) value = 0;
    peak = std::max(peak, std::abs(value));
    fmt::format_to(std::back_inserter(points), "{},{:.1f} ", column, 50 - 50 * std::clamp(value, -1.0F, 1.0F));
  };
  for (size_t i = 0; i < columns; ++i) add(i, sound.highs[i]);
  for (size_t i = columns; i-- > 0;) add(i, sound.lows[i]);
  return fmt::format(
      "<svg class=\"wave\" role=\"img\" viewBox=\"0 0 {} 100\" preserveAspectRatio=\"none\" aria-label=\"Waveform: {:.1f} s, "
      "largest sample {:.2f}\"><polygon points=\"{}\"></polygon></svg>",
      std::max<size_t>(1, columns), sound.seconds, peak, points);
}

class Page {
 public:
  Page(const Report& report, const PageSounds& sounds) : report_(report), sounds_(sounds) {}

  std::string Render() {
    Add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}: {}</title>\n"
        "<style>{}</style>\n</head>\n<body>\n<main>\n",
        kPolicy, Name(report_.verdict()), EscapeHtml(ReadExportPath(report_)), kHtmlStyle);
    Head();
    Failures();
    Grouped("Blocked", "Not judged, because another check must pass first.", "blocked",
            GroupBlockedByCause(report_.checks));
    Grouped("Unsupported", "This suite can't judge what these checks need.", "unsupported",
            GroupByExplanation(report_.checks, CheckStatus::kUnsupported));
    Grouped("Skipped", "What was not run, and what to do about it.", "skip",
            GroupByExplanation(report_.checks, CheckStatus::kSkip));
    List("Asked for, but not applied", "These are not built yet.", report_.not_applied);
    Generation();
    Categories();
    Passed();
    Facts("Export", report_.export_info);
    Facts("Environment", report_.environment);
    Add("</main>\n</body>\n</html>\n");
    return out_;
  }

 private:
  template <class... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  void Head() {
    const char* verdict = Name(report_.verdict());
    Add("<section class=\"verdict {0}\"><div class=\"word\">{0}{3}</div><h1>{1}</h1><p class=\"soft\">{2}</p>", verdict,
        EscapeHtml(ReadExportPath(report_)), FormatCounts(Count(report_.checks)),
        EscapeHtml(DescribeCoverage(report_)));
    Model();
    if (const auto failures = SelectByStatus(report_.checks, CheckStatus::kFail); !failures.empty())
      Failure(failures.front());
    if (const auto part = report_.part()) Add("<p>{}</p>", EscapeHtml(*part));
    if (const auto nothing = NoteNothingJudged(report_)) Add("<p>{}</p>", *nothing);
    if (const auto missing = report_.missing(); !missing.empty()) {
      Add("<p>Required, but not run:</p>");
      Bullets(missing);
    }
    if (const auto unjudged = report_.unjudged(); !unjudged.empty()) {
      Add("<p>Can't be judged by this suite:</p>");
      Bullets(unjudged);
    }
    if (!report_.not_run.empty()) {
      Add("<p>Not run:</p>");
      Bullets(report_.not_run);
    }
    Add("</section>\n");
  }

  // The export in one line, of what was read of it: "3 layers x 96, 4 codebooks of 256 at 50 Hz, 32 kHz mono, 2.1 MB".
  void Model() {
    const auto number = [this](const char* pointer) {
      const json::json_pointer path(pointer);
      const json& info = report_.export_info;
      return info.contains(path) && info.at(path).is_number() ? info.at(path).get<double>() : 0.0;
    };
    std::vector<std::string> parts;
    if (const double layers = number("/language_model/model/layers"); layers > 0)
      parts.push_back(fmt::format("{} layers of width {}", layers, number("/language_model/model/dim")));
    if (const double codebooks = number("/codec/model/codebooks"); codebooks > 0) {
      parts.push_back(fmt::format("{} codebooks of {} codes at {} Hz", codebooks, number("/codec/model/cardinality"),
                                  number("/codec/model/frame_rate_hz")));
      parts.push_back(fmt::format("{} kHz {}", number("/codec/model/sample_rate_hz") / 1000,
                                  number("/codec/model/channels") == 2 ? "stereo" : "mono"));
    }
    const double bytes = number("/language_model/size_bytes") + number("/codec/size_bytes");
    if (bytes > 0)
      parts.push_back(bytes < 1e9 ? fmt::format("{:.1f} MB", bytes / 1e6) : fmt::format("{:.2f} GB", bytes / 1e9));
    if (!parts.empty()) Add("<p class=\"soft\">{}</p>", fmt::join(parts, ", "));
  }

  void Number(int count, const char* kind) {
    if (count == 0) {
      Add("<td class=\"number none\">0</td>");
    } else {
      Add("<td class=\"number\"><span class=\"badge {}\">{}</span></td>", kind, count);
    }
  }
  void Categories() {
    if (report_.checks.empty()) return;
    Add("<h2>Categories</h2>\n<div class=\"scroll\"><table><thead><tr><th>category</th><th class=\"number\">passed</th>"
        "<th class=\"number\">failed</th><th class=\"number\">blocked</th><th "
        "class=\"number\">skipped</th><th class=\"number\">unsupported</th></tr></thead>"
        "<tbody>\n");
    for (const CheckGroup& group : GroupByCategory(report_.checks)) {
      const CheckCounts counts = Count(group.checks);
      Add("<tr><th>{}</th>", EscapeHtml(group.key));
      Number(counts.passed, "pass");
      Number(counts.failed, "fail");
      Number(counts.blocked, "blocked");
      Number(counts.skipped, "skip");
      Number(counts.unsupported, "unsupported");
      Add("</tr>\n");
    }
    Add("</tbody></table></div>\n");
  }

  void Failure(const CheckResult& check) {
    Add("<article class=\"card fail\"><h3>{}</h3><p class=\"said\">{}</p>", EscapeHtml(check.id),
        EscapeHtml(check.message));
    if (!check.remedy.empty()) Add("<p class=\"said\"><strong>What to do:</strong> {}</p>", EscapeHtml(check.remedy));
    Add("{}</article>\n", Values(check.measured, check.limit));
  }
  // The first one is the cause: it stands at the top of the page.
  void Failures() {
    const std::vector<CheckResult> failures = SelectByStatus(report_.checks, CheckStatus::kFail);
    if (failures.size() > 1) Add("<h2>Failed, too</h2>\n");
    for (size_t i = 1; i < failures.size(); ++i) Failure(failures[i]);
  }

  void Grouped(const char* title, const char* note, const char* kind, const std::vector<CheckGroup>& groups) {
    if (groups.empty()) return;
    Add("<h2>{}</h2>\n", title);
    if (*note != '\0') Add("<p class=\"soft\">{}</p>\n", note);
    for (const CheckGroup& group : groups) {
      Add("<details><summary>{} <span class=\"badge {}\">{}</span></summary><ul>", EscapeHtml(group.key), kind,
          group.checks.size());
      for (const CheckResult& check : group.checks) Add("<li><code>{}</code></li>", EscapeHtml(check.id));
      Add("</ul></details>\n");
    }
  }

  void Bullets(const std::vector<std::string>& texts) {
    Add("<ul class=\"plain\">");
    for (const std::string& text : texts) Add("<li>{}</li>", EscapeHtml(text));
    Add("</ul>");
  }
  void List(const char* title, const char* note, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    Add("<h2>{}</h2>\n<div class=\"card\"><p class=\"soft\">{}</p>", title, note);
    Bullets(texts);
    Add("</div>\n");
  }

  void Generation() {
    if (!report_.generation.empty()) Add("<h2>Generated</h2>\n");
    for (const GenerationResult& result : report_.generation) {
      const std::string prompt =
          result.prompt ? fmt::format("\u201c{}\u201d", EscapeHtml(*result.prompt)) : "unconditional";
      Add("<article class=\"card\"><h3>{} / {}</h3><p>{}</p><p class=\"soft\">{} frames, seed {}</p>",
          EscapeHtml(result.device), EscapeHtml(result.run), prompt, result.frames, result.seed);
      const std::string label = fmt::format("{} / {}: {}", EscapeHtml(result.device), EscapeHtml(result.run), prompt);
      if (const auto sound = sounds_.find(result.audio); sound != sounds_.end()) {
        Add("{}", DrawWaveform(sound->second));
        Add("<audio controls aria-label=\"{}\" src=\"data:audio/wav;base64,{}\"></audio>", label,
            EncodeBase64(sound->second.wav));
      } else if (const std::string url = RelativeUrl(result.audio); !url.empty()) {
        Add("<audio controls preload=\"metadata\" aria-label=\"{}\" src=\"{}\"></audio>", label, EscapeHtml(url));
      }
      for (const std::string& path : {result.audio, result.tokens}) {
        if (!path.empty()) Add("<p class=\"soft\"><code>{}</code></p>", EscapeHtml(path));
      }
      if (!result.metrics.empty()) {
        Add("<details><summary>Measurements</summary><ul><li>");
        Table(result.metrics);
        Add("</li></ul></details>");
      }
      Add("</article>\n");
    }
  }

  void Passed() {
    const std::vector<CheckGroup> groups = GroupByCategory(SelectByStatus(report_.checks, CheckStatus::kPass));
    if (!groups.empty()) Add("<h2>Passed</h2>\n");
    for (const CheckGroup& group : groups) {
      Add("<details><summary>{} <span class=\"badge pass\">{}</span></summary><ul>", EscapeHtml(group.key),
          group.checks.size());
      for (const CheckResult& check : group.checks) {
        Add("<li><code>{}</code>", EscapeHtml(check.id));
        if (!check.message.empty()) Add("<pre class=\"soft\">{}</pre>", EscapeHtml(Explain(check)));
        Add("{}</li>", Values(check.measured, check.limit));
      }
      Add("</ul></details>\n");
    }
  }

  void Table(const json& object) {
    Add("<table class=\"values\"><tbody>");
    for (const auto& item : object.items()) {
      Add("<tr><th>{}</th><td><code>{}</code></td></tr>", EscapeHtml(item.key()), EscapeHtml(ValueText(item.value())));
    }
    Add("</tbody></table>");
  }
  void Facts(const char* title, const json& object) {
    if (!object.is_object() || object.empty()) return;
    Add("<h2>{}</h2>\n<div class=\"card\">", title);
    Table(object);
    Add("</div>\n");
  }

  const Report& report_;
  const PageSounds& sounds_;
  std::string out_;
};

}  // namespace

std::string RenderHtml(const Report& report, const PageSounds& sounds) { return Page(report, sounds).Render(); }

}  // namespace harness::report
