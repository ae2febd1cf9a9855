// What the reader knows about the names ("module.name") that a pickle may refer to. A name that is not listed is
// foreign: resolving it makes Python import a module, calling it runs code. A listed one may be called only as its own
// reducer writes it: pickle_grammar.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harness::pickle {

enum class GlobalRole {
  kForeign,
  kType,          // a class or constant that is named as a value and never called: builtins.int, torch.float16
  kStorageClass,  // torch.FloatStorage, ...; the class's own name stands behind the last dot
  // Python's own
  kOrderedDict,
  kDefaultDict,
  kCounter,
  kSet,
  kBytes,
  kByteArray,
  kEncode,  // _codecs.encode(text, 'latin1'): how protocol 2 writes bytes
  kComplex,
  kPath,
  kNamespace,
  kReconstructor,  // copyreg._reconstructor(class, object, None): how protocols 0 and 1 make an object
  // OmegaConf's
  kConfigContainer,
  kConfigNode,
  kConfigMetadata,
  kContainerMetadata,
  // torch's
  kSize,
  kDevice,
  kLayout,
  kVersion,
  kTensorV1,
  kTensorV2,
  kTensorV3,         // torch._utils._rebuild_tensor*
  kParameter,        // torch._utils._rebuild_parameter
  kParameterState,   // torch._utils._rebuild_parameter_with_state
  kFromType,         // torch._tensor._rebuild_from_type_v2(function, type, arguments, state)
  kWrapperSubclass,  // torch._utils._rebuild_wrapper_subclass(class, ...), of tensors that lie in pieces
  kDistributed,      // torch.distributed: what lies in pieces; no package that holds one is an export
  // NumPy's
  kArrayDtype,
  kArrayScalar,
  kArrayReconstruct,
  kArrayFromBuffer,
};

GlobalRole FindGlobalRole(std::string_view qualified_name);

// "module.name", as the unpickler of torch.load finds it in a pickle of that protocol: below 3, Python 2's names are
// brought up to date; PyTorch's moved modules always are.
std::string QualifiedName(std::string_view module, std::string_view name, int protocol);

// Every name that is listed on its own, for the test that FORMAT.md says who writes it.
std::vector<std::string> ListKnownNames();

}  // namespace harness::pickle
