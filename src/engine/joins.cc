// Joins to SQL: see lowering.h. Kusto's rules: null keys match nothing (SQL's "=" says the same); innerunique
// keeps one left record of each key. Source: query/join-operator.md and the pages of its kinds.
#include <unordered_set>

#include "engine/lowering.h"
#include "engine/sql.h"

namespace spillway::engine {
namespace {

using kql::JoinKind;

bool only_right(JoinKind kind) {
  return kind == JoinKind::RightSemi || kind == JoinKind::RightAnti;
}
bool only_left(JoinKind kind) {
  return kind == JoinKind::LeftSemi || kind == JoinKind::LeftAnti;
}
/// Records of the side may stand without a match in the other, whose columns are then null.
bool pads_left(JoinKind kind) {
  return kind == JoinKind::RightOuter || kind == JoinKind::FullOuter;
}
bool pads_right(JoinKind kind) {
  return kind == JoinKind::LeftOuter || kind == JoinKind::FullOuter;
}

const char* sql_join(JoinKind kind) {
  switch (kind) {
    case JoinKind::InnerUnique:
    case JoinKind::Inner: return " JOIN ";
    case JoinKind::LeftOuter: return " LEFT JOIN ";
    case JoinKind::RightOuter: return " RIGHT JOIN ";
    case JoinKind::FullOuter: return " FULL JOIN ";
    case JoinKind::LeftSemi:
    case JoinKind::RightSemi: return " SEMI JOIN ";
    case JoinKind::LeftAnti:
    case JoinKind::RightAnti: break;
  }
  return " ANTI JOIN ";
}

}  // namespace

Result<Lowering::Block> Lowering::lower_join(const kql::Join& rel) {
  SPILLWAY_ASSIGN(const Block left, lower(*rel.inputs[0], {}));
  SPILLWAY_ASSIGN(const Block right, lower(*rel.inputs[1], {}));
  SPILLWAY_ASSIGN(const std::string source, join_source(rel, left, right));
  Block block;
  std::vector<std::string> texts;
  for (const Item& item : join_items(rel, left, right)) texts.push_back(item.sql + " AS " + item.name);
  for (const kql::PlanColumn& column : rel.columns) block.columns.push_back(column.id);
  // The hidden columns of the side whose records these are.
  const Block& kept = only_right(rel.join_kind) ? right : left;
  const std::unordered_set<kql::ColumnId> made(block.columns.begin(), block.columns.end());
  for (const kql::ColumnId id : kept.hidden) {
    if (made.contains(id)) continue;
    texts.push_back((only_right(rel.join_kind) ? "r." : "l.") + id_name(id) + " AS " + id_name(id));
    block.hidden.push_back(id);
  }
  if (texts.empty()) texts.push_back("0 AS none");
  block.sql = "SELECT " + join_texts(texts, ", ") + source;
  return block;
}

Result<std::string> Lowering::join_source(const kql::Join& rel, const Block& left, const Block& right) {
  const Scope left_scope = scope_of(left, "l."), right_scope = scope_of(right, "r.");
  std::vector<std::string> conditions;
  for (const auto& [left_key, right_key] : rel.on) {
    SPILLWAY_ASSIGN(const std::string a, expression(*left_key, left_scope));
    SPILLWAY_ASSIGN(const std::string b, expression(*right_key, right_scope));
    conditions.push_back(a + " = " + b);
  }
  for (const auto& [left_key, right_key] : rel.groups) {
    SPILLWAY_ASSIGN(const std::string a, expression(*left_key, left_scope));
    SPILLWAY_ASSIGN(const std::string b, expression(*right_key, right_scope));
    conditions.push_back(a + " IS NOT DISTINCT FROM " + b);
  }
  const std::string on =
      " ON " + (conditions.empty() ? std::string("true") : join_texts(conditions, " AND "));
  std::string left_sql = left.sql;
  if (rel.join_kind == JoinKind::InnerUnique) {
    SPILLWAY_ASSIGN(left_sql, first_of_each_key(rel, left));
  }
  const std::string l = "(" + left_sql + ") AS l", r = "(" + right.sql + ") AS r";
  return " FROM " + (only_right(rel.join_kind) ? r : l) + sql_join(rel.join_kind) +
         (only_right(rel.join_kind) ? l : r) + on;
}

Result<std::string> Lowering::first_of_each_key(const kql::Join& rel, const Block& left) {
  const Scope scope = scope_of(left);
  std::vector<std::string> keys;
  for (const auto& [left_key, right_key] : rel.on) {
    SPILLWAY_ASSIGN(std::string key, expression(*left_key, scope));
    keys.push_back(std::move(key));
  }
  if (keys.empty()) return "SELECT * FROM (" + left.sql + ") AS i LIMIT 1";
  return "SELECT DISTINCT ON (" + join_texts(keys, ", ") + ") * FROM (" + left.sql + ") AS i";
}

std::vector<Lowering::Item> Lowering::join_items(const kql::Join& rel, const Block& left,
                                                 const Block& right) {
  const Scope left_scope = scope_of(left), right_scope = scope_of(right);
  std::vector<Item> items;
  std::unordered_set<kql::ColumnId> shown_left;
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const kql::ColumnId source = rel.sources[i];
    // Where both inputs are one shared node, its columns show first as the left one's and then as the right
    // one's.
    const bool from_left =
        !only_right(rel.join_kind) && left_scope.contains(source) &&
        (only_left(rel.join_kind) || !right_scope.contains(source) || shown_left.insert(source).second);
    std::string sql = (from_left ? "l." : "r.") + id_name(source);
    const bool padded = from_left ? pads_left(rel.join_kind) : pads_right(rel.join_kind);
    if (padded && rel.columns[i].type == Type::String) sql = "COALESCE(" + sql + ", '')";
    items.push_back({std::move(sql), id_name(rel.columns[i].id)});
  }
  return items;
}

}  // namespace spillway::engine
