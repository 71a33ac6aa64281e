// `.export` commands: operations of kind DataExport, run on the caller's thread or in the background.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/capacity.h"
#include "export/artifacts.h"
#include "export/delta_commit.h"
#include "export/janitor.h"
#include "export/task_pool.h"

namespace spillway::exports {

class Operations {
 public:
  Operations(catalog::Catalog& catalog, ArtifactWriter& writer, DeltaCommitter& deltas, Janitor& janitor,
             engine::Capacity& capacity, std::chrono::milliseconds capacity_wait, const Clock& clock);
  ~Operations() { stop(); }

  Result<Table> run(const Request& request, std::shared_ptr<engine::CancelToken> cancel);
  Result<Guid> start(Request request);
  Status cancel(const Guid& id, const std::string& reason);
  /// Records the ends that couldn't be recorded when they happened.
  Status settle();
  /// Cancels what runs and waits for its end; nothing starts any more.
  void stop();

 private:
  /// An operation from its first row in the catalog to its last; known to cancel() and stop() meanwhile.
  struct Active {
    catalog::Operation operation;
    std::shared_ptr<engine::CancelToken> cancel;
  };

  Result<Active> open(const Request& request, catalog::OperationState state,
                      std::shared_ptr<engine::CancelToken> cancel);
  void close(const Guid& id);
  Result<Table> perform(const Request& request, Active& active);
  Result<Table> write_and_complete(const Request& request, Active& active);
  Status commit_to_table(const Active& active);
  bool is_completed(const Guid& id) const;
  void end(Active& active, const Error& error);
  Status put(catalog::Operation& operation);

  catalog::Catalog& catalog_;
  ArtifactWriter& writer_;
  DeltaCommitter& deltas_;
  Janitor& janitor_;
  engine::Capacity& capacity_;
  const std::chrono::milliseconds capacity_wait_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Guid, std::shared_ptr<engine::CancelToken>> active_;
  std::vector<catalog::Operation> unsettled_;
  bool stopping_ = false;
  TaskPool threads_;
};

}  // namespace spillway::exports
