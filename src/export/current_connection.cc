#include "export/current_connection.h"

namespace spillway::exports {

Result<storage::ConnectionString> current_connection(const catalog::Snapshot& snapshot,
                                                     const std::string& database,
                                                     const std::string& external_table,
                                                     const std::string& recorded) {
  SPILLWAY_ASSIGN(auto connection, storage::ConnectionString::parse(recorded));
  const catalog::Database* found = snapshot.database(database);
  if (!found) return connection;
  const auto table = found->external_tables.find(external_table);
  if (table == found->external_tables.end()) return connection;
  for (const std::string& text : table->second->connection_strings) {
    const auto current = storage::ConnectionString::parse(text);
    if (current.ok() && current->address() == connection.address()) return *current;
  }
  return connection;
}

}  // namespace spillway::exports
