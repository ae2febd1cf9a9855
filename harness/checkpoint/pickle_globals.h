// What the reader knows about the names ("module.name") that a pickle may refer to. A name that is not listed is
// foreign: resolving it makes Python import a module, calling it runs code.
#pragma once

#include <string>
#include <string_view>

namespace harness {

enum class GlobalRole {
  kForeign,
  kInert,         // harmless, and of no meaning here: becomes an object that remembers its arguments
  kStorageClass,  // torch.FloatStorage, ...; the class's own name stands behind the last dot
  kOrderedDict,
  kDefaultDict,
  kDict,
  kList,
  kTuple,
  kSet,
  kBytes,
  kEncode,  // _codecs.encode(text, 'latin1'): how protocol 2 writes bytes
  kTensorV1,
  kTensorV2,
  kTensorV3,   // torch._utils._rebuild_tensor*
  kParameter,  // torch._utils._rebuild_parameter, _rebuild_parameter_with_state, torch.nn.parameter.Parameter
  kFromType,   // torch._tensor._rebuild_from_type_v2(function, type, arguments, state)
};

GlobalRole RoleOf(std::string_view qualified_name);

// "module.name", with Python 2's names and PyTorch's moved modules brought up to date, as the real loader does.
std::string QualifiedName(std::string_view module, std::string_view name);

}  // namespace harness
