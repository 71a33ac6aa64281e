#include "engine/native_rel.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "engine/lowering.h"
#include "engine/sql.h"
#include "engine/stream.h"

namespace spillway::engine {
namespace {

using Clock = std::chrono::steady_clock;

/// What DuckDB itself takes where no limit is set, about.
int64_t default_memory() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE) / 4 * 3;
}

/// The rows of a statement that starts when they are first asked for.
class StatementInput : public kql::RowInput {
 public:
  StatementInput(const NativeQuery& query, const NativeInput& input) : query_(query), input_(input) {
    for (const kql::PlanColumn& column : input.plan->columns) schema_.push_back({column.name, column.type});
  }
  const Schema& schema() const override { return schema_; }
  Result<const Batch*> next() override {
    if (!stream_) SPILLWAY_TRY(start());
    return stream_->next();
  }

 private:
  Status start() {
    const auto started = Clock::now();
    SPILLWAY_ASSIGN(auto statement, query_.open_statement());
    SPILLWAY_TRY(statement->start(input_.sql));
    stream_ = std::make_unique<QueryStream>(StatementSource{input_.plan, {}, {}, nullptr},
                                            std::move(statement), started);
    return Status();
  }

  const NativeQuery& query_;
  const NativeInput& input_;
  Schema schema_;
  std::unique_ptr<QueryStream> stream_;
};

/// One call, as a SELECT of its own.
class SqlFunction : public kql::EngineFunction {
 public:
  SqlFunction(const kql::Expr& call, std::unique_ptr<Statement> statement)
      : call_(call), statement_(std::move(statement)) {}

  Result<Value> call(const std::vector<Value>& arguments) override {
    std::vector<std::string> texts;
    for (const Value& argument : arguments)
      texts.push_back(argument.is_null() ? sql_null(argument.type()) : sql_literal(argument));
    SPILLWAY_TRY(statement_->start("SELECT CAST((" + kql::expand(call_.function->lowering.sql, texts) +
                                   ") AS " + sql_type(call_.type) + ")"));
    SPILLWAY_ASSIGN(const ChunkHandle chunk, statement_->next_chunk());
    if (!chunk) return Value::null(call_.type);
    VectorReader reader(call_.type);
    return reader.read(duckdb_data_chunk_get_vector(chunk.get(), 0), 1).value(0);
  }

 private:
  const kql::Expr& call_;
  std::unique_ptr<Statement> statement_;
};

class OperatorReader : public RecordReader {
 public:
  OperatorReader(NativeQuery& query, const kql::NativeOperatorMaker& maker,
                 const std::vector<NativeInput>& inputs)
      : query_(query), maker_(maker) {
    for (const NativeInput& input : inputs) inputs_.push_back(std::make_unique<StatementInput>(query, input));
  }

  Result<size_t> read(const std::vector<VectorSink*>& columns, size_t capacity) override {
    if (auto error = query_.expired()) return *std::move(error);
    if (!operator_) {
      SPILLWAY_ASSIGN(operator_, maker_.make(inputs_, query_));
    }
    output_.assign(columns.begin(), columns.end() - 1);
    SPILLWAY_ASSIGN(const size_t rows, operator_->next(output_, capacity));
    for (size_t r = 0; r < rows; ++r) columns.back()->set<int64_t>(r, position_++);
    return rows;
  }

 private:
  NativeQuery& query_;
  const kql::NativeOperatorMaker& maker_;
  std::vector<std::unique_ptr<kql::RowInput>> inputs_;
  std::unique_ptr<kql::NativeOperator> operator_;
  std::vector<VectorSink*> output_;
  int64_t position_ = 0;
};

/// A Native node's output.
class OperatorSource : public RecordSource {
 public:
  OperatorSource(NativeQuery& query, const kql::Native& rel, std::vector<NativeInput> inputs)
      : query_(query), maker_(rel.maker), inputs_(std::move(inputs)) {
    for (const kql::PlanColumn& column : rel.columns) schema_.push_back({column.name, column.type});
    schema_.push_back({"position", Type::Long});
  }
  Status expose(RecordTables& tables, const DatabaseHandle& database) {
    SPILLWAY_ASSIGN(table_, tables.expose(database, *this));
    return Status();
  }
  const std::string& sql() const { return table_->sql(); }

  const Schema& schema() const override { return schema_; }
  Result<std::unique_ptr<RecordReader>> open_reader() override {
    return std::unique_ptr<RecordReader>(new OperatorReader(query_, *maker_, inputs_));
  }
  size_t max_threads() const override { return 1; }

 private:
  NativeQuery& query_;
  std::shared_ptr<const kql::NativeOperatorMaker> maker_;
  std::vector<NativeInput> inputs_;
  Schema schema_;
  std::unique_ptr<RecordTable> table_;
};

/// Walks all of a plan, the subqueries of its expressions included, once for each statement.
class SharedNodes {
 public:
  std::set<const kql::Rel*> find(const kql::Rel& root) {
    rel(root, 0);
    return std::move(shared_);
  }

 private:
  void rel(const kql::Rel& node, int statement) {
    if (!seen_.insert({&node, statement}).second) return;
    if (node.materialize) {
      const auto [first, is_new] = readers_.emplace(&node, statement);
      if (!is_new) {  // what is below it belongs to the table alone
        if (first->second != statement) shared_.insert(&node);
        return;
      }
    }
    expressions(node, statement);
    for (const kql::RelPtr& input : node.inputs) {
      rel(*input, node.kind == kql::Rel::Kind::Native ? ++statements_ : statement);
    }
  }

  void expression(const kql::ExprPtr& expr, int statement) {
    const bool leaf =
        !expr || expr->kind == kql::Expr::Kind::Column || expr->kind == kql::Expr::Kind::Literal;
    if (leaf || !seen_.insert({expr.get(), statement}).second) return;
    if (expr->subquery) rel(*expr->subquery, statement);
    for (const kql::ExprPtr& argument : expr->args) expression(argument, statement);
  }

  void expressions(const kql::Rel& node, int statement) {
    const auto visit = [&](const kql::ExprPtr& expr) { expression(expr, statement); };
    switch (node.kind) {
      case kql::Rel::Kind::Filter: return visit(static_cast<const kql::Filter&>(node).predicate);
      case kql::Rel::Kind::Project:
        for (const auto& expr : static_cast<const kql::Project&>(node).expressions) visit(expr);
        return;
      case kql::Rel::Kind::Aggregate:
        for (const auto& key : static_cast<const kql::Aggregate&>(node).keys) visit(key.second);
        for (const auto& call : static_cast<const kql::Aggregate&>(node).aggregates) {
          for (const auto& argument : call.args) visit(argument);
          visit(call.filter);
        }
        return;
      case kql::Rel::Kind::Join:
        for (const auto& [left, right] : static_cast<const kql::Join&>(node).on) {
          visit(left);
          visit(right);
        }
        return;
      case kql::Rel::Kind::Expand:
        for (const auto& item : static_cast<const kql::Expand&>(node).items) visit(item.array);
        return visit(static_cast<const kql::Expand&>(node).limit);
      case kql::Rel::Kind::Window: {
        const auto& window = static_cast<const kql::Window&>(node);
        for (const auto& expr : window.partition) visit(expr);
        for (const auto& key : window.order) visit(key.expression);
        return visit(window.argument);
      }
      case kql::Rel::Kind::Sort:
        for (const auto& key : static_cast<const kql::Sort&>(node).keys) visit(key.expression);
        return;
      case kql::Rel::Kind::Limit: return visit(static_cast<const kql::Limit&>(node).count);
      case kql::Rel::Kind::Range: {
        const auto& range = static_cast<const kql::Range&>(node);
        for (const auto& expr : {range.from, range.to, range.step}) visit(expr);
        return;
      }
      default: return;
    }
  }

  std::set<std::pair<const void*, int>> seen_;
  std::map<const kql::Rel*, int> readers_;
  std::set<const kql::Rel*> shared_;
  int statements_ = 0;
};

}  // namespace

std::set<const kql::Rel*> shared_between_statements(const kql::Rel& root) {
  return SharedNodes().find(root);
}

NativeQuery::NativeQuery(const DatabaseHandle& database, Watchdog& watchdog, RecordTables& tables,
                         RunOptions options, int64_t memory_limit)
    : database_(database),
      watchdog_(watchdog),
      tables_(tables),
      options_(std::move(options)),
      memory_limit_((memory_limit > 0 ? memory_limit : default_memory()) / kNativeMemoryShare) {
  options_.cancel = std::make_shared<CancelToken>(std::move(options_.cancel));
}

std::optional<Error> NativeQuery::expired() const {
  if (options_.cancel->cancelled()) return options_.cancel->error("the query");
  if (options_.timeout && Clock::now() - started_ >= *options_.timeout) {
    return Error(ErrorCode::Timeout, "the query ran longer than its time limit of " +
                                         std::to_string(options_.timeout->count()) + " ms");
  }
  return std::nullopt;
}

Status NativeQuery::reserve(int64_t bytes) {
  if (reserved_ += bytes; reserved_ <= memory_limit_) return Status();
  reserved_ -= bytes;
  return Status(ErrorCode::LimitExceeded,
                "the query's operators that keep their input in memory need more than their limit of " +
                    std::to_string(memory_limit_ >> 20) + " MiB: filter or project their input first");
}

Result<std::unique_ptr<kql::EngineFunction>> NativeQuery::function(const kql::Expr& call) {
  if (call.function->lowering.sql.empty()) {
    return Error(ErrorCode::BadRequest, call.function->function->name + "() failed", call.span);
  }
  SPILLWAY_ASSIGN(auto statement, open_statement());
  return std::unique_ptr<kql::EngineFunction>(new SqlFunction(call, std::move(statement)));
}

Result<std::unique_ptr<Statement>> NativeQuery::open_statement() const {
  RunOptions left = options_;
  if (left.timeout) {
    const auto used = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
    left.timeout = std::max(*left.timeout - used, std::chrono::milliseconds(0));
  }
  return Statement::open(database_, watchdog_, left);
}

Result<std::string> NativeQuery::materialize(const std::string& sql, std::shared_ptr<void>& resource) {
  static std::atomic<int64_t> next{1};
  const std::string name = "spillway_shared_" + std::to_string(next++);
  SPILLWAY_ASSIGN(const auto statement, open_statement());
  ResultHandle result;
  SPILLWAY_TRY(statement->run("CREATE TABLE " + name + " AS " + sql, result));
  const DatabaseHandle* database = &database_;
  resource = std::shared_ptr<void>(nullptr, [database, name](void*) {
    const auto connection = connect(*database);
    if (connection.ok()) (void)execute(*connection, "DROP TABLE " + name).ok();
  });
  return name;
}

Result<std::string> NativeQuery::expose(const kql::Native& rel, std::vector<NativeInput> inputs,
                                        std::shared_ptr<void>& resource) {
  if (++operators_ > kMaxNativeOperators) {
    return Error(ErrorCode::LimitExceeded,
                 "the query has more than " + std::to_string(kMaxNativeOperators) +
                     " operators that work on sequences of records",
                 rel.span);
  }
  auto source = std::make_shared<OperatorSource>(*this, rel, std::move(inputs));
  SPILLWAY_TRY(source->expose(tables_, database_));
  std::string sql = source->sql();
  resource = std::move(source);
  return sql;
}

Lowering::Lowering(const LoweringContext& context, const Lowering& outer)
    : context_(context),
      between_statements_(outer.between_statements_),
      shared_tables_(outer.shared_tables_),
      plan_depth_(outer.plan_depth_),
      operators_(outer.operators_),
      native_depth_(outer.native_depth_ + 1) {}

Result<Lowering::Block> Lowering::lower_native(const kql::Native& rel) {
  if (native_depth_ >= kMaxNativeDepth) {
    return Error(ErrorCode::LimitExceeded,
                 "operators that work on sequences of records nest deeper than " +
                     std::to_string(kMaxNativeDepth) + " levels",
                 rel.span);
  }
  std::vector<NativeInput> inputs;
  for (const kql::RelPtr& input : rel.inputs) {
    Lowering inner(context_, *this);
    SPILLWAY_TRY(inner.plan(*input));
    std::vector<std::string> items;
    for (const kql::PlanColumn& column : input->columns) items.push_back(id_name(column.id));
    SPILLWAY_ASSIGN(std::string sql, inner.select(items));
    inputs.push_back({input, std::move(sql)});
    operators_ = inner.operators_;
    scans_.add(inner.scans_);
    std::move(inner.resources_.begin(), inner.resources_.end(), std::back_inserter(resources_));
  }
  std::shared_ptr<void> resource;
  SPILLWAY_ASSIGN(const std::string table, context_.native->expose(rel, std::move(inputs), resource));
  resources_.push_back(std::move(resource));
  Block block;
  std::vector<std::string> items;
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    items.push_back("c" + std::to_string(i) + " AS " + id_name(rel.columns[i].id));
    block.columns.push_back(rel.columns[i].id);
  }
  if (rel.ordered) {
    block.keys = {"k" + std::to_string(next_key_++)};
    block.order = {{block.keys[0]}};
  }
  items.push_back("c" + std::to_string(rel.columns.size()) + " AS " +
                  (rel.ordered ? block.keys[0] : std::string("position")));
  block.sql = "SELECT " + join_texts(items, ", ") + " FROM " + table;
  return block;
}

Result<Lowering::Block> Lowering::lower_shared_table(const kql::Rel& rel) {
  auto& tables = *shared_tables_;
  auto known = tables.find(&rel);
  if (known == tables.end()) {
    Lowering inner(context_, *this);
    inner.native_depth_ = native_depth_;
    SPILLWAY_ASSIGN(Block block, inner.lower_operator(rel, {}));
    operators_ = inner.operators_;
    scans_.add(inner.scans_);
    if (context_.scans) return tables.emplace(&rel, std::move(block)).first->second;
    std::shared_ptr<void> table;
    SPILLWAY_ASSIGN(const std::string name,
                    context_.native->materialize(inner.with_clause() + block.sql, table));
    block.sql = "SELECT * FROM " + name;
    resources_.push_back(std::move(table));
    known = tables.emplace(&rel, std::move(block)).first;
  }
  return known->second;
}

}  // namespace spillway::engine
