// Category state_dict_integrity: each file as an archive, a pickle and a set of tensors, before any config is looked
// at.
#pragma once

#include <optional>
#include <string>

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"
#include "harness/export/export_file.h"

namespace conformance {

Outcome CheckArchive(Context& context, harness::exports::Role role);
Outcome CheckUnambiguous(Context& context, harness::exports::Role role);
Outcome CheckChecksums(Context& context, harness::exports::Role role);
Outcome CheckSafety(Context& context, harness::exports::Role role);
Outcome CheckPickle(Context& context, harness::exports::Role role);
Outcome CheckStorages(Context& context, harness::exports::Role role);
Outcome CheckPackage(Context& context, harness::exports::Role role);
Outcome CheckFsdp(Context& context, harness::exports::Role role);
// The weights' values. Precondition of each: the file's storages and package are ok.
Outcome CheckFinite(Context& context, harness::exports::Role role);
Outcome CheckFloat16Range(Context& context, harness::exports::Role role);
Outcome CheckZero(Context& context, harness::exports::Role role);
Outcome CheckConstant(Context& context, harness::exports::Role role);
Outcome CheckInitialValues(Context& context, harness::exports::Role role);
Outcome CheckCopies(Context& context, harness::exports::Role role);
Outcome CheckDeadCodebooks(Context& context, harness::exports::Role role);

// The first record that is not a payload and does not have its CRC-32, in words; nullopt: none. A damaged pickle is
// named as damaged before anybody puzzles over what it says.
std::optional<std::string> FindDamagedMetadata(harness::exports::ExportFile& file);

}  // namespace conformance
