// Plugins that look up records of another table: by address prefixes, or by shapes on the map.
#include <algorithm>
#include <set>
#include <string>

#include "kql/plugins/plugin_call.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;

/// The columns of the lookup table behind those of the input, as a list for project. Names that are taken get
/// a number, as those of a join do.
std::string lookup_outputs(const PluginCall& call, const std::set<std::string>& left_out) {
  NameAllocator names;
  for (const PlanColumn& column : call.input().columns) names.reserve(column.name);
  std::string out;
  for (const PlanColumn& column : call.find("LookupTable")->table->columns) {
    if (left_out.count(column.name) > 0) continue;
    out += ", " + PluginCall::quoted(names.unique(column.name)) + " = " + PluginCall::quoted(column.name);
  }
  return out;
}

/// The same columns by the names that lookup_outputs() gives them: ", [\"a\"], [\"b1\"]".
std::string lookup_names(const PluginCall& call, const std::set<std::string>& left_out) {
  NameAllocator names;
  for (const PlanColumn& column : call.input().columns) names.reserve(column.name);
  std::string out;
  for (const PlanColumn& column : call.find("LookupTable")->table->columns) {
    if (left_out.count(column.name) == 0) out += ", " + PluginCall::quoted(names.unique(column.name));
  }
  return out;
}

std::string input_names(const PluginCall& call) {
  std::string out;
  for (const PlanColumn& column : call.input().columns)
    out += (out.empty() ? "" : ", ") + PluginCall::quoted(column.name);
  return out;
}

/// The records with a match, and where they are wanted those without one.
std::string with_unmatched(const PluginCall& call, bool unmatched, const std::string& keys) {
  if (!unmatched) return "__matched";
  return PluginCall::fill(
      "__matched | union (__t | join kind=leftanti (__matched | distinct {keys}) on {keys} | project "
      "{inputs})",
      {{"keys", keys}, {"inputs", input_names(call)}});
}

/// How a kind of address says its prefix, and the network it is in.
struct AddressFunctions {
  const char* suffix;  // KQL over {x}; null where {x} is no address
  const char* mask;    // a function of an address and a prefix
};

/// Two addresses match on the shorter of their prefixes. So that a hash join finds them, each address of the
/// input stands once for each length of the lookup table's prefixes, and the other way round.
Result<std::string> address_lookup(const PluginCall& call, const AddressFunctions& functions,
                                   const std::string& source, const std::string& key) {
  SPILLWAY_ASSIGN(const bool unmatched, call.flag("return_unmatched", false));
  std::set<std::string> extra;
  for (const PluginArgument* column : call.all("ExtraKey")) {
    extra.insert(column->name);
    if (!call.input_column(column->name))
      return call.fail("column '" + column->name + "' must be in the lookup table and in the input");
  }
  std::string keys, on, all_keys = source;
  int number = 0;
  for (const std::string& name : extra) {
    const std::string alias = "__x" + std::to_string(number++);
    keys += ", " + alias + " = " + PluginCall::quoted(name);
    on += ", " + alias;
    all_keys += ", " + PluginCall::quoted(name);
  }
  return PluginCall::fill(R"(
let __l = materialize(__LookupTable
  | project __net = {key}, __m = {key_suffix}{keys}{outputs}
  | where isnotnull(__m));
let __t = materialize(__T | extend __s = {source_suffix}{keys});
let __matched = materialize(__t
  | where isnotnull(__s)
  | extend __j = 1
  | join kind=inner (__l | distinct __m | extend __j = 1) on __j
  | extend __key = {mask}({source}, min_of(__s, __m))
  | join kind=inner (__l
      | extend __j = 1
      | join kind=inner (__t | where isnotnull(__s) | distinct __s | extend __j = 1) on __j
      | extend __key = {mask}(__net, min_of(__s, __m))) on __key, __s, __m{on}
  | project {inputs}{names});
{result})",
                          {{"key", key},
                           {"source", source},
                           {"key_suffix", PluginCall::fill(functions.suffix, {{"x", key}})},
                           {"source_suffix", PluginCall::fill(functions.suffix, {{"x", source}})},
                           {"mask", functions.mask},
                           {"keys", keys},
                           {"on", on},
                           {"outputs", lookup_outputs(call, extra)},
                           {"names", lookup_names(call, extra)},
                           {"inputs", input_names(call)},
                           {"result", with_unmatched(call, unmatched, all_keys)}});
}

Result<std::string> ipv4_lookup(const PluginCall& call) {
  constexpr AddressFunctions kIpv4 = {"ipv4_netmask_suffix({x})", "parse_ipv4_mask"};
  return address_lookup(call, kIpv4, call.name("SourceIPv4Key"), call.name("IPv4LookupKey"));
}

Result<std::string> ipv6_lookup(const PluginCall& call) {
  // An IPv4 address is the end of an IPv6 one, behind 96 bits.
  constexpr AddressFunctions kIpv6 = {
      "iff(isempty(parse_ipv6({x})), long(null), iff({x} contains ':', 0, 96) + "
      "coalesce(tolong(extract('/([0-9]+)$', 1, {x})), iff({x} contains ':', 128, 32)))",
      "parse_ipv6_mask"};
  return address_lookup(call, kIpv6, call.name("SourceIPv6Key"), call.name("IPv6LookupKey"));
}

/// Every record against every shape: the lookup table is meant to be small.
Result<std::string> shape_lookup(const PluginCall& call, const std::string& matches, const std::string& key) {
  SPILLWAY_ASSIGN(const bool unmatched, call.flag("return_unmatched", false));
  SPILLWAY_ASSIGN(const bool with_key, call.flag("return_lookup_key", false));
  std::set<std::string> left_out;
  if (!with_key) left_out.insert(call.find(key)->name);
  const std::string place = call.name("SourceLongitude") + ", " + call.name("SourceLatitude");
  return PluginCall::fill(R"(
let __t = materialize(__T | extend __j = 1);
let __matched = materialize(__t
  | join kind=inner (__LookupTable | project __shape = {key}, __j = 1{outputs}) on __j
  | where {matches}
  | project {inputs}{names});
{result})",
                          {{"key", call.name(key)},
                           {"matches", PluginCall::fill(matches, {{"place", place}})},
                           {"outputs", lookup_outputs(call, left_out)},
                           {"names", lookup_names(call, left_out)},
                           {"inputs", input_names(call)},
                           {"result", with_unmatched(call, unmatched, place)}});
}

Result<std::string> geo_polygon_lookup(const PluginCall& call) {
  const std::string inside = "geo_point_in_polygon({place}, __shape)";
  return shape_lookup(call,
                      call.has("radius")
                          ? inside + " or geo_distance_point_to_polygon({place}, __shape) <= __radius"
                          : inside,
                      "LookupPolygonKey");
}

Result<std::string> geo_line_lookup(const PluginCall& call) {
  return shape_lookup(call, "geo_distance_point_to_line({place}, __shape) <= __radius", "LookupLineKey");
}

}  // namespace

void declare_lookup_plugins(PluginTable& table) {
  const PluginParameter lookup = table_of("LookupTable");
  const PluginParameter unmatched = constant_of("return_unmatched", Accepts::Bool).optional();
  Plugin& ipv4 = table["ipv4_lookup"];
  ipv4.doc = "Looks up IPv4 addresses in a table of prefixes";
  ipv4.signatures = {{lookup, column("SourceIPv4Key", Accepts::String), lookup_column("IPv4LookupKey"),
                      lookup_column("ExtraKey").repeated(), unmatched}};
  ipv4.kql = ipv4_lookup;
  Plugin& ipv6 = table["ipv6_lookup"];
  ipv6.doc = "Looks up IPv6 (and IPv4) addresses in a table of prefixes";
  ipv6.signatures = {
      {lookup, column("SourceIPv6Key", Accepts::String), lookup_column("IPv6LookupKey"), unmatched}};
  ipv6.kql = ipv6_lookup;
  const PluginParameter longitude = column("SourceLongitude", Accepts::Number);
  const PluginParameter latitude = column("SourceLatitude", Accepts::Number);
  const PluginParameter radius = constant_of("radius", Accepts::Number);
  const PluginParameter area = constant_of("lookup_area_radius", Accepts::Number).optional();
  const PluginParameter with_key = constant_of("return_lookup_key", Accepts::Bool).optional();
  Plugin& polygon = table["geo_polygon_lookup"];
  polygon.doc = "Looks up places in a table of polygons";
  polygon.signatures = {{lookup, lookup_column("LookupPolygonKey"), longitude, latitude, radius.optional(),
                         unmatched, area, with_key}};
  polygon.kql = geo_polygon_lookup;
  Plugin& line = table["geo_line_lookup"];
  line.doc = "Looks up places in a table of lines, within a distance of them";
  line.signatures = {
      {lookup, lookup_column("LookupLineKey"), longitude, latitude, radius, unmatched, area, with_key}};
  line.kql = geo_line_lookup;
}

}  // namespace spillway::kql
