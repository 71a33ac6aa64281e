#include "commands/streaming_ingestion.h"

#include "catalog/identity_use.h"
#include "commands/call.h"

namespace spillway::commands {

Result<int64_t> ingest_stream(const StreamRequest& request, const Services& services) {
  const auto snapshot = services.catalog.snapshot();
  const std::shared_ptr<const catalog::Database> database = find_database(*snapshot, request.database);
  if (!database) return Error{ErrorCode::EntityNotFound, "database '" + request.database + "' not found"};
  const auto table = find_in(database->tables, request.table);
  if (!table) {
    return Error{ErrorCode::EntityNotFound,
                 "table '" + request.table + "' not found in database '" + database->name + "'"};
  }
  if (request.caller && !catalog::may_ingest(*request.caller, *database, *table)) {
    return catalog::denied(*request.caller, "ingest into table '" + table->name + "'",
                           "the role Ingestor or Admin of the table or of its database");
  }
  if (request.caller && request.is_address) {
    SPILLWAY_TRY(catalog::check_identity_use(*request.caller, *snapshot, *database, std::string(request.data),
                                             "NativeIngestion"));
  }
  ingest::Request ingestion;
  ingestion.database = database->name;
  ingestion.table = *table;
  ingestion.origin = {Guid(), kStreamingIngestion, request.principal, request.activity_id};
  ingestion.cancel = request.cancel;
  ingestion.timeout = request.timeout;
  std::map<std::string, std::string> properties = {{"format", request.format}};
  if (!request.mapping.empty()) properties["ingestionMappingReference"] = request.mapping;
  SPILLWAY_ASSIGN(ingestion.properties, ingest::parse_properties(properties));
  SPILLWAY_ASSIGN(const auto loaded,
                  request.is_address ? services.ingestor.ingest_files(ingestion, {std::string(request.data)})
                                     : services.ingestor.ingest_data(ingestion, request.data));
  int64_t records = 0;
  for (const ingest::Loaded& item : loaded) records += item.extent.rows;
  return records;
}

}  // namespace spillway::commands
