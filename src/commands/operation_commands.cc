// Operations: what runs, or ran, in the background.
// Sources: management/show-operations.md, show-operation-details.md, cancel-operation-command.md.

#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "export/exports.h"

namespace spillway::commands {
namespace {

using catalog::Operation;
using catalog::OperationState;

const Schema kOperations = {{"OperationId", Type::String},     {"Operation", Type::String},
                            {"NodeId", Type::String},          {"StartedOn", Type::DateTime},
                            {"LastUpdatedOn", Type::DateTime}, {"Duration", Type::TimeSpan},
                            {"State", Type::String},           {"Status", Type::String}};

const Schema kCancelled = {{"OperationId", Type::Guid},
                           {"Operation", Type::String},
                           {"StartedOn", Type::DateTime},
                           {"CancellationState", Type::String},
                           {"ReasonPhrase", Type::String}};

/// The most rows of `.show operations`.
constexpr int kMostOperations = 10'000;

Row row_of(const Operation& operation) {
  return {Value::string(operation.id.str()),       Value::string(operation.kind),
          Value::string(operation.node),           Value::datetime(operation.started),
          Value::datetime(operation.updated),      Value::timespan(operation.updated - operation.started),
          Value::string(name_of(operation.state)), Value::string(operation.status)};
}

/// A caller's own, and those of databases that it monitors (or, to end them, administers).
bool concerns(const Call& call, const Operation& operation,
              bool may(const catalog::Caller&, const catalog::Database&)) {
  return call.concerns(operation.principal, operation.database, may);
}

Result<Tables> show_operations(Call& call) {
  std::vector<Guid> ids;
  const bool list = call.reader.accept(TokenKind::OpenParen);
  if (list || (!call.reader.at_end() && call.reader.peek().kind != TokenKind::Bar &&
               call.reader.peek().kind != TokenKind::Semicolon)) {
    do {
      SPILLWAY_ASSIGN(const Guid id, call.reader.guid("the id of an operation"));
      ids.push_back(id);
    } while (list && call.reader.accept(TokenKind::Comma));
  }
  if (list) SPILLWAY_TRY(call.reader.expect(TokenKind::CloseParen));
  SPILLWAY_TRY(call.reader.end());
  Table result = empty_table(kOperations);
  for (const Guid& id : ids) {
    SPILLWAY_ASSIGN(const std::optional<Operation> operation, call.services.catalog.operation(id));
    if (operation && concerns(call, *operation, catalog::may_monitor))
      result.rows.push_back(row_of(*operation));
  }
  if (ids.empty()) {
    SPILLWAY_ASSIGN(const std::vector<Operation> all, call.services.catalog.operations(kMostOperations));
    for (const Operation& operation : all) {
      if (concerns(call, operation, catalog::may_monitor)) result.rows.push_back(row_of(operation));
    }
  }
  return Tables{std::move(result)};
}

Result<Operation> operation_of(const Call& call, const Guid& id, const TextSpan& span) {
  SPILLWAY_ASSIGN(const std::optional<Operation> operation, call.services.catalog.operation(id));
  if (!operation) return Error{ErrorCode::EntityNotFound, "operation " + id.str() + " not found", span};
  return *operation;
}

Result<Tables> show_operation_details(Call& call) {
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const Guid id, call.reader.guid("the id of an operation"));
  SPILLWAY_TRY(call.reader.expect("details"));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Operation operation, operation_of(call, id, span));
  if (!concerns(call, operation, catalog::may_monitor)) {
    return call.denied("the role Monitor or Admin of the operation's database");
  }
  if (operation.state != OperationState::Completed) {
    return Error{ErrorCode::BadRequest,
                 "operation " + id.str() + " has no details: its state is " + name_of(operation.state) +
                     (operation.status.empty() ? "" : " (" + operation.status + ")"),
                 span};
  }
  SPILLWAY_ASSIGN(const std::optional<std::string> details, call.services.catalog.operation_details(id));
  if (!details || details->empty()) {
    return Error{ErrorCode::EntityNotFound,
                 "operation " + id.str() + " didn't keep its results (persistDetails=true keeps them)", span};
  }
  SPILLWAY_ASSIGN(Table result, exports::table_from_json(*details));
  return Tables{std::move(result)};
}

Result<Tables> cancel_operation(Call& call) {
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const Guid id, call.reader.guid("the id of an operation"));
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(call.reader));
  SPILLWAY_TRY(properties.check({"reason"}));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Operation operation, operation_of(call, id, span));
  if (!concerns(call, operation, catalog::is_admin)) {
    return call.denied("the role Admin of the operation's database");
  }
  const std::string reason = properties.text_or("reason", "");
  const bool cancelled = call.services.ingestor.cancel_operation(id, reason) ||
                         call.services.exports.cancel_operation(id, reason).ok();
  const std::string why = std::string("the operation isn't running: ") + name_of(operation.state);
  Table result = empty_table(kCancelled);
  result.rows.push_back({Value::guid(id), Value::string(operation.kind), Value::datetime(operation.started),
                         Value::string(cancelled ? "Cancelled successfully" : "Cancel failed"),
                         Value::string(cancelled ? reason : why)});
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> operation_commands() {
  return {
      {"show operations", ".show operations [ID | (ID, …)]", "Exports and ingestions of the last 14 days",
       show_operations},
      {"show operation", ".show operation ID details", "The result of an operation", show_operation_details},
      {"cancel operation", ".cancel operation ID [with (reason = \"text\")]",
       "Cancels an operation in the background", cancel_operation},
  };
}

}  // namespace spillway::commands
