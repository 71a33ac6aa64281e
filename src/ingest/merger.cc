#include "ingest/merger.h"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

#include "base/fail_point.h"
#include "base/log.h"
#include "kql/plan.h"

namespace spillway::ingest {
namespace {

namespace json = boost::json;

/// A scan of just these extents with all that a merged one keeps.
kql::RelPtr scan_of(const std::string& database, const catalog::Table& table,
                    const std::vector<catalog::ExtentList::Item>& extents) {
  auto part = std::make_shared<catalog::Table>(table);
  part->extents = std::make_shared<const catalog::ExtentList>(extents);
  part->ingestion_time_policy = true;  // whether it is enabled may change; the time stays
  auto scan = std::make_shared<kql::TableScan>();
  scan->database = database;
  kql::ColumnId id = 1;
  for (const catalog::Column& column : part->columns) {
    scan->columns.push_back({id++, column.name, column.type});
    scan->field_ids.push_back(column.id);
  }
  scan->cursor = id++;
  scan->ingestion_time = id;
  scan->table = std::move(part);
  return scan;
}

/// What all exports of the database have read of the table, or won't be waited for.
catalog::Cursor exported_by_all(const catalog::Database& database, Ticks now) {
  catalog::Cursor lowest = database.cursor;
  for (const auto& [name, definition] : database.exports) {
    if (!definition->disabled) lowest = std::min(lowest, definition->exported_to);
  }
  return std::max(lowest, now - kLongestWaitForExports);
}

Result<std::vector<catalog::ExtentList::Item>> find_extents(const catalog::Table& table,
                                                            const std::vector<Guid>& ids) {
  const std::set<Guid> wanted(ids.begin(), ids.end());
  std::vector<catalog::ExtentList::Item> found;
  for (const catalog::ExtentList::Item& extent : *table.extents) {
    if (wanted.contains(extent->id)) found.push_back(extent);
  }
  if (found.size() == wanted.size() && !found.empty()) return found;
  return Error(ErrorCode::Conflict, std::to_string(wanted.size() - found.size()) +
                                        " of the extents aren't in table '" + table.name + "'");
}

}  // namespace

MergePolicy MergePolicy::of(const catalog::Table& table) {
  MergePolicy policy;
  const auto found = table.policies.find("merge");
  if (found == table.policies.end()) return policy;
  boost::system::error_code error;
  const json::value value = json::parse(found->second, error);
  const json::object* object = error ? nullptr : value.if_object();
  if (!object) return policy;
  const auto number = [&](const char* name, int64_t otherwise) {
    const json::value* given = object->if_contains(name);
    return given && given->is_int64() && given->get_int64() > 0 ? given->get_int64() : otherwise;
  };
  const json::value* allow = object->if_contains("AllowMerge");
  policy.allow = !allow || !allow->is_bool() || allow->get_bool();
  policy.max_extents = number("MaxExtentsToMerge", policy.max_extents);
  policy.max_rows = number("RowCountUpperBoundForMerge", policy.max_rows);
  policy.max_range = std::min<int64_t>(number("MaxRangeInHours", 24), 24 * 365) * kTicksPerHour;
  return policy;
}

std::vector<catalog::ExtentList::Item> choose_merge(const catalog::Database& database,
                                                    const catalog::Table& table, Ticks now) {
  const MergePolicy policy = MergePolicy::of(table);
  if (!policy.allow) return {};
  const catalog::Cursor upper = std::min(exported_by_all(database, now), now - kMergeRest);
  std::vector<catalog::ExtentList::Item> chosen;
  int64_t rows = 0;
  for (const catalog::ExtentList::Item& extent : *table.extents) {
    if (extent->max_cursor > upper) break;
    const bool small = extent->rows < kSmallExtentRows;
    const bool fits =
        small && (chosen.empty() || (rows + extent->rows <= policy.max_rows &&
                                     extent->max_cursor - chosen.front()->min_cursor <= policy.max_range &&
                                     extent->tags == chosen.front()->tags));
    if (!fits || static_cast<int64_t>(chosen.size()) >= policy.max_extents) {
      if (chosen.size() >= kFewestToMerge) return chosen;
      chosen.clear();
      rows = 0;
      if (!small) continue;
    }
    chosen.push_back(extent);
    rows += extent->rows;
  }
  if (chosen.size() < kFewestToMerge) chosen.clear();
  return chosen;
}

Result<catalog::Extent> Merger::merge(const std::string& database, const catalog::Table& table,
                                      const std::vector<Guid>& ids, const engine::RunOptions& options) {
  SPILLWAY_ASSIGN(const std::vector<catalog::ExtentList::Item> extents, find_extents(table, ids));
  const auto snapshot = catalog_.snapshot();
  const catalog::Database* found = snapshot->database(database);
  if (!found) return Error(ErrorCode::EntityNotFound, "database '" + database + "' not found");
  SPILLWAY_TRY(catalog::check_writable(*found));
  SPILLWAY_ASSIGN(const engine::Capacity::Lease lease,
                  capacity_.take(capacity_wait_, options.cancel.get(), "ExtentsMerge"));
  SPILLWAY_ASSIGN(const std::unique_ptr<ExtentFiles::Reservation> target, files_.reserve(found->id));
  Result<catalog::Extent> merged = write(database, table, extents, *target, options);
  if (!merged.ok()) {
    target->remove();
    return merged;
  }
  const Status committed = catalog_.write(
      [&](catalog::Writer& writer) { return writer.merge_extents(database, table.id, ids, *merged); });
  if (!committed.ok()) {
    // Whether it happened, and so whose the file is, is known only to the catalog.
    janitor_.look_for_orphans();
    return committed.error();
  }
  SPILLWAY_FAIL_POINT("merge.after_commit");
  return merged;
}

Result<catalog::Extent> Merger::write(const std::string& database, const catalog::Table& table,
                                      const std::vector<catalog::ExtentList::Item>& extents,
                                      ExtentFiles::Reservation& target, const engine::RunOptions& options) {
  SPILLWAY_FAIL_POINT("merge.before_write");
  SPILLWAY_ASSIGN(
      const engine::WrittenFile written,
      engine_.write_extent(scan_of(database, table, extents), table, target.part_file(), options));
  int64_t rows = 0;
  for (const catalog::ExtentList::Item& extent : extents) rows += extent->rows;
  if (written.rows != rows) {
    return Error(ErrorCode::Internal, "a merge of extents of " + std::to_string(rows) + " records gave " +
                                          std::to_string(written.rows));
  }
  SPILLWAY_TRY(target.finish());
  SPILLWAY_FAIL_POINT("merge.after_write");
  catalog::Extent merged;
  merged.id = target.id();
  merged.path = target.path();
  merged.rows = written.rows;
  merged.bytes = written.bytes;
  merged.datetime_ranges = written.datetime_ranges;
  return merged;
}

Result<int64_t> Merger::merge_all() {
  int64_t merges = 0;
  const auto names = catalog_.snapshot();
  for (const auto& [database_name, ignored] : names->databases) {
    if (ignored->read_only()) continue;
    for (const auto& [table_name, first] : ignored->tables) {
      while (!cancel_->cancelled()) {
        const auto snapshot = catalog_.snapshot();
        const catalog::Database* database = snapshot->database(database_name);
        const auto table = database ? database->tables.find(table_name) : decltype(database->tables.end())();
        if (!database || table == database->tables.end()) break;
        const auto chosen = choose_merge(*database, *table->second, clock_.now());
        if (chosen.empty()) break;
        std::vector<Guid> ids;
        for (const auto& extent : chosen) ids.push_back(extent->id);
        const auto merged =
            merge(database_name, *table->second, ids, {.cancel = cancel_, .timeout = std::nullopt});
        if (!merged.ok() && merged.error().code != ErrorCode::Conflict) return merged.error();
        merges += merged.ok() ? 1 : 0;
        if (!merged.ok()) break;  // what was there is gone: the next pass looks anew
      }
    }
  }
  return merges;
}

void Merger::start(std::chrono::milliseconds interval) {
  const std::lock_guard lock(mutex_);
  if (!stopping_ && !thread_.joinable()) thread_ = std::thread([this, interval] { loop(interval); });
}

void Merger::stop() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    cancel_->cancel();
    thread.swap(thread_);
  }
  changed_.notify_all();
  if (thread.joinable()) thread.join();
}

void Merger::loop(std::chrono::milliseconds interval) {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, interval, [&] { return stopping_; })) return;
    }
    const Result<int64_t> merges = merge_all();
    if (!merges.ok() && !cancel_->cancelled()) {
      log::warning("extents can't be merged", {{"error", merges.error().message}});
    } else if (merges.ok() && *merges > 0) {
      log::info("extents merged", {{"merges", *merges}});
    }
  }
}

}  // namespace spillway::ingest
