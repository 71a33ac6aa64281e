// The plugins of `evaluate`, each declared once: its name, what it does, its parameters, and how it is made.
//
// A plugin is made in one of three ways:
//   kql          a KQL text over the input, which stands in it as __T, and over the plugin's arguments:
//   columns
//                are written into the text (PluginCall::name), constants are variables named __ and the
//                parameter. Most plugins that analyse activity are such texts: window_plugins.cc.
//   plan         a C++ function that builds the plan, where the columns of the result depend on the data or
//   on
//                expressions of the query: plan_plugins.cc.
//   unsupported  nothing but the reason why there is none here.
//
// binder_evaluate.cc finds the signature that the arguments fit, and docs/kql.md lists what stands here.
// Source: query/evaluate-operator.md and query/*-plugin.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace spillway::kql {

class PluginCall;
struct Tabular;

struct PluginParameter {
  enum class Kind {
    Column,        // a column of the input
    Constant,      // a value without columns
    Expression,    // a value over the input's columns; it may be named
    Table,         // a tabular expression
    LookupColumn,  // a column of the table before it
    Aggregate,     // a call of an aggregate
  };
  enum class Accepts { Any, NotDynamic, Summable, Integer, Number, Bool, String, Dynamic };
  enum class Count { One, Optional, Any, AtLeastOne };

  std::string name;
  Kind kind = Kind::Constant;
  Accepts accepts = Accepts::Any;
  Count count = Count::One;

  PluginParameter optional() const {
    PluginParameter copy = *this;
    copy.count = Count::Optional;
    return copy;
  }
  PluginParameter repeated(bool at_least_one = false) const {
    PluginParameter copy = *this;
    copy.count = at_least_one ? Count::AtLeastOne : Count::Any;
    return copy;
  }
};

struct Plugin {
  using Signature = std::vector<PluginParameter>;
  using Text = Result<std::string> (*)(const PluginCall& call);
  using Builder = Result<Tabular> (*)(PluginCall& call);

  std::string name;
  std::string doc;  // one line, for docs/kql.md
  bool takes_input = true;
  std::vector<Signature> signatures;  // the first that fits counts
  Text kql = nullptr;
  Builder plan = nullptr;
  std::string unsupported;
};

using PluginTable = std::map<std::string, Plugin, std::less<>>;

/// Made once, never changed after.
const PluginTable& plugin_table();

// Where the plugins are declared.
void declare_window_plugins(PluginTable& table);
void declare_funnel_plugins(PluginTable& table);
void declare_plan_plugins(PluginTable& table);
void declare_lookup_plugins(PluginTable& table);
void declare_storage_plugins(PluginTable& table);
void declare_native_plugins(PluginTable& table);
void declare_unsupported_plugins(PluginTable& table);

/// How the declarations begin.
inline PluginParameter column(std::string name,
                              PluginParameter::Accepts accepts = PluginParameter::Accepts::NotDynamic) {
  return {std::move(name), PluginParameter::Kind::Column, accepts, PluginParameter::Count::One};
}
inline PluginParameter constant_of(std::string name, PluginParameter::Accepts accepts) {
  return {std::move(name), PluginParameter::Kind::Constant, accepts, PluginParameter::Count::One};
}
inline PluginParameter expression(std::string name, PluginParameter::Accepts accepts) {
  return {std::move(name), PluginParameter::Kind::Expression, accepts, PluginParameter::Count::One};
}
inline PluginParameter table_of(std::string name) {
  return {std::move(name), PluginParameter::Kind::Table, PluginParameter::Accepts::Any,
          PluginParameter::Count::One};
}
inline PluginParameter lookup_column(std::string name) {
  return {std::move(name), PluginParameter::Kind::LookupColumn, PluginParameter::Accepts::Any,
          PluginParameter::Count::One};
}

}  // namespace spillway::kql
