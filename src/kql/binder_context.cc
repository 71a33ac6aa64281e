// Functions of where a query runs and of what it reads: the principal, the database, extents, columns.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

/// "aaduser" of "aaduser=ann@contoso.com"; empty where there is no such part.
std::string principal_kind(const std::string& principal) {
  const size_t equals = principal.find('=');
  return equals == std::string::npos ? "" : principal.substr(0, equals);
}

/// The names of principals that a constant gives: a text, or an array of texts.
bool principals_of(const Value& value, std::vector<std::string>& out) {
  if (value.is_null()) return false;
  if (value.type() == Type::String) {
    out.push_back(value.as_text());
    return true;
  }
  if (value.type() != Type::Dynamic || json::kind_of(value.as_text()) != json::Kind::Array) return false;
  for (json::Cursor each(value.as_text()); each.next();) {
    if (json::kind_of(each.value()) != json::Kind::String) return false;
    json::append_text(each.value(), out.emplace_back());
  }
  return true;
}

PlanColumn hidden_plan_column(ColumnId id, HiddenColumn kind) {
  switch (kind) {
    case HiddenColumn::Cursor: return {id, "$cursor", Type::Long};
    case HiddenColumn::IngestionTime: return {id, "$ingestion_time", Type::DateTime};
    case HiddenColumn::ExtentId: return {id, "$extent_id", Type::Guid};
    case HiddenColumn::ExtentTags: break;
  }
  return {id, "$extent_tags", Type::Dynamic};
}

}  // namespace

std::optional<PlanColumn> Binder::hidden_column_of_scan(TableScan& scan, HiddenColumn kind) {
  const bool of_ingestion = kind == HiddenColumn::Cursor || kind == HiddenColumn::IngestionTime;
  if (of_ingestion && !scan.table->ingestion_time_policy) return std::nullopt;
  const auto column = [&](std::optional<ColumnId>& id) {
    if (!id) id = next_id();
    return hidden_plan_column(*id, kind);
  };
  switch (kind) {
    case HiddenColumn::Cursor: return column(scan.cursor);
    case HiddenColumn::IngestionTime: return column(scan.ingestion_time);
    case HiddenColumn::ExtentId: return column(scan.extent_id);
    case HiddenColumn::ExtentTags: break;
  }
  return column(scan.extent_tags);
}

std::optional<PlanColumn> Binder::hidden_column_of_union(Tabular& input, HiddenColumn kind) {
  UnionInputs& inputs = *input.inputs;
  if (const auto known = inputs.hidden.find(kind); known != inputs.hidden.end()) return known->second;
  std::vector<std::optional<ColumnId>> sources;
  size_t found = 0;
  for (Tabular& leg : inputs.legs) {
    sources.push_back(hidden_column(leg, kind));
    found += sources.back() ? 1 : 0;
  }
  // A record without a cursor would be neither after nor before one.
  if (found == 0 || (kind == HiddenColumn::Cursor && found < sources.size())) return std::nullopt;
  const PlanColumn column = hidden_plan_column(next_id(), kind);
  auto& node = static_cast<Union&>(*input.chain.front());
  node.columns.push_back(column);
  for (size_t leg = 0; leg < sources.size(); ++leg) node.map[leg].push_back(sources[leg]);
  inputs.hidden[kind] = column;
  return column;
}

std::optional<ColumnId> Binder::hidden_column(Tabular& input, HiddenColumn kind) {
  if (input.chain.empty()) return std::nullopt;
  const std::optional<PlanColumn> column =
      input.inputs ? hidden_column_of_union(input, kind)
                   : hidden_column_of_scan(static_cast<TableScan&>(*input.chain.front()), kind);
  if (!column) return std::nullopt;
  for (size_t i = 1; i < input.chain.size(); ++i) {
    Rel& node = *input.chain[i];
    const bool there = std::any_of(node.columns.begin(), node.columns.end(),
                                   [&](const PlanColumn& c) { return c.id == column->id; });
    if (there) continue;
    node.columns.push_back(*column);
    if (node.kind == Rel::Kind::Project) {
      static_cast<Project&>(node).expressions.push_back(column_reference(*column, node.span));
    }
  }
  return column->id;
}

/// The hidden column that a call gives the value of, as a column of each record; nullopt where it has none.
Result<std::optional<ColumnId>> Binder::hidden_value(const syntax::CallExpr& call, ScalarScope& scope,
                                                     HiddenColumn kind) {
  if (!scope.input) return std::optional<ColumnId>();
  if (scope.aggregates && !scope.aggregates->inside) {
    return semantic(call.name.text + "() must stand inside an aggregate, such as take_any(), or in `by`",
                    call.span);
  }
  return hidden_column(*scope.input, kind);
}

/// extent_id(), extent_tags(): of records that no extent holds, zeros and null.
Result<ExprPtr> Binder::bind_extent(const syntax::CallExpr& call, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(call, 0, 0));
  const bool tags = call.name.text == "extent_tags";
  std::optional<ColumnId> id;
  SPILLWAY_ASSIGN(id, hidden_value(call, scope, tags ? HiddenColumn::ExtentTags : HiddenColumn::ExtentId));
  if (id) return column_reference({*id, "", tags ? Type::Dynamic : Type::Guid}, call.span);
  return literal(tags ? Value::null(Type::Dynamic) : Value::guid(Guid{}), call.span);
}

/// current_database(), current_cluster_endpoint(), current_principal(), current_principal_details().
Result<ExprPtr> Binder::bind_context(const syntax::CallExpr& call, ScalarScope&) {
  SPILLWAY_TRY(check_arguments(call, 0, 0));
  const std::string& name = call.name.text;
  if (name == "current_database") return literal(Value::string(options_.database), call.span);
  if (name == "current_cluster_endpoint") return literal(Value::string(options_.endpoint), call.span);
  if (name == "current_principal") return literal(Value::string(options_.principal), call.span);
  std::string details = "{\"Type\":";
  json::quote(principal_kind(options_.principal), details);
  details += ",\"FQN\":";
  json::quote(options_.principal, details);
  return literal(Value::dynamic(details + "}"), call.span);
}

/// A principal is a member of what it is itself, and of the groups that the server's configuration gives it.
Result<ExprPtr> Binder::bind_member_of(const syntax::CallExpr& call, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(call, 1, kMaxColumns));
  std::vector<std::string> principals;
  for (const syntax::Argument& argument : call.arguments) {
    SPILLWAY_ASSIGN(const ExprPtr value, bind_scalar(*argument.value, scope));
    if (value->kind != Expr::Kind::Literal || !principals_of(value->literal, principals)) {
      return semantic(call.name.text + "(): takes string literals, or an array of them", argument.span);
    }
  }
  const catalog::Caller itself{options_.principal, {}, {}};
  const catalog::Caller& caller = options_.caller ? *options_.caller : itself;
  const bool found = std::any_of(principals.begin(), principals.end(),
                                 [&](const std::string& principal) { return caller.is(principal); });
  return literal(Value::boolean(found), call.span);
}

/// estimate_data_size(columns…), estimate_data_size(*): bytes.
Result<ExprPtr> Binder::bind_data_size(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 1, kMaxColumns));
  ExprPtr sum = literal(Value::int64(0), expression.span);
  const auto add = [&](ExprPtr value) -> Status {
    SPILLWAY_ASSIGN(ExprPtr size, call("data size", {std::move(value)}, expression.span));
    SPILLWAY_ASSIGN(sum, call("+", {std::move(sum), std::move(size)}, expression.span));
    return Status();
  };
  for (const syntax::Argument& argument : expression.arguments) {
    if (argument.value->kind != syntax::ExprKind::Star) {
      SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*argument.value, scope));
      SPILLWAY_TRY(add(std::move(value)));
      continue;
    }
    if (!scope.input) return semantic("estimate_data_size(*) stands only over a table", argument.span);
    for (const PlanColumn& column : scope.input->columns) {
      SPILLWAY_TRY(add(column_reference(column, argument.span)));
    }
  }
  return sum;
}

/// bag_pack_columns(a, b): a bag of the columns under their names.
Result<ExprPtr> Binder::bind_pack_columns(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 1, kMaxColumns));
  std::vector<ExprPtr> arguments;
  for (const syntax::Argument& argument : expression.arguments) {
    const std::string name = automatic_name(*argument.value);
    if (name.empty()) return semantic("bag_pack_columns(): takes columns", argument.span);
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*argument.value, scope));
    arguments.push_back(literal(Value::string(name), argument.span));
    arguments.push_back(std::move(value));
  }
  return call("bag_pack", std::move(arguments), expression.span);
}

}  // namespace spillway::kql
