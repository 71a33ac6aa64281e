// join, lookup, union.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {
namespace {

std::optional<JoinKind> parse_join_kind(std::string_view text) {
  static const std::map<std::string_view, JoinKind> kKinds = {
      {"innerunique", JoinKind::InnerUnique}, {"inner", JoinKind::Inner},
      {"leftouter", JoinKind::LeftOuter},     {"rightouter", JoinKind::RightOuter},
      {"fullouter", JoinKind::FullOuter},     {"leftsemi", JoinKind::LeftSemi},
      {"rightsemi", JoinKind::RightSemi},     {"leftanti", JoinKind::LeftAnti},
      {"anti", JoinKind::LeftAnti},           {"leftantisemi", JoinKind::LeftAnti},
      {"rightanti", JoinKind::RightAnti},     {"rightantisemi", JoinKind::RightAnti},
  };
  const auto found = kKinds.find(text);
  return found == kKinds.end() ? std::nullopt : std::optional<JoinKind>(found->second);
}

bool keeps_left(JoinKind kind) {
  return kind != JoinKind::RightSemi && kind != JoinKind::RightAnti;
}
bool keeps_right(JoinKind kind) {
  return kind != JoinKind::LeftSemi && kind != JoinKind::LeftAnti;
}

/// Which side of `$left.a` or `$right.a` an expression names.
enum class Side { None, Left, Right };
Side side_of(const syntax::Expr& expression) {
  const auto* path = expression.try_as<syntax::PathExpr>();
  const auto* base = path ? path->base->try_as<syntax::NameExpr>() : nullptr;
  if (!base) return Side::None;
  return base->name.text == "$left" ? Side::Left : base->name.text == "$right" ? Side::Right : Side::None;
}

}  // namespace

Status Binder::bind_join_key(const syntax::Expr& condition, Tabular& left, Tabular& right,
                             const EnvironmentPtr& environment, std::string_view where, JoinKeys& keys) {
  if (const auto* logical = condition.try_as<syntax::LogicalExpr>();
      logical && logical->op == syntax::LogicalOp::And) {
    for (const syntax::ExprPtr& part : logical->operands) {
      SPILLWAY_TRY(bind_join_key(*part, left, right, environment, where, keys));
    }
    return Status();
  }
  ScalarScope scope(environment);
  scope.where = where;
  scope.left = &left;
  scope.right = &right;
  ExprPtr on_left, on_right;
  if (const auto* name = condition.try_as<syntax::NameExpr>()) {
    scope.input = &left;
    SPILLWAY_ASSIGN(const std::vector<size_t> in_left, match_columns(name->name, left, where, true));
    SPILLWAY_ASSIGN(const std::vector<size_t> in_right, match_columns(name->name, right, where, true));
    if (in_left.empty() || in_right.empty()) return semantic("A join key can't be a pattern", name->span);
    on_left = column_reference(left.columns[in_left[0]], name->span);
    on_right = column_reference(right.columns[in_right[0]], name->span);
  } else {
    const auto* equality = condition.try_as<syntax::BinaryExpr>();
    const bool fits = equality && equality->op == syntax::BinaryOp::Equal;
    const Side first = fits ? side_of(*equality->left) : Side::None;
    const Side second = fits ? side_of(*equality->right) : Side::None;
    if (first == Side::None || second == Side::None || first == second) {
      return semantic("'" + std::string(where) +
                          "' operator: expected a column of both sides, or $left.Column == $right.Column",
                      condition.span);
    }
    SPILLWAY_ASSIGN(on_left, bind_scalar(first == Side::Left ? *equality->left : *equality->right, scope));
    SPILLWAY_ASSIGN(on_right, bind_scalar(first == Side::Left ? *equality->right : *equality->left, scope));
  }
  keys.right_columns.push_back(on_right->column);
  const std::optional<Type> type = common_type_of(on_left->type, on_right->type, false);
  if (!type || (*type == Type::Dynamic)) {
    return semantic("'" + std::string(where) + "' operator: can't compare keys of types " +
                        kql_name(on_left->type) + " and " + kql_name(on_right->type) +
                        "; convert one of them first",
                    condition.span);
  }
  SPILLWAY_ASSIGN(on_left, convert(std::move(on_left), *type));
  SPILLWAY_ASSIGN(on_right, convert(std::move(on_right), *type));
  keys.on.emplace_back(std::move(on_left), std::move(on_right));
  return Status();
}

Result<Binder::JoinKeys> Binder::bind_join_keys(const std::vector<syntax::ExprPtr>& on, Tabular& left,
                                                Tabular& right, const EnvironmentPtr& environment,
                                                std::string_view where) {
  JoinKeys keys;
  for (const syntax::ExprPtr& condition : on) {
    SPILLWAY_TRY(bind_join_key(*condition, left, right, environment, where, keys));
  }
  return keys;
}

Result<Tabular> Binder::make_join(JoinKind kind, Tabular left, Tabular right, JoinKeys keys,
                                  bool without_right_keys, TextSpan span) {
  auto node = std::make_shared<Join>();
  node->join_kind = kind;
  node->on = std::move(keys.on);
  NameAllocator names;
  const auto take = [&](const PlanColumn& column) {
    node->columns.push_back(new_column(names.unique(column.name), column.type));
    node->sources.push_back(column.id);
  };
  if (keeps_left(kind)) {
    for (const PlanColumn& column : left.columns) take(column);
  }
  if (keeps_right(kind)) {
    for (const PlanColumn& column : right.columns) {
      const bool key = std::find(keys.right_columns.begin(), keys.right_columns.end(), column.id) !=
                       keys.right_columns.end();
      if (!without_right_keys || !key) take(column);
    }
  }
  node->inputs = {left.rel, right.rel};
  attach(*node, span);
  Tabular result;
  result.columns = node->columns;
  result.rel = std::move(node);
  return result;
}

Result<Tabular> Binder::bind_join(const syntax::JoinOp& op, Tabular input,
                                  const EnvironmentPtr& environment) {
  JoinKind kind = JoinKind::InnerUnique;
  if (const syntax::Property* property = syntax::find_property(op.parameters, "kind")) {
    const std::optional<JoinKind> parsed = parse_join_kind(property->text());
    if (!parsed) {
      return semantic(
          "'join' operator: '" + property->text() +
              "' is not a kind of join; it is innerunique, inner, leftouter, rightouter, fullouter, "
              "leftsemi, rightsemi, leftanti or rightanti",
          property->span);
    }
    kind = *parsed;
  }
  if (op.where) return not_supported("'join … where' is not supported; use 'on'", op.where->span);
  if (op.on.empty()) return semantic("'join' operator: needs 'on' and its keys", op.keyword);
  SPILLWAY_ASSIGN(Tabular right, bind_tabular(*op.right, environment));
  SPILLWAY_ASSIGN(JoinKeys keys, bind_join_keys(op.on, input, right, environment, "join"));
  if (input.group)
    return join_groups(kind, std::move(input), std::move(right), std::move(keys), false, op.span);
  return make_join(kind, std::move(input), std::move(right), std::move(keys), false, op.span);
}

Result<Tabular> Binder::bind_lookup(const syntax::LookupOp& op, Tabular input,
                                    const EnvironmentPtr& environment) {
  JoinKind kind = JoinKind::LeftOuter;
  if (const syntax::Property* property = syntax::find_property(op.parameters, "kind")) {
    const std::optional<JoinKind> parsed = parse_join_kind(property->text());
    if (!parsed || (*parsed != JoinKind::LeftOuter && *parsed != JoinKind::Inner)) {
      return semantic("'lookup' operator: its kind is leftouter or inner", property->span);
    }
    kind = *parsed;
  }
  SPILLWAY_ASSIGN(Tabular right, bind_tabular(*op.right, environment));
  SPILLWAY_ASSIGN(JoinKeys keys, bind_join_keys(op.on, input, right, environment, "lookup"));
  if (input.group)
    return join_groups(kind, std::move(input), std::move(right), std::move(keys), true, op.span);
  return make_join(kind, std::move(input), std::move(right), std::move(keys), true, op.span);
}

Status Binder::bind_union_pattern(const std::string& pattern, const catalog::Database& database,
                                  bool with_views, const EnvironmentPtr& environment, TextSpan span,
                                  bool fuzzy, std::vector<Tabular>& legs) {
  const size_t before = legs.size();
  if (with_views) {
    std::map<std::string, const Binding*> views;
    environment->collect_views(views);
    for (const auto& [name, binding] : views) {
      if (!matches_pattern(name, pattern)) continue;
      SPILLWAY_ASSIGN(Tabular leg, bind_binding(*binding, span));
      leg.name = name;
      legs.push_back(std::move(leg));
    }
  }
  for (const auto& [name, table] : database.tables) {
    if (!matches_pattern(name, pattern) || !visible(environment, database.name, name)) continue;
    SPILLWAY_ASSIGN(Tabular leg, scan(database, table, span));
    legs.push_back(std::move(leg));
  }
  if (legs.size() > before) return Status();
  if (!fuzzy) return semantic("'union' operator: no table matches '" + pattern + "'", span);
  result_.warnings.push_back("Failed to resolve entity '" + pattern + "'");
  return Status();
}

/// `database("D*").T*`: of each database whose name matches.
Status Binder::bind_union_databases(const syntax::PathExpr& path, const EnvironmentPtr& environment,
                                    bool fuzzy, std::vector<Tabular>& legs) {
  SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*path.base, environment));
  if (!name) return semantic("Expected a database's tables, as in database('D').T*", path.span);
  if (name->find('*') == std::string::npos) {
    SPILLWAY_ASSIGN(const catalog::Database* database, database_of(*name, path.base->span));
    return bind_union_pattern(path.name.text, *database, false, environment, path.span, fuzzy, legs);
  }
  const size_t before = legs.size();
  if (options_.snapshot) {
    for (const auto& [known, database] : options_.snapshot->databases) {
      if (!matches_pattern(known, *name) || !check_view(*database).ok()) continue;
      SPILLWAY_TRY(bind_union_pattern(path.name.text, *database, false, environment, path.span, true, legs));
    }
  }
  if (legs.size() > before || fuzzy) return Status();
  return semantic("'union' operator: no table matches database('" + *name + "')." + path.name.text,
                  path.span);
}

namespace {

/// How a query writes a name, for warnings.
std::string written_name(const syntax::Expr& expression) {
  const syntax::Expr* source = &expression;
  while (const auto* pipe = source->try_as<syntax::PipeExpr>()) {
    if (!pipe->source) break;
    source = pipe->source.get();
  }
  if (const auto* name = source->try_as<syntax::NameExpr>()) return name->name.text;
  if (const auto* path = source->try_as<syntax::PathExpr>()) return path->name.text;
  if (const auto* call = source->try_as<syntax::CallExpr>()) return call->name.text;
  return "union leg";
}

bool path_is_pattern(const syntax::PathExpr& path) {
  const auto* call = path.base->try_as<syntax::CallExpr>();
  if (path.name.wildcard) return true;
  if (!call || call->name.text != "database" || call->arguments.size() != 1) return false;
  const auto* name = call->arguments[0].value->try_as<syntax::LiteralExpr>();
  return name && name->value.type() == Type::String && name->value.as_text().find('*') != std::string::npos;
}

}  // namespace

Status Binder::bind_union_leg(const syntax::Expr& expression, const EnvironmentPtr& environment, bool fuzzy,
                              std::vector<Tabular>& legs) {
  if (const auto* name = expression.try_as<syntax::NameExpr>(); name && name->name.wildcard) {
    const std::string& own = environment->database();
    SPILLWAY_ASSIGN(const catalog::Database* database,
                    database_of(own.empty() ? options_.database : own, name->span));
    return bind_union_pattern(name->name.text, *database, true, environment, name->span, fuzzy, legs);
  }
  if (const auto* path = expression.try_as<syntax::PathExpr>(); path && path_is_pattern(*path)) {
    return bind_union_databases(*path, environment, fuzzy, legs);
  }
  Result<Tabular> leg = bind_tabular(expression, environment);
  if (leg.ok()) {
    legs.push_back(*std::move(leg));
    return Status();
  }
  if (!fuzzy || !is_unresolved(leg.error())) return leg.error();
  result_.warnings.push_back("Failed to resolve entity '" + written_name(expression) + "'");
  return Status();
}

Result<Tabular> Binder::bind_union(const syntax::UnionOp& op, std::optional<Tabular> input,
                                   const EnvironmentPtr& environment) {
  const auto text_of = [&](std::string_view name) {
    const syntax::Property* property = syntax::find_property(op.parameters, name);
    return property ? property->text() : std::string();
  };
  const std::string kind = text_of("kind");
  if (!kind.empty() && kind != "inner" && kind != "outer") {
    return semantic("'union' operator: its kind is inner or outer", op.keyword);
  }
  const bool fuzzy =
      text_of("isfuzzy") == "true" || text_of("best_effort") == "true" || is_set("best_effort");
  std::string source_column = text_of("withsource");
  if (source_column.empty()) source_column = text_of("with_source");
  std::vector<Tabular> legs;
  if (input) legs.push_back(*std::move(input));
  for (const syntax::ExprPtr& table : op.tables) {
    SPILLWAY_TRY(bind_union_leg(*table, environment, fuzzy, legs));
  }
  if (legs.empty()) return semantic("'union' operator: none of its tables could be resolved", op.span);
  return make_union(std::move(legs), kind == "inner", source_column, op.span);
}

namespace {

/// A column of a union before it has its final name.
struct UnionColumn {
  std::string name;
  Type type;
  std::vector<std::optional<ColumnId>> sources;  // of each leg
};

std::vector<UnionColumn> merge_columns(const std::vector<Tabular>& legs) {
  std::vector<UnionColumn> merged;
  std::map<std::pair<std::string, Type>, size_t> positions;
  for (size_t leg = 0; leg < legs.size(); ++leg) {
    for (const PlanColumn& column : legs[leg].columns) {
      const auto [place, fresh] = positions.emplace(std::make_pair(column.name, column.type), merged.size());
      if (fresh)
        merged.push_back({column.name, column.type, std::vector<std::optional<ColumnId>>(legs.size())});
      merged[place->second].sources[leg] = column.id;
    }
  }
  return merged;
}

/// What withsource says of each leg: tables of several databases are named with them.
std::vector<std::string> source_names(const std::vector<Tabular>& legs) {
  std::set<std::string> databases;
  for (const Tabular& leg : legs) {
    if (!leg.database.empty()) databases.insert(leg.database);
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < legs.size(); ++i) {
    const Tabular& leg = legs[i];
    if (leg.name.empty()) {
      names.push_back("union_arg" + std::to_string(i));
    } else if (databases.size() > 1 && !leg.database.empty()) {
      names.push_back("database(\"" + leg.database + "\")." + leg.name);
    } else {
      names.push_back(leg.name);
    }
  }
  return names;
}

/// A name that comes with several types gets them as suffixes.
void name_columns(std::vector<UnionColumn>& columns, const std::string& source_column) {
  std::map<std::string, int> types;
  for (const UnionColumn& column : columns) ++types[column.name];
  NameAllocator names;
  if (!source_column.empty()) names.reserve(source_column);
  for (const UnionColumn& column : columns) {
    if (types[column.name] == 1 && column.name != source_column) names.reserve(column.name);
  }
  for (UnionColumn& column : columns) {
    if (types[column.name] == 1 && column.name != source_column) continue;
    column.name = types[column.name] == 1 ? names.unique(column.name)
                                          : names.unique(column.name + "_" + kql_name(column.type));
  }
}

}  // namespace

Result<Tabular> Binder::make_union(std::vector<Tabular> legs, bool inner, const std::string& source_column,
                                   TextSpan span) {
  std::vector<UnionColumn> columns = merge_columns(legs);
  if (inner) {
    std::erase_if(columns, [](const UnionColumn& column) {
      return !std::all_of(column.sources.begin(), column.sources.end(),
                          [](const auto& s) { return s.has_value(); });
    });
  }
  name_columns(columns, source_column);
  auto node = std::make_shared<Union>();
  node->map.resize(legs.size());
  if (!source_column.empty()) {
    node->columns.push_back(new_column(source_column, Type::String));
    node->source_column = node->columns.back().id;
    for (std::vector<std::optional<ColumnId>>& map : node->map) map.push_back(std::nullopt);
    node->source_names = source_names(legs);
  }
  for (const UnionColumn& column : columns) {
    node->columns.push_back(new_column(column.name, column.type));
    for (size_t leg = 0; leg < legs.size(); ++leg) node->map[leg].push_back(column.sources[leg]);
  }
  for (const Tabular& leg : legs) node->inputs.push_back(leg.rel);
  attach(*node, span);
  Tabular result;
  result.columns = node->columns;
  if (std::any_of(legs.begin(), legs.end(), [](const Tabular& leg) { return !leg.chain.empty(); })) {
    result.chain = {node};
    result.inputs = std::make_shared<UnionInputs>(UnionInputs{std::move(legs), {}});
  }
  result.rel = std::move(node);
  return counted(std::move(result));
}

}  // namespace spillway::kql
