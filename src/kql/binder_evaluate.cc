// evaluate: finds the plugin. What plugins do stands in plugins/.
#include "kql/binder_internal.h"
#include "kql/plugins/plugin_call.h"

namespace spillway::kql {

Result<Tabular> Binder::bind_evaluate(const syntax::EvaluateOp& op, std::optional<Tabular> input,
                                      const EnvironmentPtr& environment) {
  for (const syntax::Property& hint : op.parameters) {
    if (hint.name.text.rfind("hint.", 0) != 0)
      return semantic("'evaluate' operator: unknown parameter '" + hint.name.text + "'", hint.span);
  }
  const std::string& name = op.plugin->name.text;
  const PluginTable& plugins = plugin_table();
  const auto found = plugins.find(name);
  if (found == plugins.end()) {
    std::vector<std::string> names;
    for (const auto& [known, plugin] : plugins) names.push_back(known);
    const std::string near = nearest_name(name, names);
    return semantic("'evaluate' operator: unknown plugin '" + name + "'" +
                        (near.empty() ? "" : "; did you mean '" + near + "'?"),
                    op.plugin->name.span);
  }
  SPILLWAY_ASSIGN(Tabular table, PluginCall(*this, found->second, op, std::move(input), environment).bind());
  table.chain.clear();
  table.only_filters = false;
  table.name.clear();
  return table;
}

}  // namespace spillway::kql
