// A ZIP archive as a list of blocks in file order, so that a mutator can add, remove, move and change them and the
// result is an archive again: offsets, lengths and counts are computed when it is written.
//
// What lies in the input stays a lie: a block whose fields are not those that would be computed keeps its own. Nothing
// is refused: bytes that belong to no structure are a block of their own.
// Source: PKWARE APPNOTE 6.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace harness::fuzz {

struct ZipBlock {
  enum class Kind { kRaw, kLocal, kCentral, kEnd64, kLocator, kEnd };
  Kind kind = Kind::kRaw;
  int id = 0;            // unlike any other's in the model
  int target = 0;        // kCentral: the local's id; kEnd, kEnd64: the first central's; kLocator: the kEnd64's; 0: none
  bool computed = true;  // offsets, lengths and counts are computed
  std::string head;      // the part of fixed size, signature included
  std::string name, extra;
  std::string payload;     // kLocal: as it stands in the file; kRaw: all
  std::string descriptor;  // kLocal; may be empty
  std::string comment;     // kCentral, kEnd

  // A field of `head`, `bytes` wide.
  uint64_t Field(size_t at, size_t bytes) const;
  void SetField(size_t at, size_t bytes, uint64_t value);
};

struct ZipModel {
  std::vector<ZipBlock> blocks;

  static ZipModel Parse(std::string_view file);
  std::string Write() const;

  int NextId() const;
  ZipBlock* Find(int id);
  std::vector<size_t> Indices(ZipBlock::Kind kind) const;

  // The bytes of a record, inflated where it is deflated (empty where that fails or is over a megabyte).
  std::string Content(const ZipBlock& local) const;
  // Replaces them; sizes and CRC of the record, its descriptor and its entries in the directory follow.
  void SetContent(size_t local, std::string_view content, bool deflate);
  // A record with its entry in the directory behind the last one, as torch.save aligns it.
  void Add(std::string_view name, std::string_view content, bool deflate);
};

// One small change of the kind that makes two readers of an archive see two archives, or that any writer makes.
class Random;
std::string MutateZip(std::string_view file, Random& random);
// A record of `second` in `first`.
std::string CrossZips(std::string_view first, std::string_view second, Random& random);
// As MutateZip, half of the time a change in its pickle.
std::string MutateCheckpoint(std::string_view file, Random& random);

}  // namespace harness::fuzz
