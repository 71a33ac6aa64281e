#include "tests/engine/plans.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/sql.h"

namespace spillway::engine {
namespace {

/// Functions that tests declare live as long as the program, as those of the function table do.
struct Declarations {
  std::deque<kql::ScalarFunction> scalars;
  std::deque<kql::ScalarOverload> overloads;
  std::deque<kql::AggregateOverload> aggregates;
  std::map<std::string, const kql::ScalarOverload*> operators;
};
Declarations& declarations() {
  static Declarations instance;
  return instance;
}

kql::ScalarOverload& declare(const std::string& name) {
  Declarations& all = declarations();
  kql::ScalarFunction& function = all.scalars.emplace_back();
  function.name = name;
  kql::ScalarOverload& overload = all.overloads.emplace_back();
  overload.function = &function;
  return overload;
}

const kql::ScalarOverload* declared_operator(const std::string& name) {
  const kql::ScalarOverload*& known = declarations().operators[name];
  if (known) return known;
  kql::ScalarOverload& overload = declare(name);
  if (name == "and" || name == "or") {
    overload.variadic = true;
    overload.lowering.sql = name == "and" ? "({* AND })" : "({* OR })";
    overload.nulls = kql::NullRule::Handles;
  } else if (name == "between") {
    overload.lowering.sql = "({0} BETWEEN {1} AND {2})";
  } else {
    overload.lowering.sql = "({0} " + (name == "==" ? "=" : name) + " {1})";
  }
  return known = &overload;
}

ExprPtr make_call(const kql::ScalarOverload* overload, std::vector<ExprPtr> args, Type type) {
  auto expr = std::make_shared<kql::Expr>();
  expr->kind = kql::Expr::Kind::Call;
  expr->type = type;
  expr->function = overload;
  expr->args = std::move(args);
  return expr;
}

}  // namespace

ExprPtr column(kql::ColumnId id, Type type) {
  auto expr = std::make_shared<kql::Expr>();
  expr->kind = kql::Expr::Kind::Column;
  expr->type = type;
  expr->column = id;
  return expr;
}

ExprPtr literal(Value value) {
  auto expr = std::make_shared<kql::Expr>();
  expr->type = value.type();
  expr->literal = std::move(value);
  return expr;
}

ExprPtr call(const std::string& name, std::vector<ExprPtr> args, Type type) {
  return make_call(declared_operator(name), std::move(args), type);
}

ExprPtr sql_call(const std::string& name, const std::string& sql, std::vector<ExprPtr> args, Type type,
                 kql::NullRule nulls) {
  kql::ScalarOverload& overload = declare(name);
  overload.lowering.sql = sql;
  overload.nulls = nulls;
  return make_call(&overload, std::move(args), type);
}

ExprPtr native_call(const std::string& name, kql::NativeFunction function, std::vector<ExprPtr> args,
                    Type type, bool is_volatile) {
  kql::ScalarOverload& overload = declare(name);
  overload.lowering.native = function;
  overload.lowering.native_name = "test_" + name;
  overload.lowering.is_volatile = is_volatile;
  return make_call(&overload, std::move(args), type);
}

kql::AggregateCall aggregate(PlanColumn output, const std::string& sql, std::vector<ExprPtr> args,
                             ExprPtr filter) {
  kql::AggregateOverload& overload = declarations().aggregates.emplace_back();
  overload.sql = sql;
  kql::AggregateCall result;
  result.output = std::move(output);
  result.function = &overload;
  result.args = std::move(args);
  result.filter = std::move(filter);
  return result;
}

RelPtr values(std::vector<PlanColumn> columns, std::vector<std::vector<Value>> rows) {
  auto rel = std::make_shared<kql::Values>();
  rel->columns = std::move(columns);
  rel->rows = std::move(rows);
  return rel;
}

RelPtr filter(RelPtr input, ExprPtr predicate) {
  auto rel = std::make_shared<kql::Filter>();
  rel->columns = input->columns;
  rel->inputs = {std::move(input)};
  rel->predicate = std::move(predicate);
  return rel;
}

RelPtr project(RelPtr input, std::vector<PlanColumn> columns, std::vector<ExprPtr> expressions) {
  auto rel = std::make_shared<kql::Project>();
  rel->columns = std::move(columns);
  rel->inputs = {std::move(input)};
  rel->expressions = std::move(expressions);
  return rel;
}

RelPtr aggregate(RelPtr input, std::vector<std::pair<PlanColumn, ExprPtr>> keys,
                 std::vector<kql::AggregateCall> aggregates) {
  auto rel = std::make_shared<kql::Aggregate>();
  for (const auto& key : keys) rel->columns.push_back(key.first);
  for (const kql::AggregateCall& call : aggregates) rel->columns.push_back(call.output);
  rel->inputs = {std::move(input)};
  rel->keys = std::move(keys);
  rel->aggregates = std::move(aggregates);
  return rel;
}

RelPtr join(kql::JoinKind kind, RelPtr left, RelPtr right, std::vector<std::pair<ExprPtr, ExprPtr>> on,
            std::vector<PlanColumn> columns, std::vector<kql::ColumnId> sources) {
  auto rel = std::make_shared<kql::Join>();
  rel->join_kind = kind;
  rel->columns = std::move(columns);
  rel->inputs = {std::move(left), std::move(right)};
  rel->on = std::move(on);
  rel->sources = std::move(sources);
  return rel;
}

RelPtr sort(RelPtr input, std::vector<kql::SortKey> keys) {
  auto rel = std::make_shared<kql::Sort>();
  rel->columns = input->columns;
  rel->inputs = {std::move(input)};
  rel->keys = std::move(keys);
  return rel;
}

RelPtr limit(RelPtr input, int64_t count) {
  auto rel = std::make_shared<kql::Limit>();
  rel->columns = input->columns;
  rel->inputs = {std::move(input)};
  rel->count = number(count);
  return rel;
}

RelPtr range(PlanColumn column, ExprPtr from, ExprPtr to, ExprPtr step) {
  auto rel = std::make_shared<kql::Range>();
  rel->columns = {std::move(column)};
  rel->from = std::move(from);
  rel->to = std::move(to);
  rel->step = std::move(step);
  return rel;
}

RelPtr materialized(RelPtr input) {
  auto rel = std::make_shared<kql::Filter>();
  rel->columns = input->columns;
  rel->inputs = {std::move(input)};
  rel->predicate = literal(Value::boolean(true));
  rel->materialize = true;
  return rel;
}

std::vector<std::string> lines(const Table& table) {
  std::vector<std::string> result;
  for (const std::vector<Value>& row : table.rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += '|';
      line += row[i].is_null() ? "null" : row[i].str();
    }
    result.push_back(std::move(line));
  }
  return result;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

void EngineTest::open(EngineOptions options) {
  engine_.reset();
  options.temp_folder = folder_.path("temp");
  options.extents_folder = folder_.path("extents");
  std::filesystem::create_directories(options.extents_folder);
  auto engine = Engine::open(options, stores_);
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  engine_ = *std::move(engine);
}

Result<Table> EngineTest::run(RelPtr plan, const RunOptions& options) {
  return engine_->run_to_table(std::move(plan), options);
}

std::vector<std::string> EngineTest::rows(RelPtr plan) {
  const Result<Table> table = run(plan);
  if (table.ok()) return lines(*table);
  const Result<std::string> statement = engine_->sql_of(plan);
  ADD_FAILURE() << table.error().message << "\n" << (statement.ok() ? *statement : std::string());
  return {"error: " + table.error().message};
}

Error EngineTest::error_of(RelPtr plan, const RunOptions& options) {
  const Result<Table> table = run(std::move(plan), options);
  if (!table.ok()) return table.error();
  ADD_FAILURE() << "there is no error";
  return Error(ErrorCode::Internal, "no error");
}

std::shared_ptr<catalog::Table> EngineTest::make_table() {
  auto table = std::make_shared<catalog::Table>();
  table->id = 1;
  table->name = "T";
  table->columns = {{1, "id", Type::Long, ""}, {2, "name", Type::String, ""}, {3, "at", Type::DateTime, ""}};
  table->next_column_id = 4;
  return table;
}

void EngineTest::add(catalog::Table& table, catalog::Extent extent) {
  std::vector<catalog::ExtentList::Item> items(table.extents->begin(), table.extents->end());
  items.push_back(std::make_shared<const catalog::Extent>(std::move(extent)));
  std::stable_sort(items.begin(), items.end(),
                   [](const auto& a, const auto& b) { return a->max_cursor < b->max_cursor; });
  table.extents = std::make_shared<const catalog::ExtentList>(items);
}

void EngineTest::add_extent(catalog::Table& table, int64_t first, int64_t count, catalog::Cursor cursor) {
  catalog::Extent extent;
  extent.path = "e" + std::to_string(++extents_) + ".parquet";
  extent.rows = count;
  extent.min_cursor = extent.max_cursor = cursor;
  extent.created = extent.first_created = cursor * 10;
  extent.datetime_ranges[3] = {first, first + count - 1};
  sql("COPY (SELECT range AS id, 'n' || range AS name, range AS \"at\" FROM range(" + std::to_string(first) +
      ", " + std::to_string(first + count) + ")) TO " + sql_string(folder_.path("extents/" + extent.path)) +
      " (FORMAT parquet, FIELD_IDS {id: 1, name: 2, \"at\": 3})");
  add(table, std::move(extent));
}

void EngineTest::add_merged_extent(catalog::Table& table, int64_t first, int64_t count,
                                   catalog::Cursor first_cursor) {
  catalog::Extent extent;
  extent.path = "e" + std::to_string(++extents_) + ".parquet";
  extent.rows = count;
  extent.merged = true;
  extent.min_cursor = first_cursor;
  extent.max_cursor = first_cursor + count - 1;
  extent.created = 1'000'000;
  extent.datetime_ranges[3] = {first, first + count - 1};
  const std::string cursor = "range + " + std::to_string(first_cursor - first);
  sql("COPY (SELECT range AS id, 'n' || range AS name, range AS \"at\", " + cursor + " AS cursor, (" +
      cursor + ") * 10 AS ingested FROM range(" + std::to_string(first) + ", " +
      std::to_string(first + count) + ")) TO " + sql_string(folder_.path("extents/" + extent.path)) +
      " (FORMAT parquet, FIELD_IDS {id: 1, name: 2, \"at\": 3, cursor: " +
      std::to_string(catalog::kCursorField) + ", ingested: " + std::to_string(catalog::kIngestionTimeField) +
      "})");
  add(table, std::move(extent));
}

std::shared_ptr<kql::TableScan> EngineTest::scan(std::shared_ptr<const catalog::Table> table, bool hidden) {
  auto rel = std::make_shared<kql::TableScan>();
  rel->columns = {{1, "id", Type::Long}, {2, "name", Type::String}, {3, "at", Type::DateTime}};
  rel->field_ids = {1, 2, 3};
  rel->table = std::move(table);
  if (hidden) {
    rel->cursor = 8;
    rel->ingestion_time = 9;
  }
  return rel;
}

void EngineTest::sql(const std::string& statement) {
  query(statement);
}

std::vector<std::vector<std::optional<std::string>>> EngineTest::query(const std::string& statement) {
  auto connection = engine_->connect();
  if (!connection.ok())
    return ADD_FAILURE() << connection.error().message,
           std::vector<std::vector<std::optional<std::string>>>();
  auto result = (*connection)->query(statement);
  if (!result.ok())
    return ADD_FAILURE() << result.error().message << "\n"
                         << statement,
           std::vector<std::vector<std::optional<std::string>>>();
  return *std::move(result);
}

}  // namespace spillway::engine
