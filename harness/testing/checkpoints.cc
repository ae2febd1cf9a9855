#include "harness/testing/checkpoints.h"

#include <stdexcept>

#include "harness/testing/bytes.h"
#include "harness/testing/pickle_writer.h"
#include "harness/testing/temporary_folder.h"

namespace harness::testing_support {

std::vector<ZipEntry> TorchEntries(std::string_view pickle,
                                   const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<ZipEntry> entries = {{.name = "archive/data.pkl", .data = std::string(pickle)},
                                   {.name = "archive/byteorder", .data = "little"}};
  for (const auto& [key, data] : storages) entries.push_back({.name = "archive/data/" + key, .data = data});
  entries.push_back({.name = "archive/version", .data = "3\n"});
  entries.push_back({.name = "archive/.data/serialization_id", .data = "0123456789"});
  return entries;
}

std::string SmallExportPickle() {
  return PickleWriter()
      .Raw("}(")
      .Str("best_state")
      .Global("collections", "OrderedDict")
      .Raw(")R(")
      .Str("a")
      .Tensor("0", "FloatStorage", 6, {2, 3}, {3, 1})
      .Str("b")
      .Tensor("1", "HalfStorage", 4, {4}, {1})
      .Raw("u")
      .Str("xp.cfg")
      .Str("sample_rate: 32000\n")
      .Str("version")
      .Str("1.3.0")
      .Str("exported")
      .Raw("\x88")
      .Raw("u")
      .Stop();
}

std::vector<ZipEntry> SmallExport() {
  std::string floats, halves;
  for (int i = 1; i <= 6; ++i) floats += Little(static_cast<float>(i));
  for (const uint16_t half : {0x3c00, 0x4000, 0xc200, 0x0000}) halves += Little(half);  // 1, 2, -3, 0
  return TorchEntries(SmallExportPickle(), {{"0", floats}, {"1", halves}});
}

MappedFile FileOf(std::string_view bytes, const std::string& name) {
  const TemporaryFolder folder;  // the mapping stays when it goes
  PutFile(folder / name, bytes);
  Result<MappedFile> file = MappedFile::Open(folder / name);
  if (!file.ok()) throw std::runtime_error(file.error().message);
  return std::move(file).value();
}

checkpoint::Checkpoint Open(std::string_view bytes, checkpoint::Checkpoint::Payload deflated) {
  return checkpoint::Checkpoint::Read(FileOf(bytes), deflated);
}

checkpoint::Checkpoint OpenPickle(std::string_view pickle) { return Open(WriteZip(TorchEntries(pickle, {}))); }

}  // namespace harness::testing_support
