// A batch, from its records to its commit. See ingest.h.
#include <algorithm>
#include <set>
#include <utility>

#include <boost/json.hpp>

#include "base/fail_point.h"
#include "base/log.h"
#include "ingest/batch.h"
#include "ingest/derivation.h"
#include "ingest/extent_writer.h"
#include "ingest/formats.h"
#include "ingest/ingest.h"
#include "ingest/janitor.h"
#include "ingest/merger.h"
#include "ingest/operations.h"

namespace spillway::ingest {
namespace {

using Reservation = ExtentFiles::Reservation;

/// Between looks for extents that are worth a merge.
constexpr std::chrono::seconds kMergeInterval{60};
/// How often update policies run anew because definitions changed while they ran.
constexpr int kMaxDerivations = 10;

const catalog::Table* find_table(const catalog::Snapshot& snapshot, const Request& request) {
  const catalog::Database* database = snapshot.database(request.database);
  if (!database) return nullptr;
  const auto found = database->tables.find(request.table.name);
  return found == database->tables.end() ? nullptr : found->second.get();
}

/// ingestIfNotExists. Source: management/extent-tags.md.
Status check_not_ingested(const catalog::Snapshot& snapshot, const Request& request) {
  const catalog::Table* table = find_table(snapshot, request);
  if (!table || request.properties.ingest_if_not_exists.empty()) return Status();
  std::set<std::string> forbidden;
  for (const std::string& value : request.properties.ingest_if_not_exists)
    forbidden.insert("ingest-by:" + value);
  for (const auto& extent : *table->extents) {
    for (const std::string& tag : extent->tags) {
      if (!forbidden.contains(tag)) continue;
      return Error(ErrorCode::BadRequest, "table '" + table->name + "' has data with the tag '" + tag +
                                              "' already, and ingestIfNotExists forbids to ingest it again");
    }
  }
  return Status();
}

Result<std::string> mapping_of(const Request& request, const std::string& format) {
  const Properties& properties = request.properties;
  if (properties.mapping_reference.empty()) return properties.mapping;
  const char* kind = name_of(mapping_kind_of(format));
  const auto mappings = request.table.mappings.find(kind);
  if (mappings != request.table.mappings.end()) {
    const auto mapping = mappings->second.find(properties.mapping_reference);
    if (mapping != mappings->second.end()) return mapping->second;
  }
  return Error(ErrorCode::EntityNotFound, std::string(kind) + " mapping '" + properties.mapping_reference +
                                              "' not found in table '" + request.table.name + "'");
}

/// Those of the ingestion that `.show ingestion failures` shows.
std::string described(const Properties& properties) {
  boost::json::object object;
  if (!properties.format.empty()) object["format"] = properties.format;
  if (!properties.mapping_reference.empty())
    object["ingestionMappingReference"] = properties.mapping_reference;
  if (!properties.tags.empty()) object["tags"] = boost::json::value_from(properties.tags);
  return boost::json::serialize(object);
}

/// The addresses of connection strings, without what is secret in them.
std::string addresses(const std::vector<std::string>& connections) {
  std::string text;
  for (const std::string& each : connections) {
    const auto connection = storage::ConnectionString::parse(each);
    if (connection.ok()) text += (text.empty() ? "" : ", ") + connection->address();
  }
  return text;
}

const catalog::Table* find_table(const catalog::Database& database, int64_t id) {
  for (const auto& [name, table] : database.tables) {
    if (table->id == id) return table.get();
  }
  return nullptr;
}

Error table_gone(const std::string& database) {
  return Error(ErrorCode::Conflict, "the table is no longer in database '" + database + "'");
}

/// The extents as they will be in the destination.
Result<std::shared_ptr<const catalog::ExtentList>> moved_extents(const catalog::Database& database,
                                                                 const catalog::Table& to,
                                                                 const MoveRequest& request, Ticks now) {
  std::map<Guid, std::pair<const catalog::Extent*, const catalog::Table*>> found;
  std::set<int64_t> tables;
  for (const catalog::Move& move : request.moves) tables.insert(move.from_table_id);
  for (const int64_t id : tables) {
    const catalog::Table* table = find_table(database, id);
    if (!table) return table_gone(database.name);
    for (const auto& extent : *table->extents) found[extent->id] = {extent.get(), table};
  }
  const catalog::Cursor cursor = std::max(database.cursor + 1, now);
  std::vector<catalog::ExtentList::Item> items;
  for (const catalog::Move& move : request.moves) {
    const auto at = found.find(move.id);
    if (at == found.end() || at->second.second->id != move.from_table_id) {
      return Error(ErrorCode::Conflict, "extent " + move.id.str() + " is no longer in its table");
    }
    SPILLWAY_ASSIGN(catalog::Extent extent,
                    catalog::extent_in_table(*at->second.first, *at->second.second, to));
    catalog::arrive(extent, move.new_id, cursor, request.new_ingestion_time);
    items.push_back(std::make_shared<const catalog::Extent>(std::move(extent)));
  }
  return std::make_shared<const catalog::ExtentList>(items);
}

class FileIngestor : public Ingestor {
 public:
  FileIngestor(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
               const Clock& clock, std::unique_ptr<ExtentFiles> files, const IngestorOptions& options)
      : catalog_(catalog),
        engine_(engine),
        stores_(stores),
        clock_(clock),
        options_(options),
        capacity_(catalog, catalog::CapacityResource::Ingestions),
        merge_capacity_(catalog, catalog::CapacityResource::ExtentsMerge),
        files_(std::move(files)),
        janitor_(*files_, catalog),
        merger_(catalog, engine, *files_, janitor_, clock, merge_capacity_, options.capacity_wait),
        operations_(catalog, clock) {
    merger_.start(kMergeInterval);
  }
  ~FileIngestor() override { stop(); }

  Result<std::vector<Loaded>> ingest_data(const Request& request, std::string_view data) override;
  Result<std::vector<Loaded>> ingest_files(const Request& request,
                                           const std::vector<std::string>& connections) override;
  Result<std::vector<Loaded>> ingest_query(const Request& request, kql::RelPtr plan) override;

  Result<Guid> start_operation(OperationRequest request) override {
    return operations_.start(std::move(request));
  }
  bool cancel_operation(const Guid& id, const std::string& reason) override {
    return operations_.cancel(id, reason);
  }
  void stop() override {
    operations_.stop();
    merger_.stop();
    janitor_.stop();
  }
  Status move_extents(const MoveRequest& request) override;
  Result<catalog::Extent> merge(const std::string& database, const catalog::Table& table,
                                const std::vector<Guid>& ids, const engine::RunOptions& options) override {
    return merger_.merge(database, table, ids, options);
  }
  Result<int64_t> sweep() override;
  const engine::Capacity& capacity() const override { return capacity_; }
  const engine::Capacity& merge_capacity() const override { return merge_capacity_; }

 private:
  using Extents = Result<std::vector<Loaded>>;
  /// What comes into a table, by the snapshot that update policies are read from.
  using Arriving = std::function<Result<Arrival>(const catalog::Snapshot&)>;
  /// A part of the ingestion capacity, within the request's time.
  Result<engine::Capacity::Lease> admit(const Request& request);
  /// What can be known to fail is found before anything is written. Returns the database's id.
  Result<int64_t> check(const Request& request) const;
  Extents ingest_connections(const Request& request, const std::vector<std::string>& connections,
                             const Deadline& deadline);
  Extents ingest_group(const Request& request, const Deadline& deadline,
                       const std::vector<SourceGroup>& groups);
  Extents ingest_plan(const Request& request, kql::RelPtr plan, const Deadline& deadline);
  Extents commit(const Request& request, Batch& batch, const Deadline& deadline);
  /// Runs the update policies, then one transaction with `transaction` and what they made.
  Status commit_with_updates(const std::string& database, const Origin& origin, const Deadline& deadline,
                             const Arriving& arriving,
                             const std::function<Status(catalog::Writer&)>& transaction);
  /// Records the failure of an ingestion; gives its result back.
  Extents reported(const Request& request, const std::string& source, size_t sources, Extents result);

  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  const storage::StoreFactory& stores_;
  const Clock& clock_;
  const IngestorOptions options_;
  engine::Capacity capacity_, merge_capacity_;
  const std::unique_ptr<ExtentFiles> files_;
  Janitor janitor_;
  Merger merger_;
  Operations operations_;
};

Result<engine::Capacity::Lease> FileIngestor::admit(const Request& request) {
  const auto wait = std::min(options_.capacity_wait, request.timeout.value_or(options_.capacity_wait));
  return capacity_.take(wait, request.cancel.get(), request.origin.kind);
}

Result<int64_t> FileIngestor::check(const Request& request) const {
  const std::shared_ptr<const catalog::Snapshot> snapshot = catalog_.snapshot();
  const catalog::Database* database = snapshot->database(request.database);
  if (!database) return Error(ErrorCode::EntityNotFound, "database '" + request.database + "' not found");
  SPILLWAY_TRY(catalog::check_writable(*database));
  if (request.table.columns.empty()) {
    return Error(ErrorCode::SchemaMismatch,
                 "table '" + request.table.name + "' has no columns to hold records");
  }
  SPILLWAY_TRY(check_not_ingested(*snapshot, request));
  return database->id;
}

FileIngestor::Extents FileIngestor::ingest_data(const Request& request, std::string_view data) {
  const Deadline deadline(request.cancel, request.timeout);
  SPILLWAY_ASSIGN(const engine::Capacity::Lease lease, admit(request));
  SourceGroup group;
  group.format = request.properties.format.empty() ? "csv" : request.properties.format;
  if (group.format == "parquet") {
    return Error(ErrorCode::BadRequest, "inline data is text: it can't have the format 'parquet'");
  }
  Input input;
  input.data = data;
  input.size = static_cast<int64_t>(data.size());
  group.inputs.push_back(std::move(input));
  return reported(request, "", 1, ingest_group(request, deadline, {std::move(group)}));
}

FileIngestor::Extents FileIngestor::ingest_files(const Request& request,
                                                 const std::vector<std::string>& connections) {
  const Deadline deadline(request.cancel, request.timeout);
  SPILLWAY_ASSIGN(const engine::Capacity::Lease lease, admit(request));
  return reported(request, addresses(connections), connections.size(),
                  ingest_connections(request, connections, deadline));
}

FileIngestor::Extents FileIngestor::ingest_connections(const Request& request,
                                                       const std::vector<std::string>& connections,
                                                       const Deadline& deadline) {
  SPILLWAY_TRY(check(request));
  SPILLWAY_ASSIGN(const engine::RunOptions options, deadline.options());
  SPILLWAY_ASSIGN(const Sources sources,
                  open_sources(stores_, *files_, request.properties, connections, options));
  return ingest_group(request, deadline, sources.groups);
}

FileIngestor::Extents FileIngestor::ingest_group(const Request& request, const Deadline& deadline,
                                                 const std::vector<SourceGroup>& groups) {
  SPILLWAY_ASSIGN(const int64_t database_id, check(request));
  ExtentWriter writer(engine_, request.table, deadline);
  Batch batch;
  for (const SourceGroup& group : groups) {
    SPILLWAY_ASSIGN(const std::string mapping, mapping_of(request, group.format));
    SPILLWAY_ASSIGN(const Reservation* target, batch.reserve(*files_, database_id));
    SPILLWAY_ASSIGN(catalog::Extent extent,
                    writer.write_files(*target, group, mapping, request.properties.ignore_first_record));
    std::string item;
    for (const Input& input : group.inputs) item += (item.empty() ? "" : ", ") + input.name;
    SPILLWAY_TRY(batch.add(std::move(extent), std::move(item)));
  }
  return commit(request, batch, deadline);
}

FileIngestor::Extents FileIngestor::ingest_query(const Request& request, kql::RelPtr plan) {
  const Deadline deadline(request.cancel, request.timeout);
  SPILLWAY_ASSIGN(const engine::Capacity::Lease lease, admit(request));
  return reported(request, "", 0, ingest_plan(request, std::move(plan), deadline));
}

FileIngestor::Extents FileIngestor::ingest_plan(const Request& request, kql::RelPtr plan,
                                                const Deadline& deadline) {
  SPILLWAY_ASSIGN(const int64_t database_id, check(request));
  ExtentWriter writer(engine_, request.table, deadline);
  Batch batch;
  SPILLWAY_ASSIGN(const Reservation* target, batch.reserve(*files_, database_id));
  SPILLWAY_ASSIGN(catalog::Extent extent, writer.write_plan(*target, std::move(plan)));
  SPILLWAY_TRY(batch.add(std::move(extent), ""));
  return commit(request, batch, deadline);
}

FileIngestor::Extents FileIngestor::reported(const Request& request, const std::string& source,
                                             size_t sources, Extents result) {
  // A conflict is the caller's to try again.
  if (result.ok() || result.error().code == ErrorCode::Cancelled ||
      result.error().code == ErrorCode::Conflict) {
    return result;
  }
  catalog::IngestionFailure failure = failure_of(request.origin, result.error(), clock_.now());
  failure.database = request.database;
  failure.table = request.table.name;
  failure.source = source;
  failure.sources = static_cast<int64_t>(sources);
  failure.properties = described(request.properties);
  const Status recorded =
      catalog_.write([&](catalog::Writer& writer) { return writer.add_ingestion_failure(failure); });
  if (!recorded.ok()) {
    log::warning("the failure of an ingestion can't be recorded",
                 {{"table", failure.table}, {"error", recorded.error().message}});
  }
  return result;
}

FileIngestor::Extents FileIngestor::commit(const Request& request, Batch& batch, const Deadline& deadline) {
  std::vector<Loaded>& loaded = batch.loaded();
  if (loaded.empty() && !request.prepare) return std::move(loaded);
  for (Loaded& item : loaded) item.extent.tags = request.properties.tags;
  const auto arriving = [&](const catalog::Snapshot& snapshot) -> Result<Arrival> {
    const catalog::Database* database = snapshot.database(request.database);
    if (!database) return Error(ErrorCode::EntityNotFound, "database '" + request.database + "' not found");
    const catalog::Table* table = request.prepare ? &request.table : find_table(*database, request.table.id);
    if (!table) return table_gone(request.database);
    Arrival arrival{*table, request.properties.tags, request.replaces};
    arrival.table.extents = uncommitted(*database, batch.extents(), arrival.tags, clock_.now());
    return arrival;
  };
  catalog::Cursor cursor = 0;
  const auto transaction = [&](catalog::Writer& writer) -> Status {
    batch.hand_over();
    SPILLWAY_TRY(check_not_ingested(writer.current(), request));
    int64_t table_id = request.table.id;
    if (request.prepare) {
      SPILLWAY_ASSIGN(table_id, request.prepare(writer));
    }
    if (loaded.empty()) return Status();
    SPILLWAY_ASSIGN(cursor, writer.add_extents(request.database, table_id, batch.extents()));
    return Status();
  };
  SPILLWAY_TRY(commit_with_updates(request.database, request.origin, deadline, arriving, transaction));
  for (Loaded& item : loaded) {
    item.extent.min_cursor = item.extent.max_cursor = item.extent.created = item.extent.first_created =
        cursor;
  }
  return std::move(loaded);
}

Status FileIngestor::commit_with_updates(const std::string& database, const Origin& origin,
                                         const Deadline& deadline, const Arriving& arriving,
                                         const std::function<Status(catalog::Writer&)>& transaction) {
  for (int attempt = 0; attempt < kMaxDerivations; ++attempt) {
    const auto snapshot = catalog_.snapshot();
    SPILLWAY_ASSIGN(const Arrival arrival, arriving(*snapshot));
    Derivation derivation({engine_, *files_, deadline, database, origin, clock_.now()});
    SPILLWAY_TRY(derivation.run(snapshot, arrival));
    bool stale = false;
    const Status committed = catalog_.write([&](catalog::Writer& writer) -> Status {
      stale = !derivation.is_current(writer.current());
      if (stale) return table_gone(database);  // or altered, or a policy or a function was: once more
      SPILLWAY_TRY(transaction(writer));
      return derivation.commit(writer);
    });
    if (stale) continue;
    if (!committed.ok()) {
      // Whether it happened is known only to the catalog.
      janitor_.look_for_orphans();
      return committed;
    }
    SPILLWAY_FAIL_POINT("ingest.after_commit");
    return Status();
  }
  return Status(ErrorCode::Conflict, "the definitions of database '" + database +
                                         "' changed again and again while its update policies ran");
}

Status FileIngestor::move_extents(const MoveRequest& request) {
  const Deadline deadline(request.cancel, request.timeout);
  const auto arriving = [&](const catalog::Snapshot& snapshot) -> Result<Arrival> {
    const catalog::Database* database = snapshot.database(request.database);
    if (!database) return Error(ErrorCode::EntityNotFound, "database '" + request.database + "' not found");
    SPILLWAY_TRY(catalog::check_writable(*database));
    const catalog::Table* table = find_table(*database, request.table_id);
    if (!table) return table_gone(request.database);
    Arrival arrival{*table, {}, false};
    SPILLWAY_ASSIGN(arrival.table.extents, moved_extents(*database, *table, request, clock_.now()));
    return arrival;
  };
  return commit_with_updates(
      request.database, request.origin, deadline, arriving, [&](catalog::Writer& writer) -> Status {
        SPILLWAY_TRY(writer.drop_extents(request.database, request.table_id, request.drops));
        return writer
            .move_extents(request.database, request.moves, request.table_id, request.new_ingestion_time)
            .status();
      });
}

Result<int64_t> FileIngestor::sweep() {
  SPILLWAY_ASSIGN(const int64_t dropped, files_->remove_dropped(catalog_));
  SPILLWAY_ASSIGN(const int64_t orphans, files_->remove_orphans(catalog_));
  return dropped + orphans;
}

}  // namespace

catalog::IngestionFailure failure_of(const Origin& origin, const Error& error, Ticks now) {
  catalog::IngestionFailure failure;
  failure.operation = origin.operation;
  failure.kind = origin.kind;
  failure.principal = origin.principal;
  failure.activity_id = origin.activity_id;
  failure.failed = now;
  failure.details = error.message;
  failure.error_code = name_of(error.code);
  failure.permanent = error.permanent();
  return failure;
}

Result<std::unique_ptr<Ingestor>> Ingestor::open(catalog::Catalog& catalog, engine::Engine& engine,
                                                 const storage::StoreFactory& stores, const Clock& clock,
                                                 const std::string& extents_folder,
                                                 const IngestorOptions& options) {
  SPILLWAY_ASSIGN(std::unique_ptr<ExtentFiles> files, ExtentFiles::open(extents_folder));
  return std::unique_ptr<Ingestor>(
      std::make_unique<FileIngestor>(catalog, engine, stores, clock, std::move(files), options));
}

}  // namespace spillway::ingest
