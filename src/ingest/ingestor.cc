// A batch, from its records to its commit. See ingest.h.
#include <algorithm>
#include <set>
#include <utility>

#include "base/fail_point.h"
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

/// The extents of a batch that are written and not yet committed. Their files go with it, unless they were
/// handed to a commit.
class Batch {
 public:
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    if (handed_over_) return;
    for (const auto& reservation : reservations_) reservation->remove();
  }

  /// The next extent's file.
  Result<Reservation*> reserve(ExtentFiles& files, int64_t database_id) {
    SPILLWAY_ASSIGN(std::unique_ptr<Reservation> reservation, files.reserve(database_id));
    reservations_.push_back(std::move(reservation));
    return reservations_.back().get();
  }
  /// Takes the extent that was written into the file reserved last.
  Status add(catalog::Extent extent, std::string item) {
    if (extent.rows == 0) {
      reservations_.back()->remove();
      reservations_.pop_back();
      return Status();
    }
    SPILLWAY_TRY(reservations_.back()->finish());
    SPILLWAY_FAIL_POINT("ingest.after_write");
    loaded_.push_back({std::move(extent), std::move(item)});
    return Status();
  }
  void hand_over() { handed_over_ = true; }
  std::vector<Loaded>& loaded() { return loaded_; }

 private:
  std::vector<std::unique_ptr<Reservation>> reservations_;
  std::vector<Loaded> loaded_;
  bool handed_over_ = false;
};

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

class FileIngestor : public Ingestor {
 public:
  FileIngestor(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
               const Clock& clock, std::unique_ptr<ExtentFiles> files, const IngestorOptions& options)
      : catalog_(catalog),
        engine_(engine),
        stores_(stores),
        options_(options),
        capacity_(catalog, catalog::CapacityResource::Ingestions),
        merge_capacity_(catalog, catalog::CapacityResource::ExtentsMerge),
        files_(std::move(files)),
        janitor_(*files_, catalog),
        merger_(catalog, engine, *files_, clock, merge_capacity_, options.capacity_wait),
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
  Result<catalog::Extent> merge(const std::string& database, const catalog::Table& table,
                                const std::vector<Guid>& ids, const engine::RunOptions& options) override {
    return merger_.merge(database, table, ids, options);
  }
  Result<int64_t> sweep() override;
  const engine::Capacity& capacity() const override { return capacity_; }
  const engine::Capacity& merge_capacity() const override { return merge_capacity_; }

 private:
  /// A part of the ingestion capacity, within the request's time.
  Result<engine::Capacity::Lease> admit(const Request& request);
  /// What can be known to fail is found before anything is written. Returns the database's id.
  Result<int64_t> check(const Request& request) const;
  Result<std::vector<Loaded>> ingest_group(const Request& request, const Deadline& deadline,
                                           const std::vector<SourceGroup>& groups);
  Result<std::vector<Loaded>> commit(const Request& request, Batch& batch);

  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  const storage::StoreFactory& stores_;
  const IngestorOptions options_;
  engine::Capacity capacity_, merge_capacity_;
  const std::unique_ptr<ExtentFiles> files_;
  Janitor janitor_;
  Merger merger_;
  Operations operations_;
};

Result<engine::Capacity::Lease> FileIngestor::admit(const Request& request) {
  const auto wait = std::min(options_.capacity_wait, request.timeout.value_or(options_.capacity_wait));
  return capacity_.take(wait, request.cancel.get(), request.command_type);
}

Result<int64_t> FileIngestor::check(const Request& request) const {
  const std::shared_ptr<const catalog::Snapshot> snapshot = catalog_.snapshot();
  const catalog::Database* database = snapshot->database(request.database);
  if (!database) return Error(ErrorCode::EntityNotFound, "database '" + request.database + "' not found");
  if (request.table.columns.empty()) {
    return Error(ErrorCode::SchemaMismatch,
                 "table '" + request.table.name + "' has no columns to hold records");
  }
  SPILLWAY_TRY(check_not_ingested(*snapshot, request));
  return database->id;
}

Result<std::vector<Loaded>> FileIngestor::ingest_data(const Request& request, std::string_view data) {
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
  return ingest_group(request, deadline, {std::move(group)});
}

Result<std::vector<Loaded>> FileIngestor::ingest_files(const Request& request,
                                                       const std::vector<std::string>& connections) {
  const Deadline deadline(request.cancel, request.timeout);
  SPILLWAY_ASSIGN(const engine::Capacity::Lease lease, admit(request));
  SPILLWAY_TRY(check(request));
  SPILLWAY_ASSIGN(const engine::RunOptions options, deadline.options());
  SPILLWAY_ASSIGN(const Sources sources,
                  open_sources(stores_, *files_, request.properties, connections, options));
  return ingest_group(request, deadline, sources.groups);
}

Result<std::vector<Loaded>> FileIngestor::ingest_group(const Request& request, const Deadline& deadline,
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
  return commit(request, batch);
}

Result<std::vector<Loaded>> FileIngestor::ingest_query(const Request& request, kql::RelPtr plan) {
  const Deadline deadline(request.cancel, request.timeout);
  SPILLWAY_ASSIGN(const engine::Capacity::Lease lease, admit(request));
  SPILLWAY_ASSIGN(const int64_t database_id, check(request));
  ExtentWriter writer(engine_, request.table, deadline);
  Batch batch;
  SPILLWAY_ASSIGN(const Reservation* target, batch.reserve(*files_, database_id));
  SPILLWAY_ASSIGN(catalog::Extent extent, writer.write_plan(*target, std::move(plan)));
  SPILLWAY_TRY(batch.add(std::move(extent), ""));
  return commit(request, batch);
}

Result<std::vector<Loaded>> FileIngestor::commit(const Request& request, Batch& batch) {
  std::vector<Loaded>& loaded = batch.loaded();
  if (loaded.empty() && !request.prepare) return std::move(loaded);
  std::vector<catalog::Extent> extents;
  for (Loaded& item : loaded) {
    item.extent.tags = request.properties.tags;
    extents.push_back(item.extent);
  }
  catalog::Cursor cursor = 0;
  batch.hand_over();
  const Status committed = catalog_.write([&](catalog::Writer& writer) -> Status {
    SPILLWAY_TRY(check_not_ingested(writer.current(), request));
    int64_t table_id = request.table.id;
    if (request.prepare) {
      SPILLWAY_ASSIGN(table_id, request.prepare(writer));
    }
    if (extents.empty()) return Status();
    SPILLWAY_ASSIGN(cursor, writer.add_extents(request.database, table_id, extents));
    return Status();
  });
  if (!committed.ok()) {
    // Whether it happened is known only to the catalog.
    janitor_.look_for_orphans();
    return committed.error();
  }
  SPILLWAY_FAIL_POINT("ingest.after_commit");
  for (Loaded& item : loaded) item.extent.min_cursor = item.extent.max_cursor = item.extent.created = cursor;
  return std::move(loaded);
}

Result<int64_t> FileIngestor::sweep() {
  SPILLWAY_ASSIGN(const int64_t dropped, files_->remove_dropped(catalog_));
  SPILLWAY_ASSIGN(const int64_t orphans, files_->remove_orphans(catalog_));
  return dropped + orphans;
}

}  // namespace

Result<std::unique_ptr<Ingestor>> Ingestor::open(catalog::Catalog& catalog, engine::Engine& engine,
                                                 const storage::StoreFactory& stores, const Clock& clock,
                                                 const std::string& extents_folder,
                                                 const IngestorOptions& options) {
  SPILLWAY_ASSIGN(std::unique_ptr<ExtentFiles> files, ExtentFiles::open(extents_folder));
  return std::unique_ptr<Ingestor>(
      std::make_unique<FileIngestor>(catalog, engine, stores, clock, std::move(files), options));
}

}  // namespace spillway::ingest
