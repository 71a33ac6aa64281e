#include "catalog/request_log.h"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "catalog/private_file.h"
#include "catalog/store.h"

namespace spillway::catalog {
namespace {

using soci::into;
using soci::use;
using Integer = long long;  // SOCI's name of int64_t

/// How long rows are gathered before they are written together.
constexpr std::chrono::milliseconds kGather{250};
/// So many rows are written without waiting for more.
constexpr size_t kFullBatch = 2'000;
constexpr int64_t kRowsBetweenPrunes = 5'000;
constexpr Ticks kPruneInterval = kTicksPerHour;
/// What is deleted at once where there is too much, so that not every batch has to delete.
constexpr int64_t kPruneShare = 10;

constexpr std::array kSchema = {
    "CREATE TABLE IF NOT EXISTS requests (sequence INTEGER PRIMARY KEY, command_type TEXT NOT NULL, "
    "request_text TEXT NOT NULL, database_name TEXT NOT NULL, client_activity TEXT NOT NULL, "
    "root_activity TEXT NOT NULL, user_name TEXT NOT NULL, principal TEXT NOT NULL, "
    "application TEXT NOT NULL, workload_group TEXT NOT NULL, properties TEXT NOT NULL, "
    "state TEXT NOT NULL, failure TEXT NOT NULL, started BIGINT NOT NULL, updated BIGINT NOT NULL, "
    "cpu BIGINT NOT NULL, memory_peak BIGINT NOT NULL, extents_total BIGINT NOT NULL, "
    "extents_scanned BIGINT NOT NULL, rows_total BIGINT NOT NULL, rows_scanned BIGINT NOT NULL, "
    "oldest BIGINT NOT NULL, newest BIGINT NOT NULL, results TEXT NOT NULL, bytes BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS requests_by_end ON requests (updated)",
};

constexpr const char* kColumns =
    "command_type, request_text, database_name, client_activity, root_activity, user_name, principal, "
    "application, workload_group, properties, state, failure, started, updated, cpu, memory_peak, "
    "extents_total, extents_scanned, rows_total, rows_scanned, oldest, newest, results";

size_t size_of(const LoggedRequest& request) {
  return request.text.size() + request.failure_reason.size() + request.client_request_properties.size() +
         request.client_activity_id.size() + request.application.size() + request.user.size() +
         request.database.size() + request.result_statistics.size();
}

/// Cut at the beginning of a character.
void truncate(std::string& text) {
  if (text.size() <= kMostRequestText) return;
  size_t end = kMostRequestText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

/// A row as SOCI binds it.
struct Row {
  std::string type, text, database, client, root, user, principal, application, group, properties, state,
      failure, results;
  Integer started = 0, updated = 0, cpu = 0, memory = 0, extents_total = 0, extents_scanned = 0,
          rows_total = 0, rows_scanned = 0, oldest = 0, newest = 0, bytes = 0;

  void set(const LoggedRequest& from) {
    type = from.command_type;
    text = from.text;
    database = from.database;
    client = from.client_activity_id;
    root = from.root_activity_id.str();
    user = from.user;
    principal = from.principal;
    application = from.application;
    group = from.workload_group;
    properties = from.client_request_properties;
    state = name_of(from.state);
    failure = from.failure_reason;
    results = from.result_statistics;
    started = from.started;
    updated = from.updated;
    cpu = from.cpu;
    memory = from.memory_peak.value_or(-1);
    extents_total = from.extents_total;
    extents_scanned = from.extents_scanned;
    rows_total = from.rows_total;
    rows_scanned = from.rows_scanned;
    oldest = from.oldest_scanned;
    newest = from.newest_scanned;
    bytes = static_cast<Integer>(size_of(from));
  }

  LoggedRequest get() const {
    LoggedRequest request;
    request.command_type = type;
    request.text = text;
    request.database = database;
    request.client_activity_id = client;
    request.root_activity_id = Guid::parse(root).value_or(Guid());
    request.user = user;
    request.principal = principal;
    request.application = application;
    request.workload_group = group;
    request.client_request_properties = properties;
    request.state = parse_request_state(state).value_or(RequestState::Failed);
    request.failure_reason = failure;
    request.result_statistics = results;
    request.started = started;
    request.updated = updated;
    request.cpu = cpu;
    if (memory >= 0) request.memory_peak = memory;
    request.extents_total = extents_total;
    request.extents_scanned = extents_scanned;
    request.rows_total = rows_total;
    request.rows_scanned = rows_scanned;
    request.oldest_scanned = oldest;
    request.newest_scanned = newest;
    return request;
  }
};

/// The file. Its functions throw.
class RequestFile {
 public:
  explicit RequestFile(const std::string& file) {
    open_private(sql_, file, "NORMAL");
    sql_ << "PRAGMA journal_mode=WAL";
    for (const char* statement : kSchema) sql_ << statement;
    sql_ << "SELECT count(*), coalesce(sum(bytes), 0) FROM requests", into(rows_), into(bytes_);
    insert_ = std::make_unique<soci::statement>(
        (sql_.prepare << "INSERT INTO requests (" << kColumns
                      << ", bytes) VALUES (:ty, :te, :da, :cl, :ro, :us, :pr, :ap, :gr, :pp, :st, :fa, :sd, "
                         ":up, :cp, :me, :et, :es, :rt, :rs, :ol, :ne, :re, :by)",
         use(row_.type), use(row_.text), use(row_.database), use(row_.client), use(row_.root), use(row_.user),
         use(row_.principal), use(row_.application), use(row_.group), use(row_.properties), use(row_.state),
         use(row_.failure), use(row_.started), use(row_.updated), use(row_.cpu), use(row_.memory),
         use(row_.extents_total), use(row_.extents_scanned), use(row_.rows_total), use(row_.rows_scanned),
         use(row_.oldest), use(row_.newest), use(row_.results), use(row_.bytes)));
  }

  void write(const std::vector<LoggedRequest>& requests) {
    soci::transaction transaction(sql_);
    Integer bytes = 0;
    for (const LoggedRequest& request : requests) {
      row_.set(request);
      bytes += row_.bytes;
      insert_->execute(true);
    }
    transaction.commit();
    rows_ += static_cast<Integer>(requests.size());
    bytes_ += bytes;
  }

  void prune(Ticks now) {
    const Integer before = now - kRequestHistory;
    soci::transaction transaction(sql_);
    sql_ << "DELETE FROM requests WHERE updated < :t", use(before);
    sql_ << "SELECT count(*), coalesce(sum(bytes), 0) FROM requests", into(rows_), into(bytes_);
    while (rows_ > kMostRequests || bytes_ > kMostRequestBytes) {
      const Integer some = std::max<Integer>(1, rows_ / kPruneShare);
      sql_ << "DELETE FROM requests WHERE sequence IN (SELECT sequence FROM requests ORDER BY sequence LIMIT "
              ":n)",
          use(some);
      sql_ << "SELECT count(*), coalesce(sum(bytes), 0) FROM requests", into(rows_), into(bytes_);
    }
    transaction.commit();
  }
  bool is_full() const { return rows_ > kMostRequests || bytes_ > kMostRequestBytes; }

 private:
  soci::session sql_;
  Row row_;
  std::unique_ptr<soci::statement> insert_;
  Integer rows_ = 0, bytes_ = 0;
};

/// Those that ended since then, newest first. Throws.
std::vector<LoggedRequest> read_file(const std::string& file, RequestLog::Kind kind, Ticks since) {
  soci::session sql;
  open_private(sql, file, "NORMAL");
  const std::string which = kind == RequestLog::Kind::Both      ? ""
                            : kind == RequestLog::Kind::Queries ? " AND command_type = 'Query'"
                                                                : " AND command_type <> 'Query'";
  std::vector<LoggedRequest> requests;
  const Integer from = since;
  Row row;
  soci::statement statement =
      (sql.prepare << "SELECT " << kColumns << " FROM requests WHERE updated >= :t" << which
                   << " ORDER BY sequence DESC",
       use(from), into(row.type), into(row.text), into(row.database), into(row.client), into(row.root),
       into(row.user), into(row.principal), into(row.application), into(row.group), into(row.properties),
       into(row.state), into(row.failure), into(row.started), into(row.updated), into(row.cpu),
       into(row.memory), into(row.extents_total), into(row.extents_scanned), into(row.rows_total),
       into(row.rows_scanned), into(row.oldest), into(row.newest), into(row.results));
  statement.execute();
  while (statement.fetch()) requests.push_back(row.get());
  return requests;
}

class SqlRequestLog : public RequestLog {
 public:
  SqlRequestLog(std::string file, const Clock& clock)
      : file_(std::move(file)), clock_(clock), written_(file_) {
    written_.prune(clock_.now());
    pruned_ = clock_.now();
    thread_ = std::thread([this] { loop(); });
  }
  ~SqlRequestLog() override { halt(); }

  void add(LoggedRequest request) override {
    truncate(request.text);
    truncate(request.failure_reason);
    // JSON that is cut off would be none.
    if (request.client_request_properties.size() > kMostRequestText) request.client_request_properties = "{}";
    const size_t bytes = size_of(request);
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= kMostQueuedRequests || queued_bytes_ + bytes > kMostQueuedBytes) {
      ++lost_;
      return;
    }
    queued_bytes_ += bytes;
    queue_.push_back(std::move(request));
    ++added_;
    if (queue_.size() == 1 || queue_.size() == kFullBatch) changed_.notify_all();
  }

  Result<std::vector<LoggedRequest>> read(Kind kind) override {
    {
      std::unique_lock lock(mutex_);
      const int64_t wanted = added_;
      hurry_ = true;
      changed_.notify_all();
      changed_.wait(lock, [&] { return done_ >= wanted || ended_; });
    }
    try {
      return read_file(file_, kind, clock_.now() - kRequestHistory);
    } catch (const std::exception& exception) {
      return Error(ErrorCode::Internal,
                   "the log of queries and commands can't be read: " + message_of(exception));
    }
  }

  void stop() override { halt(); }
  int64_t lost() const override {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

 private:
  void halt() {
    std::thread thread;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      thread.swap(thread_);
    }
    changed_.notify_all();
    if (thread.joinable()) thread.join();
  }

  void loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_ || !queue_.empty()) {
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      changed_.wait_for(lock, kGather, [&] { return stopping_ || hurry_ || queue_.size() >= kFullBatch; });
      std::vector<LoggedRequest> batch;
      batch.swap(queue_);
      queued_bytes_ = 0;
      hurry_ = false;
      const int64_t lost_before = lost_;
      lock.unlock();
      const bool written = write(batch);
      if (lost_before > reported_) {
        log::warning("queries and commands were left out of the log", {{"rows", lost_before - reported_}});
        reported_ = lost_before;
      }
      lock.lock();
      if (!written) lost_ += static_cast<int64_t>(batch.size());
      done_ += static_cast<int64_t>(batch.size());
      changed_.notify_all();
    }
    ended_ = true;
    changed_.notify_all();
  }

  bool write(const std::vector<LoggedRequest>& batch) {
    try {
      if (!batch.empty()) written_.write(batch);
      since_prune_ += static_cast<int64_t>(batch.size());
      const Ticks now = clock_.now();
      if (since_prune_ >= kRowsBetweenPrunes || now - pruned_ >= kPruneInterval || written_.is_full()) {
        written_.prune(now);
        since_prune_ = 0;
        pruned_ = now;
      }
      return true;
    } catch (const std::exception& exception) {
      log::warning("the log of queries and commands can't be written", {{"error", message_of(exception)}});
      return false;
    }
  }

  const std::string file_;
  const Clock& clock_;
  RequestFile written_;  // the thread's
  int64_t since_prune_ = 0, reported_ = 0;
  Ticks pruned_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<LoggedRequest> queue_;
  size_t queued_bytes_ = 0;
  int64_t added_ = 0, done_ = 0, lost_ = 0;
  bool hurry_ = false, stopping_ = false, ended_ = false;
  std::thread thread_;
};

constexpr std::array kStates = {RequestState::InProgress, RequestState::Completed, RequestState::Failed,
                                RequestState::Throttled, RequestState::Canceled};

}  // namespace

const char* name_of(RequestState state) {
  switch (state) {
    case RequestState::InProgress: return "InProgress";
    case RequestState::Completed: return "Completed";
    case RequestState::Failed: return "Failed";
    case RequestState::Throttled: return "Throttled";
    case RequestState::Canceled: return "Canceled";
  }
  return "";
}

std::optional<RequestState> parse_request_state(std::string_view name) {
  const auto* found = std::find_if(kStates.begin(), kStates.end(),
                                   [&](RequestState state) { return name == name_of(state); });
  return found == kStates.end() ? std::nullopt : std::optional(*found);
}

Result<std::unique_ptr<RequestLog>> RequestLog::open(const std::string& folder, const Clock& clock) {
  const std::string file = folder + "/requests.sqlite";
  try {
    return std::unique_ptr<RequestLog>(std::make_unique<SqlRequestLog>(file, clock));
  } catch (const std::exception& exception) {
    log::warning("the log of queries and commands is put aside, and a new one begun",
                 {{"file", file}, {"error", message_of(exception)}});
  }
  for (const char* part : {"", "-wal", "-shm"}) {
    // Where there is no such file there is nothing to put aside.
    (void)std::rename((file + part).c_str(), (file + ".damaged" + part).c_str());
  }
  try {
    return std::unique_ptr<RequestLog>(std::make_unique<SqlRequestLog>(file, clock));
  } catch (const std::exception& exception) {
    return Error(ErrorCode::Internal,
                 "the log of queries and commands can't be opened: " + message_of(exception));
  }
}

}  // namespace spillway::catalog
