// Functions of dynamic values.
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "kql/functions/builder.h"
#include "kql/functions/json_path.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

/// Appends a value that was looked up; null where there is none.
bool append_found(std::string& out, std::optional<Text> value) {
  if (!value || json::kind_of(*value) == json::Kind::Null) return false;
  out += *value;
  return true;
}

bool member(std::string& out, Text value, Text key) {
  return append_found(out, json::member(value, key));
}
bool element(std::string& out, Text value, int64_t index) {
  return append_found(out, json::element(value, index));
}

/// A key or an index that is itself dynamic.
bool member_or_element(std::string& out, Text value, Text key) {
  if (json::kind_of(key) == json::Kind::Integer)
    return element(out, value, static_cast<int64_t>(json::number(key)));
  std::string text;
  json::append_text(key, text);
  return member(out, value, text);
}

/// extract_json(): what lies at a path ("$.a.b[0]['c d']") of a JSON text, as text.
bool extract_json(std::string& out, Text path, Text text) {
  const std::optional<std::vector<JsonStep>> steps = parse_json_path(path);
  std::string canonical;
  if (!steps || !json::canonicalize(text, canonical)) return false;
  const std::optional<Text> value = json_at(canonical, *steps);
  if (!value) return false;
  json::append_text(*value, out);
  return true;
}

/// Keys and values in turn, all of them JSON. Of a repeated key the last value counts.
void append_pairs(std::string& out, Rest pairs, bool skip_empty) {
  std::vector<std::pair<std::string, Text>> slots;
  std::map<std::string, size_t, std::less<>> places;
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const Text value = pairs.is_null(i + 1) ? "null" : pairs.text(i + 1);
    if (skip_empty && (value == "null" || value == "\"\"")) continue;
    std::string key;
    if (!pairs.is_null(i)) json::append_text(pairs.text(i), key);
    const auto [place, fresh] = places.emplace(key, slots.size());
    if (fresh) {
      slots.emplace_back(std::move(key), value);
    } else {
      slots[place->second].second = value;
    }
  }
  out += '{';
  for (const auto& [key, value] : slots) {
    if (out.size() > 1) out += ',';
    json::quote(key, out);
    out += ':';
    out += value;
  }
  out += '}';
}

void bag_pack(std::string& out, Rest pairs) {
  append_pairs(out, pairs, false);
}
void pack_not_empty(std::string& out, Rest pairs) {
  append_pairs(out, pairs, true);
}

void pack_array(std::string& out, Rest values) {
  out += '[';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    out += values.is_null(i) ? Text("null") : values.text(i);
  }
  out += ']';
}

void declare_access(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("member").doc("bag.key, bag[\"key\"]").takes({Dynamic, String}, Dynamic, native<&member>());
  table.scalar("element")
      .doc("array[index]; from the end where negative")
      .takes({Dynamic, Long}, Dynamic, native<&element>());
  table.scalar("member or element")
      .doc("value[key] with a dynamic key")
      .takes({Dynamic, Dynamic}, Dynamic, native<&member_or_element>());
  table.scalar("extract_json")
      .doc("What lies at a path of a JSON text, as text.")
      .takes({String, String}, String, native<&extract_json>());
  table.alias("extractjson", "extract_json");
}

/// estimate_data_size(): bytes of values as they are held.
void declare_sizes(FunctionTableBuilder& table) {
  using enum Type;
  constexpr int64_t kBagOverhead = 8;
  ScalarBuilder size = table.scalar("data size");
  size.doc("What estimate_data_size() counts for a value.")
      .takes({String}, Long, sql("strlen({0})"))
      .takes_nulls({Dynamic}, Long, native<[](std::optional<Text> json) {
                     return json ? static_cast<int64_t>(json->size()) + kBagOverhead : 0;
                   }>());
  const std::pair<Type, int> kFixed[] = {{Bool, 1},     {Int, 4},      {Long, 8},     {Real, 8},
                                         {DateTime, 8}, {TimeSpan, 8}, {Decimal, 16}, {Guid, 16}};
  for (const auto& [type, bytes] : kFixed) {
    size.takes_nulls({type}, Long,
                     sql("CASE WHEN {0} IS NULL THEN 0 ELSE " + std::to_string(bytes) + " END"));
  }
}

}  // namespace

void declare_dynamic(FunctionTableBuilder& table) {
  using enum Type;
  table.category("dynamic");
  declare_access(table);
  declare_sizes(table);
  table.scalar("bag_pack")
      .doc("A property bag of keys and values in turn.")
      .takes_nulls({as_dynamic()}, Dynamic, native<&bag_pack>())
      .repeating(2);
  table.alias("pack", "bag_pack");
  table.alias("pack_dictionary", "bag_pack");
  table.scalar("pack not empty")
      .doc("bag_pack() without empty values.")
      .takes_nulls({as_dynamic()}, Dynamic, native<&pack_not_empty>())
      .repeating(2);
  table.scalar("pack_array")
      .doc("An array of values.")
      .takes_nulls({as_dynamic()}, Dynamic, native<&pack_array>())
      .repeating(0);
}

}  // namespace spillway::kql
