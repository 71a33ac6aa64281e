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

/// make_bag(): of an array of bags, the first value of each key; at most `limit` keys.
void merge_bags(std::string& out, Text bags, int64_t limit) {
  std::set<std::string> keys;
  out += '{';
  for (json::Cursor bag(bags); bag.next();) {
    if (json::kind_of(bag.value()) != json::Kind::Object) continue;
    for (json::Cursor slot(bag.value()); slot.next();) {
      if (static_cast<int64_t>(keys.size()) >= limit) break;
      if (!keys.insert(slot.key()).second) continue;
      if (keys.size() > 1) out += ',';
      out += slot.raw_key();
      out += ':';
      out += slot.value();
    }
  }
  out += '}';
}

constexpr int64_t kMostBagKeys = 1'048'576;

/// buildschema(): what types, members and elements the values have.
struct SchemaNode {
  std::vector<std::string> types;  // of scalars, in the order that they came in
  std::vector<std::pair<std::string, std::unique_ptr<SchemaNode>>> members;
  std::unique_ptr<SchemaNode> elements;
  bool object = false;

  void add(Text value) {
    switch (json::kind_of(value)) {
      case json::Kind::Object:
        object = true;
        for (json::Cursor slot(value); slot.next();) member(slot.key()).add(slot.value());
        return;
      case json::Kind::Array:
        if (!elements) elements = std::make_unique<SchemaNode>();
        for (json::Cursor item(value); item.next();) elements->add(item.value());
        return;
      case json::Kind::Bool: return type("bool");
      case json::Kind::Integer: return type("long");
      case json::Kind::Real: return type("double");
      case json::Kind::String: return type("string");
      default: return;
    }
  }

  void print(std::string& out) const {
    std::vector<std::string> parts;
    for (const std::string& name : types) parts.push_back("\"" + name + "\"");
    if (object) {
      std::string bag = "{";
      for (const auto& [key, node] : members) {
        if (bag.size() > 1) bag += ',';
        json::quote(key, bag);
        bag += ':';
        node->print(bag);
      }
      parts.push_back(bag + "}");
    }
    if (elements) {
      std::string array = "{\"`indexer`\":";
      elements->print(array);
      parts.push_back(array + "}");
    }
    if (parts.size() == 1) {
      out += parts[0];
      return;
    }
    out += '[';
    for (size_t i = 0; i < parts.size(); ++i) out += (i > 0 ? "," : "") + parts[i];
    out += ']';
  }

 private:
  void type(const char* name) {
    if (std::find(types.begin(), types.end(), name) == types.end()) types.emplace_back(name);
  }
  SchemaNode& member(const std::string& key) {
    for (auto& [known, node] : members) {
      if (known == key) return *node;
    }
    members.emplace_back(key, std::make_unique<SchemaNode>());
    return *members.back().second;
  }
};

bool schema_of_values(std::string& out, Text values) {
  SchemaNode root;
  bool any = false;
  for (json::Cursor value(values); value.next();) {
    root.add(value.value());
    any = true;
  }
  root.print(out);
  return any;
}

/// percentilew(): of an array of numbers and their weights in turn, the nearest rank.
bool weighted_percentile(std::string& out, Text pairs, double percent) {
  struct Weighted {
    double value;
    Text text;
    int64_t weight;
  };
  std::vector<Weighted> all;
  double total = 0;
  for (json::Cursor cursor(pairs); cursor.next();) {
    Weighted one{json::number(cursor.value()), cursor.value(), 0};
    if (!cursor.next()) break;
    one.weight = static_cast<int64_t>(json::number(cursor.value()));
    total += static_cast<double>(one.weight);
    all.push_back(one);
  }
  if (all.empty() || !(percent >= 0 && percent <= 100)) return false;
  std::stable_sort(all.begin(), all.end(),
                   [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
  double reached = 0;
  for (const Weighted& one : all) {
    reached += static_cast<double>(one.weight);
    if (reached >= total * percent / 100) {
      out += one.text;
      return true;
    }
  }
  out += all.back().text;
  return true;
}

void declare_finishers(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("merge bags")
      .doc("What make_bag() does with the bags of a group.")
      .takes({Dynamic}, Dynamic,
             native<[](std::string& out, Text bags) { merge_bags(out, bags, kMostBagKeys); }>())
      .takes({Dynamic, Long}, Dynamic, native<&merge_bags>());
  table.scalar("schema of")
      .doc("What buildschema() does with the values of a group.")
      .takes({Dynamic}, Dynamic, native<&schema_of_values>());
  table.scalar("weighted percentile")
      .doc("What percentilew() does with the values and weights of a group.")
      .takes({Dynamic, Real}, Dynamic, native<&weighted_percentile>());
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

}  // namespace

void declare_dynamic(FunctionTableBuilder& table) {
  using enum Type;
  table.category("dynamic");
  declare_access(table);
  declare_finishers(table);
  table.scalar("bag_pack")
      .doc("A property bag of keys and values in turn.")
      .takes_nulls({as_dynamic()}, Dynamic, native<&bag_pack>())
      .repeating(2);
  table.alias("pack", "bag_pack");
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
