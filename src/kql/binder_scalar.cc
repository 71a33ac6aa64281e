// Scalar expressions.
#include <algorithm>
#include <array>
#include <cmath>

#include "kql/binder_internal.h"
#include "kql/json.h"

namespace spillway::kql {

using syntax::BinaryOp;
using syntax::ExprKind;

bool is_numeric(Type type) {
  return type == Type::Int || type == Type::Long || type == Type::Real || type == Type::Decimal;
}

std::optional<Type> common_type_of(Type a, Type b, bool dynamic_wins) {
  if (a == b) return a;
  if (a == Type::Dynamic) return dynamic_wins ? a : b;
  if (b == Type::Dynamic) return dynamic_wins ? b : a;
  if (!is_numeric(a) || !is_numeric(b)) return std::nullopt;
  constexpr std::array<Type, 4> kWidest = {Type::Decimal, Type::Real, Type::Long, Type::Int};
  for (const Type type : kWidest) {
    if (a == type || b == type) return type;
  }
  return std::nullopt;
}

Type narrowest(Type common, const std::vector<ExprPtr>& values) {
  if (common != Type::Long) return common;
  bool column = false;
  for (const ExprPtr& value : values) {
    if (value->kind == Expr::Kind::Literal && is_numeric(value->type)) {
      if (value->literal.is_null()) continue;
      if (value->literal.as_int() < INT32_MIN || value->literal.as_int() > INT32_MAX) return common;
    } else if (value->type == Type::Int) {
      column = true;
    } else {
      return common;
    }
  }
  return column ? Type::Int : common;
}

ExprPtr Binder::column_reference(const PlanColumn& column, TextSpan span) {
  auto expression = std::make_shared<Expr>();
  expression->kind = Expr::Kind::Column;
  expression->type = column.type;
  expression->span = span;
  expression->column = column.id;
  return expression;
}

ExprPtr Binder::literal(Value value, TextSpan span) {
  auto expression = std::make_shared<Expr>();
  expression->kind = Expr::Kind::Literal;
  expression->type = value.type();
  expression->span = span;
  expression->literal = std::move(value);
  return expression;
}

Error Binder::unknown_column(const std::string& name, TextSpan span, const ScalarScope& scope) const {
  std::vector<std::string> names;
  if (scope.input) {
    for (const PlanColumn& column : scope.input->columns) names.push_back(column.name);
  }
  scope.environment->collect_names(names);
  const std::string near = nearest_name(name, names);
  const std::string where = scope.where.empty() ? "" : "'" + std::string(scope.where) + "' operator: ";
  return semantic(where + "Failed to resolve column or scalar expression named '" + name + "'" +
                      (near.empty() ? "" : "; did you mean '" + near + "'?"),
                  span);
}

Result<ExprPtr> Binder::bind_scalar(const syntax::Expr& expression, ScalarScope& scope) {
  switch (expression.kind) {
    case ExprKind::Literal: {
      const Value& value = expression.as<syntax::LiteralExpr>().value;
      if (value.type() != Type::Dynamic || value.is_null()) return literal(value, expression.span);
      std::string canonical;
      if (!json::canonicalize(value.as_text(), canonical) || canonical == "null") {
        return literal(Value::null(Type::Dynamic), expression.span);
      }
      return literal(Value::dynamic(std::move(canonical)), expression.span);
    }
    case ExprKind::Name: return bind_name(expression.as<syntax::NameExpr>(), scope);
    case ExprKind::Path: return bind_path(expression.as<syntax::PathExpr>(), scope);
    case ExprKind::Index: return bind_index(expression.as<syntax::IndexExpr>(), scope);
    case ExprKind::Call: return bind_call(expression.as<syntax::CallExpr>(), scope);
    case ExprKind::Unary: return bind_unary(expression.as<syntax::UnaryExpr>(), scope);
    case ExprKind::Binary: return bind_binary(expression.as<syntax::BinaryExpr>(), scope);
    case ExprKind::Logical: return bind_logical(expression.as<syntax::LogicalExpr>(), scope);
    case ExprKind::In: return bind_in(expression.as<syntax::InExpr>(), scope);
    case ExprKind::Between: return bind_between(expression.as<syntax::BetweenExpr>(), scope);
    case ExprKind::ToScalar: return bind_to_scalar(expression.as<syntax::ToScalarExpr>(), scope);
    case ExprKind::Star: return semantic("'*' is not a scalar expression", expression.span);
    case ExprKind::TypeLiteral: return semantic("typeof() stands only as an argument", expression.span);
    default: return semantic("Expected a scalar expression, not a table", expression.span);
  }
}

namespace {

/// Whether all columns that an expression names are the table's.
bool columns_are_of(const Expr& expression, const Rel& table) {
  if (expression.kind == Expr::Kind::Column) {
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [&](const PlanColumn& column) { return column.id == expression.column; });
  }
  return std::all_of(expression.args.begin(), expression.args.end(),
                     [&](const ExprPtr& argument) { return columns_are_of(*argument, table); });
}

}  // namespace

Result<ExprPtr> Binder::bind_name(const syntax::NameExpr& expression, ScalarScope& scope) {
  const std::string& name = expression.name.text;
  if (scope.graph) {
    SPILLWAY_ASSIGN(std::optional<ExprPtr> element, bind_graph_name(expression, scope));
    if (element) return *std::move(element);
  }
  if (scope.input) {
    for (const PlanColumn& column : scope.input->columns) {
      if (column.name == name) {
        if (scope.aggregates && !scope.aggregates->inside) {
          return semantic("Column '" + name + "' must stand inside an aggregate, such as take_any()",
                          expression.span);
        }
        return column_reference(column, expression.span);
      }
    }
  }
  if (const Binding* binding = scope.environment->find(name)) {
    if (binding->kind == Binding::Kind::Scalar) {
      // A function's argument may be a value of the caller's record: it means nothing over another table.
      // A partition's value goes along with its records.
      const Expr& value = *binding->scalar;
      const bool carried = scope.input && scope.input->group && value.kind == Expr::Kind::Column &&
                           std::any_of(scope.input->group->keys.begin(), scope.input->group->keys.end(),
                                       [&](const PlanColumn& key) { return key.id == value.column; });
      if (!scope.input || carried || columns_are_of(value, *scope.input->rel)) return binding->scalar;
      return semantic("'" + std::string(scope.where) + "' operator: can't use '" + name +
                          "' as it is defined outside its row-context scope",
                      expression.span);
    }
    if (binding->kind == Binding::Kind::Function && binding->function->parameters.empty()) {
      syntax::CallExpr call;
      call.span = expression.span;
      call.name = expression.name;
      return bind_call(call, scope);
    }
    return semantic("'" + name + "' is a table or a function, where a scalar is expected", expression.span);
  }
  return unknown_column(name, expression.span, scope);
}

Result<ExprPtr> Binder::bind_row_member(const std::vector<PlanColumn>& columns, const std::string& row,
                                        const syntax::PathExpr& path, const ScalarScope& scope) {
  std::vector<std::string> names;
  for (const PlanColumn& column : columns) {
    if (column.name == path.name.text) return column_reference(column, path.span);
    names.push_back(column.name);
  }
  const std::string near = nearest_name(path.name.text, names);
  return semantic("'" + std::string(scope.where) + "' operator: Failed to resolve column '" + row + "." +
                      path.name.text + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"),
                  path.span);
}

Result<ExprPtr> Binder::bind_path(const syntax::PathExpr& path, ScalarScope& scope) {
  if (const auto* base = path.base->try_as<syntax::NameExpr>(); base && scope.left) {
    const Tabular* side = base->name.text == "$left"    ? scope.left
                          : base->name.text == "$right" ? scope.right
                                                        : nullptr;
    if (side) return bind_row_member(side->columns, base->name.text, path, scope);
  }
  if (const auto* base = path.base->try_as<syntax::NameExpr>(); base && scope.rows) {
    if (const auto row = scope.rows->find(base->name.text); row != scope.rows->end()) {
      return bind_row_member(row->second, base->name.text, path, scope);
    }
  }
  SPILLWAY_ASSIGN(const std::optional<ExprPtr> entity, bind_entity_scalar(path, scope.environment));
  if (entity) return *entity;
  SPILLWAY_ASSIGN(ExprPtr base, bind_scalar(*path.base, scope));
  if (base->type != Type::Dynamic) {
    return semantic(std::string("A value of type ") + kql_name(base->type) + " has no member '" +
                        path.name.text + "': only dynamic values have",
                    path.span);
  }
  return call("member", {std::move(base), literal(Value::string(path.name.text), path.name.span)}, path.span);
}

Result<ExprPtr> Binder::bind_index(const syntax::IndexExpr& index, ScalarScope& scope) {
  SPILLWAY_ASSIGN(const ScalarFunction* wide, wide_function(*index.base, scope));
  if (wide) return bind_column_index(*wide, index, scope);
  SPILLWAY_ASSIGN(ExprPtr base, bind_scalar(*index.base, scope));
  SPILLWAY_ASSIGN(ExprPtr position, bind_scalar(*index.index, scope));
  if (base->type != Type::Dynamic) {
    return semantic(
        std::string("A value of type ") + kql_name(base->type) + " can't be indexed: only dynamic values can",
        index.span);
  }
  if (position->type == Type::Bool) {
    SPILLWAY_ASSIGN(position, convert(std::move(position), Type::Long));
  }
  const std::string_view function =
      position->type == Type::String || position->type == Type::Dynamic || position->type == Type::Guid
          ? "member"
          : "element";
  if (position->type == Type::Dynamic)
    return call("member or element", {std::move(base), std::move(position)}, index.span);
  return call(function, {std::move(base), std::move(position)}, index.span);
}

/// One of the columns that a function gives.
Result<ExprPtr> Binder::bind_column_index(const ScalarFunction& function, const syntax::IndexExpr& index,
                                          ScalarScope& scope) {
  SPILLWAY_ASSIGN(const WideCall wide, bind_wide_call(function, index.base->as<syntax::CallExpr>(), scope));
  SPILLWAY_ASSIGN(const ExprPtr position, bind_constant(*index.index, scope.environment, Type::Long,
                                                        "the number of a column of " + function.name + "()"));
  const bool known = position->kind == Expr::Kind::Literal && !position->literal.is_null();
  const int64_t column = known ? position->literal.as_int() : -1;
  if (column < 0 || column >= static_cast<int64_t>(wide.columns.size())) {
    return semantic(
        function.name + "(): gives " + std::to_string(wide.columns.size()) + " columns, numbered from 0",
        index.index->span);
  }
  return column_of(wide, static_cast<size_t>(column), index.span);
}

Result<ExprPtr> Binder::bind_unary(const syntax::UnaryExpr& unary, ScalarScope& scope) {
  SPILLWAY_ASSIGN(ExprPtr operand, bind_scalar(*unary.operand, scope));
  if (unary.op == syntax::UnaryOp::Minus) return call("negate", {std::move(operand)}, unary.span);
  if (!is_numeric(operand->type) && operand->type != Type::TimeSpan && operand->type != Type::Dynamic) {
    return semantic(std::string("Operator '+' takes no value of type ") + kql_name(operand->type),
                    unary.span);
  }
  return operand;
}

Result<ExprPtr> Binder::bind_binary(const syntax::BinaryExpr& binary, ScalarScope& scope) {
  if (binary.left->kind == ExprKind::Star) return bind_star_predicate(binary, scope);
  switch (binary.op) {
    case BinaryOp::Like:
    case BinaryOp::NotLike:
    case BinaryOp::LikeCs:
    case BinaryOp::NotLikeCs:
      return not_supported(
          std::string("Operator '") + spelling(binary.op) + "' is not supported; use matches regex",
          binary.op_span);
    case BinaryOp::Search:
      return semantic("The operator ':' stands only in the predicates of search and find", binary.op_span);
    default: break;
  }
  // A chain a + b + c … is a left-deep tree: go down to its first operand, and back up, without recursion.
  std::vector<const syntax::BinaryExpr*> chain = {&binary};
  while (const auto* left = chain.back()->left->try_as<syntax::BinaryExpr>()) {
    if (left->left->kind == ExprKind::Star || left->op >= BinaryOp::Like) break;
    chain.push_back(left);
  }
  SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*chain.back()->left, scope));
  for (size_t i = chain.size(); i-- > 0;) {
    const syntax::BinaryExpr& step = *chain[i];
    SPILLWAY_ASSIGN(ExprPtr right, bind_scalar(*step.right, scope));
    const BinaryOp op = scope.case_sensitive ? case_sensitive(step.op) : step.op;
    SPILLWAY_ASSIGN(value, bind_comparison(spelling(op), std::move(value), std::move(right), step.span));
  }
  return value;
}

/// `* has "x"`: any of the columns.
Result<ExprPtr> Binder::bind_star_predicate(const syntax::BinaryExpr& binary, ScalarScope& scope) {
  if (!scope.input) return semantic("'*' stands only for the columns of a table", binary.span);
  SPILLWAY_ASSIGN(const ExprPtr right, bind_scalar(*binary.right, scope));
  const BinaryOp op = scope.case_sensitive ? case_sensitive(binary.op) : binary.op;
  std::vector<ExprPtr> any;
  for (const PlanColumn& column : scope.input->columns) {
    SPILLWAY_ASSIGN(ExprPtr text, convert(column_reference(column, binary.left->span), Type::String));
    SPILLWAY_ASSIGN(ExprPtr one, bind_comparison(spelling(op), std::move(text), right, binary.span));
    any.push_back(std::move(one));
  }
  if (any.empty()) return literal(Value::boolean(false), binary.span);
  return call("or", std::move(any), binary.span);
}

namespace {

bool is_nan(const Expr& expression) {
  return expression.kind == Expr::Kind::Literal && expression.type == Type::Real &&
         !expression.literal.is_null() && std::isnan(expression.literal.as_real());
}

bool is_known(const Expr& expression) {
  return expression.type == Type::String ||
         (expression.kind == Expr::Kind::Literal && !expression.literal.is_null() && !is_nan(expression));
}

/// A real that isn't NaN.
bool is_number(const Expr& expression) {
  return expression.type == Type::Real && is_known(expression);
}

}  // namespace

/// `<`, `<=`, `>`, `>=` of reals: NaN has no order, but sorts above all numbers in the engine.
Result<ExprPtr> Binder::bind_real_order(std::string_view op, ExprPtr left, ExprPtr right, TextSpan span) {
  const bool numbers[] = {is_number(*left), is_number(*right)};
  if (numbers[0] && numbers[1]) return call(op, {std::move(left), std::move(right)}, span);
  std::string function(op);
  if (numbers[0]) {
    std::swap(left, right);
    function[0] = function[0] == '<' ? '>' : '<';
  }
  const bool limit = numbers[0] || numbers[1];  // on the right
  if (limit && function[0] == '<') return call(function, {std::move(left), std::move(right)}, span);
  const bool finite = limit && std::isfinite(right->literal.as_real());
  if (!finite) return call(function + " of reals", {std::move(left), std::move(right)}, span);
  if (function == ">") {
    right = literal(Value::real(std::nextafter(right->literal.as_real(), HUGE_VAL)), right->span);
  }
  return call(">= number", {std::move(left), std::move(right)}, span);
}

/// Any operator of two operands.
Result<ExprPtr> Binder::bind_comparison(std::string_view op, ExprPtr left, ExprPtr right, TextSpan span) {
  const bool order = op == "<" || op == "<=" || op == ">" || op == ">=";
  if (order && common_type_of(left->type, right->type, false) == Type::Real) {
    SPILLWAY_ASSIGN(left, convert(std::move(left), Type::Real));
    SPILLWAY_ASSIGN(right, convert(std::move(right), Type::Real));
    return bind_real_order(op, std::move(left), std::move(right), span);
  }
  if (op != "==" && op != "!=") return call(op, {std::move(left), std::move(right)}, span);
  const std::optional<Type> type = common_type_of(left->type, right->type, false);
  if (!type) {
    return semantic(std::string("Cannot compare values of types ") + kql_name(left->type) + " and " +
                        kql_name(right->type) + ". Try adding explicit casts",
                    span);
  }
  const Type compared = narrowest(*type, {left, right});
  SPILLWAY_ASSIGN(left, convert(std::move(left), compared));
  SPILLWAY_ASSIGN(right, convert(std::move(right), compared));
  std::string function(op);
  const bool equal = op == "==";
  if (*type == Type::String) {
    // Neither side can be null.
  } else if (is_known(*left) || is_known(*right)) {
    if (equal) function = "== known";
  } else {
    function += " exact";
  }
  return call(function, {std::move(left), std::move(right)}, span);
}

ExprPtr relax_predicate(const ExprPtr& predicate) {
  if (predicate->kind != Expr::Kind::Call) return predicate;
  const std::string& name = predicate->function->function->name;
  const FunctionTable& table = FunctionTable::instance();
  if (name == "and" || name == "or") {
    auto copy = std::make_shared<Expr>(*predicate);
    for (ExprPtr& argument : copy->args) argument = relax_predicate(argument);
    return copy;
  }
  const char* faster = nullptr;
  if (name == "== known" || name == "== exact") faster = "==";
  if (name == "!= exact") faster = "!=";
  if (name.ends_with(" exact") && predicate->args[0]->type == Type::Real) {
    faster = name == "== exact" ? "== of reals" : nullptr;
  }
  if (name == "in") faster = "in known";
  if (!faster) return predicate;
  auto copy = std::make_shared<Expr>(*predicate);
  copy->function = table.scalar(faster)->overloads.back().get();
  return copy;
}

Result<ExprPtr> Binder::to_predicate(ExprPtr expression, TextSpan span, std::string_view where) {
  if (expression->type == Type::Bool) return expression;
  if (expression->type == Type::Dynamic || is_numeric(expression->type)) {
    return convert(std::move(expression), Type::Bool);
  }
  return semantic(
      "'" + std::string(where) + "': expected a predicate of type bool, not " + kql_name(expression->type),
      span);
}

Result<ExprPtr> Binder::bind_predicate(const syntax::Expr& expression, ScalarScope& scope) {
  SPILLWAY_ASSIGN(ExprPtr predicate, bind_scalar(expression, scope));
  return to_predicate(std::move(predicate), expression.span, scope.where);
}

Result<ExprPtr> Binder::bind_logical(const syntax::LogicalExpr& logical, ScalarScope& scope) {
  const std::string_view name = logical.op == syntax::LogicalOp::And ? "and" : "or";
  std::vector<ExprPtr> operands;
  for (const syntax::ExprPtr& operand : logical.operands) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*operand, scope));
    SPILLWAY_ASSIGN(bound, to_predicate(std::move(bound), operand->span, name));
    operands.push_back(std::move(bound));
  }
  return call(name, std::move(operands), logical.span);
}

Result<ExprPtr> Binder::bind_in(const syntax::InExpr& in, ScalarScope& scope) {
  if (in.left->kind == ExprKind::Star) return not_supported("'* in' is not supported", in.span);
  SPILLWAY_ASSIGN(ExprPtr left, bind_scalar(*in.left, scope));
  if (in.op == syntax::InOp::HasAny || in.op == syntax::InOp::HasAll) {
    return bind_has_terms(in, std::move(left), scope);
  }
  if (in.list.size() == 1 && is_tabular(*in.list[0], scope.environment)) {
    return bind_in_table(in, std::move(left), scope);
  }
  std::vector<ExprPtr> list;
  for (const syntax::ExprPtr& item : in.list) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*item, scope));
    list.push_back(std::move(bound));
  }
  return bind_in_list(in, std::move(left), std::move(list));
}

namespace {

struct InForm {
  bool negated, fold;
};
InForm form_of(syntax::InOp op) {
  return {op == syntax::InOp::NotIn || op == syntax::InOp::NotInCi,
          op == syntax::InOp::InCi || op == syntax::InOp::NotInCi};
}

}  // namespace

/// A literal array's elements as literals of their own.
bool expand_array(const Expr& expression, std::vector<Value>& out) {
  if (expression.kind != Expr::Kind::Literal || expression.type != Type::Dynamic ||
      expression.literal.is_null()) {
    return false;
  }
  const std::string& text = expression.literal.as_text();
  if (json::kind_of(text) != json::Kind::Array) return false;
  for (json::Cursor cursor(text); cursor.next();) {
    if (json::kind_of(cursor.value()) != json::Kind::Null)
      out.push_back(Value::dynamic(std::string(cursor.value())));
  }
  return true;
}

Result<ExprPtr> Binder::bind_in_list(const syntax::InExpr& in, ExprPtr left, std::vector<ExprPtr> list) {
  const InForm form = form_of(in.op);
  std::vector<ExprPtr> items;
  std::vector<ExprPtr> arrays;
  for (ExprPtr& item : list) {
    std::vector<Value> elements;
    if (expand_array(*item, elements)) {
      for (Value& element : elements) items.push_back(literal(std::move(element), item->span));
    } else if (item->type == Type::Dynamic && left->type != Type::Dynamic) {
      arrays.push_back(std::move(item));
    } else if (item->kind != Expr::Kind::Literal || !item->literal.is_null()) {
      items.push_back(std::move(item));
    }
  }
  std::vector<ExprPtr> parts;
  if (!items.empty()) {
    Type type = form.fold ? Type::String : left->type;
    for (const ExprPtr& item : items) {
      const std::optional<Type> common = common_type_of(type, item->type, false);
      if (!common) {
        return semantic(std::string("Cannot compare values of types ") + kql_name(type) + " and " +
                            kql_name(item->type) + ". Try adding explicit casts",
                        item->span);
      }
      type = *common;
    }
    if (type == Type::Dynamic) type = Type::String;
    std::vector<ExprPtr> all = items;
    all.push_back(left);
    type = narrowest(type, all);
    std::vector<ExprPtr> arguments;
    SPILLWAY_ASSIGN(ExprPtr value, convert(left, type));
    if (form.fold) {
      SPILLWAY_ASSIGN(value, call("tolower", {value}, in.span));
    }
    arguments.push_back(std::move(value));
    for (const ExprPtr& item : items) {
      SPILLWAY_ASSIGN(ExprPtr converted, convert(item, type));
      if (converted->kind == Expr::Kind::Literal && converted->literal.is_null()) continue;
      if (form.fold) {
        SPILLWAY_ASSIGN(converted, call("tolower", {converted}, in.span));
      }
      arguments.push_back(std::move(converted));
    }
    if (arguments.size() > 1) {
      SPILLWAY_ASSIGN(ExprPtr part, call(form.negated ? "!in" : "in", std::move(arguments), in.span));
      parts.push_back(std::move(part));
    }
  }
  for (ExprPtr& array : arrays) {
    const std::string name = std::string(form.negated ? "!in" : "in") + (form.fold ? "~" : "") + " array";
    SPILLWAY_ASSIGN(ExprPtr part, call(name, {left, std::move(array)}, in.span));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return literal(Value::boolean(form.negated), in.span);
  if (parts.size() == 1) return parts[0];
  return call(form.negated ? "and" : "or", std::move(parts), in.span);
}

Result<ExprPtr> Binder::bind_in_table(const syntax::InExpr& in, ExprPtr left, ScalarScope& scope) {
  const InForm form = form_of(in.op);
  SPILLWAY_ASSIGN(Tabular table, bind_tabular(*in.list[0], scope.environment));
  if (table.columns.empty()) return semantic("The table of an 'in' has no column", in.list[0]->span);
  const PlanColumn column = table.columns.front();
  const std::optional<Type> type =
      form.fold ? std::optional<Type>(Type::String) : common_type_of(left->type, column.type, false);
  if (!type) {
    return semantic(std::string("Cannot compare values of types ") + kql_name(left->type) + " and " +
                        kql_name(column.type) + ". Try adding explicit casts",
                    in.span);
  }
  ExprPtr item = column_reference(column, in.list[0]->span);
  const Type compared = *type == Type::Dynamic ? Type::String : *type;
  SPILLWAY_ASSIGN(item, convert(std::move(item), compared));
  SPILLWAY_ASSIGN(left, convert(std::move(left), compared));
  if (form.fold) {
    SPILLWAY_ASSIGN(item, call("tolower", {item}, in.span));
    SPILLWAY_ASSIGN(left, call("tolower", {left}, in.span));
  }
  table = add_project(std::move(table), {{new_column(column.name, compared), std::move(item)}}, in.span);
  auto expression = std::make_shared<Expr>();
  expression->kind = Expr::Kind::InSubquery;
  expression->type = Type::Bool;
  expression->span = in.span;
  expression->function =
      FunctionTable::instance().scalar(form.negated ? "!in" : "in")->overloads.front().get();
  expression->nodes = left->nodes + 1;
  expression->depth = left->depth + 1;
  expression->args = {std::move(left)};
  expression->subquery = table.rel;
  return ExprPtr(expression);
}

Result<ExprPtr> Binder::bind_has_terms(const syntax::InExpr& in, ExprPtr left, ScalarScope& scope) {
  const std::string_view name = spelling(in.op);
  SPILLWAY_ASSIGN(left, convert(std::move(left), Type::String));
  if (in.list.size() == 1 && is_tabular(*in.list[0], scope.environment)) {
    return not_supported("'" + std::string(name) +
                             "' over a table is not supported; use toscalar(T | summarize make_set(Column))",
                         in.list[0]->span);
  }
  std::vector<ExprPtr> terms = {left};
  std::vector<ExprPtr> parts;
  for (const syntax::ExprPtr& item : in.list) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*item, scope));
    if (bound->type == Type::Dynamic) {
      SPILLWAY_ASSIGN(ExprPtr part, call(name, {left, std::move(bound)}, in.span));
      parts.push_back(std::move(part));
    } else {
      SPILLWAY_ASSIGN(bound, convert(std::move(bound), Type::String));
      terms.push_back(std::move(bound));
    }
  }
  if (terms.size() > 1 || parts.empty()) {
    SPILLWAY_ASSIGN(ExprPtr part, call(name, std::move(terms), in.span));
    parts.push_back(std::move(part));
  }
  if (parts.size() == 1) return parts[0];
  return call(in.op == syntax::InOp::HasAny ? "or" : "and", std::move(parts), in.span);
}

Result<ExprPtr> Binder::bind_between(const syntax::BetweenExpr& between, ScalarScope& scope) {
  SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*between.value, scope));
  SPILLWAY_ASSIGN(ExprPtr lower, bind_scalar(*between.lower, scope));
  SPILLWAY_ASSIGN(ExprPtr upper, bind_scalar(*between.upper, scope));
  if (lower->type == Type::DateTime && upper->type == Type::TimeSpan) {
    SPILLWAY_ASSIGN(upper, call("+", {lower, std::move(upper)}, between.upper->span));
  }
  return call(between.negated ? "!between" : "between",
              {std::move(value), std::move(lower), std::move(upper)}, between.span);
}

Result<ExprPtr> Binder::bind_to_scalar(const syntax::ToScalarExpr& expression, ScalarScope& scope) {
  if (!is_tabular(*expression.query, scope.environment)) return bind_scalar(*expression.query, scope);
  SPILLWAY_ASSIGN(Tabular table, bind_tabular(*expression.query, scope.environment));
  if (table.columns.empty()) return semantic("The table of toscalar() has no column", expression.span);
  if (table.group) return group_scalar(std::move(table), scope, expression.span);
  table.columns.resize(1);
  auto bound = std::make_shared<Expr>();
  bound->kind = Expr::Kind::ScalarSubquery;
  bound->span = expression.span;
  bound->type = table.columns[0].type;
  bound->subquery = finish(table);
  ExprPtr result = bound;
  // Without rows a subquery is null, which a string never is.
  if (result->type == Type::String) return call("coalesce", {std::move(result)}, expression.span);
  return result;
}

Result<ExprPtr> Binder::bind_constant(const syntax::Expr& expression, const EnvironmentPtr& environment,
                                      Type type, std::string_view what) {
  ScalarScope scope(environment);
  SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(expression, scope));
  if (value->type == type) return value;
  const bool fits = common_type_of(value->type, type, false).has_value();
  if (!fits) {
    return semantic("Expected a value of type " + std::string(kql_name(type)) + " as " + std::string(what) +
                        ", not " + kql_name(value->type),
                    expression.span);
  }
  return convert(std::move(value), type);
}

}  // namespace spillway::kql
