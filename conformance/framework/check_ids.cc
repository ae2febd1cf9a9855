#include "conformance/framework/check_ids.h"

#include <fmt/format.h>

#include <algorithm>

namespace conformance::ids {

// "float16_range" -> "Float16Range".
static std::string ToCamelCase(std::string_view words) {
  std::string camel;
  bool start = true;
  for (const char c : words) {
    if (c == '_' || c == '/') {
      start = true;
      continue;
    }
    camel += start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    start = false;
  }
  return camel;
}

std::string OfFile::operator()(harness::exports::Role role) const {
  return fmt::format("{}/{}/{}", category, Slug(role), slug);
}
std::string OfCase::operator()(const GenerationCase& of) const {
  return fmt::format("{}/{}/{}", category, of.Path(), slug);
}

std::string GetCategory(std::string_view id) { return std::string(id.substr(0, id.find('/'))); }
std::string MakeTestName(std::string_view id) { return ToCamelCase(id.substr(std::min(id.find('/'), id.size()))); }
std::string MakeSuiteName(std::string_view category) { return ToCamelCase(category); }

}  // namespace conformance::ids
