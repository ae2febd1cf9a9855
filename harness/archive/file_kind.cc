#include "harness/archive/file_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <string_view>

#include "harness/archive/tar_header.h"
#include "harness/archive/zip_directory.h"
#include "harness/archive/zip_layout.h"
#include "harness/base/little_endian.h"
#include "harness/base/safe_text.h"
#include "harness/base/utf8.h"

namespace harness::archive {
namespace {

constexpr size_t kHead = 4096;
constexpr std::string_view kLfsVersion = "version https://git-lfs.github.com/spec/v1";

std::string_view Head(std::span<const std::byte> file, size_t size = kHead) {
  return {reinterpret_cast<const char*>(file.data()), std::min(size, file.size())};
}

// Without byte-order mark and white space, in lower case.
std::string TextStart(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  std::string start(first == std::string_view::npos ? std::string_view() : head.substr(first, 256));
  std::transform(start.begin(), start.end(), start.begin(), [](unsigned char c) { return std::tolower(c); });
  return start;
}

bool IsText(std::string_view head) {
  while (!head.empty()) {
    const auto byte = static_cast<uint8_t>(head[0]);
    if (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f') return false;
    const size_t length = Utf8SequenceLength(head);
    if (length == 0) return head.size() < 4 && byte >= 0xc2;  // a character cut by the end of the head
    head.remove_prefix(length);
  }
  return true;
}

bool StartsWithAny(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return text.starts_with(start); });
}

// The beginning of a checkpoint of either format, cut before the two differ.
bool IsCutStart(std::string_view head) {
  using namespace std::string_view_literals;
  constexpr std::string_view kZip = "PK\x03\x04"sv,
                             kLegacy = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
  return head.size() >= 2 && (kZip.starts_with(head) || kLegacy.starts_with(head));
}

FileKind SniffZip(std::span<const std::byte> file) {
  if (!HasEndOfZipDirectory(file)) return FileKind::kTruncatedZip;
  const Result<ZipDirectory> directory = ReadZipDirectory(file, "");
  if (!directory.ok()) return FileKind::kDamagedZip;
  FileKind kind = FileKind::kOtherZip;
  for (const ZipRecord& record : directory->records) {
    const std::string_view name = record.name;
    const std::string_view inner = name.substr(name.find('/') == std::string_view::npos ? 0 : name.find('/') + 1);
    if (inner == "constants.pkl") return FileKind::kTorchScript;  // how torch.load tells them apart
    if (LowerAscii(inner) == "data.pkl") kind = FileKind::kTorchZip;
  }
  return kind;
}

// "../../blobs/5f2d...": one line, a path.
bool IsLinkText(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text.size() <= 1024 && text.find_first_of(" \t\r\n") == std::string_view::npos &&
         (StartsWithAny(text, {"../", "./"}) || text.find("/blobs/") != std::string_view::npos) && IsText(text);
}

struct Compression {
  std::string_view magic, name, program;
};
constexpr Compression kCompressions[] = {{"\x1f\x8b", "gzip", "gunzip -c"}, {"BZh", "bzip2", "bunzip2 -c"},
                                         {"\xfd\x37zXZ", "xz", "xz -dc"},   {"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"},
                                         {"7z\xbc\xaf", "7z", "7z x -so"},  {"Rar!", "rar", "unrar p"}};

const Compression* FindCompression(std::string_view head) {
  const auto found = std::find_if(std::begin(kCompressions), std::end(kCompressions),
                                  [&](const Compression& each) { return head.starts_with(each.magic); });
  return found == std::end(kCompressions) ? nullptr : found;
}

// The first record that may be one of the files of an export.
std::optional<std::string> FindPackedFile(std::span<const std::byte> file) {
  const Result<ZipDirectory> directory = ReadZipDirectory(file, "");
  if (!directory.ok()) return std::nullopt;
  for (const ZipRecord& record : directory->records) {
    if (record.name.ends_with("state_dict.bin") && record.name.find("/._") == std::string::npos)
      return std::string(record.name);
  }
  return std::nullopt;
}

// The magic number 0x1950a86a20f9469cfc6c as any protocol writes it, near the start.
bool HasLegacyMagic(std::string_view head) {
  head = head.substr(0, 48);
  return head.find("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") != std::string_view::npos ||
         head.starts_with("L119547037146038801333356");
}

bool IsSafetensors(std::span<const std::byte> file) {
  if (file.size() < 10) return false;
  const auto header = LoadLittle<uint64_t>(file.data());
  return header >= 2 && header < (uint64_t{1} << 32) && file[8] == std::byte{'{'} &&
         (file[9] == std::byte{'"'} || file[9] == std::byte{'}'});
}

bool AllZeros(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::string_view LfsField(std::string_view head, std::string_view name) {
  const size_t at = head.find(name);
  if (at == std::string_view::npos) return "?";
  const std::string_view rest = head.substr(at + name.size());
  return rest.substr(0, std::min<size_t>(rest.find_first_of("\r\n"), 100));
}

}  // namespace

FileKind SniffFileKind(std::span<const std::byte> file) {
  if (file.empty()) return FileKind::kEmpty;
  const std::string_view head = Head(file);
  using namespace std::string_view_literals;
  if (head.starts_with("PK\x03\x04"sv)) return SniffZip(file);
  if (head.starts_with("PK\x05\x06"sv)) return FileKind::kOtherZip;  // no records at all
  if (IsCutStart(head)) return FileKind::kTruncatedStart;
  if (HasLegacyMagic(head)) return FileKind::kTorchLegacy;
  // As torch.load does, before anything else is looked for. With the mark alone it is a damaged one.
  if (IsTarHeader(file) || (head.size() > 262 && head.substr(257, 5) == "ustar")) {
    const std::string_view first = head.substr(0, head.find('\0'));
    const bool known = first == "sys_info" || first == "pickle" || first == "storages" || first == "tensors";
    return known ? FileKind::kTorchTar : FileKind::kTar;
  }
  if (head.starts_with(kLfsVersion)) return FileKind::kGitLfsPointer;
  if (head.starts_with("GGUF")) return FileKind::kGguf;
  if (head.starts_with("\x93NUMPY")) return FileKind::kNumpy;
  if (head.starts_with("\x89HDF\r\n")) return FileKind::kHdf5;
  if (StartsWithAny(head, {"RIFF"sv, "fLaC"sv, "OggS"sv, "ID3"sv})) return FileKind::kAudio;
  if (FindCompression(head) != nullptr) return FileKind::kCompressed;
  if (head.starts_with("\x00\x05\x16\x07"sv) || head.starts_with("\x00\x05\x16\x00"sv)) return FileKind::kAppleDouble;
  if (IsSafetensors(file)) return FileKind::kSafetensors;
  if (AllZeros(file.first(head.size()))) {
    return AllZeros(file.last(head.size())) ? FileKind::kZeros : FileKind::kUnknown;
  }
  const std::string start = TextStart(head);
  if (StartsWithAny(start, {"<!doctype html", "<html", "<head", "<?xml", "<!doctype"})) return FileKind::kHtml;
  if (StartsWithAny(start, {"{", "["}) && IsText(head)) return FileKind::kJson;
  if (head.size() >= 2 && static_cast<uint8_t>(head[0]) == 0x80 && head[1] >= 0 && head[1] <= 5) {
    return FileKind::kPlainPickle;
  }
  // ModelProto: field 1 (ir_version), then field 2 (producer_name) or 7 (graph).
  if (head.size() > 3 && head[0] == 0x08 && head[1] > 0 && head[1] < 32 && (head[2] == 0x12 || head[2] == 0x3a)) {
    return FileKind::kOnnx;
  }
  if (head.size() == file.size() && IsLinkText(head)) return FileKind::kLinkText;
  return IsText(head) ? FileKind::kText : FileKind::kUnknown;
}

FileDescription DescribeFileKind(FileKind kind, std::span<const std::byte> file, std::string_view exporter,
                                 bool quote) {
  const auto starts = [&](std::string_view text) {
    return quote ? fmt::format(" (it starts with '{}')", Printable(text, 80)) : std::string();
  };
  const std::string copy_again = "Copy it again", export_it = fmt::format("Export with {}", exporter);
  switch (kind) {
    case FileKind::kTorchZip: return {"is a PyTorch checkpoint (ZIP)", ""};
    case FileKind::kTorchLegacy: return {"is a PyTorch checkpoint (legacy format)", ""};
    case FileKind::kTorchTar:
      return {
          "is a tar archive with the members of a checkpoint from before PyTorch 0.1.10. No audiocraft wrote that, and "
          "this suite does not read it",
          export_it};
    case FileKind::kTorchScript: return {"is a TorchScript archive (torch.jit.save), not a checkpoint", export_it};
    case FileKind::kOtherZip:
      if (const auto packed = FindPackedFile(file); packed && quote) {
        return {fmt::format("is a ZIP archive with {} in it, which was packed and not unpacked", Printable(*packed)),
                "Unpack it (`unzip FILE -d FOLDER`), and put what is in it here, in its place"};
      }
      return {
          "is a ZIP archive, but not one that torch.save writes: it has no data.pkl (.npz, .docx and .zip files are ZIP "
          "archives, too)",
          fmt::format("Copy the file as it was written, or export it with {}", exporter)};
    case FileKind::kTruncatedZip:
      return {
          fmt::format("is the beginning of a ZIP archive without its directory, which stands at the end ({} bytes are "
                      "here): an interrupted download or copy, a full disk, or an end that was overwritten",
                      file.size()),
          copy_again};
    case FileKind::kTruncatedStart:
      return {fmt::format("is the beginning of a PyTorch checkpoint, and only {} bytes of it: an interrupted download "
                          "or copy, or a full disk",
                          file.size()),
              copy_again};
    case FileKind::kDamagedZip: {
      const Result<ZipDirectory> directory = ReadZipDirectory(file, "");
      const std::string_view why = directory.ok() || !quote ? std::string_view() : directory.error().message;
      return {fmt::format("is a ZIP archive whose directory is damaged{}", why), copy_again};
    }
    case FileKind::kPlainPickle: return {"is a plain Python pickle (pickle.dump), not a file of torch.save", export_it};
    case FileKind::kGitLfsPointer: {
      if (!quote) return {"is a Git LFS pointer, not the file itself", "Run `git lfs pull`"};
      const std::string_view head = Head(file);
      return {fmt::format("is a Git LFS pointer to {} ({} bytes), not the file itself",
                          Printable(LfsField(head, "\noid ")), Printable(LfsField(head, "\nsize "))),
              "Run `git lfs pull`, or download it with the hub client"};
    }
    case FileKind::kHtml:
      return {fmt::format("is a web page{}: a log-in or error page was saved in place of the file",
                          starts(TextStart(Head(file)))),
              "Download it again, with credentials where needed"};
    case FileKind::kJson:
      return {fmt::format("is JSON text{}: an error message of a server, or a config file under the wrong name",
                          starts(Head(file))),
              fmt::format("Download it again, or export it with {}", exporter)};
    case FileKind::kSafetensors: return {"is a safetensors file, not a file of torch.save", export_it};
    case FileKind::kGguf: return {"is a GGUF model, not a file of torch.save", export_it};
    case FileKind::kOnnx: return {"looks like an ONNX model, not a checkpoint", export_it};
    case FileKind::kNumpy: return {"is a NumPy array (.npy), not a checkpoint", export_it};
    case FileKind::kHdf5: return {"is an HDF5 file, not a checkpoint", export_it};
    case FileKind::kAudio: return {"is an audio file, not a checkpoint", export_it};
    case FileKind::kCompressed: {
      const Compression& kind_of = *FindCompression(Head(file));
      return {fmt::format("is compressed as a whole ({})", kind_of.name),
              fmt::format("Unpack it first: `{} FILE > OTHER`, and put OTHER in its place", kind_of.program)};
    }
    case FileKind::kAppleDouble:
      return {"is the small companion that macOS writes beside a file (AppleDouble, ._NAME), without its content",
              "Copy the file itself: the large one of that name, outside of __MACOSX"};
    case FileKind::kLinkText:
      return {
          quote ? fmt::format("is the path of another file ('{}') in plain text: a symbolic link, as in the hub cache, "
                              "that was copied as text (Windows and git without core.symlinks do so)",
                              Printable(Head(file)))
                : std::string("is the path of another file in plain text"),
          "Copy the file to which it led here, or download it again into a folder (`hf download NAME --local-dir FOLDER`)"};
    case FileKind::kTar:
      return {"is a tar archive", "If the export was packed into it, unpack it (tar xf) and validate the folder"};
    case FileKind::kEmpty: return {"is empty: a full disk, or an interrupted download or copy", copy_again};
    case FileKind::kZeros:
      return {fmt::format("holds only zero bytes ({} of them): space was reserved, but the content was never written",
                          file.size()),
              copy_again};
    case FileKind::kText:
      return {fmt::format("is plain text{}", starts(Head(file))),
              quote
                  ? fmt::format("Put the file itself there: download or copy it again, or export it with {}", exporter)
                  : export_it};
    case FileKind::kUnknown: break;
  }
  if (!quote) return {"is not a PyTorch checkpoint", export_it};
  std::string bytes;
  for (const std::byte b : file.first(std::min<size_t>(file.size(), 16))) {
    bytes += fmt::format("{}{:02x}", bytes.empty() ? "" : " ", static_cast<unsigned>(b));
  }
  return {fmt::format("is not a PyTorch checkpoint (it starts with the bytes {})", bytes), export_it};
}

}  // namespace harness::archive
