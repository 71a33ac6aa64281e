// Sort, Limit, Window and Group to SQL: see lowering.h. Source: query/sort-operator.md.
#include <algorithm>

#include "engine/lowering.h"
#include "engine/sql.h"

namespace spillway::engine {

/// NaN stands beside null, before or after all numbers, where DuckDB has it above them.
void Lowering::add_order(const kql::SortKey& key, const std::string& sql, std::vector<OrderKey>& order) {
  if (key.expression->type == Type::Real && key.descending != key.nulls_first) {
    order.push_back({"isnan(" + sql + ")", key.nulls_first, key.nulls_first});
  }
  order.push_back({sql, key.descending, key.nulls_first});
}

Result<Lowering::Block> Lowering::lower_sort(const kql::Sort& rel, const Bounds& bounds) {
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], bounds));
  const Scope scope = scope_of(input);
  // The keys of an earlier sort have had their day.
  Block block;
  block.columns = input.columns;
  block.hidden = input.hidden;
  input.keys.clear();
  std::vector<Item> items = keep_all(input);
  const auto is_hidden = [&](const kql::ExprPtr& key) {
    return key->kind == kql::Expr::Kind::Column &&
           std::find(input.hidden.begin(), input.hidden.end(), key->column) != input.hidden.end();
  };
  for (const kql::SortKey& key : rel.keys) {
    SPILLWAY_ASSIGN(std::string sql, expression(*key.expression, scope));
    std::string name = sql;
    if (!is_hidden(key.expression)) {  // hidden columns are carried along as keys are
      name = "k" + std::to_string(next_key_++);
      items.push_back({std::move(sql), name});
      block.keys.push_back(name);
    }
    add_order(key, name, block.order);
  }
  block.sql = select_from(items, input);
  return block;
}

Result<Lowering::Block> Lowering::lower_limit(const kql::Limit& rel) {
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], {}));
  SPILLWAY_ASSIGN(const Value count, constant(*rel.count));
  const int64_t rows = count.is_null() ? 0 : std::max<int64_t>(count.as_int(), 0);
  input.sql = select_from(keep_all(input), input) + order_by(input.order) + " LIMIT " + std::to_string(rows);
  return input;
}

Result<std::string> Lowering::window_function(const kql::Window& rel, const Scope& scope) {
  using Function = kql::Window::Function;
  if (rel.function == Function::Number) return std::string("row_number()");
  SPILLWAY_ASSIGN(const std::string argument, expression(*rel.argument, scope));
  if (rel.function == Function::Sum) return "sum(" + argument + ")";
  SPILLWAY_ASSIGN(const std::string fallback, expression(*rel.fallback, scope));
  return (rel.function == Function::Previous ? "lag(" : "lead(") + argument + ", " +
         std::to_string(rel.offset) + ", " + fallback + ")";
}

Result<Lowering::Block> Lowering::lower_window(const kql::Window& rel) {
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], {}));
  if (rel.idle) return input;
  const Scope scope = scope_of(input);
  std::vector<std::string> partition;
  for (const kql::ExprPtr& expr : rel.partition) {
    SPILLWAY_ASSIGN(std::string sql, expression(*expr, scope));
    partition.push_back(std::move(sql));
  }
  std::vector<OrderKey> order;
  for (const kql::SortKey& key : rel.order) {
    SPILLWAY_ASSIGN(const std::string sql, expression(*key.expression, scope));
    add_order(key, sql, order);
  }
  std::string over = partition.empty() ? "" : "PARTITION BY " + join_texts(partition, ", ");
  over += order_by(rel.order.empty() ? input.order : order);
  std::vector<Item> items = keep_all(input);
  SPILLWAY_ASSIGN(const std::string function, window_function(rel, scope));
  const bool rows = rel.function == kql::Window::Function::Sum;
  items.push_back({"CAST(" + function + " OVER (" + over + (rows ? " ROWS UNBOUNDED PRECEDING" : "") +
                       ") AS " + sql_type(rel.output.type) + ")",
                   id_name(rel.output.id)});
  input.sql = select_from(items, input);
  input.columns.push_back(rel.output.id);
  return input;
}

Result<Lowering::Block> Lowering::lower_group(const kql::Group& rel) {
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], {}));
  for (const kql::ColumnId id : rel.hide) {
    if (std::erase(input.columns, id) > 0) input.hidden.push_back(id);
  }
  if (!rel.order.empty()) {
    input.keys.clear();
    input.order.clear();
    for (const kql::ColumnId id : rel.order) input.order.push_back({id_name(id), false, true});
  }
  const auto orders = [&](kql::ColumnId id) {
    return std::any_of(input.order.begin(), input.order.end(),
                       [&](const OrderKey& key) { return key.name == id_name(id); });
  };
  std::erase_if(input.hidden, [&](kql::ColumnId id) {
    return std::find(rel.drop.begin(), rel.drop.end(), id) != rel.drop.end() && !orders(id);
  });
  return input;
}

}  // namespace spillway::engine
