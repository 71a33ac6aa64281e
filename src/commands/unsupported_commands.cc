// Commands that Kusto documents and Spillway doesn't have: named, so that nobody searches for a typing error.

#include "commands/call.h"

namespace spillway::commands {
namespace {

Result<Tables> refuse(Call& call) {
  std::string words = ".";
  for (char c : call.pattern) {
    if (c == '<') break;
    words += c;
  }
  if (words.ends_with(' ')) words.pop_back();
  return Error{ErrorCode::NotSupported, "'" + words + "' isn't supported"};
}

}  // namespace

std::vector<Command> unsupported_commands() {
  std::vector<Command> commands;
  for (const char* pattern : {"alter async",
                              "alter cluster",
                              "alter database <name> ingestion",
                              "alter database <name> prettyname",
                              "alter entity_group",
                              "alter extent",
                              "alter materialized-view",
                              "alter table <name> extent",
                              "alter workload_group",
                              "attach",
                              "cancel queued",
                              "clear cluster cache",
                              "create async",
                              "create database <name> ingestion",
                              "create entity_group",
                              "create ifnotexists materialized-view",
                              "create materialized-view",
                              "create-or-alter database <name> ingestion",
                              "create-or-alter graph_model",
                              "create-or-alter materialized-view",
                              "create-or-alter workload_group",
                              "create row_store",
                              "detach",
                              "disable plugin",
                              "drop database <name> ingestion",
                              "drop database <name> prettyname",
                              "drop entity_group",
                              "drop materialized-view",
                              "drop row_store",
                              "drop stored_query_result",
                              "drop table <name> extent",
                              "drop workload_group",
                              "dup-next-ingest",
                              "dup-next-failed-ingest",
                              "enable plugin",
                              "execute cluster script",
                              "execute database script",
                              "merge",
                              "purge",
                              "rename materialized-view",
                              "save",
                              "set stored_query_result",
                              "set-or-replace stored_query_result",
                              "show cache",
                              "show callstacks",
                              "show column",
                              "show database <name> ingestion",
                              "show diagnostics",
                              "show entity_group",
                              "show entity_groups",
                              "show extents",
                              "show graph_model",
                              "show journal",
                              "show materialized-view",
                              "show materialized-views",
                              "show plugins",
                              "show row_stores",
                              "show stored_query_result",
                              "show stored_query_results",
                              "show streamingingestion",
                              "show streamingingestion failures",
                              "show streamingingestion statistics",
                              "show table <name> data statistics",
                              "show workload_group",
                              "show workload_groups",
                              "undo",
                              "update",
                              "undo drop table"}) {
    commands.push_back({pattern, nullptr, nullptr, refuse});
  }
  return commands;
}

}  // namespace spillway::commands
