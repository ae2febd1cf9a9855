// Text out of a file that is shown to people: on a terminal, in a log that a CI system reads, in XML, JSON and HTML.
//
// What may steer one of these is written as visible text: control characters and broken UTF-8 as "\x1b", the characters
// that nobody sees (marks of direction, line separators, zero widths, byte-order marks, tags: Unicode's Cf, Zl, Zp),
// non-characters and lone surrogates as "\u{202e}". A log is read by machines, too: "::error::" at the beginning of a
// line and "##[", "##vso[", "##teamcity[" anywhere are commands to GitHub, Azure and TeamCity; they lose their first
// character to "\x3a" and "\x23". ("::" is left only behind a name: who wraps text begins lines with any word.)
//
// No function here takes a text apart that it has made: all are idempotent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace harness {

// Controls (C0, DEL, C1), what is not seen, and non-characters.
bool IsUnsafe(uint32_t code_point);

// What is shown in the place of an unsafe code point: "\n", "\t", "\x1b", "\u{202e}".
std::string EscapeCodePoint(uint32_t code_point);

// One line that is safe to show anywhere: the last gate of all that leaves the process as a message.
std::string SafeLine(std::string_view text);

// Text out of a file, made fit for a message: at most `limit` bytes, what may steer its reader escaped as SafeLine
// does.
std::string Printable(std::string_view text, size_t limit = 120);

// Takes the commands to CI systems out of a text.
std::string WithoutCommands(std::string_view text);

}  // namespace harness
