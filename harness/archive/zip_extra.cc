#include "harness/archive/zip_extra.h"

#include <algorithm>
#include <string>

#include "harness/base/safe_text.h"

namespace harness::archive {

void CheckUnicodePath(std::string_view name, std::span<const std::byte> field, Findings& doubts) {
  const std::span<const std::byte> rest = field.subspan(std::min<size_t>(field.size(), 5));
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  if (field.size() >= 5 && field[0] == std::byte{1} && text == name) return;
  doubts.Add("record {} has a second name, {} (its Unicode path field)", Printable(name), Printable(text));
}

}  // namespace harness::archive
