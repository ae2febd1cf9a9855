// Text that may come out of a hostile file, made fit for a terminal or a page; and wrapping.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harness::report {

// Valid UTF-8: each maximal broken part (Unicode 15, section 3.9, table 3-7) becomes one U+FFFD.
std::string ValidUtf8(std::string_view text);

// Valid UTF-8 that can't steer a terminal, a CI system's log, or what is read: escaped as in base/safe_text.h, but that
// a line feed stays, a tab becomes two spaces, CR LF a line feed, and a broken part one U+FFFD.
std::string CleanText(std::string_view text);

// CleanText in one line: line feeds become spaces.
std::string CleanLine(std::string_view text);

// CleanText with & < > " ' as character references: fit for element content and for quoted attributes.
std::string EscapeHtml(std::string_view text);

// A relative path as a URL reference that can't name a scheme, a host or a folder above: "./a%20b/c.wav". Empty for a
// path that is absolute, empty or holds "..".
std::string RelativeUrl(std::string_view path);

// Columns of a terminal: East Asian wide characters and emoji take two, combining marks none. Expects valid UTF-8.
int MeasureDisplayWidth(std::string_view text);

// Lines of at most `width` columns. Broken at spaces only: a longer word (a path, a tensor's name) stays whole, to be
// copied. Line feeds break; the indentation of a line is kept on what is wrapped from it. No line is empty at the end.
std::vector<std::string> Wrap(std::string_view text, int width);

}  // namespace harness::report
