#include "ingest/derivation.h"

#include <algorithm>
#include <set>

#include "base/fail_point.h"
#include "base/log.h"

namespace spillway::ingest {
namespace {

std::vector<Guid> all_extents(const catalog::Database& database, int64_t table_id) {
  std::vector<Guid> ids;
  for (const auto& [name, table] : database.tables) {
    if (table->id != table_id) continue;
    for (const auto& extent : *table->extents) ids.push_back(extent->id);
  }
  return ids;
}

/// Whether the whole ingestion ends by it, whatever its policies say.
bool ends_ingestion(const Error& error) {
  return error.code == ErrorCode::Cancelled || error.code == ErrorCode::Timeout;
}

}  // namespace

std::shared_ptr<const catalog::ExtentList> uncommitted(const catalog::Database& database,
                                                       std::vector<catalog::Extent> extents,
                                                       const std::vector<std::string>& tags, Ticks now) {
  const catalog::Cursor cursor = std::max(database.cursor + 1, now);
  std::vector<catalog::ExtentList::Item> items;
  for (catalog::Extent& extent : extents) {
    extent.min_cursor = extent.max_cursor = extent.created = extent.first_created = cursor;
    extent.tags = tags;
    items.push_back(std::make_shared<const catalog::Extent>(std::move(extent)));
  }
  return std::make_shared<const catalog::ExtentList>(items);
}

Status Derivation::run(std::shared_ptr<const catalog::Snapshot> snapshot, const Arrival& arrival) {
  snapshot_ = std::move(snapshot);
  database_ = snapshot_->database(context_.database);
  if (!database_) return Status(ErrorCode::EntityNotFound, "database '" + context_.database + "' not found");
  source_ = arrival.table.name;
  replaces_ = arrival.replaces;
  feeds_ = feeds_others(*database_, source_);
  if (!feeds_ || (arrival.table.extents->empty() && !replaces_)) return Status();
  return feed({arrival.table, arrival.tags, {source_}});
}

bool Derivation::is_current(const catalog::Snapshot& now) const {
  const catalog::Database* database = now.database(context_.database);
  if (!database || database->id != database_->id) return false;
  if (database->version == database_->version) return true;
  return !feeds_ && !feeds_others(*database, source_);
}

Status Derivation::feed(const Feed& source) {
  for (const auto& [name, target] : database_->tables) {
    if (std::find(source.path.begin(), source.path.end(), name) != source.path.end()) continue;
    for (const UpdatePolicy& policy : update_policies_of(*target)) {
      if (!policy.is_source(source.table.name, name)) continue;
      const size_t derived = derived_.size(), failures = failures_.size();
      const Status updated = update(policy, target, source);
      if (updated.ok()) continue;
      if (policy.transactional || ends_ingestion(updated.error())) return updated;
      derived_.resize(derived);
      failures_.resize(failures);
      note_failure(updated.error(), *target);
    }
  }
  return Status();
}

Status Derivation::update(const UpdatePolicy& policy, const std::shared_ptr<const catalog::Table>& target,
                          const Feed& source) {
  SPILLWAY_FAIL_POINT("ingest.update.before");
  if (derived_.size() >= kMaxDerived) {
    return Status(ErrorCode::LimitExceeded, "update policies make more than " + std::to_string(kMaxDerived) +
                                                " extents of one ingestion");
  }
  SPILLWAY_ASSIGN(engine::RunOptions options, context_.deadline.options());
  SPILLWAY_ASSIGN(const kql::RelPtr plan, bind_update(policy, {.snapshot = snapshot_,
                                                               .database = context_.database,
                                                               .source = source.table,
                                                               .target = *target,
                                                               .now = context_.now,
                                                               .principal = context_.origin.principal,
                                                               .engine = &context_.engine,
                                                               .options = std::move(options)}));
  auto batch = std::make_unique<Batch>();
  SPILLWAY_ASSIGN(const ExtentFiles::Reservation* file, batch->reserve(context_.files, database_->id));
  ExtentWriter writer(context_.engine, *target, context_.deadline);
  SPILLWAY_ASSIGN(catalog::Extent extent, writer.write_plan(*file, plan));
  SPILLWAY_TRY(batch->add(std::move(extent), ""));
  SPILLWAY_FAIL_POINT("ingest.update.after");
  Feed next{*target, policy.propagates ? source.tags : std::vector<std::string>(), source.path};
  next.table.extents = uncommitted(*database_, batch->extents(), next.tags, context_.now);
  next.path.push_back(target->name);
  derived_.push_back({target, next.tags, std::move(batch)});
  return next.table.extents->empty() && !replaces_ ? Status() : feed(next);
}

void Derivation::note_failure(const Error& error, const catalog::Table& target) {
  log::warning("update policy failed", {{"database", context_.database},
                                        {"table", target.name},
                                        {"source", source_},
                                        {"error", error.message}});
  catalog::IngestionFailure failure = failure_of(context_.origin, error, context_.now);
  failure.database = context_.database;
  failure.table = target.name;
  failure.from_update_policy = true;
  failures_.push_back(std::move(failure));
}

Status Derivation::commit(catalog::Writer& writer) {
  std::set<int64_t> replaced;
  for (Derived& derived : derived_) {
    derived.batch->hand_over();
    const int64_t table = derived.table->id;
    if (replaces_ && replaced.insert(table).second) {
      const catalog::Database& now = *writer.current().database(context_.database);
      SPILLWAY_TRY(writer.drop_extents(context_.database, table, all_extents(now, table)));
    }
    std::vector<catalog::Extent> extents = derived.batch->extents();
    if (extents.empty()) continue;
    for (catalog::Extent& extent : extents) extent.tags = derived.tags;
    SPILLWAY_TRY(writer.add_extents(context_.database, table, std::move(extents)).status());
  }
  for (const catalog::IngestionFailure& failure : failures_) {
    SPILLWAY_TRY(writer.add_ingestion_failure(failure));
  }
  return Status();
}

}  // namespace spillway::ingest
