#include "kql/plugins/plugin_table.h"

namespace spillway::kql {

const PluginTable& plugin_table() {
  static const PluginTable table = [] {
    PluginTable made;
    declare_window_plugins(made);
    declare_funnel_plugins(made);
    declare_plan_plugins(made);
    declare_lookup_plugins(made);
    declare_native_plugins(made);
    declare_storage_plugins(made);
    declare_unsupported_plugins(made);
    for (auto& [name, plugin] : made) plugin.name = name;
    return made;
  }();
  return table;
}

}  // namespace spillway::kql
