// Tabular operators over one input.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/json.h"

namespace spillway::kql {

using syntax::OperatorKind;

Result<Tabular> Binder::bind_operator(const syntax::Operator& op, std::optional<Tabular> input,
                                      const EnvironmentPtr& environment) {
  if (op.kind == OperatorKind::Union) {
    if (input && input->group) {
      return not_supported("The operator 'union' is not supported in a subquery of mv-apply or partition",
                           op.keyword);
    }
    return bind_union(op.as<syntax::UnionOp>(), std::move(input), environment);
  }
  if (op.kind == OperatorKind::Search) {
    return bind_search(op.as<syntax::SearchOp>(), std::move(input), environment);
  }
  if (!input) {
    Result<Tabular> source = bind_source_operator(op, environment);
    if (source.ok()) source->serialized = serializes(op.kind, false);
    return source;
  }
  if (takes_graph(op.kind)) return bind_graph_operator(op, *std::move(input), environment);
  if (input->graph && op.kind != OperatorKind::As) {
    return semantic("'" + std::string(spelling(op.kind)) + "' operator: expected a table, not a graph",
                    op.keyword);
  }
  const bool serialized = serializes(op.kind, input->serialized);
  if (op.kind == OperatorKind::Serialize) input->serialized = true;
  input->visualization.clear();
  input->result_name.clear();
  Tabular table = *std::move(input);
  const std::string_view where = spelling(op.kind);
  const bool grouped = table.group.has_value();
  const auto bound = [&]() -> Result<Tabular> {
    switch (op.kind) {
      case OperatorKind::Filter: return bind_where(op, std::move(table), environment);
      case OperatorKind::Project:
        return bind_project(op.as<syntax::ProjectOp>(), std::move(table), environment);
      case OperatorKind::Extend:
        return bind_extend(op.as<syntax::ExtendOp>().columns, std::move(table), environment, op.span, where);
      case OperatorKind::Serialize:
        return bind_extend(op.as<syntax::SerializeOp>().columns, std::move(table), environment, op.span,
                           where);
      case OperatorKind::ProjectAway:
        return bind_project_away(op.as<syntax::ProjectAwayOp>(), std::move(table));
      case OperatorKind::ProjectKeep:
        return bind_project_keep(op.as<syntax::ProjectKeepOp>(), std::move(table));
      case OperatorKind::ProjectRename:
        return bind_project_rename(op.as<syntax::ProjectRenameOp>(), std::move(table));
      case OperatorKind::ProjectReorder:
        return bind_project_reorder(op.as<syntax::ProjectReorderOp>(), std::move(table));
      case OperatorKind::MakeGraph:
        return bind_make_graph(op.as<syntax::MakeGraphOp>(), std::move(table), environment);
      case OperatorKind::Scan: return bind_scan(op.as<syntax::ScanOp>(), std::move(table), environment);
      case OperatorKind::Take:
        return bind_take(*op.as<syntax::TakeOp>().count.value, std::move(table), environment, op.span, where);
      case OperatorKind::Sort: {
        std::vector<const syntax::OrderedExpr*> by;
        for (const syntax::OrderedExpr& key : op.as<syntax::SortOp>().by) by.push_back(&key);
        return bind_sort(by, std::move(table), environment, op.span, where);
      }
      case OperatorKind::Top: {
        const auto& top = op.as<syntax::TopOp>();
        SPILLWAY_ASSIGN(table, bind_sort({&top.by}, std::move(table), environment, op.span, where));
        return bind_take(*top.count.value, std::move(table), environment, op.span, where);
      }
      case OperatorKind::Summarize:
        return bind_summarize(op.as<syntax::SummarizeOp>(), std::move(table), environment);
      case OperatorKind::MakeSeries:
        return bind_make_series(op.as<syntax::MakeSeriesOp>(), std::move(table), environment);
      case OperatorKind::Distinct:
        return bind_distinct(op.as<syntax::DistinctOp>(), std::move(table), environment);
      case OperatorKind::Count: return bind_count(op.as<syntax::CountOp>(), std::move(table));
      case OperatorKind::Join: return bind_join(op.as<syntax::JoinOp>(), std::move(table), environment);
      case OperatorKind::Lookup: return bind_lookup(op.as<syntax::LookupOp>(), std::move(table), environment);
      case OperatorKind::Parse: return bind_parse(op.as<syntax::ParseOp>(), std::move(table), environment);
      case OperatorKind::ParseKv:
        return bind_parse_kv(op.as<syntax::ParseKvOp>(), std::move(table), environment);
      case OperatorKind::Fork:
      case OperatorKind::Facet:
        return semantic("The operator '" + std::string(where) +
                            "' gives several results: it stands only at the end of a query's statement",
                        op.keyword);
      case OperatorKind::As: return bind_as(op.as<syntax::AsOp>(), std::move(table), environment);
      case OperatorKind::Render: return bind_render(op.as<syntax::RenderOp>(), std::move(table));
      case OperatorKind::Evaluate:
        return bind_evaluate(op.as<syntax::EvaluateOp>(), std::move(table), environment);
      case OperatorKind::GetSchema: return bind_get_schema(op.as<syntax::GetSchemaOp>(), table);
      case OperatorKind::Invoke: return bind_invoke(op.as<syntax::InvokeOp>(), std::move(table), environment);
      case OperatorKind::ProjectByNames:
        return bind_project_by_names(op.as<syntax::ProjectByNamesOp>(), std::move(table), environment);
      case OperatorKind::AssertSchema:
        return bind_assert_schema(op.as<syntax::AssertSchemaOp>(), std::move(table));
      case OperatorKind::Consume: return bind_take_none(std::move(table), op.span);
      case OperatorKind::MvExpand:
        return bind_mv_expand(op.as<syntax::MvExpandOp>(), std::move(table), environment);
      case OperatorKind::MvApply:
        return bind_mv_apply(op.as<syntax::MvApplyOp>(), std::move(table), environment);
      case OperatorKind::Partition:
        return bind_partition(op.as<syntax::PartitionOp>(), std::move(table), environment);
      case OperatorKind::PartitionBy: {
        const auto& partition_by = op.as<syntax::PartitionByOp>();
        return partition(*partition_by.column, *partition_by.query, std::move(table), environment, op.span);
      }
      case OperatorKind::Reduce: return bind_reduce(op.as<syntax::ReduceOp>(), std::move(table), environment);
      case OperatorKind::TopNested:
        return bind_top_nested(op.as<syntax::TopNestedOp>(), std::move(table), environment);
      case OperatorKind::TopHitters:
        return bind_top_hitters(op.as<syntax::TopHittersOp>(), std::move(table), environment);
      case OperatorKind::Sample: return bind_sample(op.as<syntax::SampleOp>(), std::move(table), environment);
      case OperatorKind::SampleDistinct:
        return bind_sample_distinct(op.as<syntax::SampleDistinctOp>(), std::move(table), environment);
      default:
        return not_supported("The operator '" + std::string(where) + "' is not supported yet", op.keyword);
    }
  };
  Result<Tabular> result = bound();
  if (!result.ok()) return result;
  if (grouped && !result->group) {
    return not_supported(
        "The operator '" + std::string(where) + "' is not supported in a subquery of mv-apply or partition",
        op.keyword);
  }
  result->serialized = serialized;
  return counted(*std::move(result));
}

Result<Tabular> Binder::bind_source_operator(const syntax::Operator& op, const EnvironmentPtr& environment) {
  switch (op.kind) {
    case OperatorKind::Print: return bind_print(op.as<syntax::PrintOp>(), environment);
    case OperatorKind::Range: return bind_range(op.as<syntax::RangeOp>(), environment);
    case OperatorKind::Find: return bind_find(op.as<syntax::FindOp>(), environment);
    case OperatorKind::MacroExpand: return bind_macro_expand(op.as<syntax::MacroExpandOp>(), environment);
    case OperatorKind::Evaluate: return bind_evaluate(op.as<syntax::EvaluateOp>(), std::nullopt, environment);
    default:
      return not_supported("The operator '" + std::string(spelling(op.kind)) + "' is not supported yet",
                           op.keyword);
  }
}

Tabular Binder::add_node(Tabular input, std::shared_ptr<Rel> node, TextSpan span) {
  node->inputs = {input.rel};
  if (node->columns.empty()) node->columns = input.rel->columns;
  attach(*node, span);
  if (!input.chain.empty()) input.chain.push_back(node);
  if (node->kind != Rel::Kind::Filter) input.only_filters = false;
  input.rel = std::move(node);
  return input;
}

Tabular Binder::add_project(Tabular input, std::vector<std::pair<PlanColumn, ExprPtr>> outputs,
                            TextSpan span) {
  auto node = std::make_shared<Project>();
  for (auto& [column, expression] : outputs) {
    node->columns.push_back(std::move(column));
    node->expressions.push_back(std::move(expression));
  }
  std::vector<PlanColumn> columns = node->columns;
  node->inputs = {input.rel};
  attach(*node, span);
  if (!input.chain.empty()) input.chain.push_back(node);
  input.only_filters = false;
  input.rel = std::move(node);
  input.columns = std::move(columns);
  return input;
}

namespace {

/// The conjuncts of a predicate.
void split_and(const ExprPtr& predicate, std::vector<ExprPtr>& out) {
  if (predicate->kind == Expr::Kind::Call && predicate->function->function->name == "and") {
    for (const ExprPtr& argument : predicate->args) split_and(argument, out);
  } else {
    out.push_back(predicate);
  }
}

/// `cursor > literal` or `cursor <= literal` as a range of cursors.
bool narrow_range(const Expr& conjunct, const TableScan& scan, catalog::CursorRange& range) {
  if (conjunct.kind != Expr::Kind::Call || conjunct.args.size() != 2 || !scan.cursor) return false;
  const Expr& column = *conjunct.args[0];
  const Expr& bound = *conjunct.args[1];
  if (column.kind != Expr::Kind::Column || column.column != *scan.cursor) return false;
  if (bound.kind != Expr::Kind::Literal || bound.literal.is_null()) return false;
  const catalog::Cursor cursor = bound.literal.as_int();
  if (conjunct.function->function->name == ">") {
    range.after = std::max(range.after, cursor);
  } else {
    range.to = std::min(range.to, cursor);
  }
  return true;
}

}  // namespace

Result<Tabular> Binder::bind_where(const syntax::Operator& op, Tabular input,
                                   const EnvironmentPtr& environment) {
  const syntax::NamedExpr& given = op.as<syntax::FilterOp>().predicate;
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "where";
  SPILLWAY_ASSIGN(ExprPtr predicate, bind_predicate(*given.value, scope));
  if (input.group && input.group->live) return keep_where(std::move(input), std::move(predicate), op.span);
  predicate = relax_predicate(predicate);
  std::vector<ExprPtr> conjuncts, left;
  split_and(predicate, conjuncts);
  for (const ExprPtr& conjunct : conjuncts) {
    // A range of cursors right over the scan names the extents to read.
    if (input.only_filters && !input.chain.empty()) {
      auto& source = static_cast<TableScan&>(*input.chain.front());
      if (narrow_range(*conjunct, source, source.range)) continue;
    }
    left.push_back(conjunct);
  }
  if (left.empty()) return input;
  auto node = std::make_shared<Filter>();
  if (left.size() == conjuncts.size()) {
    node->predicate = std::move(predicate);
  } else if (left.size() == 1) {
    node->predicate = left[0];
  } else {
    SPILLWAY_ASSIGN(node->predicate, call("and", std::move(left), op.span));
  }
  return add_node(std::move(input), std::move(node), op.span);
}

Result<Tabular> Binder::bind_project(const syntax::ProjectOp& op, Tabular input,
                                     const EnvironmentPtr& environment) {
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "project";
  NameAllocator names;
  SPILLWAY_TRY(claim_names(op.columns, scope.where, names));
  SPILLWAY_ASSIGN(Outputs outputs, bind_outputs(op.columns, scope, input, names, OutputStyle::Project));
  return add_project(std::move(input), std::move(outputs), op.span);
}

Result<Tabular> Binder::bind_extend(const std::vector<syntax::NamedExpr>& columns, Tabular input,
                                    const EnvironmentPtr& environment, TextSpan span,
                                    std::string_view where) {
  if (columns.empty()) return input;
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = where;
  NameAllocator names;
  SPILLWAY_TRY(claim_names(columns, where, names));
  Outputs outputs;
  for (const PlanColumn& column : input.columns) {
    // A column whose name is given anew is replaced, and stands at the end.
    if (!names.claim(column.name)) continue;
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, span));
  }
  SPILLWAY_ASSIGN(Outputs added, bind_outputs(columns, scope, input, names, OutputStyle::Extend));
  std::move(added.begin(), added.end(), std::back_inserter(outputs));
  return add_project(std::move(input), std::move(outputs), span);
}

Result<std::vector<size_t>> Binder::match_columns(const syntax::Name& name, const Tabular& input,
                                                  std::string_view where, bool must_match) const {
  std::vector<size_t> found;
  for (size_t i = 0; i < input.columns.size(); ++i) {
    const std::string& column = input.columns[i].name;
    if (name.wildcard ? matches_pattern(column, name.text) : column == name.text) found.push_back(i);
  }
  if (found.empty() && must_match && !name.wildcard) {
    std::vector<std::string> names;
    for (const PlanColumn& column : input.columns) names.push_back(column.name);
    const std::string near = nearest_name(name.text, names);
    return semantic("'" + std::string(where) + "' operator: Failed to resolve column named '" + name.text +
                        "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"),
                    name.span);
  }
  return found;
}

/// Columns need no operator to be renamed, dropped or moved: only what is visible changes.
Result<Tabular> Binder::bind_project_away(const syntax::ProjectAwayOp& op, Tabular input) {
  std::set<size_t> away;
  for (const syntax::Name& name : op.columns) {
    SPILLWAY_ASSIGN(const std::vector<size_t> found, match_columns(name, input, "project-away", true));
    away.insert(found.begin(), found.end());
  }
  std::vector<PlanColumn> columns;
  for (size_t i = 0; i < input.columns.size(); ++i) {
    if (away.count(i) == 0) columns.push_back(input.columns[i]);
  }
  input.columns = std::move(columns);
  return input;
}

Result<Tabular> Binder::bind_project_keep(const syntax::ProjectKeepOp& op, Tabular input) {
  std::set<size_t> keep;
  for (const syntax::Name& name : op.columns) {
    SPILLWAY_ASSIGN(const std::vector<size_t> found, match_columns(name, input, "project-keep", true));
    keep.insert(found.begin(), found.end());
  }
  std::vector<PlanColumn> columns;
  for (const size_t i : keep) columns.push_back(input.columns[i]);
  input.columns = std::move(columns);
  return input;
}

Result<Tabular> Binder::bind_project_rename(const syntax::ProjectRenameOp& op, Tabular input) {
  std::vector<PlanColumn> columns = input.columns;
  for (const syntax::NamedExpr& rename : op.columns) {
    const auto* old_name = rename.value->try_as<syntax::NameExpr>();
    if (!old_name || rename.names.size() != 1) {
      return semantic("'project-rename' operator: expected NewName = ExistingName", rename.span);
    }
    SPILLWAY_ASSIGN(const std::vector<size_t> found,
                    match_columns(old_name->name, input, "project-rename", true));
    columns[found.front()].name = rename.names[0].text;
  }
  std::set<std::string> names;
  for (const PlanColumn& column : columns) {
    if (!names.insert(column.name).second) {
      return semantic("'project-rename' operator: a column named '" + column.name + "' is there already",
                      op.span);
    }
  }
  input.columns = std::move(columns);
  return input;
}

namespace {

/// Numbers inside names count as numbers: "x9" before "x10".
bool granny_less(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    size_t ie = i, je = j;
    while (ie < a.size() && digit(a[ie])) ++ie;
    while (je < b.size() && digit(b[je])) ++je;
    std::string_view x = std::string_view(a).substr(i, ie - i), y = std::string_view(b).substr(j, je - j);
    while (x.size() > 1 && x.front() == '0') x.remove_prefix(1);
    while (y.size() > 1 && y.front() == '0') y.remove_prefix(1);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
    i = ie;
    j = je;
  }
  return a.size() - i < b.size() - j;
}

void order_names(std::vector<size_t>& found, const std::vector<PlanColumn>& columns,
                 syntax::ReorderColumn::Order order) {
  using Order = syntax::ReorderColumn::Order;
  if (order == Order::None) return;
  const bool granny = order == Order::GrannyAsc || order == Order::GrannyDesc;
  const bool descending = order == Order::Desc || order == Order::GrannyDesc;
  std::stable_sort(found.begin(), found.end(), [&](size_t x, size_t y) {
    const std::string& a = columns[descending ? y : x].name;
    const std::string& b = columns[descending ? x : y].name;
    return granny ? granny_less(a, b) : a < b;
  });
}

}  // namespace

Result<Tabular> Binder::bind_project_reorder(const syntax::ProjectReorderOp& op, Tabular input) {
  // A column that a later pattern names too stays where the first one put it, but for a full name, which
  // wins.
  std::vector<std::vector<size_t>> groups(op.columns.size());
  std::set<size_t> placed;
  for (const bool patterns : {false, true}) {
    for (size_t i = 0; i < op.columns.size(); ++i) {
      const syntax::ReorderColumn& column = op.columns[i];
      if (column.name.wildcard != patterns) continue;
      SPILLWAY_ASSIGN(std::vector<size_t> found, match_columns(column.name, input, "project-reorder", true));
      order_names(found, input.columns, column.order);
      for (const size_t index : found) {
        if (placed.insert(index).second) groups[i].push_back(index);
      }
    }
  }
  std::vector<PlanColumn> columns;
  for (const std::vector<size_t>& group : groups) {
    for (const size_t index : group) columns.push_back(input.columns[index]);
  }
  for (size_t i = 0; i < input.columns.size(); ++i) {
    if (placed.count(i) == 0) columns.push_back(input.columns[i]);
  }
  input.columns = std::move(columns);
  return input;
}

Result<Tabular> Binder::bind_take(const syntax::Expr& count, Tabular input, const EnvironmentPtr& environment,
                                  TextSpan span, std::string_view where) {
  SPILLWAY_ASSIGN(ExprPtr rows, bind_row_count(count, environment, where));
  return take_rows(std::move(input), std::move(rows), span);
}

Result<Tabular> Binder::take_rows(Tabular input, ExprPtr rows, TextSpan span) {
  if (input.group) return take_of_each_group(std::move(input), std::move(rows), span);
  auto node = std::make_shared<Limit>();
  node->count = std::move(rows);
  return add_node(std::move(input), std::move(node), span);
}

Tabular Binder::bind_take_none(Tabular input, TextSpan span) {
  auto node = std::make_shared<Limit>();
  node->count = literal(Value::int64(0), span);
  return add_node(std::move(input), std::move(node), span);
}

Result<Tabular> Binder::bind_sort(const std::vector<const syntax::OrderedExpr*>& by, Tabular input,
                                  const EnvironmentPtr& environment, TextSpan span, std::string_view where) {
  std::vector<SortKey> keys;
  {
    ScalarScope scope(environment);
    scope.input = &input;
    scope.where = where;
    for (const syntax::OrderedExpr* given : by) {
      SortKey key;
      SPILLWAY_ASSIGN(key.expression, bind_scalar(*given->expr.value, scope));
      if (key.expression->type == Type::Dynamic) {
        return semantic(
            "'" + std::string(where) +
                "' operator: a dynamic value has no order; convert it with tostring(), tolong() …",
            given->span);
      }
      key.descending = given->order != syntax::SortOrder::Asc;
      key.nulls_first = given->nulls == syntax::NullsOrder::Default
                            ? !key.descending
                            : given->nulls == syntax::NullsOrder::First;
      keys.push_back(std::move(key));
    }
  }
  return sort_rows(std::move(input), std::move(keys), span);
}

/// Within groups, where there are any.
Tabular Binder::sort_rows(Tabular input, std::vector<SortKey> keys, TextSpan span) {
  auto node = std::make_shared<Sort>();
  for (ExprPtr& key : group_keys(input, span)) node->keys.push_back({std::move(key), false, true});
  for (SortKey& key : keys) node->keys.push_back(std::move(key));
  if (input.group) input.group->sorted = true;
  return add_node(std::move(input), std::move(node), span);
}

Result<Tabular> Binder::bind_as(const syntax::AsOp& op, Tabular input, const EnvironmentPtr&) {
  input.name = op.name.text;
  input.database.clear();
  input.result_name = op.name.text;
  Binding binding;
  binding.kind = Binding::Kind::Tabular;
  binding.name = op.name.text;
  binding.materialized = std::make_shared<std::optional<Tabular>>(input);
  as_scopes_.back()->define(op.name.text, binding);
  // Statements that follow see the name as well.
  if (function_depth_ == 0) as_scopes_.front()->define(op.name.text, std::move(binding));
  return input;
}

/// The input, which must have the declared columns, and no others unless the schema has a `*`.
Result<Tabular> Binder::bind_assert_schema(const syntax::AssertSchemaOp& op, Tabular input) {
  const std::string where = "'assert-schema' operator: ";
  for (const syntax::ColumnDecl& declared : op.schema.columns) {
    const auto found = std::find_if(input.columns.begin(), input.columns.end(),
                                    [&](const PlanColumn& c) { return c.name == declared.name.text; });
    if (found == input.columns.end()) {
      return semantic(where + "the input has no column '" + declared.name.text + "'", op.span);
    }
    if (found->type != declared.type) {
      return semantic(where + "column '" + declared.name.text + "' is of type " + kql_name(found->type) +
                          ", not " + kql_name(declared.type),
                      op.span);
    }
  }
  if (op.schema.open || op.schema.columns.size() == input.columns.size()) return input;
  return semantic(where + "the input has " + std::to_string(input.columns.size()) + " columns, not " +
                      std::to_string(op.schema.columns.size()),
                  op.span);
}

Result<Tabular> Binder::bind_invoke(const syntax::InvokeOp& op, Tabular input,
                                    const EnvironmentPtr& environment) {
  const syntax::CallExpr& given = *op.call;
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> found,
                  find_function(given.name.text, environment, given.name.span));
  if (!found) return semantic("Unknown function: '" + given.name.text + "'", given.name.span);
  const syntax::FunctionExpr& function = *found->function;
  if (function.parameters.empty() || !function.parameters[0].tabular()) {
    return semantic(
        "Function '" + given.name.text + "' can't be invoked: its first parameter must be a table",
        given.span);
  }
  Binding binding;
  binding.kind = Binding::Kind::Tabular;
  binding.name = function.parameters[0].name.text;
  binding.materialized = std::make_shared<std::optional<Tabular>>(std::move(input));
  binding.schema = &*function.parameters[0].schema;
  SPILLWAY_ASSIGN(const EnvironmentPtr body,
                  enter_function(function, found->environment, given.name.text, given.arguments, environment,
                                 nullptr, given.span, &binding));
  Result<Tabular> table = bind_tabular(*function.body.result, body);
  leave_function();
  return table;
}

Result<Tabular> Binder::bind_get_schema(const syntax::GetSchemaOp& op, const Tabular& input) {
  Table schema;
  schema.schema = {{"ColumnName", Type::String},
                   {"ColumnOrdinal", Type::Int},
                   {"DataType", Type::String},
                   {"ColumnType", Type::String}};
  for (size_t i = 0; i < input.columns.size(); ++i) {
    const PlanColumn& column = input.columns[i];
    const std::string prefix = column.type == Type::Decimal ? "System.Data.SqlTypes." : "System.";
    schema.rows.push_back({Value::string(column.name), Value::int32(static_cast<int32_t>(i)),
                           Value::string(prefix + clr_name(column.type)),
                           Value::string(kql_name(column.type))});
  }
  return values_of(schema, op.span);
}

namespace {

void append_member(std::string& out, std::string_view name, const std::string& json_value) {
  out += out.size() > 1 ? "," : "";
  json::quote(name, out);
  out += ':';
  out += json_value;
}

std::string quoted(const std::string& text) {
  std::string out;
  json::quote(text, out);
  return out;
}

/// A property of `render` as JSON: text, or null where it isn't given.
std::string render_property(const syntax::Properties& properties, std::string_view name) {
  const syntax::Property* property = syntax::find_property(properties, name);
  if (!property) return "null";
  if (property->names.empty()) return quoted(property->text());
  std::string list;
  for (const syntax::Name& column : property->names) list += (list.empty() ? "" : ",") + column.text;
  return quoted(list);
}

}  // namespace

/// The annotation that clients draw a chart by: query/render-operator.md.
Result<Tabular> Binder::bind_render(const syntax::RenderOp& op, Tabular input) {
  std::string out = "{";
  append_member(out, "Visualization", quoted(op.chart.text));
  static const std::pair<const char*, const char*> kTexts[] = {{"Title", "title"},
                                                               {"XColumn", "xcolumn"},
                                                               {"Series", "series"},
                                                               {"YColumns", "ycolumns"},
                                                               {"AnomalyColumns", "anomalycolumns"},
                                                               {"XTitle", "xtitle"},
                                                               {"YTitle", "ytitle"},
                                                               {"XAxis", "xaxis"},
                                                               {"YAxis", "yaxis"},
                                                               {"Legend", "legend"},
                                                               {"YSplit", "ysplit"}};
  for (const auto& [member, property] : kTexts)
    append_member(out, member, render_property(op.properties, property));
  const syntax::Property* accumulate = syntax::find_property(op.properties, "accumulate");
  append_member(out, "Accumulate", accumulate && accumulate->text() == "true" ? "true" : "false");
  append_member(out, "IsQuerySorted", input.rel->kind == Rel::Kind::Sort ? "true" : "false");
  append_member(out, "Kind", render_property(op.properties, "kind"));
  for (const auto& [member, property] : {std::pair{"Ymin", "ymin"}, std::pair{"Ymax", "ymax"}}) {
    const std::string value = render_property(op.properties, property);
    append_member(out, member, value == "null" ? "\"NaN\"" : value);
  }
  append_member(out, "Xmin", render_property(op.properties, "xmin"));
  append_member(out, "Xmax", render_property(op.properties, "xmax"));
  input.visualization = out + "}";
  return input;
}

}  // namespace spillway::kql
