// Streaming ingestion: data that comes as the body of a request, committed before it is answered.
// Sources: api/rest/streaming-ingest.md, management/streaming-ingestion-policy.md.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/security.h"
#include "commands/commands.h"

namespace spillway::commands {

/// What errors call it, as they name other commands by their types.
inline constexpr const char* kStreamingIngestion = "StreamingIngest";

/// The streaming ingestion policy in Table::policies and Database::policies: {"IsEnabled":true,
/// "HintAllocatedRate":null}. It forbids where it isn't enabled. Without one streaming is allowed, other than
/// in Kusto, which wants it enabled.
inline constexpr const char* kStreamingPolicy = "streamingingestion";
/// The policy that counts for a table: its own, or else its database's; "null" where neither has one.
std::string streaming_policy(const catalog::Database& database, const catalog::Table& table);

struct StreamRequest {
  std::string database, table;
  std::string format;       // "csv", "json", …, in any case
  std::string mapping;      // the name of an ingestion mapping of the table; empty: identity
  bool is_address = false;  // `data` is the storage connection string of the file to read
  std::string_view data;
  std::string principal, activity_id;
  std::shared_ptr<const catalog::Caller> caller;  // who may ingest or not; null: the server itself
  std::shared_ptr<engine::CancelToken> cancel;
  std::optional<std::chrono::milliseconds> timeout;
};

/// Ingests it as one batch, all or nothing, and says how many records that were. Errors: EntityNotFound for
/// the database, the table or the mapping; BadRequest where the policy forbids it; BadRequest, NotSupported
/// for the format; DataFormat with the line; and those of ingestion.
Result<int64_t> ingest_stream(const StreamRequest& request, const Services& services);

}  // namespace spillway::commands
