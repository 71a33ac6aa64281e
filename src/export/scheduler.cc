#include "export/scheduler.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "base/log.h"

namespace spillway::exports {
namespace {

/// How often the scheduler looks what is due: below it no interval is met better.
constexpr std::chrono::milliseconds kLook{100};
constexpr Ticks kFirstRetry = kTicksPerSecond;
constexpr Ticks kSlowestRetry = kTicksPerMinute;

/// 1 s, 2 s, 4 s, … up to kSlowestRetry.
Ticks backoff(int failures) {
  constexpr int kMostDoublings = 16;
  return std::min(kSlowestRetry, kFirstRetry << std::clamp(failures - 1, 0, kMostDoublings));
}

/// 75 % to 125 % of a delay, so that exports that failed together don't come back together.
Ticks jittered(Ticks delay) {
  return delay - delay / 4 + static_cast<Ticks>(Guid::random().low % static_cast<uint64_t>(delay / 2 + 1));
}

Ticks delay_after_failure(const Error& error, int failures, Ticks interval) {
  const Ticks wait = jittered(backoff(failures));
  return error.permanent() ? std::max(interval, wait) : std::min(std::max(interval, kFirstRetry), wait);
}

/// Those of followed databases are their leader's to run.
template <typename F>
void for_each_export(const catalog::Snapshot& snapshot, const F& f) {
  for (const auto& [name, database] : snapshot.databases) {
    if (database->read_only()) continue;
    for (const auto& [export_name, definition] : database->exports) f(*database, *definition);
  }
}

}  // namespace

/// What the capacity policy may allow: threads start as runs need them.
Scheduler::Scheduler(catalog::Catalog& catalog, ContinuousRunner& runner, engine::Capacity& capacity,
                     const Clock& clock, bool access_control)
    : catalog_(catalog),
      runner_(runner),
      capacity_(capacity),
      clock_(clock),
      access_control_(access_control),
      runners_(catalog::kMostConcurrentOperations) {}

void Scheduler::start() {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { loop(); });
}

void Scheduler::stop() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [id, state] : states_) {
      if (state.running) state.running->cancel();
    }
    thread.swap(thread_);
  }
  changed_.notify_all();
  if (thread.joinable()) thread.join();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return std::none_of(states_.begin(), states_.end(),
                        [](const auto& state) { return state.second.running; });
  });
}

void Scheduler::loop() {
  do {
    look();
  } while (rest());
  capacity_.want(false);
}

void Scheduler::look() {
  const auto snapshot = catalog_.snapshot();
  cancel_changed(*snapshot);
  waiting_ = due(*snapshot, clock_.now());
  launch_waiting();
  const std::lock_guard lock(mutex_);
  for (const Candidate& candidate : waiting_) states_[candidate.id].pending = true;
}

bool Scheduler::rest() {
  const auto end = std::chrono::steady_clock::now() + kLook;
  std::unique_lock lock(mutex_);
  while (std::chrono::steady_clock::now() < end &&
         changed_.wait_until(lock, end, [&] { return stopping_ || freed_; })) {
    if (stopping_) break;
    freed_ = false;
    lock.unlock();
    launch_waiting();
    lock.lock();
    if (waiting_.empty() && backlog_) break;
  }
  backlog_ = false;
  return !stopping_;
}

void Scheduler::launch_waiting() {
  const auto snapshot = catalog_.snapshot();
  for (; !waiting_.empty(); waiting_.pop_front()) {
    if (!is_current(*snapshot, waiting_.front())) continue;
    engine::Capacity::Lease lease = capacity_.try_take();
    if (!lease) break;
    launch(waiting_.front(), std::make_shared<engine::Capacity::Lease>(std::move(lease)));
  }
  capacity_.want(!waiting_.empty());
}

bool Scheduler::is_current(const catalog::Snapshot& snapshot, const Candidate& candidate) {
  const catalog::Database* database = snapshot.database(candidate.database);
  if (!database) return false;
  const auto found = database->exports.find(candidate.name);
  return found != database->exports.end() && found->second->id == candidate.id &&
         found->second->generation == candidate.generation && !found->second->disabled;
}

/// A run whose export was altered, disabled or dropped can't commit any more.
void Scheduler::cancel_changed(const catalog::Snapshot& snapshot) {
  std::map<int64_t, int64_t> generations;
  for_each_export(snapshot, [&](const auto&, const auto& definition) {
    generations[definition.id] = definition.generation;
  });
  const std::lock_guard lock(mutex_);
  for (auto it = states_.begin(); it != states_.end();) {
    const auto found = generations.find(it->first);
    State& state = it->second;
    const bool changed = found == generations.end() || found->second != state.generation;
    if (state.running && changed) state.running->cancel();
    it = found == generations.end() && !state.running ? states_.erase(it) : std::next(it);
  }
}

std::deque<Scheduler::Candidate> Scheduler::due(const catalog::Snapshot& snapshot, Ticks now) {
  std::deque<Candidate> candidates;
  const std::lock_guard lock(mutex_);
  for (auto& [id, state] : states_) state.pending = false;
  for_each_export(snapshot, [&](const auto& database, const catalog::ContinuousExport& definition) {
    if (definition.disabled) return;
    const auto [it, added] = states_.try_emplace(definition.id);
    State& state = it->second;
    if (state.running) return;
    if (added) state.last_start = definition.last_run;
    if (added || state.generation != definition.generation) {
      state.generation = definition.generation;
      // A restart keeps the rhythm; a new or altered export begins at once, and so does what failed in
      // passing or was stopped.
      const bool keeps =
          added && definition.last_run && (definition.consecutive_failures == 0 || definition.failing_since);
      state.next_due = keeps ? *definition.last_run + definition.interval : now;
      state.failures = 0;
    }
    // A clock that was set back may not stop an export for longer than its interval.
    state.next_due = std::min(state.next_due, now + std::max(definition.interval, kSlowestRetry));
    if (state.next_due > now) return;
    candidates.push_back({database.name, definition.name, definition.id, definition.generation,
                          definition.interval, state.last_start.value_or(0), state.turn});
  });
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.turn, a.last_start) < std::tie(b.turn, b.last_start);
  });
  return candidates;
}

std::shared_ptr<engine::CancelToken> Scheduler::take(const Candidate& candidate) {
  const std::lock_guard lock(mutex_);
  State& state = states_[candidate.id];
  if (state.running || stopping_) return nullptr;
  state.generation = candidate.generation;
  state.turn = ++turns_;
  state.pending = false;
  state.running = std::make_shared<engine::CancelToken>();
  return state.running;
}

void Scheduler::launch(const Candidate& candidate, std::shared_ptr<engine::Capacity::Lease> lease) {
  const auto cancel = take(candidate);
  if (!cancel) return;
  runners_.post([this, candidate, cancel, lease]() mutable {
    // run() reports failures itself, in the log and in the catalog.
    const Result<RunReport> report = run(candidate, cancel);
    lease.reset();
    const std::lock_guard lock(mutex_);
    freed_ = true;
    backlog_ |= report.ok() && report->more;
    changed_.notify_all();
  });
}

Result<RunReport> Scheduler::run(const Candidate& candidate,
                                 const std::shared_ptr<engine::CancelToken>& cancel) {
  const Ticks started = clock_.now();
  const engine::WorkTimer timer(cancel->usage());
  Result<RunReport> report = runner_.run(candidate.database, candidate.name, cancel);
  finish(candidate, started, report);
  return report;
}

void Scheduler::finish(const Candidate& candidate, Ticks started, const Result<RunReport>& report) {
  const std::lock_guard lock(mutex_);
  State& state = states_[candidate.id];
  state.running = nullptr;
  state.last_start = started;
  if (report.ok()) {
    state.failures = 0;
    state.completed_runs += report->moved ? 1 : 0;
    state.records += report->records;
    state.bytes += report->bytes;
    state.next_due = report->more ? started : started + candidate.interval;
  } else {
    ++state.failures;
    ++state.failed_runs;
    state.next_due = clock_.now() + delay_after_failure(report.error(), state.failures, candidate.interval);
  }
  changed_.notify_all();
}

Result<bool> Scheduler::run_once(const std::string& database_name, const std::string& name) {
  const auto snapshot = catalog_.snapshot();
  const catalog::Database* database = snapshot->database(database_name);
  const auto found = database ? database->exports.find(name) : decltype(database->exports.end())();
  if (!database || found == database->exports.end()) {
    return Error(ErrorCode::EntityNotFound,
                 "continuous export '" + name + "' not found in database '" + database_name + "'");
  }
  SPILLWAY_TRY(catalog::check_writable(*database));
  const catalog::ContinuousExport& definition = *found->second;
  const Candidate candidate{
      database_name, name, definition.id, definition.generation, definition.interval, 0, 0};
  const auto cancel = take(candidate);
  if (!cancel) {
    return Error(ErrorCode::Conflict,
                 "continuous export '" + name + "' has a run already, or the server is stopping");
  }
  SPILLWAY_ASSIGN(const RunReport report, run(candidate, cancel));
  return report.moved;
}

std::vector<ExportHealth> Scheduler::health(const std::string* database, const std::string* name) const {
  const auto snapshot = catalog_.snapshot();
  std::vector<ExportHealth> all;
  for_each_export(*snapshot, [&](const catalog::Database& d, const catalog::ContinuousExport& definition) {
    if ((database && d.name != *database) || (name && definition.name != *name)) return;
    all.push_back(health_of(snapshot, d, definition));
  });
  return all;
}

ExportHealth Scheduler::health_of(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                  const catalog::Database& database,
                                  const catalog::ContinuousExport& definition) const {
  const Ticks now = clock_.now();
  ExportHealth health;
  health.database = database.name;
  health.name = definition.name;
  health.disabled = definition.disabled;
  // A cursor is the time of its commit, or little more.
  health.exported_to = definition.exported_to;
  const auto prepared = prepare(snapshot, database.name, definition, now, access_control_);
  if (!prepared.ok()) {
    if (database.cursor > definition.exported_to)
      health.lateness = std::max<Ticks>(0, now - definition.exported_to);
  } else if (const auto first = first_after(prepared->facts, definition.exported_to)) {
    // The position itself may lie long before it: it doesn't move while nothing comes.
    health.exported_to = *first - 1;
    health.lateness = std::max<Ticks>(0, now - health.exported_to);
  } else {
    health.exported_to = std::max(definition.exported_to, database.cursor);
  }
  health.last_run = definition.last_run;
  const std::lock_guard lock(mutex_);
  if (const auto found = states_.find(definition.id); found != states_.end()) {
    const State& state = found->second;
    health.running = state.running != nullptr;
    health.pending = state.pending && !health.running;
    health.last_run = std::max(health.last_run, state.last_start);
    health.completed_runs = state.completed_runs;
    health.failed_runs = state.failed_runs;
    health.records = state.records;
    health.bytes = state.bytes;
  }
  return health;
}

}  // namespace spillway::exports
