#include "ingest/operations.h"

#include <exception>
#include <utility>

#include "base/log.h"
#include "catalog/operation_details.h"

namespace spillway::ingest {

using catalog::Operation;
using catalog::OperationState;
using catalog::Writer;

Result<Guid> Operations::start(OperationRequest request) {
  const std::lock_guard lock(mutex_);
  reap();
  if (stopping_) return Error(ErrorCode::Cancelled, "the server is stopping");
  if (running_.size() >= kMaxOperations) {
    return Error(ErrorCode::Throttled, std::to_string(kMaxOperations) +
                                           " operations are running already: try again when one has ended");
  }
  Operation operation;
  operation.id = Guid::random();
  operation.kind = request.kind;
  operation.database = request.database;
  operation.principal = request.principal;
  operation.root_activity_id = request.activity_id;
  operation.started = operation.updated = clock_.now();
  SPILLWAY_TRY(catalog_.write([&](Writer& writer) { return writer.put_operation(operation); }));
  Running& running = running_[operation.id];
  running.thread = std::thread([this, request = std::move(request), operation, cancel = running.cancel] {
    run(request, operation, cancel);
    const std::lock_guard ended_lock(mutex_);
    running_[operation.id].ended = true;
  });
  return operation.id;
}

void Operations::run(const OperationRequest& request, Operation operation,
                     const std::shared_ptr<engine::CancelToken>& cancel) {
  Result<Table> result = Error(ErrorCode::Internal, "the operation failed in an unknown way");
  const engine::WorkTimer timer(cancel->usage());
  try {
    result = request.work(operation.id, cancel);
  } catch (const std::bad_alloc&) {
    result = Error(ErrorCode::LimitExceeded, "the operation needs more memory than there is");
  } catch (const std::exception& exception) {
    result = Error(ErrorCode::Internal, std::string("the operation failed: ") + exception.what());
  }
  operation.updated = clock_.now();
  if (result.ok()) {
    operation.state = OperationState::Completed;
  } else {
    operation.state = cancel->cancelled()                           ? OperationState::Canceled
                      : result.error().code == ErrorCode::Throttled ? OperationState::Throttled
                                                                    : OperationState::Failed;
    operation.status = result.error().message;
    operation.should_retry = !result.error().permanent();
  }
  const Status finished = finish(request, operation, result);
  if (!finished.ok()) {
    log::error("the end of an operation can't be recorded",
               {{"operation", operation.id.str()}, {"error", finished.error().message}});
  }
}

Status Operations::finish(const OperationRequest& request, const Operation& operation,
                          const Result<Table>& result) {
  if (!result.ok() || !request.persist_details) {
    return catalog_.write([&](Writer& writer) { return writer.put_operation(operation); });
  }
  const std::string details = catalog::details_of(*result);
  return catalog_.write([&](Writer& writer) { return writer.complete_operation(operation, details, {}); });
}

void Operations::reap() {
  for (auto at = running_.begin(); at != running_.end();) {
    if (!at->second.ended) {
      ++at;
      continue;
    }
    at->second.thread.join();
    at = running_.erase(at);
  }
}

bool Operations::cancel(const Guid& id, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || found->second.ended) return false;
  found->second.cancel->cancel(reason);
  return true;
}

void Operations::stop() {
  std::map<Guid, Running> running;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [id, operation] : running_) {
      operation.cancel->cancel();
      running[id].thread = std::move(operation.thread);
      operation.ended = false;
    }
  }
  for (auto& [id, operation] : running) {
    if (operation.thread.joinable()) operation.thread.join();
  }
  const std::lock_guard lock(mutex_);
  running_.clear();
}

}  // namespace spillway::ingest
