// Operations in the background: a thread for each, its state in the catalog.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "ingest/ingest.h"

namespace spillway::ingest {

class Operations {
 public:
  Operations(catalog::Catalog& catalog, const Clock& clock) : catalog_(catalog), clock_(clock) {}
  ~Operations() { stop(); }

  Result<Guid> start(OperationRequest request);
  bool cancel(const Guid& id, const std::string& reason);
  void stop();

 private:
  struct Running {
    std::shared_ptr<engine::CancelToken> cancel = std::make_shared<engine::CancelToken>();
    std::thread thread;
    bool ended = false;
  };

  void run(const OperationRequest& request, catalog::Operation operation,
           const std::shared_ptr<engine::CancelToken>& cancel);
  Status finish(const OperationRequest& request, const catalog::Operation& operation,
                const Result<Table>& result);
  /// Joins the threads that have ended. `mutex_` is held.
  void reap();

  catalog::Catalog& catalog_;
  const Clock& clock_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::map<Guid, Running> running_;
};

}  // namespace spillway::ingest
