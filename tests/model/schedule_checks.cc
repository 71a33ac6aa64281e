#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "kql/binder.h"
#include "tests/model/schedule.h"

namespace spillway::model {
namespace {

template <typename T>
T value_of(Result<T> result, const std::string& what) {
  if (!result.ok()) violate(what + ": " + result.error().message);
  return std::move(*result);
}

std::string text_of(const Row& row) {
  std::string text;
  for (const std::string& cell : row) text += (text.empty() ? "" : "|") + cell;
  return text;
}

/// The oldest and the newest cursor of an extent, and its records.
struct Reach {
  Cursor oldest = INT64_MAX, newest = 0;
  int64_t rows = 0;
};
Reach reach_of(const std::vector<Batch>& batches) {
  Reach reach;
  for (const Batch& batch : batches) {
    reach.oldest = std::min(reach.oldest, batch.cursor);
    reach.newest = std::max(reach.newest, batch.cursor);
    reach.rows += static_cast<int64_t>(batch.records->size());
  }
  return reach;
}

}  // namespace

void Schedule::compare(const std::string& what, std::vector<Row> actual, std::vector<Row> expected) {
  std::sort(actual.begin(), actual.end());
  std::sort(expected.begin(), expected.end());
  if (actual == expected) return;
  std::string message =
      what + ": " + std::to_string(actual.size()) + " records, expected " + std::to_string(expected.size());
  const auto list = [&](const char* which, const std::vector<Row>& from, const std::vector<Row>& without) {
    std::vector<Row> rest;
    std::set_difference(from.begin(), from.end(), without.begin(), without.end(), std::back_inserter(rest));
    for (size_t i = 0; i < std::min<size_t>(rest.size(), 5); ++i)
      message += std::string("\n  ") + which + ": " + text_of(rest[i]);
  };
  list("not expected", actual, expected);
  list("missing", expected, actual);
  violate(message);
}

/// What a step did to the extents is all that it was to do or nothing, and nothing else happened.
void Schedule::reconcile_extents(const Pending& pending, bool succeeded) {
  const catalog::Database& actual = server_.database();
  bool batch = pending.batch.empty(), merged = pending.merged.empty(), dropped = pending.dropped.empty();
  for (auto& [name, table] : db_.tables) {
    std::map<Guid, catalog::ExtentList::Item> added;
    std::set<Guid> missing;
    for (const auto& [id, batches] : table.extents) missing.insert(id);
    for (const auto& extent : *actual.tables.at(name)->extents) {
      if (missing.erase(extent->id) == 0) added[extent->id] = extent;
    }
    if (added.empty() && missing.empty()) continue;
    const std::string where = "table " + name + ": ";
    if (name != pending.table) violate(where + "its extents changed");
    if (!pending.batch.empty()) {
      if (!missing.empty() || added.size() != pending.batch.size())
        violate(where + "a batch is visible in part");
      for (const auto& [id, extent] : added) {
        const Cursor expected = std::max(last_cursor_ + 1, server_.clock().now());
        if (extent->min_cursor != expected || extent->max_cursor != expected || extent->created != expected)
          violate(where + "a batch has the cursor " + std::to_string(extent->max_cursor) + ", expected " +
                  std::to_string(expected));
        const auto records = std::find_if(pending.batch.begin(), pending.batch.end(), [&](const Records& r) {
          return static_cast<int64_t>(r->size()) == extent->rows;
        });
        if (records == pending.batch.end()) violate(where + "an extent has another number of records");
        table.extents[id] = {{*records, expected}};
      }
      batch = true;
    } else if (!pending.merged.empty()) {
      if (missing != std::set<Guid>(pending.merged.begin(), pending.merged.end()) || added.size() != 1)
        violate(where + "a merge happened in part");
      std::vector<Batch> all;
      for (const Guid& id : pending.merged) {
        const auto& some = table.extents.at(id);
        all.insert(all.end(), some.begin(), some.end());
        table.extents.erase(id);
      }
      const catalog::Extent& extent = *added.begin()->second;
      const Reach reach = reach_of(all);
      if (extent.rows != reach.rows || extent.min_cursor != reach.oldest || extent.max_cursor != reach.newest)
        violate(where + "a merged extent has not what its parts had");
      table.extents[added.begin()->first] = std::move(all);
      merged = true;
    } else {
      if (missing != std::set<Guid>(pending.dropped.begin(), pending.dropped.end()) || !added.empty())
        violate(where + "extents were dropped in part");
      for (const Guid& id : pending.dropped) table.extents.erase(id);
      dropped = true;
    }
  }
  if (succeeded && !(batch && merged && dropped)) violate("a step was acknowledged, and didn't happen");
  if (batch && !pending.batch.empty()) last_cursor_ = std::max(last_cursor_ + 1, server_.clock().now());
  if (actual.cursor != last_cursor_) {
    violate("the database's cursor is " + std::to_string(actual.cursor) + ", expected " +
            std::to_string(last_cursor_));
  }
}

/// Everything that ended since the last look, oldest first.
Schedule::Ended Schedule::reconcile_export(const std::string& name) {
  Export& definition = db_.exports.at(name);
  Ended ended;
  auto runs = value_of(server_.catalog().runs(kDatabase, name, 100'000), "runs");
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
    return std::tie(a.from, a.attempt) < std::tie(b.from, b.attempt);
  });
  for (const catalog::ExportRun& run : runs) {
    if (run.state == catalog::RunState::Running || !definition.seen_runs.insert(run.id).second) continue;
    ended.current += run.generation == definition.generation ? 1 : 0;
    if (run.export_id != definition.id) violate("export " + name + " shows the run of another one");
    if (run.state == catalog::RunState::Completed) {
      take_run(name, definition, run);
      ++ended.completed;
    } else {
      take_failure(definition, run);
      ++ended.failed;
      ended.permanent += run.permanent_failure ? 1 : 0;
      ended.failures.push_back(run.details);
    }
  }
  const catalog::ContinuousExport& actual = *server_.database().exports.at(name);
  const std::string where = "export " + name + ": ";
  if (actual.id != definition.id) violate(where + "it has another id");
  if (actual.exported_to != definition.exported_to)
    violate(where + "it stands at " + std::to_string(actual.exported_to) + ", and its runs lead to " +
            std::to_string(definition.exported_to));
  if (actual.start_cursor != definition.start) violate(where + "its StartCursor moved");
  if (actual.generation != definition.generation || actual.disabled != definition.disabled)
    violate(where + "generation " + std::to_string(actual.generation) + ", expected " +
            std::to_string(definition.generation) + (actual.disabled ? ", disabled" : ", enabled"));
  if (actual.failing_since != definition.failing_since) violate(where + "it fails since another time");
  if (actual.consecutive_failures != definition.consecutive_failures)
    violate(where + std::to_string(actual.consecutive_failures) + " failures in a row, expected " +
            std::to_string(definition.consecutive_failures));
  return ended;
}

void Schedule::take_run(const std::string& name, Export& definition, const catalog::ExportRun& run) {
  const std::string where =
      "export " + name + ", run (" + std::to_string(run.from) + ", " + std::to_string(run.to) + "]: ";
  if (definition.disabled || run.generation != definition.generation)
    violate(where + "it completed under a definition that was no more");
  if (run.from != definition.exported_to)
    violate(where + "the one before ended at " + std::to_string(definition.exported_to));
  if (run.to <= run.from || run.to > last_cursor_) violate(where + "it ends where it can't");
  if (definition.latency > 0 && run.to > run.started - definition.latency)
    violate(where + "it took records that are younger than the forced latency");
  if (const auto reason = db_.broken(definition)) violate(where + "it completed, though " + *reason);
  check_limits(definition, run);

  const External& external = db_.externals.at(definition.external);
  const Names columns = columns_of(external.shape);
  std::vector<Row> rows;
  std::set<std::string> files;
  int64_t records = 0, bytes = 0, count = 0;
  for (const auto& artifact : value_of(server_.catalog().exported_artifacts(kDatabase, name), "artifacts")) {
    if (artifact.owner != run.id) continue;
    const std::vector<Row> some = read_rows(artifact.public_path, columns, artifact.records);
    const size_t column = external.partition == "day" ? 2 : 1;
    for (const Row& row : some) {
      const auto part = [&](const Row& r) {
        return external.partition == "day" ? r[column].substr(0, 10) : r[column];
      };
      const bool by_value = (external.partition == "k" || external.partition == "day") &&
                            artifact.object.find(exports::kDefaultPartition) == std::string::npos;
      if (by_value && part(row) != part(some.front()))
        violate(artifact.public_path + " holds records of two partitions");
    }
    if (static_cast<int64_t>(std::filesystem::file_size(artifact.public_path)) != artifact.bytes)
      violate(artifact.public_path + " has another size than is reported");
    rows.insert(rows.end(), some.begin(), some.end());
    definition.artifacts[artifact.public_path] = columns;
    files.insert(artifact.public_path);
    records += artifact.records;
    bytes += artifact.bytes;
    ++count;
  }
  if (records != run.records || bytes != run.bytes || count != run.files)
    violate(where + "its totals aren't those of its artifacts");
  std::vector<Row> expected;
  // Without new records of fact tables the query isn't even run.
  const bool reads = db_.waiting(definition.query, run.from, run.to) > 0;
  if (reads && run.oldest == 0) violate(where + "it passed over records");
  if (run.oldest > 0) expected = db_.result(definition.query, external.shape, run.from, run.to);
  compare(where + "its artifacts", rows, expected);
  definition.expected.insert(definition.expected.end(), expected.begin(), expected.end());

  if (definition.manifest && run.oldest > 0) {
    char cursor[24];
    std::snprintf(cursor, sizeof cursor, "%020lld", static_cast<long long>(run.to));
    manifests_[external.folder + "/_manifests/" + name + "/" + cursor + "-" + run.id.str() + ".json"] = {
        run, std::move(files)};
  }
  definition.exported_to = run.to;
  definition.failing_since.reset();
  definition.consecutive_failures = 0;
}

/// A run takes whole extents, as many as fit; more than that only where the first alone doesn't fit.
void Schedule::check_limits(const Export& definition, const catalog::ExportRun& run) {
  if (definition.most_records == 0) return;
  std::map<Cursor, int64_t> taken, left;  // records by commit, or by the newest of a merged extent's
  for (const std::string& name : db_.facts(definition.query)) {
    for (const auto& [id, batches] : db_.tables.at(name).extents) {
      const Reach reach = reach_of(batches);
      if (reach.newest > run.from) (reach.newest <= run.to ? taken : left)[reach.newest] += reach.rows;
    }
  }
  int64_t records = 0;
  for (const auto& [cursor, rows] : taken) records += rows;
  if (taken.size() > 1 && records > definition.most_records)
    violate("a run took " + std::to_string(records) + " records, more than maxRecordsPerRun");
  const Cursor upper =
      definition.latency ? std::min(last_cursor_, run.started - definition.latency) : last_cursor_;
  if (run.to < upper && !taken.empty() && !left.empty() &&
      records + left.begin()->second <= definition.most_records)
    violate("a run took less than maxRecordsPerRun allows");
}

void Schedule::take_failure(Export& definition, const catalog::ExportRun& run) {
  if (run.failure_kind == "Stopped") {
    ++definition.consecutive_failures;
    return;
  }
  if (run.generation != definition.generation) return;
  ++definition.consecutive_failures;
  const bool says_nothing = run.failure_kind == "Cancelled" || run.failure_kind == "Conflict";
  if (run.permanent_failure) {
    if (!definition.failing_since) definition.failing_since = *run.ended;
    if (*run.ended - *definition.failing_since >= 7 * kTicksPerDay) {
      definition.disabled = true;
      ++definition.generation;
    }
  } else if (!says_nothing) {
    definition.failing_since.reset();
  }
}

std::vector<Row> Schedule::read_rows(const std::string& path, const Names& columns, int64_t records) {
  if (!std::filesystem::exists(path)) violate(path + " is reported and isn't there");
  std::vector<Row> rows = read_artifact(server_.engine(), path, columns);
  if (static_cast<int64_t>(rows.size()) != records)
    violate(path + " holds " + std::to_string(rows.size()) + " records, reported are " +
            std::to_string(records));
  contents_[path] = std::hash<std::string>()(test::read_file(path));
  return rows;
}

/// What users see as ExportedTo has been exported, all of it.
void Schedule::check_health(const std::string& name) {
  const Export& definition = db_.exports.at(name);
  const auto health = server_.exports().health_of(kDatabase, name);
  if (!health) violate("export " + name + " has no health");
  if (health->exported_to < definition.exported_to)
    violate("export " + name + ": ExportedTo lies before its position");
  if (db_.broken(definition)) return;
  if (db_.waiting(definition.query, definition.exported_to, health->exported_to) > 0)
    violate("export " + name + ": ExportedTo lies behind records that weren't exported");
  if (db_.waiting(definition.query, definition.exported_to, INT64_MAX) == 0 && health->lateness != 0)
    violate("export " + name + ": it is late, and nothing waits");
}

void Schedule::check_all() {
  for (const auto& [name, definition] : db_.exports) {
    reconcile_export(name);
    check_health(name);
  }
  if (definitions_of(server_.database()) != db_.definitions())
    violate("definitions:\n" + definitions_of(server_.database()) + "expected:\n" + db_.definitions());
  take_operations();
  check_files(false);
}

void Schedule::check_files(bool strict) {
  std::map<std::string, bool> expected;  // path → must be there
  for (const auto& [path, columns] : kept_) expected[path] = true;
  for (const auto& [name, definition] : db_.exports) {
    std::set<std::string> reported;
    for (const auto& artifact : value_of(server_.catalog().exported_artifacts(kDatabase, name), "artifacts"))
      reported.insert(artifact.public_path);
    std::set<std::string> known;
    for (const auto& [path, columns] : definition.artifacts) known.insert(path);
    if (reported != known) violate("export " + name + " reports other artifacts than its runs wrote");
    for (const std::string& path : known) expected[path] = true;
  }
  for (const auto& [path, of] : manifests_) expected[path] = strict;
  std::set<std::string> there;
  for (const std::string& path : server_.listing()) there.insert(path);
  for (const auto& [path, needed] : expected) {
    if (needed && !there.contains(path)) violate(path + " is missing");
  }
  std::set<std::string> abandoned;
  if (!strict) {
    for (const auto& artifact : value_of(server_.catalog().abandoned_artifacts(), "abandoned"))
      abandoned.insert(artifact.public_path);
  }
  for (const std::string& path : there) {
    if (expected.contains(path) || abandoned.contains(path)) continue;
    if (strict) violate(path + " lies there, and nothing reports it");
    // A run whose failure couldn't be recorded still owns it.
    if (const Status swept = server_.exports().sweep(); !swept.ok())
      violate("the janitor: " + swept.error().message);
    for (const auto& [name, definition] : db_.exports) reconcile_export(name);
    return check_files(true);
  }
  if (!strict) return;
  for (const auto& [path, hash] : contents_) {
    if (expected.contains(path) && std::hash<std::string>()(test::read_file(path)) != hash)
      violate(path + " was changed after it was reported");
  }
  namespace json = boost::json;
  for (const auto& [path, of] : manifests_) {
    const json::value content = json::parse(test::read_file(path));
    std::set<std::string> files;
    int64_t records = 0;
    for (const json::value& file : content.at("files").as_array()) {
      files.insert(std::string(file.at("path").as_string()));
      records += file.at("records").as_int64();
      if (file.at("xxh3").as_string().size() != 32) violate(path + " has no checksum");
    }
    if (files != of.files || records != of.run.records ||
        content.at("from").as_string() != std::to_string(of.run.from) ||
        content.at("to").as_string() != std::to_string(of.run.to))
      violate(path + " doesn't say what its run wrote");
  }
}

/// What a query sees is what was ingested, each record with the cursor of its commit, and the cursor
/// functions cut it where they should.
void Schedule::check_tables() {
  for (const auto& [name, table] : db_.tables) {
    Names columns = {"id", "k", "at"};
    for (const auto& [extra, id] : table.extras) columns.push_back(extra);
    Cursor after = 0;
    std::vector<Cursor> cursors;
    for (const auto& [id, batches] : table.extents) {
      for (const Batch& batch : batches) cursors.push_back(batch.cursor);
    }
    std::sort(cursors.begin(), cursors.end());
    if (!cursors.empty()) after = cursors[static_cast<size_t>(pick(static_cast<int64_t>(cursors.size())))];
    std::string list;
    for (const std::string& column : columns) list += column + ", ";
    const std::string query = table.ingestion_time
                                  ? name + " | where cursor_after('" + std::to_string(after) +
                                        "') | project " + list + "c = ingestion_time()"
                                  : name + " | project " + list + "c = datetime(null)";
    kql::BindOptions options;
    options.snapshot = server_.catalog().snapshot();
    options.database = kDatabase;
    options.now = server_.clock().now();
    const auto bound = value_of(kql::compile(query, options), query);
    const auto answer = value_of(server_.engine().run_to_table(bound.results[0].plan, {}), query);
    std::vector<Row> actual, expected;
    for (const auto& values : answer.rows) {
      Row& row = actual.emplace_back();
      for (const Value& value : values)
        row.push_back(value.is_null()                  ? ""
                      : value.type() == Type::DateTime ? format_datetime(value.as_int())
                                                       : value.str());
    }
    for (const auto& [id, batches] : table.extents) {
      for (const Batch& batch : batches) {
        if (table.ingestion_time && batch.cursor <= after) continue;
        for (const Record& record : *batch.records) {
          Row& row = expected.emplace_back(row_of(table, record, columns));
          row.push_back(table.ingestion_time ? format_datetime(batch.cursor) : "");
        }
      }
    }
    compare("table " + name + " after " + std::to_string(after), std::move(actual), std::move(expected));
  }
}

/// `.export` operations that ended since: what a completed one reports is what it was to write.
void Schedule::take_operations() {
  for (const auto& operation : value_of(server_.catalog().operations(1000), "operations")) {
    if (operation.kind != "DataExport" || operation.state == catalog::OperationState::InProgress ||
        operation.state == catalog::OperationState::Scheduled ||
        !seen_operations_.insert(operation.id).second)
      continue;
    if (operation.state != catalog::OperationState::Completed) continue;
    const auto details = value_of(server_.catalog().operation_details(operation.id), "details");
    if (!details) violate("a completed operation has no details");
    const auto table = value_of(exports::table_from_json(*details), "details");
    std::vector<Row> rows;
    for (const auto& row : table.rows) {
      const std::string path = row[1].as_text();
      const auto some = read_rows(path, columns_of(Shape::Base), row[2].as_int());
      rows.insert(rows.end(), some.begin(), some.end());
      kept_[path] = columns_of(Shape::Base);
    }
    compare("operation " + operation.id.str(), std::move(rows), history_.expected);
  }
}

}  // namespace spillway::model
