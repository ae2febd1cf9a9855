// Pickles that stand where torch.load as audiocraft calls it does not read one, or has no business to: behind the first
// one's STOP, in another record of the archive, in a file that is not a checkpoint at all. Another loader, another release
// or a person reads on, so that what they would run is reported all the same.
//
// Errors: kUnsafe, as DescribeForeign words it. What is merely damaged is ok here.
#pragma once

#include <span>
#include <string_view>
#include <unordered_set>

#include "harness/archive/zip_archive.h"
#include "harness/base/result.h"

namespace harness::checkpoint {

// Behind `end` in data.pkl. Mere padding is not taken for a pickle.
Status CheckTrailingPickles(std::span<const std::byte> bytes, size_t end, std::string_view place);

// Every record that starts or is named as a pickle does, a second data.pkl as well; `read`: the records (by number)
// that were looked at already, or that are storages.
Status CheckOtherRecords(const archive::ZipArchive& archive, const std::unordered_set<size_t>& read,
                         std::string_view file_name);

// A file without ZIP signature, which torch.load would run from its first byte on, or by the members that it unpickles
// of a tar archive. Text that merely looks like the beginning of a pickle is ok: something must be called in it. A tar
// archive is not: its reader finds members in more ways than are followed here.
Status CheckStrayPickles(std::span<const std::byte> file, std::string_view file_name);

}  // namespace harness::checkpoint
