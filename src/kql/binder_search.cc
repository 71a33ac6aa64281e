// search and find: a predicate over many tables, its terms looked up in all of their columns.
// Sources: query/search-operator.md, query/find-operator.md.
#include <re2/re2.h>

#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

using syntax::BinaryOp;
using syntax::ExprKind;

namespace {

/// What a predicate refers to.
struct References {
  std::vector<std::string> names;  // in the order of their first mention
  bool all_columns = false;        // a term, or `* has "x"`
};

void collect(const syntax::Expr& expression, bool predicate, References& out) {
  const auto visit = [&](const syntax::ExprPtr& inner) {
    if (inner) collect(*inner, false, out);
  };
  switch (expression.kind) {
    case ExprKind::Name: {
      const std::string& name = expression.as<syntax::NameExpr>().name.text;
      if (std::find(out.names.begin(), out.names.end(), name) == out.names.end()) out.names.push_back(name);
      break;
    }
    case ExprKind::Literal:
      if (predicate) out.all_columns = true;
      break;
    case ExprKind::Star: out.all_columns = true; break;
    case ExprKind::Path: return visit(expression.as<syntax::PathExpr>().base);
    case ExprKind::Index:
      visit(expression.as<syntax::IndexExpr>().base);
      return visit(expression.as<syntax::IndexExpr>().index);
    case ExprKind::Call:
      for (const syntax::Argument& argument : expression.as<syntax::CallExpr>().arguments) {
        collect(*argument.value, expression.as<syntax::CallExpr>().name.text == "not", out);
      }
      break;
    case ExprKind::Unary: return visit(expression.as<syntax::UnaryExpr>().operand);
    case ExprKind::Binary:
      visit(expression.as<syntax::BinaryExpr>().left);
      return visit(expression.as<syntax::BinaryExpr>().right);
    case ExprKind::Logical:
      for (const syntax::ExprPtr& operand : expression.as<syntax::LogicalExpr>().operands) {
        collect(*operand, true, out);
      }
      break;
    case ExprKind::In:
      visit(expression.as<syntax::InExpr>().left);
      for (const syntax::ExprPtr& item : expression.as<syntax::InExpr>().list) visit(item);
      break;
    case ExprKind::Between:
      visit(expression.as<syntax::BetweenExpr>().value);
      visit(expression.as<syntax::BetweenExpr>().lower);
      return visit(expression.as<syntax::BetweenExpr>().upper);
    default: break;
  }
}

const PlanColumn* find_column(const Tabular& table, std::string_view name) {
  for (const PlanColumn& column : table.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool has_column(const Tabular& table, const PlanColumn& wanted) {
  const PlanColumn* column = find_column(table, wanted.name);
  return column && column->type == wanted.type;
}

/// How a term with wildcards at its ends or inside is looked up.
struct Term {
  std::string op;
  std::string text;
};

Term term_of(std::string_view given, bool sensitive) {
  const size_t first = given.find_first_not_of('*');
  const bool left = first > 0 && !given.empty();
  const bool right = !given.empty() && given.back() == '*';
  const size_t end = first == std::string_view::npos ? 0 : given.find_last_not_of('*') + 1;
  const std::string_view term = end == 0 ? std::string_view() : given.substr(first, end - first);
  const std::string suffix = sensitive ? "_cs" : "";
  if (term.find('*') == std::string_view::npos) {
    const char* op = left && right ? "contains" : left ? "hassuffix" : right ? "hasprefix" : "has";
    return {op + suffix, std::string(term)};
  }
  std::string regex = sensitive ? "" : "(?i)";
  if (!left) regex += "\\b";
  for (size_t at = 0; at <= term.size();) {
    const size_t star = std::min(term.find('*', at), term.size());
    regex += re2::RE2::QuoteMeta(re2::StringPiece(term.data() + at, star - at));
    if (star < term.size()) regex += ".*";
    at = star + 1;
  }
  if (!right) regex += "\\b";
  return {"matches regex", regex};
}

}  // namespace

BinaryOp case_sensitive(BinaryOp op) {
  switch (op) {
    case BinaryOp::EqualCi: return BinaryOp::Equal;
    case BinaryOp::NotEqualCi: return BinaryOp::NotEqual;
    case BinaryOp::Has: return BinaryOp::HasCs;
    case BinaryOp::NotHas: return BinaryOp::NotHasCs;
    case BinaryOp::HasPrefix: return BinaryOp::HasPrefixCs;
    case BinaryOp::NotHasPrefix: return BinaryOp::NotHasPrefixCs;
    case BinaryOp::HasSuffix: return BinaryOp::HasSuffixCs;
    case BinaryOp::NotHasSuffix: return BinaryOp::NotHasSuffixCs;
    case BinaryOp::Contains: return BinaryOp::ContainsCs;
    case BinaryOp::NotContains: return BinaryOp::NotContainsCs;
    case BinaryOp::StartsWith: return BinaryOp::StartsWithCs;
    case BinaryOp::NotStartsWith: return BinaryOp::NotStartsWithCs;
    case BinaryOp::EndsWith: return BinaryOp::EndsWithCs;
    case BinaryOp::NotEndsWith: return BinaryOp::NotEndsWithCs;
    default: return op;
  }
}

/// A term in one value, or in all columns where there is none.
Result<ExprPtr> Binder::bind_search_term(const syntax::Expr& expression, const syntax::Expr* column,
                                         ScalarScope& scope) {
  const Result<std::string> text = constant_text(expression, scope.environment, "a search term");
  SPILLWAY_TRY(text);
  const TextSpan span = expression.span;
  const Term term = term_of(*text, scope.case_sensitive);
  if (term.text.empty() && !column) return literal(Value::boolean(true), span);
  const ExprPtr wanted = literal(Value::string(term.text), span);
  const auto compare = [&](ExprPtr value) -> Result<ExprPtr> {
    if (value->type != Type::String) {
      SPILLWAY_ASSIGN(value, call("tostring", {std::move(value)}, span));
    }
    return call(term.op, {std::move(value), wanted}, span);
  };
  if (column) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*column, scope));
    return compare(std::move(value));
  }
  std::vector<ExprPtr> any;
  for (const PlanColumn& one : scope.input->columns) {
    SPILLWAY_ASSIGN(ExprPtr found, compare(column_reference(one, span)));
    any.push_back(std::move(found));
  }
  if (any.empty()) return literal(Value::boolean(false), span);
  if (any.size() == 1) return any[0];
  return call("or", std::move(any), span);
}

/// A predicate that may hold terms by themselves, `column : term` and `*`.
Result<ExprPtr> Binder::bind_search_predicate(const syntax::Expr& expression, ScalarScope& scope) {
  if (expression.kind == ExprKind::Star) return literal(Value::boolean(true), expression.span);
  if (const auto* term = expression.try_as<syntax::LiteralExpr>();
      term && term->value.type() == Type::String) {
    return bind_search_term(expression, nullptr, scope);
  }
  if (const auto* name = expression.try_as<syntax::NameExpr>();
      name && !find_column(*scope.input, name->name.text)) {
    const Binding* binding = scope.environment->find(name->name.text);
    const bool term = binding && binding->kind == Binding::Kind::Scalar && binding->scalar &&
                      binding->scalar->type == Type::String;
    if (term) return bind_search_term(expression, nullptr, scope);
  }
  if (const auto* binary = expression.try_as<syntax::BinaryExpr>();
      binary && binary->op == BinaryOp::Search) {
    const bool all = binary->left->kind == ExprKind::Star;
    return bind_search_term(*binary->right, all ? nullptr : binary->left.get(), scope);
  }
  if (const auto* negation = expression.try_as<syntax::CallExpr>();
      negation && negation->name.text == "not" && negation->arguments.size() == 1) {
    SPILLWAY_ASSIGN(ExprPtr operand, bind_search_predicate(*negation->arguments[0].value, scope));
    return call("not", {std::move(operand)}, expression.span);
  }
  const auto* logical = expression.try_as<syntax::LogicalExpr>();
  if (!logical) return bind_predicate(expression, scope);
  std::vector<ExprPtr> operands;
  for (const syntax::ExprPtr& operand : logical->operands) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_search_predicate(*operand, scope));
    operands.push_back(std::move(bound));
  }
  return call(logical->op == syntax::LogicalOp::And ? "and" : "or", std::move(operands), expression.span);
}

/// The tables of `in (…)`, or all of the database and the query's views.
Result<std::vector<Tabular>> Binder::bind_search_sources(const std::vector<syntax::ExprPtr>& sources,
                                                         const EnvironmentPtr& environment, bool fuzzy,
                                                         TextSpan span, std::string_view where) {
  std::vector<Tabular> legs;
  for (const syntax::ExprPtr& source : sources) {
    SPILLWAY_TRY(bind_union_leg(*source, environment, fuzzy, legs));
  }
  if (sources.empty()) {
    SPILLWAY_ASSIGN(const catalog::Database* database, database_of(options_.database, span));
    SPILLWAY_TRY(bind_union_pattern("*", *database, true, environment, span, true, legs));
  }
  if (legs.empty())
    return semantic("'" + std::string(where) + "' operator: there is no table to search", span);
  return legs;
}

/// The legs that hold what the predicate names, each filtered by it.
Status Binder::filter_legs(const syntax::Expr& predicate, const EnvironmentPtr& environment, bool sensitive,
                           std::string_view where, std::vector<Tabular>& legs,
                           std::vector<std::string>& named) {
  References references;
  collect(predicate, true, references);
  for (const std::string& name : references.names) {
    const auto there = [&](const Tabular& leg) { return find_column(leg, name) != nullptr; };
    if (std::any_of(legs.begin(), legs.end(), there)) named.push_back(name);
  }
  if (legs.size() > 1 && !references.all_columns && !named.empty()) {
    std::erase_if(legs, [&](const Tabular& leg) {
      return std::none_of(named.begin(), named.end(),
                          [&](const std::string& n) { return find_column(leg, n); });
    });
  }
  std::optional<Error> first;
  size_t failed = 0;
  const std::vector<Tabular> all = legs;
  for (Tabular& leg : legs) {
    const Status filtered = filter_leg(predicate, environment, sensitive, where, all, named, leg);
    if (filtered.ok()) continue;
    // A column may have a type that the predicate doesn't fit in one table, and fit in another.
    if (filtered.error().code != ErrorCode::Semantic) return filtered;
    if (!first) first = filtered.error();
    ++failed;
    leg = bind_take_none(std::move(leg), predicate.span);
  }
  return failed == legs.size() && first ? Status(*first) : Status();
}

Status Binder::filter_leg(const syntax::Expr& predicate, const EnvironmentPtr& environment, bool sensitive,
                          std::string_view where, const std::vector<Tabular>& all,
                          const std::vector<std::string>& named, Tabular& leg) {
  // A column that only other tables have is null here.
  const std::vector<PlanColumn> visible = leg.columns;
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const std::string& name : named) {
    if (find_column(leg, name)) continue;
    for (const Tabular& other : all) {
      const PlanColumn* column = find_column(other, name);
      if (!column) continue;
      outputs.emplace_back(new_column(name, column->type),
                           literal(Value::null(column->type), predicate.span));
      break;
    }
  }
  Tabular wide = leg;
  if (!outputs.empty()) {
    std::vector<std::pair<PlanColumn, ExprPtr>> columns;
    for (const PlanColumn& column : visible) {
      columns.emplace_back(column, column_reference(column, predicate.span));
      columns.back().first.id = next_id();
    }
    columns.insert(columns.end(), outputs.begin(), outputs.end());
    wide = add_project(std::move(wide), std::move(columns), predicate.span);
  }
  ScalarScope scope(environment);
  scope.input = &wide;
  scope.where = where;
  scope.case_sensitive = sensitive;
  SPILLWAY_ASSIGN(ExprPtr bound, bind_search_predicate(predicate, scope));
  auto filter = std::make_shared<Filter>();
  filter->predicate = relax_predicate(bound);
  wide = add_node(std::move(wide), std::move(filter), predicate.span);
  wide.columns.resize(visible.size());
  leg = std::move(wide);
  return Status();
}

Result<Tabular> Binder::bind_search(const syntax::SearchOp& op, std::optional<Tabular> input,
                                    const EnvironmentPtr& environment) {
  bool sensitive = false;
  if (const syntax::Property* kind = syntax::find_property(op.parameters, "kind")) {
    const std::string text = kind->text();
    sensitive = text == "case_sensitive";
    if (!sensitive && text != "default" && text != "case_insensitive") {
      return semantic(
          "'search' operator: its kind is default, case_insensitive or case_sensitive, not '" + text + "'",
          kind->span);
    }
  }
  std::vector<Tabular> legs;
  if (input) {
    if (!op.sources.empty()) {
      return semantic("'search' operator: tables can't be named where there is an input", op.span);
    }
    legs.push_back(*std::move(input));
  } else {
    SPILLWAY_ASSIGN(legs, bind_search_sources(op.sources, environment, false, op.span, "search"));
  }
  std::vector<std::string> named;
  SPILLWAY_TRY(filter_legs(*op.predicate, environment, sensitive, "search", legs, named));
  return make_union(std::move(legs), false, "$table", op.span);
}

namespace {

/// The output columns of `find … project-smart`: those that all tables have, then those that are named.
std::vector<PlanColumn> smart_columns(const std::vector<Tabular>& legs,
                                      const std::vector<std::string>& named) {
  std::vector<PlanColumn> columns;
  const auto add = [&](const PlanColumn& column) {
    const auto same = [&](const PlanColumn& c) { return c.name == column.name && c.type == column.type; };
    if (std::none_of(columns.begin(), columns.end(), same)) columns.push_back(column);
  };
  for (const PlanColumn& column : legs[0].columns) {
    if (std::all_of(legs.begin(), legs.end(), [&](const Tabular& leg) { return has_column(leg, column); })) {
      add(column);
    }
  }
  for (const std::string& name : named) {
    for (const Tabular& leg : legs) {
      if (const PlanColumn* column = find_column(leg, name)) add(*column);
    }
  }
  return columns;
}

constexpr const char* kPackColumn = "pack_";

}  // namespace

/// The columns of `find … project`.
Result<std::vector<PlanColumn>> Binder::find_columns(const std::vector<syntax::FindColumn>& project,
                                                     const std::vector<Tabular>& legs, bool& pack) {
  std::vector<PlanColumn> columns;
  for (size_t i = 0; i < project.size(); ++i) {
    const syntax::FindColumn& given = project[i];
    if (given.pack) {
      if (i + 1 < project.size()) {
        return semantic("'find' operator: pack_all() must be the last column", given.span);
      }
      pack = true;
      continue;
    }
    std::set<Type> types;
    for (const Tabular& leg : legs) {
      if (const PlanColumn* column = find_column(leg, given.name.text)) types.insert(column->type);
    }
    if (types.empty()) {
      return semantic("'find' operator: Failed to resolve column named '" + given.name.text + "'",
                      given.span);
    }
    if (types.size() > 1 && !given.type) {
      return semantic("'find' operator: column '" + given.name.text +
                          "' has several types; write the type behind it, as in " + given.name.text +
                          ":string",
                      given.span);
    }
    columns.push_back({0, given.name.text, given.type.value_or(*types.begin())});
  }
  return columns;
}

/// A leg with exactly `columns`, and the others packed.
Result<Tabular> Binder::project_found(Tabular leg, const std::vector<PlanColumn>& columns, bool typed,
                                      bool pack, TextSpan span) {
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  std::set<std::string> shown;
  for (const PlanColumn& column : columns) {
    const PlanColumn* source = find_column(leg, column.name);
    const bool there = source && (typed || source->type == column.type);
    ExprPtr value = literal(Value::null(column.type), span);
    if (there) {
      shown.insert(column.name);
      value = column_reference(*source, span);
      if (source->type != column.type) {
        SPILLWAY_ASSIGN(value, convert(std::move(value), column.type));
      }
    }
    outputs.emplace_back(new_column(column.name, column.type), std::move(value));
  }
  if (pack) {
    std::vector<PlanColumn> rest;
    for (const PlanColumn& column : leg.columns) {
      if (shown.count(column.name) == 0) rest.push_back(column);
    }
    SPILLWAY_ASSIGN(ExprPtr bag, pack_columns(rest, "bag_pack", span));
    outputs.emplace_back(new_column(kPackColumn, Type::Dynamic), std::move(bag));
  }
  return add_project(std::move(leg), std::move(outputs), span);
}

Result<Tabular> Binder::bind_find(const syntax::FindOp& op, const EnvironmentPtr& environment) {
  const auto property = [&](std::string_view name) {
    const syntax::Property* given = syntax::find_property(op.parameters, name);
    return given ? given->text() : std::string();
  };
  std::string source = property("withsource");
  if (source.empty()) source = property("with_source");
  if (source.empty()) source = "source_";
  SPILLWAY_ASSIGN(
      std::vector<Tabular> legs,
      bind_search_sources(op.sources, environment, property("isfuzzy") == "true", op.span, "find"));
  std::vector<std::string> named;
  SPILLWAY_TRY(filter_legs(*op.predicate, environment, false, "find", legs, named));
  bool pack = false;
  const bool explicit_columns = !op.project.empty();
  std::vector<PlanColumn> columns;
  if (explicit_columns) {
    SPILLWAY_ASSIGN(columns, find_columns(op.project, legs, pack));
  } else {
    columns = smart_columns(legs, named);
    for (const Tabular& leg : legs) {
      const auto kept = std::count_if(columns.begin(), columns.end(),
                                      [&](const PlanColumn& column) { return has_column(leg, column); });
      pack = pack || static_cast<size_t>(kept) < leg.columns.size();
    }
  }
  for (Tabular& leg : legs) {
    SPILLWAY_ASSIGN(leg, project_found(std::move(leg), columns, explicit_columns, pack, op.span));
  }
  SPILLWAY_ASSIGN(Tabular table, make_union(std::move(legs), false, source, op.span));
  const bool keep_pack = explicit_columns && pack;
  std::erase_if(table.columns, [&](const PlanColumn& column) {
    if (op.project_away_star) return column.name != source && !(column.name == kPackColumn && keep_pack);
    return std::any_of(op.project_away.begin(), op.project_away.end(), [&](const syntax::FindColumn& away) {
      return away.pack ? column.name == kPackColumn : matches_pattern(column.name, away.name.text);
    });
  });
  return table;
}

}  // namespace spillway::kql
