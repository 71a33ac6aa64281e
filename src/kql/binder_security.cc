// What the caller may view, and row level security.
// Sources: access-control/role-based-access-control.md, management/row-level-security-policy.md,
// management/restricted-view-access-policy.md, management/alter-table-row-level-security-policy-command.md.
#include <algorithm>

#include "catalog/identity_use.h"
#include "kql/binder_internal.h"
#include "kql/connections.h"
#include "kql/syntax/parser.h"

namespace spillway::kql {

using syntax::StatementKind;

Status check_connection(const BindOptions& options, std::string_view connection) {
  if (!options.caller || !options.snapshot) return Status();
  static const catalog::Database kNone;
  const catalog::Database* database = options.snapshot->database(options.database);
  return catalog::check_identity_use(*options.caller, *options.snapshot, database ? *database : kNone,
                                     connection, "ExternalDataRequest");
}

Status Binder::check_view(const catalog::Database& database) const {
  if (!options_.caller || catalog::may_view(*options_.caller, database)) return Status();
  return catalog::denied(*options_.caller, "query database '" + database.name + "'",
                         "the role Viewer, User or Admin of the database");
}

Status Binder::check_table_view(const catalog::Database& database, const catalog::Table& table,
                                TextSpan span) const {
  SPILLWAY_TRY(check_view(database));
  if (!options_.caller || !catalog::has_restricted_view_access(table)) return Status();
  if (catalog::may_view_restricted(*options_.caller, database)) return Status();
  Error error =
      catalog::denied(*options_.caller, "query table '" + table.name + "', whose view access is restricted",
                      "the role UnrestrictedViewer of database '" + database.name + "'");
  error.span = span;
  return error;
}

std::optional<catalog::RowLevelSecurity> Binder::policy_of(const catalog::Table& table) const {
  if (policy_table_) return std::nullopt;
  std::optional<catalog::RowLevelSecurity> policy = catalog::row_level_security(table);
  if (!policy || policy->enabled || is_set("query_force_row_level_security")) return policy;
  return std::nullopt;
}

Status Binder::check_policy_reference(const catalog::Database& database, const catalog::Table& table,
                                      TextSpan span) const {
  if (!policy_table_ || policy_table_->id == table.id) return Status();
  if (database.id != policy_database_->id) {
    return not_supported("it reads table '" + table.name + "' of database '" + database.name +
                             "'; a row level security policy reads tables of its own database only",
                         span);
  }
  if (!catalog::has_row_level_security(table)) return Status();
  return not_supported(
      "it reads table '" + table.name + "', which has a row level security policy of its own", span);
}

namespace {

/// Puts a value in place of a variable's, and gives it back at the end.
template <typename T>
class Replaced {
 public:
  Replaced(T& variable, T value) : variable_(variable), before_(std::exchange(variable, std::move(value))) {}
  ~Replaced() { variable_ = std::move(before_); }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 private:
  T& variable_;
  T before_;
};

}  // namespace

Result<Tabular> Binder::bind_policy(const catalog::Database& database,
                                    const std::shared_ptr<const catalog::Table>& table,
                                    const catalog::RowLevelSecurity& policy, TextSpan span) {
  // Nothing of the query around it may change what the policy means, and no name of it may get out.
  const Replaced own_table(policy_table_, table.get());
  const Replaced own_database(policy_database_, &database);
  const Replaced no_aliases(aliases_, {});
  const Replaced no_names(as_scopes_, {});
  const Replaced no_calls(calls_, {});
  const Replaced own_now(now_, options_.now);
  Result<Tabular> rows = bind_policy_query(database, policy.query);
  if (rows.ok()) rows = fit_policy(*std::move(rows), *table, span);
  if (!rows.ok()) {
    // Where in the policy is nothing that the caller should, or could, look at.
    return Error(rows.error().code,
                 "In the row level security policy of table '" + table->name + "': " + rows.error().message,
                 span);
  }
  rows->name = table->name;
  rows->database = database.name;
  rows->result_name.clear();
  rows->visualization.clear();
  return rows;
}

Result<Tabular> Binder::bind_policy_query(const catalog::Database& database, const std::string& query) {
  SPILLWAY_ASSIGN(syntax::Query parsed, syntax::parse_query(query));
  const syntax::Query& kept =
      *policy_queries_.emplace_back(std::make_unique<syntax::Query>(std::move(parsed)));
  auto outermost = std::make_shared<Environment>(nullptr, database.name);
  as_scopes_.push_back(outermost.get());
  Block block{outermost, {}};
  std::optional<Tabular> rows;
  for (const syntax::StatementPtr& statement : kept.statements) {
    if (statement->kind == StatementKind::Let || statement->kind == StatementKind::Pattern) {
      SPILLWAY_TRY(bind_statement(*statement, block));
      continue;
    }
    const auto* expression = statement->try_as<syntax::ExpressionStatement>();
    if (!expression || rows) {
      return semantic(rows ? "it has more than one tabular expression statement"
                           : "its query may hold let and pattern statements and one tabular expression only",
                      statement->span);
    }
    SPILLWAY_ASSIGN(rows, bind_tabular(*expression->expression, block.environment));
  }
  if (!rows) return semantic("its query has no tabular expression statement", {1, 1, 0, 0});
  return *std::move(rows);
}

/// The rows with the table's columns in the table's order; they must be exactly these, by name and type.
Result<Tabular> Binder::fit_policy(Tabular rows, const catalog::Table& table, TextSpan span) {
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const catalog::Column& column : table.columns) {
    const auto found =
        std::find_if(rows.columns.begin(), rows.columns.end(), [&](const PlanColumn& candidate) {
          return candidate.name == column.name && candidate.type == column.type;
        });
    if (found == rows.columns.end()) {
      return Error(ErrorCode::SchemaMismatch,
                   "its query gives no column '" + column.name + "' of type " + kql_name(column.type) +
                       "; its columns must be those of the table",
                   span);
    }
    outputs.emplace_back(new_column(column.name, column.type), column_reference(*found, span));
  }
  for (const PlanColumn& column : rows.columns) {
    if (table.column(column.name)) continue;
    return Error(ErrorCode::SchemaMismatch,
                 "its query gives the column '" + column.name + "', which the table doesn't have", span);
  }
  return add_project(std::move(rows), std::move(outputs), span);
}

}  // namespace spillway::kql
