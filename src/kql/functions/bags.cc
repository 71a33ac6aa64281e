// Functions of property bags.
#include <algorithm>
#include <map>
#include <set>

#include "kql/functions/builder.h"
#include "kql/functions/json_path.h"
#include "kql/functions/json_values.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;
using Path = std::vector<JsonStep>;

bool bag_keys(std::string& out, Text bag) {
  if (!is_bag(bag)) return false;
  Elements keys;
  for (json::Cursor each(bag); each.next();) keys.push_back(each.raw_key());
  append_array(out, keys);
  return true;
}

/// A path ("$.a.b"), or one key.
Path path_of(Text key) {
  const std::optional<Path> path = parse_json_path(key);
  const bool usable =
      path && !path->empty() &&
      std::none_of(path->begin(), path->end(), [](const JsonStep& step) { return step.index; });
  return usable ? *path : Path{JsonStep{std::string(key), std::nullopt}};
}

bool bag_has_key(Text bag, Text key) {
  return is_bag(bag) && json_at(bag, path_of(key)).has_value();
}

/// Of a key in several bags the leftmost counts.
bool bag_merge(std::string& out, Rest bags) {
  std::set<Text> seen;
  out += '{';
  for (size_t i = 0; i < bags.size(); ++i) {
    if (bags.is_null(i) || !is_bag(bags.text(i))) continue;
    for (json::Cursor each(bags.text(i)); each.next();) {
      if (seen.insert(each.raw_key()).second) append_member(out, each.raw_key(), each.value());
    }
  }
  out += '}';
  return true;
}

/// The bag with the value at path[at…] set; what isn't a bag on the way becomes one.
void set_at(std::string& out, Text bag, const Path& path, size_t at, Text value) {
  if (at == path.size()) {
    out += value;
    return;
  }
  bool found = false;
  out += '{';
  if (is_bag(bag)) {
    for (json::Cursor each(bag); each.next();) {
      if (each.key() != path[at].key) {
        append_member(out, each.raw_key(), each.value());
        continue;
      }
      found = true;
      append_member(out, each.raw_key(), "");
      set_at(out, each.value(), path, at + 1, value);
    }
  }
  if (!found) {
    std::string key;
    json::quote(path[at].key, key);
    append_member(out, key, "");
    set_at(out, "{}", path, at + 1, value);
  }
  out += '}';
}
bool bag_set_key(std::string& out, std::optional<Text> bag, std::optional<Text> key,
                 std::optional<Text> value) {
  if (!bag || !key || !is_bag(*bag)) return false;
  set_at(out, *bag, path_of(*key), 0, value.value_or("null"));
  return true;
}

void remove_at(std::string& out, Text bag, const Path& path, size_t at) {
  if (!is_bag(bag)) {
    out += bag;
    return;
  }
  out += '{';
  for (json::Cursor each(bag); each.next();) {
    if (each.key() != path[at].key) {
      append_member(out, each.raw_key(), each.value());
    } else if (at + 1 < path.size()) {
      append_member(out, each.raw_key(), "");
      remove_at(out, each.value(), path, at + 1);
    }
  }
  out += '}';
}
bool bag_remove_keys(std::string& out, Text bag, Text keys) {
  if (!is_bag(bag) || !is_array(keys)) return false;
  out = bag;
  for (json::Cursor each(keys); each.next();) {
    std::string key, left;
    json::append_text(each.value(), key);
    remove_at(left, out, path_of(key), 0);
    out = std::move(left);
  }
  return true;
}

/// Keys that aren't strings are passed over, with their values; a key without a value has null.
bool bag_zip(std::string& out, Text keys, std::optional<Text> values) {
  if (!is_array(keys)) return false;
  const Elements given = values && is_array(*values) ? elements_of(*values) : Elements();
  std::set<Text> seen;
  out += '{';
  size_t at = 0;
  for (json::Cursor key(keys); key.next(); ++at) {
    if (json::kind_of(key.value()) != json::Kind::String || !seen.insert(key.value()).second) continue;
    append_member(out, key.value(), at < given.size() ? given[at] : Text("null"));
  }
  out += '}';
  return true;
}

/// Every path below `value`, once; an array's first element stands for all of them.
void append_paths(std::string& out, Text value, const std::string& path, std::set<std::string>& seen) {
  for (json::Cursor each(value); each.next();) {
    const std::string below = path + (each.is_object() ? "['" + each.key() + "']" : "[0]");
    if (seen.insert(below).second) {
      if (out.size() > 1) out += ',';
      json::quote(below, out);
    }
    append_paths(out, each.value(), below, seen);
  }
}
bool treepath(std::string& out, Text value) {
  if (!is_bag(value) && !is_array(value)) return false;
  std::set<std::string> seen;
  out += '[';
  append_paths(out, value, "", seen);
  out += ']';
  return true;
}

/// With the members of bags sorted by their keys.
void append_sorted(std::string& out, Text value) {
  if (is_bag(value)) {
    std::map<std::string, std::pair<Text, Text>> members;
    for (json::Cursor each(value); each.next();) members[each.key()] = {each.raw_key(), each.value()};
    out += '{';
    for (const auto& [key, member] : members) {
      append_member(out, member.first, "");
      append_sorted(out, member.second);
    }
    out += '}';
  } else if (is_array(value)) {
    out += '[';
    bool first = true;
    for (json::Cursor each(value); each.next(); first = false) {
      if (!first) out += ',';
      append_sorted(out, each.value());
    }
    out += ']';
  } else {
    out += value;
  }
}
void dynamic_to_json(std::string& out, Text value) {
  if (is_bag(value) || is_array(value)) {
    append_sorted(out, value);
  } else {
    json::append_text(value, out);
  }
}

}  // namespace

void declare_bags(FunctionTableBuilder& table) {
  using enum Type;
  table.category("dynamic");
  table.scalar("bag_keys").doc("The keys of a property bag.").takes({Dynamic}, Dynamic, native<&bag_keys>());
  table.scalar("bag_has_key")
      .doc("True where a property bag has the key, or something at the path.")
      .takes({Dynamic, String}, Bool, native<&bag_has_key>());
  table.scalar("bag_merge")
      .doc("Property bags as one; of a key the leftmost value counts.")
      .takes_nulls({Dynamic}, Dynamic, native<&bag_merge>())
      .repeating(2);
  table.scalar("bag_set_key")
      .doc("With a value set at a key or a path.")
      .takes_nulls({Dynamic, String, as_dynamic()}, Dynamic, native<&bag_set_key>());
  table.scalar("bag_remove_keys")
      .doc("Without keys or paths.")
      .takes({Dynamic, Dynamic}, Dynamic, native<&bag_remove_keys>());
  table.scalar("bag_zip")
      .doc("A property bag of an array of keys and one of their values.")
      .takes_nulls({Dynamic, Dynamic}, Dynamic,
                   native<[](std::string& out, std::optional<Text> keys, std::optional<Text> values) {
                     return keys && bag_zip(out, *keys, values);
                   }>());
  table.scalar("treepath")
      .doc("All paths of a dynamic value.")
      .takes({Dynamic}, Dynamic, native<&treepath>());
  table.scalar("dynamic_to_json")
      .doc("The JSON of a value, with the members of bags sorted.")
      .takes({Dynamic}, String, native<&dynamic_to_json>())
      .takes({as_string()}, String, sql("{0}"));
}

}  // namespace spillway::kql
