// Relational operators to SQL: see lowering.h.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/decimal_number.h"
#include "engine/lowering.h"
#include "engine/native_rel.h"
#include "engine/sql.h"

namespace spillway::engine {
namespace {

/// DuckDB has no relation without columns.
constexpr const char* kNoColumn = "none";

/// More rows than DuckDB hands out as one piece: beyond it only an explicit order keeps them in order.
constexpr size_t kRowsInOrder = 2048;

Error too_large(std::optional<TextSpan> span) {
  return Error(ErrorCode::LimitExceeded,
               "the query is too large once its let statements are written out: use materialize()", span);
}

/// `range` may make this many rows; a larger one is a mistake that would fill every disk.
constexpr double kMaxRangeRows = 1e15;

}  // namespace

std::string join_texts(const std::vector<std::string>& texts, std::string_view separator) {
  size_t size = 0;
  for (const std::string& text : texts) size += text.size() + separator.size();
  std::string out;
  out.reserve(size);
  for (const std::string& text : texts) {
    if (!out.empty()) out += separator;
    out += text;
  }
  return out;
}

Status Lowering::plan(const kql::Rel& root) {
  if (!between_statements_) {
    between_statements_ = std::make_shared<std::set<const kql::Rel*>>(shared_between_statements(root));
    shared_tables_ = std::make_shared<std::map<const kql::Rel*, Block>>();
  }
  SPILLWAY_ASSIGN(root_, lower(root, {}));
  root_scope_ = scope_of(root_);
  return Status();
}

Result<std::string> Lowering::over_output(const kql::Expr& output) {
  return expression(output, root_scope_);
}

Result<std::string> Lowering::select(const std::vector<std::string>& items) const {
  std::string sql = with_clause() + "SELECT " +
                    (items.empty() ? std::string("0 AS none") : join_texts(items, ", ")) + " FROM (" +
                    root_.sql + ") AS i" + order_by(root_.order);
  if (sql.size() > kMaxSqlBytes) return too_large(std::nullopt);
  return sql;
}

std::string Lowering::with_clause() const {
  return shared_sql_.empty() ? std::string() : "WITH " + join_texts(shared_sql_, ", ") + " ";
}

Scope Lowering::scope_of(const Block& block, std::string_view prefix) {
  Scope scope;
  for (const kql::ColumnId id : block.columns) scope[id] = std::string(prefix) + id_name(id);
  for (const kql::ColumnId id : block.hidden) scope[id] = std::string(prefix) + id_name(id);
  return scope;
}

std::string Lowering::order_by(const std::vector<OrderKey>& order) {
  std::vector<std::string> keys;
  for (const OrderKey& key : order) {
    keys.push_back(key.name + (key.descending ? " DESC" : " ASC") +
                   (key.nulls_first ? " NULLS FIRST" : " NULLS LAST"));
  }
  return keys.empty() ? std::string() : " ORDER BY " + join_texts(keys, ", ");
}

std::vector<Lowering::Item> Lowering::keep_all(const Block& input) {
  std::vector<Item> items;
  for (const kql::ColumnId id : input.columns) items.push_back({id_name(id), id_name(id)});
  for (const kql::ColumnId id : input.hidden) items.push_back({id_name(id), id_name(id)});
  for (const std::string& key : input.keys) items.push_back({key, key});
  return items;
}

std::string Lowering::select_from(const std::vector<Item>& items, const Block& input) {
  std::vector<std::string> texts;
  for (const Item& item : items)
    texts.push_back(item.sql == item.name ? item.name : item.sql + " AS " + item.name);
  if (texts.empty()) texts.push_back(std::string("0 AS ") + kNoColumn);
  return "SELECT " + join_texts(texts, ", ") + " FROM (" + input.sql + ") AS i";
}

Result<Lowering::Block> Lowering::lower(const kql::Rel& rel, const Bounds& bounds) {
  const Level level(plan_depth_);
  if (plan_depth_ > kMaxPlanDepth) {
    return Error(ErrorCode::LimitExceeded,
                 "the query has more than " + std::to_string(kMaxPlanDepth) + " operators in a row",
                 rel.span);
  }
  if (++operators_ > kMaxOperators) return too_large(rel.span);
  Result<Block> block = rel.materialize ? lower_shared(rel) : lower_operator(rel, bounds);
  if (block.ok() && block->sql.size() > kMaxSqlBytes) return too_large(rel.span);
  return block;
}

Result<Lowering::Block> Lowering::lower_shared(const kql::Rel& rel) {
  if (between_statements_->contains(&rel)) return lower_shared_table(rel);
  auto known = shared_.find(&rel);
  if (known == shared_.end()) {
    SPILLWAY_ASSIGN(Block block, lower_operator(rel, {}));
    const std::string name = "m" + std::to_string(shared_.size() + 1);
    shared_sql_.push_back(name + " AS MATERIALIZED (" + block.sql + ")");
    block.sql = "SELECT * FROM " + name;
    known = shared_.emplace(&rel, std::move(block)).first;
  }
  return known->second;
}

Result<Lowering::Block> Lowering::lower_operator(const kql::Rel& rel, const Bounds& bounds) {
  switch (rel.kind) {
    case kql::Rel::Kind::TableScan: return lower_table_scan(static_cast<const kql::TableScan&>(rel), bounds);
    case kql::Rel::Kind::ExternalScan:
      return lower_external_scan(static_cast<const kql::ExternalScan&>(rel), bounds);
    case kql::Rel::Kind::Values: return lower_values(static_cast<const kql::Values&>(rel));
    case kql::Rel::Kind::Range: return lower_range(static_cast<const kql::Range&>(rel));
    case kql::Rel::Kind::Filter: return lower_filter(static_cast<const kql::Filter&>(rel), bounds);
    case kql::Rel::Kind::Project: return lower_project(static_cast<const kql::Project&>(rel), bounds);
    case kql::Rel::Kind::Aggregate: return lower_aggregate(static_cast<const kql::Aggregate&>(rel));
    case kql::Rel::Kind::Join: return lower_join(static_cast<const kql::Join&>(rel));
    case kql::Rel::Kind::Union: return lower_union(static_cast<const kql::Union&>(rel), bounds);
    case kql::Rel::Kind::Sort: return lower_sort(static_cast<const kql::Sort&>(rel), bounds);
    case kql::Rel::Kind::Limit: return lower_limit(static_cast<const kql::Limit&>(rel));
    case kql::Rel::Kind::Expand: return lower_expand(static_cast<const kql::Expand&>(rel));
    case kql::Rel::Kind::Window: return lower_window(static_cast<const kql::Window&>(rel));
    case kql::Rel::Kind::Group: return lower_group(static_cast<const kql::Group&>(rel));
    case kql::Rel::Kind::Native: break;
  }
  return lower_native(static_cast<const kql::Native&>(rel));
}

std::string Lowering::empty_relation(const std::vector<kql::PlanColumn>& columns) {
  std::vector<std::string> nulls;
  for (const kql::PlanColumn& column : columns)
    nulls.push_back(sql_null(column.type) + " AS " + id_name(column.id));
  if (nulls.empty()) nulls.push_back(std::string("0 AS ") + kNoColumn);
  return "SELECT " + join_texts(nulls, ", ") + " WHERE false";
}

Result<Lowering::Block> Lowering::lower_values(const kql::Values& rel) {
  Block block;
  std::vector<std::string> names;
  for (const kql::PlanColumn& column : rel.columns) {
    block.columns.push_back(column.id);
    names.push_back(id_name(column.id));
  }
  const bool ordered = rel.rows.size() > kRowsInOrder;
  if (ordered || names.empty()) names.push_back("k" + std::to_string(next_key_++));
  std::vector<std::string> rows;
  for (size_t r = 0; r < rel.rows.size(); ++r) {
    std::vector<std::string> values;
    for (size_t c = 0; c < rel.columns.size(); ++c) {
      const Value& value = rel.rows[r][c];
      values.push_back(value.is_null() ? sql_null(rel.columns[c].type) : sql_literal(value));
    }
    if (values.size() < names.size()) values.push_back(std::to_string(r));
    rows.push_back("(" + join_texts(values, ", ") + ")");
  }
  if (rows.empty()) {
    block.sql = empty_relation(rel.columns);
    return block;
  }
  if (ordered) {
    block.keys = {names.back()};
    block.order = {{names.back()}};
  }
  block.sql = "SELECT * FROM (VALUES " + join_texts(rows, ", ") + ") AS v(" + join_texts(names, ", ") + ")";
  return block;
}

Result<Value> Lowering::constant(const kql::Expr& expr) {
  if (expr.kind == kql::Expr::Kind::Literal) return expr.literal;
  SPILLWAY_ASSIGN(const std::string sql, expression(expr, {}));
  return context_.evaluate(with_clause() + "SELECT CAST(" + sql + " AS " + sql_type(expr.type) + ")",
                           expr.type);
}

namespace {

/// How many values from `from` by `step` up to `to` there are.
Result<double> steps_of_reals(double from, double to, double step) {
  const double steps = std::floor((to - from) / step);
  if (std::isnan(steps) || steps > kMaxRangeRows) {
    return Error(ErrorCode::LimitExceeded, "range: more rows than can be made");
  }
  return steps < 0 ? 0 : steps + 1;
}

/// The same of integers.
Int128 steps_of_integers(Int128 from, Int128 to, Int128 step) {
  if (step > 0 ? from > to : from < to) return 0;
  return (to - from) / step + 1;
}

}  // namespace

Result<Lowering::Block> Lowering::lower_range(const kql::Range& rel) {
  SPILLWAY_ASSIGN(const Value from, constant(*rel.from));
  SPILLWAY_ASSIGN(const Value to, constant(*rel.to));
  SPILLWAY_ASSIGN(const Value step, constant(*rel.step));
  const kql::PlanColumn& column = rel.columns[0];
  Block block;
  block.columns = {column.id};
  const auto select = [&](const std::string& rows, const std::string& value) {
    block.sql = "SELECT CAST(" + value + " AS " + sql_type(column.type) + ") AS " + id_name(column.id) +
                " FROM range(CAST(" + rows + " AS BIGINT))";
  };
  for (const Value* value : {&from, &to, &step}) {
    if (value->type() == Type::Decimal || value->type() == Type::String || value->type() == Type::Dynamic) {
      return Error(ErrorCode::NotSupported, "range: values of type " + std::string(kql_name(value->type())),
                   rel.span);
    }
  }
  if (from.is_null() || to.is_null() || step.is_null()) {
    select("0", "range");
    return block;
  }
  const auto as_real = [](const Value& value) {
    return value.type() == Type::Real ? value.as_real() : static_cast<double>(value.as_int());
  };
  if (as_real(step) == 0) return Error(ErrorCode::BadRequest, "range: the step must not be zero", rel.span);
  if (column.type == Type::Real) {
    SPILLWAY_ASSIGN(const double rows, steps_of_reals(as_real(from), as_real(to), as_real(step)));
    select(std::to_string(static_cast<int64_t>(rows)),
           sql_literal(Value::real(as_real(from))) + " + range * " + sql_literal(Value::real(as_real(step))));
    return block;
  }
  const Int128 rows = steps_of_integers(from.as_int(), to.as_int(), step.as_int());
  if (static_cast<double>(rows) > kMaxRangeRows) {
    return Error(ErrorCode::LimitExceeded, "range: more rows than can be made", rel.span);
  }
  select(std::to_string(static_cast<int64_t>(rows)),
         sql_literal(Value::int64(from.as_int())) + " + range * " + sql_literal(Value::int64(step.as_int())));
  return block;
}

Result<Lowering::Block> Lowering::lower_filter(const kql::Filter& rel, const Bounds& bounds) {
  Bounds narrowed = bounds;
  SPILLWAY_TRY(narrow(*rel.predicate, narrowed));
  if (reads_external(*rel.inputs[0])) add_conjuncts(rel.predicate, narrowed);
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], narrowed));
  SPILLWAY_ASSIGN(const std::string predicate, expression(*rel.predicate, scope_of(input)));
  input.sql = select_from(keep_all(input), input) + " WHERE " + predicate;
  return input;
}

Result<Lowering::Block> Lowering::lower_project(const kql::Project& rel, const Bounds& bounds) {
  Bounds below;
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const auto bound = bounds.columns.find(rel.columns[i].id);
    const kql::Expr& source = *rel.expressions[i];
    if (bound != bounds.columns.end() && source.kind == kql::Expr::Kind::Column)
      below.columns[source.column] = bound->second;
  }
  std::unordered_set<kql::ColumnId> made;
  for (const kql::PlanColumn& column : rel.columns) made.insert(column.id);
  // Hidden columns go through under their own ids.
  for (const auto& [id, interval] : bounds.columns) {
    if (!made.contains(id)) below.columns.emplace(id, interval);
  }
  below.predicates = predicates_below(rel, bounds.predicates);
  SPILLWAY_ASSIGN(const Block input, lower(*rel.inputs[0], below));
  const Scope scope = scope_of(input);
  Block block;
  std::vector<Item> items;
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const kql::Expr& expr = *rel.expressions[i];
    SPILLWAY_ASSIGN(std::string sql, expression(expr, scope));
    const Type type = rel.columns[i].type;
    if (expr.kind == kql::Expr::Kind::Call || expr.type != type)
      sql = "CAST(" + sql + " AS " + sql_type(type) + ")";
    items.push_back({std::move(sql), id_name(rel.columns[i].id)});
    block.columns.push_back(rel.columns[i].id);
  }
  for (const kql::ColumnId id : input.hidden) {
    if (made.contains(id)) continue;
    items.push_back({id_name(id), id_name(id)});
    block.hidden.push_back(id);
  }
  block.keys = input.keys;
  block.order = input.order;
  for (const std::string& key : input.keys) items.push_back({key, key});
  block.sql = select_from(items, input);
  return block;
}

std::optional<Lowering::Block> Lowering::lower_count(const kql::Aggregate& rel) {
  const auto is_count = [](const kql::AggregateCall& call) {
    return call.function->function && call.function->function->name == "count" && call.args.empty() &&
           !call.filter;
  };
  if (!rel.keys.empty() || !std::all_of(rel.aggregates.begin(), rel.aggregates.end(), is_count))
    return std::nullopt;
  const kql::Rel* input = rel.inputs[0].get();
  while (input->kind == kql::Rel::Kind::Project) input = input->inputs[0].get();
  if (input->kind != kql::Rel::Kind::TableScan) return std::nullopt;
  const std::optional<int64_t> rows = known_rows(static_cast<const kql::TableScan&>(*input));
  if (!rows) return std::nullopt;
  Block block;
  std::vector<std::string> items;
  for (const kql::AggregateCall& call : rel.aggregates) {
    items.push_back("CAST(" + std::to_string(*rows) + " AS " + sql_type(call.output.type) + ") AS " +
                    id_name(call.output.id));
    block.columns.push_back(call.output.id);
  }
  if (items.empty()) return std::nullopt;
  block.sql = "SELECT " + join_texts(items, ", ");
  return block;
}

Result<Lowering::Block> Lowering::lower_aggregate(const kql::Aggregate& rel) {
  if (std::optional<Block> count = lower_count(rel)) return *std::move(count);
  SPILLWAY_ASSIGN(Block input, lower(*rel.inputs[0], {}));
  // DuckDB can't call a native aggregate with ORDER BY inside: it gets its records in order as far as one
  // thread hands them all out, which is all that is promised of them.
  const bool ordered = std::any_of(rel.aggregates.begin(), rel.aggregates.end(),
                                   [](const kql::AggregateCall& call) { return call.function->ordered; });
  if (ordered && !input.order.empty()) {
    input.sql = select_from(keep_all(input), input) + order_by(input.order);
  }
  const Scope scope = scope_of(input);
  Block block;
  std::vector<Item> items;
  std::vector<std::string> ordinals;
  for (const auto& [column, key] : rel.keys) {
    SPILLWAY_ASSIGN(const std::string sql, expression(*key, scope));
    items.push_back({"CAST(" + sql + " AS " + sql_type(column.type) + ")", id_name(column.id)});
    block.columns.push_back(column.id);
    ordinals.push_back(std::to_string(items.size()));
  }
  // Within a group its keys order nothing.
  std::vector<OrderKey> order = input.order;
  std::erase_if(order, [&](const OrderKey& key) {
    return std::any_of(items.begin(), items.end(), [&](const Item& item) { return item.name == key.name; });
  });
  std::vector<Item> shown;  // of a SELECT above, where records are taken apart
  for (const Item& key : items) shown.push_back({key.name, key.name});
  bool records = false;
  for (const kql::AggregateCall& call : rel.aggregates) {
    SPILLWAY_ASSIGN(std::string sql, lower_aggregate_call(call, scope, order_by(order)));
    const std::string name =
        call.record.empty() ? id_name(call.output.id) : "r" + std::to_string(items.size());
    items.push_back({std::move(sql), name});
    if (call.record.empty()) {
      shown.push_back({name, name});
      block.columns.push_back(call.output.id);
    }
    records = records || !call.record.empty();
    for (size_t i = 0; i < call.record.size(); ++i) {
      std::string value = "struct_extract(" + name + ", " + std::to_string(i + 1) + ")";
      if (call.record[i].type == Type::String) value = "COALESCE(" + value + ", '')";
      shown.push_back({std::move(value), id_name(call.record[i].id)});
      block.columns.push_back(call.record[i].id);
    }
  }
  if (items.empty()) {  // one row of nothing
    block.sql = std::string("SELECT 0 AS ") + kNoColumn;
    return block;
  }
  block.sql = select_from(items, input);
  if (!ordinals.empty()) block.sql += " GROUP BY " + join_texts(ordinals, ", ");
  if (records) {
    Block inner;
    inner.sql = std::move(block.sql);
    block.sql = select_from(shown, inner);
  }
  return block;
}

Result<Lowering::Block> Lowering::lower_union(const kql::Union& rel, const Bounds& bounds) {
  Block block;
  std::vector<std::string> parts;
  for (size_t i = 0; i < rel.inputs.size(); ++i) {
    std::unordered_map<kql::ColumnId, Type> types;
    for (const kql::PlanColumn& column : rel.inputs[i]->columns) types[column.id] = column.type;
    Bounds below;
    for (size_t c = 0; c < rel.columns.size(); ++c) {
      const auto bound = bounds.columns.find(rel.columns[c].id);
      if (bound != bounds.columns.end() && rel.map[i][c]) below.columns[*rel.map[i][c]] = bound->second;
    }
    below.predicates = predicates_below(rel, i, bounds.predicates);
    SPILLWAY_ASSIGN(const Block input, lower(*rel.inputs[i], below));
    std::vector<Item> items;
    for (size_t c = 0; c < rel.columns.size(); ++c) {
      const kql::PlanColumn& column = rel.columns[c];
      const std::optional<kql::ColumnId> source = rel.map[i][c];
      std::string sql;
      if (rel.source_column == column.id) {
        sql = sql_string(rel.source_names[i]);
      } else if (!source) {
        sql = sql_null(column.type);
      } else {
        const auto type = types.find(*source);
        sql = id_name(*source);
        if (type == types.end() || type->second != column.type)
          sql = "CAST(" + sql + " AS " + sql_type(column.type) + ")";
      }
      items.push_back({std::move(sql), id_name(column.id)});
    }
    parts.push_back(select_from(items, input));
  }
  for (const kql::PlanColumn& column : rel.columns) block.columns.push_back(column.id);
  block.sql = join_texts(parts, " UNION ALL ");
  return block;
}

}  // namespace spillway::engine
