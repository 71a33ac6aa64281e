#include "commands/streaming_ingestion.h"

#include <boost/json.hpp>

#include "catalog/identity_use.h"
#include "commands/call.h"
#include "commands/policies.h"

namespace spillway::commands {
namespace {

Status check_policy(const catalog::Database& database, const catalog::Table& table) {
  const boost::json::value policy = boost::json::parse(streaming_policy(database, table));
  if (policy.is_null() || policy.at("IsEnabled").as_bool()) return {};
  const std::string owner = table.policies.contains(kStreamingPolicy) ? "the table" : "its database";
  return Error{ErrorCode::BadRequest, "streaming ingestion into table '" + table.name + "' of database '" +
                                          database.name +
                                          "' is disabled by the streamingingestion policy of " + owner +
                                          "; enable it there, or ingest by commands, which need no policy"};
}

}  // namespace

std::string streaming_policy(const catalog::Database& database, const catalog::Table& table) {
  const bool own = table.policies.contains(kStreamingPolicy);
  return policy_text(own ? table.policies : database.policies, kStreamingPolicy);
}

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
  SPILLWAY_TRY(check_policy(*database, *table));
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
