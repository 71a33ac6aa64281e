#include "export/operations.h"

#include "base/fail_point.h"
#include "base/log.h"

namespace spillway::exports {
namespace {

using catalog::OperationState;

/// Asynchronous operations at once, those that wait for the export capacity included.
constexpr int kMostOperations = 64;
constexpr const char* kCommandType = "DataExport";

OperationState end_state(const Error& error) {
  if (error.code == ErrorCode::Cancelled) return OperationState::Canceled;
  return error.code == ErrorCode::Throttled ? OperationState::Throttled : OperationState::Failed;
}

Table result_table(const Request& request, const std::vector<catalog::Artifact>& artifacts) {
  const bool to_table = !request.settings.external_table.empty();
  Table table;
  if (to_table) table.schema.push_back({"ExternalTableName", Type::String});
  table.schema.push_back({"Path", Type::String});
  table.schema.push_back({"NumRecords", Type::Long});
  for (const catalog::Artifact& artifact : artifacts) {
    auto& row = table.rows.emplace_back();
    if (to_table) row.push_back(Value::string(artifact.external_table));
    row.push_back(Value::string(artifact.public_path));
    row.push_back(Value::int64(artifact.records));
  }
  return table;
}

/// The operation is complete already: whatever goes wrong from here on doesn't change that.
Status reach_end_of_commit() {
  SPILLWAY_FAIL_POINT("export.commit.after");
  return {};
}

}  // namespace

Operations::Operations(catalog::Catalog& catalog, ArtifactWriter& writer, DeltaCommitter& deltas,
                       Janitor& janitor, engine::Capacity& capacity, std::chrono::milliseconds capacity_wait,
                       const Clock& clock)
    : catalog_(catalog),
      writer_(writer),
      deltas_(deltas),
      janitor_(janitor),
      capacity_(capacity),
      capacity_wait_(capacity_wait),
      clock_(clock),
      threads_(kMostOperations) {}

Result<Table> Operations::run(const Request& request, std::shared_ptr<engine::CancelToken> cancel) {
  if (!cancel) cancel = std::make_shared<engine::CancelToken>();
  SPILLWAY_TRY(settle());
  SPILLWAY_ASSIGN(Active active, open(request, OperationState::Scheduled, std::move(cancel)));
  Result<Table> result = perform(request, active);
  close(active.operation.id);
  return result;
}

Result<Guid> Operations::start(Request request) {
  SPILLWAY_TRY(settle());
  {
    const std::lock_guard lock(mutex_);
    if (active_.size() >= kMostOperations) {
      return Error(ErrorCode::Throttled,
                   std::to_string(kMostOperations) +
                       " export operations are running or waiting already: try again later");
    }
  }
  SPILLWAY_ASSIGN(Active active,
                  open(request, OperationState::Scheduled, std::make_shared<engine::CancelToken>()));
  const Guid id = active.operation.id;
  const auto kept = std::make_shared<const Request>(std::move(request));
  threads_.post([this, kept, active]() mutable {
    const auto result = perform(*kept, active);
    if (!result.ok()) {
      log::warning("export operation failed",
                   {{"operation", active.operation.id.str()}, {"error", result.error().message}});
    }
    if (kept->ended) kept->ended(result.status(), active.cancel->usage());
    close(active.operation.id);
  });
  return id;
}

Result<Operations::Active> Operations::open(const Request& request, OperationState state,
                                            std::shared_ptr<engine::CancelToken> cancel) {
  Active active;
  active.cancel = std::move(cancel);
  active.operation.id = Guid::random();
  active.operation.kind = kCommandType;
  active.operation.database = request.database;
  active.operation.principal = request.principal;
  active.operation.root_activity_id = request.activity_id;
  active.operation.state = state;
  active.operation.started = clock_.now();
  if (const Status opened = put(active.operation); !opened.ok()) {
    end(active, opened.error());  // the answer may be lost and the operation there
    return opened.error();
  }
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      active_[active.operation.id] = active.cancel;
      return active;
    }
  }
  const Error stopping(ErrorCode::Cancelled, "the server is stopping");
  end(active, stopping);
  return stopping;
}

void Operations::close(const Guid& id) {
  const std::lock_guard lock(mutex_);
  active_.erase(id);
  changed_.notify_all();
}

Result<Table> Operations::perform(const Request& request, Active& active) {
  const engine::WorkTimer timer(active.cancel->usage());
  Result<Table> result = [&]() -> Result<Table> {
    SPILLWAY_ASSIGN(const engine::Capacity::Lease lease,
                    capacity_.take(capacity_wait_, active.cancel.get(), kCommandType));
    active.operation.state = OperationState::InProgress;
    SPILLWAY_TRY(put(active.operation));
    return write_and_complete(request, active);
  }();
  if (!result.ok()) {
    end(active, result.error());
  } else if (request.settings.delta) {
    SPILLWAY_TRY(commit_to_table(active));
  }
  return result;
}

/// The operation is complete, its commit to the Delta table due.
Status Operations::commit_to_table(const Active& active) {
  const Status put = deltas_.put_due(active.operation.id);
  if (put.ok()) return {};
  if (put.error().permanent() && !is_completed(active.operation.id)) {  // the table refused it
    static_cast<void>(janitor_.sweep(active.operation.id));
    return put;
  }
  return Status(put.error().code,
                "the files are written, but their commit to the Delta table isn't: it is put as soon as that "
                "is possible, so don't export again (" +
                    put.error().message + ")");
}

Result<Table> Operations::write_and_complete(const Request& request, Active& active) {
  if (request.query.results.empty())
    return Error(ErrorCode::Semantic, "the query of .export gives no result");
  SPILLWAY_TRY(deltas_.check(request.settings, active.cancel));
  const ArtifactOrder order{active.operation.id, request.database, "", request.settings,
                            request.query.results[0].plan};
  SPILLWAY_ASSIGN(const Written written, writer_.write(order, active.cancel));
  std::optional<catalog::DeltaCommit> delta;
  if (request.settings.delta && !written.artifacts.empty()) {
    SPILLWAY_TRY(deltas_.check(request.settings, active.cancel));  // again: the query may have taken long
    delta = delta_commit_of(order, progress_of(request.database, order.owner), written, clock_.now());
  }
  SPILLWAY_FAIL_POINT("export.commit.before");
  const Table table = result_table(request, written.artifacts);
  catalog::Operation completed = active.operation;
  completed.state = OperationState::Completed;
  completed.updated = clock_.now();
  const Status ended = catalog_.write([&](catalog::Writer& writer) {
    return writer.complete_operation(completed, request.persist_details ? table_to_json(table) : "",
                                     written.artifacts, delta);
  });
  if (!ended.ok() && !is_completed(completed.id)) return ended.error();
  if (const Status status = reach_end_of_commit(); !status.ok()) {
    log::warning("failure after the end of an export operation",
                 {{"operation", completed.id.str()}, {"error", status.error().message}});
  }
  return table;
}

/// True where the answer of the transaction that completed it was lost.
bool Operations::is_completed(const Guid& id) const {
  const auto operation = catalog_.operation(id);
  return operation.ok() && *operation && (*operation)->state == OperationState::Completed;
}

/// Ends it without success: what it wrote is abandoned, and deleted.
void Operations::end(Active& active, const Error& error) {
  active.operation.state = end_state(error);
  active.operation.status = error.message;
  active.operation.should_retry = !error.permanent();
  const auto record = [&]() -> Status {
    SPILLWAY_FAIL_POINT("export.fail.before");
    return put(active.operation);
  };
  if (const Status recorded = record(); !recorded.ok()) {
    log::error("the end of an export operation can't be recorded yet",
               {{"operation", active.operation.id.str()}, {"error", recorded.error().message}});
    const std::lock_guard lock(mutex_);
    unsettled_.push_back(active.operation);
    return;
  }
  // What can't be deleted now is in the catalog for the janitor's next pass, which says so in the log.
  static_cast<void>(janitor_.sweep(active.operation.id));
}

Status Operations::put(catalog::Operation& operation) {
  operation.updated = clock_.now();
  return catalog_.write([&](catalog::Writer& writer) { return writer.put_operation(operation); });
}

Status Operations::cancel(const Guid& id, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(id);
  if (found == active_.end()) {
    return Status(ErrorCode::EntityNotFound, "there is no running export operation " + id.str());
  }
  found->second->cancel(reason);
  return {};
}

Status Operations::settle() {
  std::vector<catalog::Operation> operations;
  {
    const std::lock_guard lock(mutex_);
    operations.swap(unsettled_);
  }
  Status status;
  for (catalog::Operation& operation : operations) {
    if (status.ok()) status = put(operation);
    if (status.ok()) continue;
    const std::lock_guard lock(mutex_);
    unsettled_.push_back(operation);
  }
  return status;
}

void Operations::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (const auto& [id, cancel] : active_) cancel->cancel();
  changed_.wait(lock, [&] { return active_.empty(); });
}

}  // namespace spillway::exports
