#include "harness/fuzz/zip_model.h"

#include <libdeflate.h>

#include <algorithm>
#include <map>

#include "harness/archive/crc32.h"
#include "harness/fuzz/fuzz_input.h"

namespace harness::fuzz {
namespace {

using Kind = ZipBlock::Kind;

constexpr size_t kLocalSize = 30, kCentralSize = 46, kEnd64Size = 56, kLocatorSize = 20, kEndSize = 22;
constexpr size_t kMaxContent = size_t{1} << 20;
constexpr size_t kAlignment = 64;

uint64_t Load(std::string_view from, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(from[at + i]);
  return value;
}

struct Layout {
  Kind kind;
  std::string_view signature;
  size_t size;
};
constexpr Layout kLayouts[] = {{Kind::kLocal, "PK\3\4", kLocalSize},
                               {Kind::kCentral, "PK\1\2", kCentralSize},
                               {Kind::kEnd64, "PK\6\6", kEnd64Size},
                               {Kind::kLocator, "PK\6\7", kLocatorSize},
                               {Kind::kEnd, "PK\5\6", kEndSize}};

// Takes the next `size` bytes, or what is left of them.
std::string Take(std::string_view& rest, uint64_t size) {
  std::string taken(rest.substr(0, static_cast<size_t>(std::min<uint64_t>(size, rest.size()))));
  rest.remove_prefix(taken.size());
  return taken;
}

// What an entry of the directory says of its record; from the ZIP64 extra field where it says so.
struct Entry {
  uint64_t compressed = 0, offset = 0;
};
Entry EntryOf(std::string_view central) {
  Entry entry{Load(central, 20, 4), Load(central, 42, 4)};
  std::string_view extra = central.substr(kCentralSize);
  extra = extra.substr(std::min<size_t>(extra.size(), Load(central, 28, 2)), Load(central, 30, 2));
  while (extra.size() >= 4) {
    const size_t length = Load(extra, 2, 2);
    std::string_view data = extra.substr(4, length);
    const auto take = [&](uint64_t narrow, uint64_t& into) {
      if (narrow != UINT32_MAX || data.size() < 8) return;
      into = Load(data, 0, 8);
      data.remove_prefix(8);
    };
    if (uint64_t size = 0; Load(extra, 0, 2) == 1) {
      take(Load(central, 24, 4), size);
      take(entry.compressed, entry.compressed);
      take(entry.offset, entry.offset);
    }
    extra.remove_prefix(std::min(extra.size(), 4 + length));
  }
  return entry;
}

// What the directory says of the bytes of each local header: local headers of torch.save say nothing.
std::map<uint64_t, uint64_t> CompressedSizes(std::string_view file) {
  std::map<uint64_t, uint64_t> sizes;
  for (size_t at = 0; (at = file.find("PK\1\2", at)) != std::string_view::npos; ++at) {
    if (file.size() - at < kCentralSize) break;
    const Entry entry = EntryOf(file.substr(at));
    sizes.emplace(entry.offset, entry.compressed);
  }
  return sizes;
}

std::string Descriptor(std::string_view& rest, uint16_t flags) {
  if ((flags & 8) == 0 || !rest.starts_with("PK\7\10")) return "";
  // 16 bytes, or 24 in ZIP64, whichever leads to another signature.
  for (const size_t size : {size_t{16}, size_t{24}}) {
    if (rest.size() >= size + 2 && rest.substr(size, 2) == "PK") return Take(rest, size);
  }
  return Take(rest, 16);
}

bool NextBlock(std::string_view file, size_t at, const std::map<uint64_t, uint64_t>& sizes, ZipBlock& block) {
  std::string_view rest = file.substr(at);
  const auto* layout = std::find_if(std::begin(kLayouts), std::end(kLayouts), [&](const Layout& candidate) {
    return rest.starts_with(candidate.signature) && rest.size() >= candidate.size;
  });
  if (layout == std::end(kLayouts)) return false;
  block.kind = layout->kind;
  block.head = Take(rest, layout->size);
  if (block.kind == Kind::kLocal) {
    block.name = Take(rest, block.Field(26, 2));
    block.extra = Take(rest, block.Field(28, 2));
    const auto known = sizes.find(at);
    block.payload = Take(rest, known != sizes.end() ? known->second : block.Field(18, 4));
    block.descriptor = Descriptor(rest, static_cast<uint16_t>(block.Field(6, 2)));
  } else if (block.kind == Kind::kCentral) {
    block.name = Take(rest, block.Field(28, 2));
    block.extra = Take(rest, block.Field(30, 2));
    block.comment = Take(rest, block.Field(32, 2));
  } else if (block.kind == Kind::kEnd) {
    block.comment = Take(rest, block.Field(20, 2));
  }
  return true;
}

size_t CountElementBytes(const ZipBlock& block) {
  return block.head.size() + block.name.size() + block.extra.size() + block.payload.size() + block.descriptor.size() +
         block.comment.size();
}

// The fields of `block` as they follow from where everything stands.
void Compute(const ZipModel& model, const std::map<int, uint64_t>& offsets, size_t index, ZipBlock& block) {
  const auto found = offsets.find(block.target);
  const uint64_t target = found == offsets.end() ? 0 : found->second;
  if (block.kind == Kind::kLocal) {
    block.SetField(26, 2, block.name.size());
    block.SetField(28, 2, block.extra.size());
  } else if (block.kind == Kind::kCentral) {
    block.SetField(28, 2, block.name.size());
    block.SetField(30, 2, block.extra.size());
    block.SetField(32, 2, block.comment.size());
    if (found != offsets.end() && block.Field(42, 4) != UINT32_MAX) block.SetField(42, 4, target);
  } else if (block.kind == Kind::kLocator) {
    if (found != offsets.end()) block.SetField(8, 8, target);
  } else if (block.kind == Kind::kEnd || block.kind == Kind::kEnd64) {
    if (block.kind == Kind::kEnd) block.SetField(20, 2, block.comment.size());
    if (found == offsets.end()) return;
    uint64_t count = 0, size = 0;
    bool inside = false;
    for (size_t i = 0; i < index; ++i) {
      const ZipBlock& other = model.blocks[i];
      inside = inside || other.id == block.target;
      if (!inside) continue;
      if (other.kind != Kind::kCentral) break;
      count += 1;
      size += CountElementBytes(other);
    }
    const bool is_64 = block.kind == Kind::kEnd64;
    const size_t wide = is_64 ? 8 : 2, at = is_64 ? 24 : 8, offset_bytes = is_64 ? 8 : 4;
    for (const size_t entry : {size_t{0}, size_t{1}}) {
      if (is_64 || block.Field(at + entry * wide, wide) != UINT16_MAX) block.SetField(at + entry * wide, wide, count);
    }
    const size_t sizes_at = at + 2 * wide;
    if (is_64 || block.Field(sizes_at, 4) != UINT32_MAX) block.SetField(sizes_at, offset_bytes, size);
    if (is_64 || block.Field(sizes_at + 4, 4) != UINT32_MAX)
      block.SetField(sizes_at + offset_bytes, offset_bytes, target);
  }
}

std::map<int, uint64_t> Offsets(const ZipModel& model) {
  std::map<int, uint64_t> offsets;
  uint64_t at = 0;
  for (const ZipBlock& block : model.blocks) {
    offsets.emplace(block.id, at);
    at += CountElementBytes(block);
  }
  return offsets;
}

std::string Deflate(std::string_view content) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  std::string out(libdeflate_deflate_compress_bound(compressor, content.size()), '\0');
  out.resize(libdeflate_deflate_compress(compressor, content.data(), content.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

}  // namespace

uint64_t ZipBlock::Field(size_t at, size_t bytes) const { return Load(head, at, bytes); }

void ZipBlock::SetField(size_t at, size_t bytes, uint64_t value) {
  for (size_t i = 0; i < bytes; ++i) head[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

ZipModel ZipModel::Parse(std::string_view file) {
  ZipModel model;
  const std::map<uint64_t, uint64_t> sizes = CompressedSizes(file);
  std::map<uint64_t, int> locals, centrals, ends64;  // by offset
  int id = 0;
  for (size_t at = 0; at < file.size();) {
    ZipBlock block;
    if (!NextBlock(file, at, sizes, block)) {
      if (model.blocks.empty() || model.blocks.back().kind != Kind::kRaw) {
        block.id = ++id;
        model.blocks.push_back(std::move(block));
      }
      model.blocks.back().payload += file[at++];
      continue;
    }
    block.id = ++id;
    if (block.kind == Kind::kLocal) locals[at] = id;
    if (block.kind == Kind::kCentral) centrals[at] = id;
    if (block.kind == Kind::kEnd64) ends64[at] = id;
    at += CountElementBytes(block);
    model.blocks.push_back(std::move(block));
  }
  const auto at_offset = [](const std::map<uint64_t, int>& by_offset, uint64_t offset) {
    const auto found = by_offset.find(offset);
    return found == by_offset.end() ? 0 : found->second;
  };
  for (ZipBlock& block : model.blocks) {
    if (block.kind == Kind::kCentral) {
      block.target = at_offset(locals, EntryOf(block.head + block.name + block.extra).offset);
    }
    if (block.kind == Kind::kEnd) block.target = at_offset(centrals, block.Field(16, 4));
    if (block.kind == Kind::kEnd64) block.target = at_offset(centrals, block.Field(48, 8));
    if (block.kind == Kind::kLocator) block.target = at_offset(ends64, block.Field(8, 8));
  }
  const std::map<int, uint64_t> offsets = Offsets(model);
  for (size_t i = 0; i < model.blocks.size(); ++i) {
    ZipBlock computed = model.blocks[i];
    Compute(model, offsets, i, computed);
    model.blocks[i].computed = computed.head == model.blocks[i].head;
  }
  return model;
}

std::string ZipModel::Write() const {
  const std::map<int, uint64_t> offsets = Offsets(*this);
  std::string out;
  for (size_t i = 0; i < blocks.size(); ++i) {
    ZipBlock block = blocks[i];
    if (block.computed) Compute(*this, offsets, i, block);
    out += block.head + block.name + block.extra + block.payload + block.descriptor + block.comment;
  }
  return out;
}

int ZipModel::NextId() const {
  int next = 0;
  for (const ZipBlock& block : blocks) next = std::max(next, block.id);
  return next + 1;
}

ZipBlock* ZipModel::Find(int id) {
  const auto found = std::find_if(blocks.begin(), blocks.end(), [&](const ZipBlock& block) { return block.id == id; });
  return found == blocks.end() ? nullptr : &*found;
}

std::vector<size_t> ZipModel::Indices(Kind kind) const {
  std::vector<size_t> indices;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].kind == kind) indices.push_back(i);
  }
  return indices;
}

std::string ZipModel::Content(const ZipBlock& local) const {
  if (local.Field(8, 2) != 8) return local.payload;
  std::string out(kMaxContent, '\0');
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  size_t produced = 0;
  const auto result = libdeflate_deflate_decompress(decompressor, local.payload.data(), local.payload.size(),
                                                    out.data(), out.size(), &produced);
  libdeflate_free_decompressor(decompressor);
  out.resize(result == LIBDEFLATE_SUCCESS ? produced : 0);
  return out;
}

void ZipModel::SetContent(size_t local, std::string_view content, bool deflate) {
  ZipBlock& record = blocks[local];
  record.payload = deflate ? Deflate(content) : std::string(content);
  const uint32_t crc = archive::ComputeCrc32(0, AsBytes(content));
  const bool later = (record.Field(6, 2) & 8) != 0;  // sizes stand in the descriptor
  const auto set = [&](ZipBlock& block, size_t method_at, size_t crc_at, bool zero) {
    block.SetField(method_at, 2, deflate ? 8 : 0);
    block.SetField(crc_at, 4, zero ? 0 : crc);
    block.SetField(crc_at + 4, 4, zero ? 0 : record.payload.size());
    block.SetField(crc_at + 8, 4, zero ? 0 : content.size());
  };
  set(record, 8, 14, later);
  for (ZipBlock& block : blocks) {
    if (block.kind == Kind::kCentral && block.target == record.id) set(block, 10, 16, false);
  }
  if (record.descriptor.empty()) return;
  ZipBlock descriptor;
  descriptor.head = "PK\7\10" + std::string(12, '\0');
  descriptor.SetField(4, 4, crc);
  descriptor.SetField(8, 4, record.payload.size());
  descriptor.SetField(12, 4, content.size());
  record.descriptor = descriptor.head;
}

void ZipModel::Add(std::string_view name, std::string_view content, bool deflate) {
  const std::vector<size_t> centrals = Indices(Kind::kCentral);
  ZipBlock local, central;
  local.kind = Kind::kLocal;
  local.id = NextId();
  local.head = "PK\3\4" + std::string(kLocalSize - 4, '\0');
  local.SetField(6, 2, 0x0808);
  local.descriptor.assign(16, '\0');
  central.kind = Kind::kCentral;
  central.id = local.id + 1;
  central.target = local.id;
  central.head = "PK\1\2" + std::string(kCentralSize - 4, '\0');
  central.SetField(8, 2, 0x0808);
  local.name = central.name = name;
  // The record goes before the directory, its entry to the directory's end.
  const size_t last = centrals.empty() ? blocks.size() : centrals.back() + 1;
  blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(last), central);
  const size_t first = centrals.empty() ? last : centrals.front();
  size_t at = kLocalSize + name.size() + 4;
  for (size_t i = 0; i < first; ++i) at += CountElementBytes(blocks[i]);
  const size_t padding = (kAlignment - at % kAlignment) % kAlignment;
  local.extra = std::string("FB") + static_cast<char>(padding) + '\0' + std::string(padding, 'Z');
  blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(first), local);
  SetContent(first, content, deflate);
}

}  // namespace harness::fuzz
