// How the writers of checkpoints use each name that pickle_globals.h lists: by which opcode it is called, with which
// arguments, and which state BUILD may set on what it made. Whatever differs is not read as PyTorch or NumPy would read
// it: it is foreign, and no file that holds it passes. checkpoint/FORMAT.md has the table, with each one's
// writer.
//
// Note [Grammar]
// A list of names is not enough. Python's unpickler calls what it is told to: numpy.dtype with a forged state follows a
// pointer out of the file, Tensor.__setstate__ swaps a tensor's storage for another, OrderedDict's state hides its
// keys() behind another function. So each name is allowed in the one way that its own __reduce__ writes, and what was
// checked can't be changed afterwards (Node::frozen).
#pragma once

#include "harness/pickle/pickle_globals.h"
#include "harness/pickle/pickle_reading.h"

namespace harness::pickle {

// The opcode of a call. kOther: INST, OBJ, NEWOBJ with keywords: no writer of checkpoints uses them.
enum class CallForm { kReduce, kNewObject, kOther };

// Whether a writer calls `callable` like that. `role`: of `callable`; `arguments`: a tuple.
bool IsWrittenCall(const Reading& reading, GlobalRole role, CallForm form, NodeId arguments);

// Whether a writer of checkpoints has such a key in a dict, or such a member in a set: scalars, names, tuples of these.
bool IsWrittenKey(const Pickle& pickle, NodeId id);

// Whether a writer gives `target`, as it stands, that state by BUILD.
bool IsWrittenState(const Pickle& pickle, NodeId target, NodeId state);

}  // namespace harness::pickle
