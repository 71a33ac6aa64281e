// What the commands on policies do alike: show them as rows, and change those of tables.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/types.h"
#include "commands/call.h"

namespace spillway::commands {

/// A result of one row: the policy that `.show` calls `title`, of the entity of that name and type ("Table",
/// "Database", or nothing for the cluster), as JSON text.
Table policy_result(const char* title, const std::string& entity, const std::string& text, const char* type);

/// The text of one of an entity's policies; "null" where it has none of that name.
std::string policy_text(const std::map<std::string, std::string>& policies, const char* key);

/// A policy of tables: what `.show` calls it, and its name in Table::policies (nullptr: it is
/// Table::ingestion_time_policy).
struct TablePolicy {
  const char *title, *key;
};

/// `.show table T policy …`, after the command's end; the name `*` means all tables.
Result<Tables> show_table_policy(const Call& call, const Name& name, const TablePolicy& policy);

/// Changes tables in one transaction, each as it is in it, and shows their policy. What `change` leaves as it
/// was isn't written. Errors: EntityNotFound for a table, and those of `change`.
Result<Tables> change_table_policy(const Call& call, const std::vector<Name>& names,
                                   const TablePolicy& policy,
                                   const std::function<Status(catalog::Table&)>& change);
/// Takes the policy away from a table.
Result<Tables> delete_table_policy(const Call& call, const Name& name, const TablePolicy& policy);

// `.alter tables (T, U) policy …`, after the policy's name.
Result<Tables> alter_restricted_view_access(Call& call, const std::vector<Name>& names);
Result<Tables> alter_streaming_ingestion(Call& call, const std::vector<Name>& names);

}  // namespace spillway::commands
