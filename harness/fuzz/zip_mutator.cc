#include <algorithm>
#include <array>
#include <cctype>

#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/pickle_mutator.h"
#include "harness/fuzz/zip_model.h"

namespace harness::fuzz {
namespace {

using Kind = ZipBlock::Kind;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr size_t kRecordAlignment = 64, kMaxShift = 80;
// Names that torch.load looks for, and neighbours of them.
constexpr std::array<std::string_view, 18> kNames = {"data.pkl",
                                                     "byteorder",
                                                     "version",
                                                     ".data/version",
                                                     ".data/serialization_id",
                                                     ".format_version",
                                                     ".storage_alignment",
                                                     "constants.pkl",
                                                     "data/0",
                                                     "data/1",
                                                     "data/00",
                                                     "attributes.pkl",
                                                     "code/x.py",
                                                     "data",
                                                     "extra.pkl",
                                                     "data/0/",
                                                     "",
                                                     "data.pkl\0x"sv};
constexpr std::array<std::string_view, 12> kSmallContents = {"little", "big", "3\n", "3", " 3",      "+3",
                                                             "0x3",    "10",  "1\n", "",  "3\n\0"sv, "LITTLE"};
constexpr std::array<uint64_t, 12> kNumbers = {0,      1,      2,       8,          20,         64,
                                               0x7fff, 0xffff, 0x10000, 0x7fffffff, 0xfffffffe, 0xffffffff};

std::string Folder(const ZipModel& model) {
  for (const ZipBlock& block : model.blocks) {
    if (block.kind == Kind::kCentral) return block.name.substr(0, block.name.find('/') + 1);
  }
  return "archive/";
}

std::string ChangedName(const ZipModel& model, const std::string& name, Random& random) {
  std::string changed = name;
  switch (random.Below(9)) {
    case 0:
      std::transform(name.begin(), name.end(), changed.begin(), [](unsigned char c) { return std::toupper(c); });
      break;
    case 1:
    case 2: {
      if (name.empty()) break;
      char& c = changed[random.Below(name.size())];
      c = static_cast<char>(std::isupper(static_cast<unsigned char>(c)) ? std::tolower(c) : std::toupper(c));
      break;
    }
    case 3: return Folder(model) + std::string(random.Pick(kNames));
    case 4: return std::string(random.Pick(kNames));
    case 5: std::replace(changed.begin(), changed.end(), '/', '\\'); break;
    case 6: changed.insert(random.Below(changed.size() + 1), 1, static_cast<char>(random.Below(256))); break;
    case 7: return "./" + name;
    default: return name + (random.OneIn(2) ? "/" : "\0"s);
  }
  return changed;
}

// A local header, or the directory's entry for it, or both.
void Rename(ZipModel& model, Random& random) {
  const auto centrals = model.Indices(Kind::kCentral);
  if (centrals.empty()) return;
  ZipBlock& central = model.blocks[random.Pick(centrals)];
  const std::string name = ChangedName(model, central.name, random);
  const size_t which = random.Below(6);
  ZipBlock* local = model.Find(central.target);
  if (local != nullptr && which != 0) local->name = name;
  if (which != 1) central.name = name;
}

// A second record: the same name, another case, other bytes.
void AddRecord(ZipModel& model, Random& random) {
  const auto centrals = model.Indices(Kind::kCentral);
  if (centrals.empty()) return;
  const ZipBlock central = model.blocks[random.Pick(centrals)];
  ZipBlock* local = model.Find(central.target);
  std::string content = local == nullptr ? "" : model.Content(*local);
  if (random.OneIn(3)) content = random.Pick(kSmallContents);
  if (random.OneIn(3)) content = MutatePickle(content, random);
  std::string name = random.OneIn(3) ? central.name : ChangedName(model, central.name, random);
  model.Add(name, content, random.OneIn(6));
  if (!random.OneIn(2)) return;
  // Its entry stands elsewhere in the directory.
  const auto now = model.Indices(Kind::kCentral);
  const size_t to = random.Pick(now);
  std::rotate(model.blocks.begin() + static_cast<std::ptrdiff_t>(to),
              model.blocks.begin() + static_cast<std::ptrdiff_t>(now.back()),
              model.blocks.begin() + static_cast<std::ptrdiff_t>(now.back()) + 1);
}

void ChangeContent(ZipModel& model, Random& random) {
  const auto locals = model.Indices(Kind::kLocal);
  if (locals.empty()) return;
  const size_t at = random.Pick(locals);
  std::string content = model.Content(model.blocks[at]);
  switch (random.Below(5)) {
    case 0: content = random.Pick(kSmallContents); break;
    case 1: content = MutateBytes(content, random); break;
    case 2: content = MutatePickle(content, random); break;
    case 3: content += model.Write(); break;  // an archive in a record
    default: break;                           // stored or deflated only
  }
  model.SetContent(at, content, random.OneIn(4));
}

void ChangeField(ZipModel& model, Random& random) {
  if (model.blocks.empty()) return;
  ZipBlock& block = model.blocks[random.Below(model.blocks.size())];
  if (block.head.size() <= 4) return;
  const size_t widest = std::min<size_t>(block.head.size() - 4, random.OneIn(3) ? 4 : 2);
  const size_t at = 4 + random.Below(block.head.size() - 4 - widest + 1) / 2 * 2;
  const uint64_t value = random.OneIn(2) ? block.Field(at, widest) + random.Below(5) - 2 : random.Pick(kNumbers);
  block.SetField(at, widest, value);
  block.computed = block.computed && random.OneIn(2);
}

void ChangeFlag(ZipModel& model, Random& random) {
  const size_t bit = random.Below(16);
  const auto centrals = model.Indices(Kind::kCentral);
  if (centrals.empty()) return;
  ZipBlock& central = model.blocks[random.Pick(centrals)];
  central.SetField(8, 2, central.Field(8, 2) ^ (1u << bit));
  ZipBlock* local = model.Find(central.target);
  if (local != nullptr && !random.OneIn(4)) local->SetField(6, 2, central.Field(8, 2));
}

std::string Number(uint64_t value, size_t bytes) {
  ZipBlock block;
  block.head.assign(bytes, '\0');
  block.SetField(0, bytes, value);
  return block.head;
}

// Extra fields: ZIP64 sizes (right, wrong or too short), a name in Unicode, padding, any other.
void ChangeExtra(ZipModel& model, Random& random) {
  const auto centrals = model.Indices(Kind::kCentral);
  if (centrals.empty()) return;
  ZipBlock& central = model.blocks[random.Pick(centrals)];
  ZipBlock* local = model.Find(central.target);
  ZipBlock& into = local != nullptr && random.OneIn(2) ? *local : central;
  std::string extra;
  switch (random.Below(5)) {
    case 0: {  // ZIP64, with the directory's fields moved there
      const uint64_t size = central.Field(24, 4), compressed = central.Field(20, 4), offset = central.Field(42, 4);
      const size_t fields = random.Below(8);
      std::string data;
      if (fields & 1) data += Number(random.OneIn(4) ? random.Pick(kNumbers) : size, 8);
      if (fields & 2) data += Number(random.OneIn(4) ? random.Pick(kNumbers) : compressed, 8);
      if (fields & 4) data += Number(offset, 8);
      if (&into == &central) {
        if (fields & 1) central.SetField(24, 4, 0xffffffff);
        if (fields & 2) central.SetField(20, 4, 0xffffffff);
        if (fields & 4) central.SetField(42, 4, 0xffffffff);
      }
      extra = Number(1, 2) + Number(data.size(), 2) + data;
      break;
    }
    case 1: {
      const std::string name = ChangedName(model, central.name, random);
      extra = Number(0x7075, 2) + Number(name.size() + 5, 2) + "\1" + Number(0, 4) + name;
      break;
    }
    case 2: extra = Number(random.Below(65536), 2) + Number(random.Below(8), 2) + "abc"; break;
    case 3: extra = "FB" + Number(4, 2) + "ZZZZ"; break;
    default: into.extra.clear();
  }
  if (random.OneIn(2)) {
    into.extra += extra;
  } else {
    into.extra = extra + into.extra;
  }
}

// Another end record, with a directory of its own or the same, and the comment that hides one of them.
void SecondEnd(ZipModel& model, Random& random) {
  const auto ends = model.Indices(Kind::kEnd);
  const auto centrals = model.Indices(Kind::kCentral);
  if (ends.empty()) return;
  ZipBlock end = model.blocks[ends.back()];
  end.id = model.NextId();
  std::vector<ZipBlock> more;
  if (!centrals.empty() && random.OneIn(2)) {
    // A record of the same name behind the first end, and a copy of the directory in which its entry points there.
    const ZipBlock victim = model.blocks[random.Pick(centrals)];
    const ZipBlock* local = model.Find(victim.target);
    int id = end.id + 1;
    ZipBlock copy = local == nullptr ? ZipBlock{} : *local;
    copy.id = id++;
    if (local != nullptr) more.push_back(copy);
    end.target = id;
    for (const size_t at : centrals) {
      more.push_back(model.blocks[at]);
      more.back().id = id++;
      more.back().computed = true;
      if (local != nullptr && more.back().target == local->id) more.back().target = copy.id;
    }
  }
  end.computed = true;
  if (random.OneIn(3)) {  // a comment that does not fit
    end.SetField(20, 2, random.Pick(kNumbers));
    end.SetField(16, 4, 0);
    end.computed = random.OneIn(3);
  }
  more.push_back(end);
  if (random.OneIn(4)) {  // the first end's comment holds all of it
    ZipModel inner;
    inner.blocks = more;
    model.blocks[ends.back()].comment += inner.Write();
    return;
  }
  const size_t place = random.OneIn(3) ? ends.front() : model.blocks.size();
  model.blocks.insert(model.blocks.begin() + static_cast<std::ptrdiff_t>(place), more.begin(), more.end());
  // Offsets of the copy that was changed above are right in spite of `computed`.
  if (random.OneIn(2)) return;
  ZipBlock& last = model.blocks[model.Indices(Kind::kEnd).back()];
  last.comment.assign(random.Below(5), 'c');
}

void ChangeComment(ZipModel& model, Random& random) {
  const auto ends = model.Indices(Kind::kEnd);
  const auto centrals = model.Indices(Kind::kCentral);
  if (random.OneIn(3) && !centrals.empty()) {
    model.blocks[random.Pick(centrals)].comment = std::string(random.Below(8), 'c');
  } else if (!ends.empty()) {
    ZipBlock& end = model.blocks[random.Pick(ends)];
    end.comment = random.OneIn(3) ? "PK\5\6" + std::string(random.Below(30), '\0') : std::string(random.Below(40), 'c');
  }
}

void ChangeZip64(ZipModel& model, Random& random) {
  const auto ends = model.Indices(Kind::kEnd);
  const auto old = model.Indices(Kind::kEnd64);
  if (ends.empty()) return;
  if (!old.empty() && random.OneIn(2)) {  // without it, or without its locator
    const auto locators = model.Indices(Kind::kLocator);
    const size_t at = locators.empty() || random.OneIn(2) ? old.back() : locators.back();
    model.blocks.erase(model.blocks.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  ZipBlock& end = model.blocks[ends.back()];
  ZipBlock end64, locator;
  end64.kind = Kind::kEnd64;
  end64.id = model.NextId();
  end64.target = end.target;
  end64.head = "PK\6\6" + Number(44, 8) + Number(45, 2) + Number(45, 2) + std::string(40, '\0');
  locator.kind = Kind::kLocator;
  locator.id = end64.id + 1;
  locator.target = end64.id;
  locator.head = "PK\6\7" + Number(0, 4) + Number(0, 8) + Number(1, 4);
  if (random.OneIn(3)) {
    locator.SetField(8, 8, random.Pick(kNumbers));
    locator.computed = false;
  }
  if (random.OneIn(2)) {
    for (const size_t at : {size_t{8}, size_t{10}}) end.SetField(at, 2, 0xffff);
    for (const size_t at : {size_t{12}, size_t{16}}) end.SetField(at, 4, 0xffffffff);
  }
  const auto place = model.blocks.begin() + static_cast<std::ptrdiff_t>(ends.back());
  model.blocks.insert(place, {end64, locator});
}

// Bytes that belong to nothing, anywhere.
void AddRaw(ZipModel& model, Random& random) {
  ZipBlock raw;
  raw.id = model.NextId();
  switch (random.Below(4)) {
    case 0: raw.payload.assign(1 + random.Below(kMaxShift), '\0'); break;
    case 1: raw.payload = model.Write(); break;  // two archives, one after the other
    case 2: raw.payload = "\x80\x02}q\0."s; break;
    default: raw.payload.assign(1 + random.Below(kMaxShift), 'Z');
  }
  const size_t at = random.OneIn(3) ? model.blocks.size() : random.Below(model.blocks.size() + 1);
  model.blocks.insert(model.blocks.begin() + static_cast<std::ptrdiff_t>(at), raw);
}

void MoveBlock(ZipModel& model, Random& random) {
  if (model.blocks.empty()) return;
  const size_t from = random.Below(model.blocks.size());
  // Mostly a neighbour of its kind: the order of records, or of entries.
  const auto same = model.Indices(model.blocks[from].kind);
  const size_t to = random.OneIn(4) ? random.Below(model.blocks.size()) : random.Pick(same);
  std::swap(model.blocks[from], model.blocks[to]);
}

void RemoveBlock(ZipModel& model, Random& random) {
  if (model.blocks.empty()) return;
  model.blocks.erase(model.blocks.begin() + static_cast<std::ptrdiff_t>(random.Below(model.blocks.size())));
}

void CopyBlock(ZipModel& model, Random& random) {
  if (model.blocks.empty()) return;
  const size_t from = random.Below(model.blocks.size());
  ZipBlock copy = model.blocks[from];
  copy.id = model.NextId();
  if (!copy.name.empty() && random.OneIn(2)) copy.name = ChangedName(model, copy.name, random);
  const size_t at = random.OneIn(3) ? random.Below(model.blocks.size() + 1) : from + 1;
  model.blocks.insert(model.blocks.begin() + static_cast<std::ptrdiff_t>(at), copy);
}

// An entry of the directory for another record.
void Retarget(ZipModel& model, Random& random) {
  const auto centrals = model.Indices(Kind::kCentral);
  const auto locals = model.Indices(Kind::kLocal);
  if (centrals.empty() || locals.empty()) return;
  ZipBlock& central = model.blocks[random.Pick(centrals)];
  const ZipBlock& local = model.blocks[random.Pick(locals)];
  central.target = local.id;
  if (random.OneIn(2)) {
    const size_t size = model.Content(local).size();
    central.SetField(20, 4, local.payload.size());
    central.SetField(24, 4, size);
  }
  if (random.OneIn(2)) central.name = local.name;
}

void ChangeDescriptor(ZipModel& model, Random& random) {
  const auto locals = model.Indices(Kind::kLocal);
  if (locals.empty()) return;
  ZipBlock& local = model.blocks[random.Pick(locals)];
  switch (random.Below(3)) {
    case 0: local.descriptor.clear(); break;
    case 1:
      local.descriptor = local.descriptor.substr(0, 12) + std::string(4, '\0') +
                         local.descriptor.substr(std::min<size_t>(12, local.descriptor.size()));
      break;
    default: local.descriptor = local.descriptor.substr(std::min<size_t>(4, local.descriptor.size()));
  }
}

// As torch.save: the payload of each record with padding at a multiple of 64.
void Realign(ZipModel& model) {
  size_t at = 0;
  for (ZipBlock& block : model.blocks) {
    const size_t head = block.head.size() + block.name.size();
    if (block.kind == Kind::kLocal && block.extra.starts_with("FB")) {
      const size_t padding = (kRecordAlignment - (at + head + 4) % kRecordAlignment) % kRecordAlignment;
      block.extra = "FB" + Number(padding, 2) + std::string(padding, 'Z');
    }
    at += head + block.extra.size() + block.payload.size() + block.descriptor.size() + block.comment.size();
  }
}

constexpr void (*kChanges[])(ZipModel&, Random&) = {
    Rename,     Rename,      AddRecord, AddRecord,   ChangeContent,   ChangeField, ChangeField,
    ChangeFlag, ChangeExtra, SecondEnd, ChangeExtra, ChangeComment,   ChangeZip64, AddRaw,
    MoveBlock,  RemoveBlock, CopyBlock, Retarget,    ChangeDescriptor};

}  // namespace

std::string MutateZip(std::string_view file, Random& random) {
  ZipModel model = ZipModel::Parse(file);
  for (size_t changes = 1 + random.Below(3); changes > 0; --changes) random.Pick(kChanges)(model, random);
  if (!random.OneIn(4)) Realign(model);
  return model.Write();
}

std::string CrossZips(std::string_view first, std::string_view second, Random& random) {
  ZipModel into = ZipModel::Parse(first);
  ZipModel from = ZipModel::Parse(second);
  const auto centrals = from.Indices(Kind::kCentral);
  if (centrals.empty()) return std::string(first);
  const ZipBlock& central = from.blocks[random.Pick(centrals)];
  const ZipBlock* local = from.Find(central.target);
  if (local == nullptr) return std::string(first);
  into.Add(central.name, from.Content(*local), local->Field(8, 2) == 8);
  return into.Write();
}

std::string MutateCheckpoint(std::string_view file, Random& random) {
  if (random.OneIn(2)) return MutateZip(file, random);
  ZipModel model = ZipModel::Parse(file);
  for (const size_t at : model.Indices(Kind::kLocal)) {
    if (!model.blocks[at].name.ends_with("data.pkl")) continue;
    const std::string content = model.Content(model.blocks[at]);
    model.SetContent(at, MutatePickle(content, random), model.blocks[at].Field(8, 2) == 8);
    Realign(model);
    return model.Write();
  }
  return MutatePickle(file, random);  // the legacy format is one pickle after the other
}

}  // namespace harness::fuzz
