#include "harness/weights/payload.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <tuple>

#include "harness/archive/crc32.h"
#include "harness/archive/zip_archive.h"
#include "harness/weights/statistics.h"

namespace harness::weights {
namespace {

// Note [One pass]
// A payload is read once, in chunks that stay in the second-level cache between the checksum and the statistics. Long
// payloads are cut into segments that any thread may take; their checksums are combined afterwards. The statistics ride
// along where one contiguous tensor shows the storage, which is the rule in exports; what is left (views, shared
// storages) is read by itself.
constexpr size_t kChunk = size_t{256} << 10;
constexpr size_t kSegment = size_t{4} << 20;  // a multiple of every element size
constexpr int64_t kGather = 8192;             // elements collected from a strided view at a time
constexpr size_t kNone = SIZE_MAX;

// A run of payload bytes. Either part of a record or storage, or (whole = true) one record that must be inflated first.
struct Job {
  size_t record = kNone;   // index into archive records
  size_t storage = kNone;  // whose elements these are
  size_t fused = kNone;    // the one contiguous tensor of that storage
  std::span<const std::byte> bytes;
  uint64_t file_offset = 0;
  uint64_t begin = 0;  // of `bytes` in the payload
  uint64_t size = 0;   // of `bytes`, also before they are inflated
  bool whole = false;
  size_t alone = kNone;  // a tensor that is read by itself; all else is unused then
  // results
  uint32_t crc = 0;
  std::vector<TensorStatistics> statistics;
};

// Statistics of a strided view over its storage's bytes, in row-major order.
// Dimensions of stride 0 show the same elements again: these are read once and counted as often as they are shown.
TensorStatistics StridedStatistics(size_t index, const pickle::TensorView& view, std::span<const std::byte> bytes) {
  TensorStatistics s = EmptyStatistics(index);
  const int64_t total = view.num_elements();
  if (total == 0) return s;
  const size_t size = pickle::CountElementBytes(view.dtype);
  if (view.is_contiguous()) {
    AddElements(view.dtype, bytes.data() + static_cast<size_t>(view.offset) * size, total, 0, s);
    return s;
  }
  std::vector<int64_t> shape, strides, flat;  // without repeats; flat: the step of the flat index
  int64_t step = 1, distinct = 1;
  for (size_t i = view.shape.size(); i-- > 0;) {
    if (view.strides[i] != 0 && view.shape[i] != 1) {
      shape.insert(shape.begin(), view.shape[i]);
      strides.insert(strides.begin(), view.strides[i]);
      flat.insert(flat.begin(), step);
      distinct *= view.shape[i];
    }
    step *= view.shape[i];
  }
  std::vector<int64_t> at(shape.size());
  std::vector<std::byte> gathered(static_cast<size_t>(std::min(distinct, kGather)) * size);
  int64_t position = view.offset;
  for (int64_t done = 0; done < distinct;) {
    const int64_t count = std::min(kGather, distinct - done);
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(&gathered[static_cast<size_t>(i) * size], bytes.data() + static_cast<size_t>(position) * size, size);
      for (size_t d = shape.size(); d-- > 0;) {
        position += strides[d];
        if (++at[d] < shape[d]) break;
        position -= strides[d] * shape[d];
        at[d] = 0;
      }
    }
    AddElements(view.dtype, gathered.data(), count, done, s);
    done += count;
  }
  const int64_t times = total / distinct;
  for (int64_t* count : {&s.elements, &s.nan, &s.infinite, &s.beyond_float16, &s.zeros}) *count *= times;
  for (int64_t* first : {&s.first_nan, &s.first_infinite, &s.first_beyond_float16}) {
    if (*first < 0) continue;
    int64_t rest = *first, full = 0;  // from the index without repeats to the one with
    for (size_t d = shape.size(); d-- > 0;) {
      full += rest % shape[d] * flat[d];
      rest /= shape[d];
    }
    *first = full;
  }
  return s;
}

// What a view shows: storage, element type, offset, shape, strides.
using View = std::tuple<size_t, pickle::Dtype, int64_t, std::vector<int64_t>, std::vector<int64_t>>;

class Scanner {
 public:
  Scanner(const checkpoint::Checkpoint& checkpoint, const std::function<void(uint64_t, uint64_t)>& progress)
      : checkpoint_(checkpoint), progress_(progress) {}

  Result<PayloadScan> Run() {
    Plan();
    if (total_ + viewed_ > kMaxPayload) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: {} bytes of weights are to be read; this suite reads {}, ten times the largest "
                               "MusicGen",
                               checkpoint_.file().name(), total_ + viewed_, kMaxPayload)};
    }
    std::atomic<size_t> next{0};
    const auto work = [&] {
      for (size_t i; (i = next++) < jobs_.size();) {
        Status status = Do(jobs_[i]);
        const std::lock_guard lock(mutex_);
        if (!status.ok() && status_.ok()) status_ = std::move(status);
        done_ += jobs_[i].size;
        if (progress_) progress_(done_, total_);
      }
    };
    {
      std::vector<std::jthread> threads(std::clamp<size_t>(std::thread::hardware_concurrency(), 2, 16) - 1);
      for (std::jthread& thread : threads) thread = std::jthread(work);
      work();
    }
    HARNESS_RETURN_IF_ERROR(status_);
    return Collect();
  }

 private:
  void Plan();
  void Segments(Job prototype, std::span<const std::byte> bytes);
  Status Do(Job& job) const;
  void Read(Job& job, std::span<const std::byte> bytes, bool release) const;
  PayloadScan Collect();

  const checkpoint::Checkpoint& checkpoint_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  std::vector<std::vector<size_t>> tensors_of_;  // by storage: valid, not empty, each view once
  std::vector<size_t> same_as_;                  // of each tensor, the one whose statistics are its own, too
  std::vector<Job> jobs_;
  std::mutex mutex_;
  Status status_;
  uint64_t done_ = 0, total_ = 0;
  uint64_t viewed_ = 0;  // bytes that are read once more, for views
  uint64_t records_left_out_ = 0, bytes_left_out_ = 0;
};

void Scanner::Segments(Job prototype, std::span<const std::byte> bytes) {
  prototype.begin = 0;
  do {
    Job job = prototype;
    job.bytes = bytes.subspan(prototype.begin, std::min<size_t>(kSegment, bytes.size() - prototype.begin));
    job.size = job.bytes.size();
    job.file_offset += prototype.begin;
    prototype.begin += job.size;
    jobs_.push_back(std::move(job));
  } while (prototype.begin < bytes.size());
}

void Scanner::Plan() {
  const std::vector<pickle::Storage>& storages = checkpoint_.storages();
  const std::vector<pickle::TensorView>& tensors = checkpoint_.tensors();
  tensors_of_.resize(storages.size());
  same_as_.resize(tensors.size());
  std::map<View, size_t> seen;  // a storage of a hundred thousand names is read once
  for (size_t i = 0; i < tensors.size(); ++i) {
    same_as_[i] = i;
    const pickle::TensorView& view = tensors[i];
    if (!view.valid || view.num_elements() == 0) continue;
    same_as_[i] = seen.try_emplace({view.storage, view.dtype, view.offset, view.shape, view.strides}, i).first->second;
    if (same_as_[i] == i) tensors_of_[view.storage].push_back(i);
  }
  std::vector<size_t> fused(storages.size(), kNone);
  for (size_t i = 0; i < storages.size(); ++i) {
    if (tensors_of_[i].size() == 1 && tensors[tensors_of_[i][0]].is_contiguous()) fused[i] = tensors_of_[i][0];
  }
  const archive::ZipArchive* archive = checkpoint_.archive();
  if (archive != nullptr) {
    std::vector<size_t> storage_of(archive->records().size(), kNone);
    for (size_t i = 0; i < storages.size(); ++i) {
      if (storages[i].record_index != SIZE_MAX && storages[i].available) storage_of[storages[i].record_index] = i;
    }
    uint64_t unnamed = 0;
    for (size_t r = 0; r < archive->records().size(); ++r) {
      const archive::ZipRecord& record = archive->records()[r];
      if (!record.readable) continue;
      if (storage_of[r] == kNone && (record.size > kMaxUnnamedPayload - unnamed)) {
        ++records_left_out_;
        bytes_left_out_ += record.size;
        continue;
      }
      if (storage_of[r] == kNone) unnamed += record.size;
      Job job;
      job.record = r;
      job.storage = storage_of[r];
      job.file_offset = record.data_offset;
      job.size = record.size;
      if (record.deflated()) {
        job.whole = true;
        jobs_.push_back(std::move(job));
        continue;
      }
      if (job.storage != kNone) job.fused = fused[job.storage];
      Segments(std::move(job), checkpoint_.file().bytes().subspan(record.data_offset, record.size));
    }
  } else {
    for (size_t i = 0; i < storages.size(); ++i) {
      if (!storages[i].available) continue;
      Job job;
      job.storage = i;
      job.fused = fused[i];
      job.file_offset = storages[i].file_offset;
      Segments(std::move(job), storages[i].bytes);
    }
  }
  for (const Job& job : jobs_) total_ += job.size;
  for (size_t i = 0; i < storages.size(); ++i) {
    const size_t r = storages[i].record_index;
    if (fused[i] != kNone || (r != SIZE_MAX && archive->records()[r].deflated())) continue;
    if (!tensors_of_[i].empty()) viewed_ += storages[i].bytes.size();
    for (const size_t tensor : tensors_of_[i]) {
      Job job;
      job.storage = i;
      job.alone = tensor;
      jobs_.push_back(std::move(job));
    }
  }
}

Status Scanner::Do(Job& job) const {
  if (job.alone != kNone) {
    job.statistics.push_back(
        StridedStatistics(job.alone, checkpoint_.tensors()[job.alone], checkpoint_.storages()[job.storage].bytes));
    return {};
  }
  if (!job.whole) {
    Read(job, job.bytes, true);
    return {};
  }
  std::unique_ptr<std::byte[]> buffer;
  std::span<const std::byte> bytes;
  if (job.storage != kNone && !checkpoint_.storages()[job.storage].bytes.empty()) {
    bytes = checkpoint_.storages()[job.storage].bytes;  // inflated when the file was opened
  } else {
    const std::string name = checkpoint_.file().name();
    buffer.reset(new (std::nothrow) std::byte[job.size]);
    if (!buffer) return Error{ErrorCode::kIo, fmt::format("{}: no memory for {} inflated bytes", name, job.size)};
    HARNESS_RETURN_IF_ERROR(checkpoint_.archive()->Inflate(job.record, {buffer.get(), job.size}));
    bytes = {buffer.get(), job.size};
  }
  Read(job, bytes, false);
  if (job.storage == kNone) return {};
  for (const size_t tensor : tensors_of_[job.storage]) {
    job.statistics.push_back(StridedStatistics(tensor, checkpoint_.tensors()[tensor], bytes));
  }
  return {};
}

void Scanner::Read(Job& job, std::span<const std::byte> bytes, bool release) const {
  const MappedFile& file = checkpoint_.file();
  uint64_t first = 0, last = 0, size = 1;  // of the tensor's elements, in the payload's bytes
  pickle::Dtype dtype = pickle::Dtype::kUInt8;
  TensorStatistics* statistics = nullptr;
  if (job.fused != kNone) {
    const pickle::TensorView& view = checkpoint_.tensors()[job.fused];
    dtype = view.dtype;
    size = pickle::CountElementBytes(dtype);
    first = static_cast<uint64_t>(view.offset) * size;
    last = first + static_cast<uint64_t>(view.num_elements()) * size;
    statistics = &job.statistics.emplace_back(EmptyStatistics(job.fused));
  }
  if (release) file.Prefetch(job.file_offset, bytes.size());
  for (size_t at = 0; at < bytes.size(); at += kChunk) {
    const std::span<const std::byte> chunk = bytes.subspan(at, std::min(kChunk, bytes.size() - at));
    if (job.record != kNone) job.crc = archive::ComputeCrc32(job.crc, chunk);
    const uint64_t chunk_first = std::max(first, job.begin + at),
                   chunk_last = std::min(last, job.begin + at + chunk.size());
    if (statistics == nullptr || chunk_first >= chunk_last) continue;
    AddElements(dtype, chunk.data() + (chunk_first - job.begin - at),
                static_cast<int64_t>((chunk_last - chunk_first) / size),
                static_cast<int64_t>((chunk_first - first) / size), *statistics);
  }
  if (release) file.Release(job.file_offset, bytes.size());
}

PayloadScan Scanner::Collect() {
  PayloadScan scan;
  scan.bytes_read = total_;
  size_t last_record = kNone;
  std::vector<TensorStatistics> of_tensor;
  const std::vector<pickle::TensorView>& tensors = checkpoint_.tensors();
  of_tensor.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) of_tensor.push_back(EmptyStatistics(i));
  for (const Job& job : jobs_) {  // segments of a record follow each other
    if (job.record != kNone && job.record == last_record) {
      RecordChecksum& sum = scan.records.back();
      sum.computed = archive::CombineCrc32(sum.computed, job.crc, job.size);
    } else if (job.record != kNone) {
      const archive::ZipRecord& record = checkpoint_.archive()->records()[job.record];
      scan.records.push_back({record.name, record.data_offset, record.size, record.crc, job.crc});
      last_record = job.record;
    }
    for (const TensorStatistics& statistics : job.statistics) Merge(statistics, of_tensor[statistics.tensor]);
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].valid) continue;
    scan.statistics.push_back(of_tensor[same_as_[i]]);
    scan.statistics.back().tensor = i;
  }
  scan.records_left_out = records_left_out_;
  scan.bytes_left_out = bytes_left_out_;
  return scan;
}

}  // namespace

Result<PayloadScan> ScanPayload(const checkpoint::Checkpoint& checkpoint,
                                const std::function<void(uint64_t, uint64_t)>& progress) {
  return Scanner(checkpoint, progress).Run();
}

}  // namespace harness::weights
