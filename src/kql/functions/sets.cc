// Arrays as sets. Elements are compared by their canonical JSON text.
#include <algorithm>
#include <set>

#include "kql/functions/builder.h"
#include "kql/functions/json_values.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

/// The distinct elements of the first array, in its order, that `keep` accepts.
template <typename Keep>
void append_distinct(std::string& out, const Elements& elements, Keep keep) {
  std::set<Text> seen;
  Elements kept;
  for (Text each : elements) {
    if (keep(each) && seen.insert(each).second) kept.push_back(each);
  }
  append_array(out, kept);
}

bool are_arrays(const Rest& sets) {
  for (size_t i = 0; i < sets.size(); ++i) {
    if (sets.is_null(i) || !is_array(sets.text(i))) return false;
  }
  return true;
}

bool set_union(std::string& out, Rest sets) {
  if (!are_arrays(sets)) return false;
  Elements all;
  for (size_t i = 0; i < sets.size(); ++i) {
    for (Text each : elements_of(sets.text(i))) all.push_back(each);
  }
  append_distinct(out, all, [](Text) { return true; });
  return true;
}

bool set_difference(std::string& out, Rest sets) {
  if (!are_arrays(sets)) return false;
  std::set<Text> others;
  for (size_t i = 1; i < sets.size(); ++i) {
    for (json::Cursor each(sets.text(i)); each.next();) others.insert(each.value());
  }
  append_distinct(out, elements_of(sets.text(0)), [&](Text each) { return !others.contains(each); });
  return true;
}

bool set_intersect(std::string& out, Rest sets) {
  if (!are_arrays(sets)) return false;
  std::vector<std::set<Text>> others;
  for (size_t i = 1; i < sets.size(); ++i) {
    const Elements elements = elements_of(sets.text(i));
    others.emplace_back(elements.begin(), elements.end());
  }
  append_distinct(out, elements_of(sets.text(0)), [&](Text each) {
    return std::all_of(others.begin(), others.end(),
                       [&](const std::set<Text>& set) { return set.contains(each); });
  });
  return true;
}

std::optional<bool> set_equals(Text a, Text b) {
  if (!is_array(a) || !is_array(b)) return std::nullopt;
  const Elements left = elements_of(a), right = elements_of(b);
  return std::set<Text>(left.begin(), left.end()) == std::set<Text>(right.begin(), right.end());
}

std::optional<double> jaccard_index(Text a, Text b) {
  if (!is_array(a) || !is_array(b)) return std::nullopt;
  const Elements left = elements_of(a), right = elements_of(b);
  const std::set<Text> left_set(left.begin(), left.end()), right_set(right.begin(), right.end());
  size_t common = 0;
  for (Text each : left_set) common += right_set.count(each);
  return static_cast<double>(common) / static_cast<double>(left_set.size() + right_set.size() - common);
}

bool has_element(Text array, Text value) {
  const Elements elements = elements_of(array);
  return is_array(array) && std::find(elements.begin(), elements.end(), value) != elements.end();
}

}  // namespace

void declare_sets(FunctionTableBuilder& table) {
  using enum Type;
  table.category("dynamic");
  table.scalar("set_union")
      .doc("What is in any of the arrays.")
      .takes_nulls({Dynamic}, Dynamic, native<&set_union>())
      .repeating(2);
  table.scalar("set_difference")
      .doc("What is in the first array only.")
      .takes_nulls({Dynamic}, Dynamic, native<&set_difference>())
      .repeating(2);
  table.scalar("set_intersect")
      .doc("What is in all arrays.")
      .takes_nulls({Dynamic}, Dynamic, native<&set_intersect>())
      .repeating(2);
  table.scalar("set_has_element")
      .doc("True where an array has the value.")
      .takes({Dynamic, as_dynamic()}, Bool, native<&has_element>());
  table.scalar("set_equals")
      .doc("True where two arrays have the same elements.")
      .takes({Dynamic, Dynamic}, Bool, native<&set_equals>());
  table.scalar("jaccard_index")
      .doc("How alike two sets are, from 0 to 1.")
      .takes({Dynamic, Dynamic}, Real, native<&jaccard_index>());
}

}  // namespace spillway::kql
