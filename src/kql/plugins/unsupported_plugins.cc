// Plugins that need what this server doesn't have: another service, or a sandbox for foreign code.
#include <string_view>
#include <utility>

#include "kql/plugins/plugin_table.h"

namespace spillway::kql {

void declare_unsupported_plugins(PluginTable& table) {
  constexpr std::string_view kSandbox =
      "it runs code of the query in a sandbox of its own, which this server doesn't have";
  constexpr std::string_view kRequests =
      "it sends requests to another server, which queries of this server never do";
  constexpr std::string_view kModels = "it calls a language model that another service runs";
  constexpr std::pair<const char*, std::string_view> kPlugins[] = {
      {"python", kSandbox},
      {"r", kSandbox},
      {"csharp", kSandbox},
      {"sql_request", kRequests},
      {"mysql_request", kRequests},
      {"postgresql_request", kRequests},
      {"cosmosdb_sql_request", kRequests},
      {"azure_digital_twins_query_request", kRequests},
      {"dax_request", kRequests},
      {"http_request", kRequests},
      {"http_request_post", kRequests},
      {"execute_query", kRequests},
      {"execute_show_command", kRequests},
      {"ai_embed_text", kModels},
      {"ai_embeddings", kModels},
      {"ai_chat_completion", kModels},
      {"ai_chat_completion_prompt", kModels},
  };
  for (const auto& [name, reason] : kPlugins) {
    Plugin& plugin = table[name];
    plugin.doc = "Isn't supported: " + std::string(reason);
    plugin.unsupported = reason;
  }
}

}  // namespace spillway::kql
