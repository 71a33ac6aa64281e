// print, range, datatable: operators that make their own rows.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

Tabular Binder::empty_row(TextSpan span) {
  auto node = std::make_shared<Values>();
  node->rows.emplace_back();
  attach(*node, span);
  Tabular result;
  result.rel = std::move(node);
  return result;
}

Tabular Binder::values_of(const Table& table, TextSpan span) {
  auto node = std::make_shared<Values>();
  for (const Field& field : table.schema) node->columns.push_back(new_column(field.name, field.type));
  node->rows = table.rows;
  attach(*node, span);
  Tabular result;
  result.columns = node->columns;
  result.rel = std::move(node);
  return result;
}

Result<Tabular> Binder::bind_print(const syntax::PrintOp& op, const EnvironmentPtr& environment) {
  ScalarScope scope(environment);
  scope.where = "print";
  NameAllocator names;
  SPILLWAY_TRY(claim_names(op.columns, scope.where, names));
  Tabular row = empty_row(op.span);
  SPILLWAY_ASSIGN(Outputs outputs, bind_outputs(op.columns, scope, row, names, OutputStyle::Print));
  return counted(add_project(std::move(row), std::move(outputs), op.span));
}

Result<Tabular> Binder::bind_range(const syntax::RangeOp& op, const EnvironmentPtr& environment) {
  auto node = std::make_shared<Range>();
  ScalarScope scope(environment);
  scope.where = "range";
  SPILLWAY_ASSIGN(node->from, bind_scalar(*op.from, scope));
  SPILLWAY_ASSIGN(node->to, bind_scalar(*op.to, scope));
  SPILLWAY_ASSIGN(node->step, bind_scalar(*op.step, scope));
  // An argument of a scalar function may be a value of the caller's record.
  for (const auto& [bound, written] : {std::pair(node->from, op.from.get()), std::pair(node->to, op.to.get()),
                                       std::pair(node->step, op.step.get())}) {
    if (is_constant(*bound)) continue;
    return semantic("'range' operator: can't use a value as it is defined outside its row-context scope",
                    written->span);
  }
  std::optional<Type> type = common_type_of(node->from->type, node->to->type, false);
  const bool time = type == Type::DateTime || type == Type::TimeSpan;
  if (time && node->step->type != Type::TimeSpan) type.reset();
  if (type && !time) type = is_numeric(*type) ? common_type_of(*type, node->step->type, false) : std::nullopt;
  if (!type || (!time && !is_numeric(*type)) || *type == Type::Decimal) {
    return semantic(std::string("'range' operator: can't go from ") + kql_name(node->from->type) + " to " +
                        kql_name(node->to->type) + " in steps of " + kql_name(node->step->type),
                    op.span);
  }
  SPILLWAY_ASSIGN(node->from, convert(node->from, *type));
  SPILLWAY_ASSIGN(node->to, convert(node->to, *type));
  SPILLWAY_ASSIGN(node->step, convert(node->step, time ? Type::TimeSpan : *type));
  node->columns = {new_column(op.column.text, *type)};
  attach(*node, op.span);
  Tabular result;
  result.columns = node->columns;
  result.rel = std::move(node);
  return counted(std::move(result));
}

namespace {

std::shared_ptr<Values> same_columns(const std::vector<PlanColumn>& columns) {
  auto node = std::make_shared<Values>();
  node->columns = columns;
  return node;
}

bool all_literals(const std::vector<ExprPtr>& cells) {
  return std::all_of(cells.begin(), cells.end(),
                     [](const ExprPtr& c) { return c->kind == Expr::Kind::Literal; });
}

}  // namespace

Result<Tabular> Binder::bind_data_table(const syntax::DataTableExpr& table,
                                        const EnvironmentPtr& environment) {
  std::vector<PlanColumn> columns;
  std::set<std::string> names;
  for (const syntax::ColumnDecl& column : table.schema.columns) {
    if (!names.insert(column.name.text).second) {
      return semantic("datatable: column '" + column.name.text + "' is declared twice", column.span);
    }
    columns.push_back(new_column(column.name.text, column.type));
  }
  if (columns.empty()) return semantic("datatable: needs at least one column", table.span);
  if (table.values.size() % columns.size() != 0) {
    return semantic("datatable: the number of values (" + std::to_string(table.values.size()) +
                        ") is not a multiple of the number of columns (" + std::to_string(columns.size()) +
                        ")",
                    table.span);
  }
  ScalarScope scope(environment);
  scope.where = "datatable";
  std::vector<ExprPtr> cells;
  for (size_t i = 0; i < table.values.size(); ++i) {
    const PlanColumn& column = columns[i % columns.size()];
    SPILLWAY_ASSIGN(ExprPtr cell, bind_scalar(*table.values[i], scope));
    const bool null = cell->kind == Expr::Kind::Literal && cell->literal.is_null();
    if (null) {
      cell = literal(Value::null(column.type), cell->span);
    } else if (column.type == Type::Dynamic && cell->type == Type::String) {
      SPILLWAY_ASSIGN(cell, call("parse_json", {std::move(cell)}, table.values[i]->span));
    } else if (cell->type != column.type) {
      SPILLWAY_ASSIGN(cell, convert(std::move(cell), column.type));
    }
    cells.push_back(std::move(cell));
  }
  if (all_literals(cells)) {
    std::shared_ptr<Values> node = same_columns(columns);
    for (size_t i = 0; i < cells.size(); i += columns.size()) {
      std::vector<Value>& row = node->rows.emplace_back();
      for (size_t c = 0; c < columns.size(); ++c) row.push_back(cells[i + c]->literal);
    }
    attach(*node, table.span);
    Tabular result;
    result.columns = node->columns;
    result.rel = std::move(node);
    return counted(std::move(result));
  }
  // A row with a value that only the engine knows is a row of its own.
  std::vector<Tabular> rows;
  for (size_t i = 0; i < cells.size(); i += columns.size()) {
    std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
    for (size_t c = 0; c < columns.size(); ++c) {
      outputs.emplace_back(new_column(columns[c].name, columns[c].type), cells[i + c]);
    }
    SPILLWAY_ASSIGN(Tabular row, counted(add_project(empty_row(table.span), std::move(outputs), table.span)));
    rows.push_back(std::move(row));
  }
  return make_union(std::move(rows), false, "", table.span);
}

}  // namespace spillway::kql
