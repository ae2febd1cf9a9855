// Evaluates the checks of a graph, each once, what it needs first. The one evaluator: of the direct run, of CTest's tests
// and of the stages.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conformance/framework/context.h"
#include "conformance/framework/graph.h"

namespace conformance {

class Journal;

class Evaluator {
 public:
  // Both must outlive it.
  Evaluator(Context& context, const CheckGraph& graph);
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  const Outcome& Evaluate(const Check& check);
  const Outcome& Evaluate(const std::string& id);
  // What keeps `check` from being judged: its outcome then; nullopt where nothing does.
  std::optional<Outcome> FindObstacle(const Check& check);

  // Where each check is noted when it starts and when it was judged; may be null.
  void KeepJournal(Journal* journal) { journal_ = journal; }

  // Looks once more whether a file that was read is still the same. Where one is not, the check
  // file_presence/.../present of that file fails from now on; what is said of any other file (a T5, a codec of the hub)
  // is returned.
  std::string NoteChangedFiles();

  // Everything judged in this process, in the graph's order.
  std::vector<harness::report::CheckResult> CollectResults() const;

 private:
  Outcome EvaluateNow(const Check& check);
  // What `check` is worth once a file has changed under it; none where none has.
  std::optional<Outcome> FindChange(const std::string& check_id);

  Context& context_;
  const CheckGraph& graph_;
  std::map<std::string, Outcome> outcomes_;
  Journal* journal_ = nullptr;
  std::string changed_;  // the check that says which file changed; empty while none has
};

}  // namespace conformance
