// The scan operator: query/scan-operator.md. What an expression of a step computes from the record alone is a
// column of the operator's input; only what depends on the steps' state is left to the operator.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/operators/scan.h"

namespace spillway::kql {
namespace {

/// Bounds what one record may have to be tried with.
constexpr size_t kMaxScanSteps = 64;

using RowColumns = std::map<std::string, std::vector<PlanColumn>>;

bool depends_on(const Expr& expression, const std::set<ColumnId>& columns) {
  if (expression.kind == Expr::Kind::Column) return columns.contains(expression.column);
  return std::any_of(expression.args.begin(), expression.args.end(),
                     [&](const ExprPtr& argument) { return depends_on(*argument, columns); });
}

}  // namespace

Result<ExprPtr> Binder::hoist(ExprPtr expression, const std::set<ColumnId>& late,
                              std::vector<std::pair<PlanColumn, ExprPtr>>& hoisted) {
  if (!depends_on(*expression, late)) {
    if (expression->kind == Expr::Kind::Literal) return expression;
    for (const auto& [column, value] : hoisted) {
      const bool again = expression->kind == Expr::Kind::Column && value->kind == Expr::Kind::Column &&
                         value->column == expression->column;
      if (again) return column_reference(column, expression->span);
    }
    const PlanColumn column = new_column("argument", expression->type);
    const TextSpan span = expression->span;
    hoisted.emplace_back(column, std::move(expression));
    return column_reference(column, span);
  }
  if (expression->kind == Expr::Kind::Column) return expression;
  if (expression->kind == Expr::Kind::InSubquery) {
    return not_supported("'in' over a table can't test a value that other rows decide", expression->span);
  }
  auto copy = std::make_shared<Expr>(*expression);
  for (ExprPtr& argument : copy->args) {
    SPILLWAY_ASSIGN(argument, hoist(std::move(argument), late, hoisted));
  }
  return ExprPtr(std::move(copy));
}

Result<Tabular> Binder::bind_scan(const syntax::ScanOp& op, Tabular input,
                                  const EnvironmentPtr& environment) {
  if (op.steps.size() > kMaxScanSteps) {
    return Error(ErrorCode::LimitExceeded,
                 "'scan' operator: more than " + std::to_string(kMaxScanSteps) + " steps", op.span);
  }
  if (!op.order_by.empty()) {
    std::vector<const syntax::OrderedExpr*> by;
    for (const syntax::OrderedExpr& key : op.order_by) by.push_back(&key);
    SPILLWAY_ASSIGN(input, bind_sort(by, std::move(input), environment, op.span, "scan"));
  }
  const std::optional<Grouping> group = input.group;
  std::set<ColumnId> hidden;
  if (group) {
    if (group->live) {
      return not_supported(
          "The operator 'scan' is not supported before an aggregate without 'by' in a subquery", op.keyword);
    }
    group->use->keys = true;
    // What tells the groups apart goes through like any column, without a name that a step could use.
    for (PlanColumn column : group->columns()) {
      const bool visible = std::any_of(input.columns.begin(), input.columns.end(),
                                       [&](const PlanColumn& shown) { return shown.id == column.id; });
      if (visible) continue;
      column.name.clear();
      hidden.insert(column.id);
      input.columns.push_back(std::move(column));
    }
  }
  auto maker = std::make_shared<ScanMaker>();
  std::vector<PlanColumn> columns = input.columns;
  maker->passed = columns.size();
  SPILLWAY_TRY(declare_scan_columns(op, environment, columns, *maker));
  RowColumns rows;
  std::set<ColumnId> late;
  std::vector<std::pair<PlanColumn, ExprPtr>> arguments;
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "scan";
  scope.rows = &rows;
  for (const syntax::ExprPtr& key : op.partition_by) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*key, scope));
    maker->partition.push_back(maker->passed + arguments.size());
    arguments.emplace_back(new_column("argument", value->type), std::move(value));
  }
  for (const PlanColumn& key : group ? group->keys : std::vector<PlanColumn>()) {
    maker->partition.push_back(maker->passed + arguments.size());
    arguments.emplace_back(new_column("argument", key.type), column_reference(key, op.span));
  }
  for (size_t i = 0; i < op.steps.size(); ++i) {
    std::vector<PlanColumn> state;
    for (size_t c = 0; c < columns.size(); ++c) {
      state.push_back(new_column(columns[c].name, columns[c].type));
      late.insert(state.back().id);
      maker->places[state.back().id] = {i, c};
    }
    if (!rows.emplace(op.steps[i].name.text, std::move(state)).second) {
      return semantic("'scan' operator: a step named '" + op.steps[i].name.text + "' is there already",
                      op.steps[i].name.span);
    }
    SPILLWAY_ASSIGN(ScanStep step,
                    bind_scan_step(op.steps[i], columns, maker->passed, late, arguments, scope));
    maker->steps.push_back(std::move(step));
  }
  SPILLWAY_ASSIGN(Tabular table,
                  finish_scan(std::move(input), std::move(maker), std::move(columns), arguments, op));
  if (!group) return table;
  std::erase_if(table.columns, [&](const PlanColumn& column) { return hidden.contains(column.id); });
  table.group = group;
  return hide(std::move(table), group->columns(), op.span);
}

Status Binder::declare_scan_columns(const syntax::ScanOp& op, const EnvironmentPtr& environment,
                                    std::vector<PlanColumn>& columns, ScanMaker& maker) {
  for (const syntax::Parameter& declared : op.declare) {
    if (!declared.type) return semantic("'scan' operator: a declared column is a scalar", declared.span);
    const bool taken = std::any_of(columns.begin(), columns.end(), [&](const PlanColumn& column) {
      return column.name == declared.name.text;
    });
    if (taken) {
      return semantic("'scan' operator: a column named '" + declared.name.text + "' is there already",
                      declared.name.span);
    }
    Value fallback = Value::null(*declared.type);
    if (declared.default_value) {
      SPILLWAY_ASSIGN(const ExprPtr value, bind_constant(*declared.default_value, environment, *declared.type,
                                                         "the default of a declared column"));
      if (value->kind != Expr::Kind::Literal) {
        return semantic("'scan' operator: the default of a declared column must be a literal", declared.span);
      }
      if (!value->literal.is_null()) fallback = value->literal;
    }
    maker.declared.push_back(std::move(fallback));
    columns.push_back(new_column(declared.name.text, *declared.type));
  }
  return Status();
}

Result<ScanStep> Binder::bind_scan_step(const syntax::ScanStep& given, const std::vector<PlanColumn>& columns,
                                        size_t passed, const std::set<ColumnId>& late,
                                        std::vector<std::pair<PlanColumn, ExprPtr>>& arguments,
                                        ScalarScope& scope) {
  using Given = syntax::ScanStep::Output;
  ScanStep step;
  step.name = given.name.text;
  step.optional = given.optional;
  step.output = given.output == Given::Last   ? ScanStep::Output::Last
                : given.output == Given::None ? ScanStep::Output::None
                                              : ScanStep::Output::All;
  SPILLWAY_ASSIGN(step.condition, bind_predicate(*given.condition, scope));
  SPILLWAY_ASSIGN(step.condition, hoist(std::move(step.condition), late, arguments));
  for (const syntax::ScanAssignment& assignment : given.assignments) {
    const auto column = std::find_if(columns.begin() + static_cast<std::ptrdiff_t>(passed), columns.end(),
                                     [&](const PlanColumn& c) { return c.name == assignment.name.text; });
    if (column == columns.end()) {
      return semantic("'scan' operator: '" + assignment.name.text +
                          "' is not a declared column: only those are assigned to",
                      assignment.name.span);
    }
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*assignment.value, scope));
    if (!converts_implicitly(value->type, column->type)) {
      return semantic(std::string("'scan' operator: a value of type ") + kql_name(value->type) +
                          " can't be assigned to '" + column->name + "' of type " + kql_name(column->type),
                      assignment.span);
    }
    SPILLWAY_ASSIGN(value, convert(std::move(value), column->type));
    SPILLWAY_ASSIGN(value, hoist(std::move(value), late, arguments));
    step.assignments.emplace_back(static_cast<size_t>(column - columns.begin()), std::move(value));
  }
  return step;
}

Result<Tabular> Binder::finish_scan(Tabular input, std::shared_ptr<ScanMaker> maker,
                                    std::vector<PlanColumn> columns,
                                    const std::vector<std::pair<PlanColumn, ExprPtr>>& arguments,
                                    const syntax::ScanOp& op) {
  auto node = std::make_shared<Project>();
  for (const PlanColumn& column : input.columns) {
    node->columns.push_back(column);
    node->expressions.push_back(column_reference(column, op.span));
  }
  for (const auto& [column, expression] : arguments) {
    node->columns.push_back(column);
    node->expressions.push_back(expression);
  }
  for (size_t c = 0; c < node->columns.size(); ++c) maker->places[node->columns[c].id] = {std::nullopt, c};
  input = add_node(std::move(input), std::move(node), op.span);
  NameAllocator names;
  for (const PlanColumn& column : columns) names.reserve(column.name);
  for (const auto& [property, asked, type] : {std::tuple{"with_match_id", &maker->match_id, Type::Long},
                                              {"with_step_name", &maker->step_name, Type::String}}) {
    const syntax::Property* name = syntax::find_property(op.parameters, property);
    if (!name) continue;
    if (!names.claim(name->text())) {
      return semantic("'scan' operator: a column named '" + name->text() + "' is there already", name->span);
    }
    *asked = true;
    columns.push_back(new_column(name->text(), type));
  }
  return add_native({input.rel}, std::move(maker), std::move(columns), true, op.span);
}

}  // namespace spillway::kql
