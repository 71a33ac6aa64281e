// Expand to SQL: see lowering.h. Source: query/mv-expand-operator.md.
#include <algorithm>

#include "engine/elements.h"
#include "engine/lowering.h"
#include "engine/sql.h"

namespace spillway::engine {

namespace {

/// The numbers of a record's elements, from 0 on. A record without elements has none, or with `keep_empty`
/// -1.
std::string numbers_of(const std::vector<std::string>& lists, bool keep_empty) {
  std::vector<std::string> lengths;
  for (const std::string& list : lists) lengths.push_back("len(" + list + ")");
  const std::string longest =
      lengths.size() == 1 ? lengths[0] : "greatest(" + join_texts(lengths, ", ") + ")";
  if (!keep_empty) return "range(" + longest + ")";
  return "CASE WHEN " + longest + " = 0 THEN [CAST(-1 AS BIGINT)] ELSE range(" + longest + ") END";
}

}  // namespace

Result<Lowering::Block> Lowering::lower_expand(const kql::Expand& rel) {
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], {}));
  const Scope scope = scope_of(input);
  std::vector<Item> lists = keep_all(input), items = keep_all(input);
  int64_t limit = INT64_MAX;
  if (rel.limit) {
    SPILLWAY_ASSIGN(const Value given, constant(*rel.limit));
    limit = given.is_null() ? 0 : given.as_int();
  }
  const std::string options =
      std::string(rel.pairs ? "true" : "false") + ", CAST(" + std::to_string(limit) + " AS BIGINT)";
  std::vector<std::string> names;
  for (const kql::Expand::Item& item : rel.items) {
    SPILLWAY_ASSIGN(const std::string array, expression(*item.array, scope));
    names.push_back("a" + std::to_string(next_key_++));
    lists.push_back(
        {std::string(kElementsFunction) + "(CAST(" + array + " AS VARCHAR), " + options + ")", names.back()});
    items.push_back({"unnest(" + names.back() + ")", id_name(item.output.id)});
    input.columns.push_back(item.output.id);
  }
  const std::string numbers = "unnest(" + numbers_of(names, rel.live.has_value()) + ")";
  if (rel.index) {
    items.push_back({numbers, id_name(rel.index->id)});
    input.columns.push_back(rel.index->id);
  }
  if (!input.order.empty()) {  // elements have their place in an order that their record has one in
    const std::string key = "k" + std::to_string(next_key_++);
    items.push_back({numbers, key});
    input.keys.push_back(key);
    input.order.push_back({key});
  }
  Block block = input;
  block.sql = select_from(lists, input);
  if (!rel.live) {
    block.sql = select_from(items, block);
    return block;
  }
  const std::string number = "k" + std::to_string(next_key_++);
  items.push_back({numbers, number});
  block.sql = select_from(items, block);
  std::string live = number + " >= 0";
  if (rel.was_live) {
    SPILLWAY_ASSIGN(const std::string was_live, expression(*rel.was_live, scope));
    live = "(" + live + " AND " + was_live + ")";
  }
  std::vector<Item> all = keep_all(block);
  all.push_back({live, id_name(rel.live->id)});
  block.sql = select_from(all, block);
  block.columns.push_back(rel.live->id);
  return block;
}

}  // namespace spillway::engine
