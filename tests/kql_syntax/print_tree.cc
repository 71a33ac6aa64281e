#include "tests/kql_syntax/print_tree.h"

namespace spillway::kql::syntax {
namespace {

std::string list(const std::string& head, const std::vector<ExprPtr>& items) {
  std::string out = "(" + head;
  for (const ExprPtr& item : items) out += " " + print_tree(*item);
  return out + ")";
}

std::string print_literal(const Value& value) {
  if (value.is_null()) return std::string(kql_name(value.type())) + "(null)";
  switch (value.type()) {
    case Type::String: return "'" + value.as_text() + "'";
    case Type::Long:
    case Type::Bool: return value.str();
    default: return std::string(kql_name(value.type())) + "(" + value.str() + ")";
  }
}

std::string print_call(const CallExpr& call) {
  std::string out = "(call ";
  if (call.scope) out += print_tree(*call.scope) + " ";
  out += call.name.text;
  for (const Argument& argument : call.arguments) {
    out += " ";
    if (argument.name) out += argument.name->text + "=";
    out += print_tree(*argument.value);
  }
  return out + ")";
}

std::string print_pipe(const PipeExpr& pipe) {
  std::string out = "(pipe";
  if (pipe.source) out += " " + print_tree(*pipe.source);
  for (const OperatorPtr& op : pipe.operators) out += std::string(" ") + spelling(op->kind);
  return out + ")";
}

}  // namespace

std::string print_tree(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::Literal: return print_literal(expr.as<LiteralExpr>().value);
    case ExprKind::TypeLiteral: {
      const auto& literal = expr.as<TypeLiteralExpr>();
      return std::string("typeof(") + (literal.type ? kql_name(*literal.type) : "schema") + ")";
    }
    case ExprKind::Name: return expr.as<NameExpr>().name.text;
    case ExprKind::Star: return "*";
    case ExprKind::Path:
      return "(. " + print_tree(*expr.as<PathExpr>().base) + " " + expr.as<PathExpr>().name.text + ")";
    case ExprKind::Index:
      return "([] " + print_tree(*expr.as<IndexExpr>().base) + " " + print_tree(*expr.as<IndexExpr>().index) +
             ")";
    case ExprKind::Call: return print_call(expr.as<CallExpr>());
    case ExprKind::Unary: {
      const auto& unary = expr.as<UnaryExpr>();
      return std::string("(") + (unary.op == UnaryOp::Minus ? "-" : "+") + " " + print_tree(*unary.operand) +
             ")";
    }
    case ExprKind::Binary: {
      const auto& binary = expr.as<BinaryExpr>();
      return std::string("(") + spelling(binary.op) + " " + print_tree(*binary.left) + " " +
             print_tree(*binary.right) + ")";
    }
    case ExprKind::Logical: {
      const auto& logical = expr.as<LogicalExpr>();
      return list(logical.op == LogicalOp::And ? "and" : "or", logical.operands);
    }
    case ExprKind::In: {
      const auto& in = expr.as<InExpr>();
      return list(std::string(spelling(in.op)) + " " + print_tree(*in.left), in.list);
    }
    case ExprKind::Between: {
      const auto& between = expr.as<BetweenExpr>();
      return std::string(between.negated ? "(!between " : "(between ") + print_tree(*between.value) + " " +
             print_tree(*between.lower) + " " + print_tree(*between.upper) + ")";
    }
    case ExprKind::Pipe: return print_pipe(expr.as<PipeExpr>());
    case ExprKind::DataTable: return "(datatable)";
    case ExprKind::ExternalData: return "(externaldata)";
    case ExprKind::InlineExternalTable: return "(inline_external_table)";
    case ExprKind::ToScalar: return "(toscalar " + print_tree(*expr.as<ToScalarExpr>().query) + ")";
    case ExprKind::ToTable: return "(totable " + print_tree(*expr.as<ToTableExpr>().query) + ")";
    case ExprKind::Materialize: return "(materialize " + print_tree(*expr.as<MaterializeExpr>().query) + ")";
    case ExprKind::EntityGroup: return list("entity_group", expr.as<EntityGroupExpr>().entities);
    case ExprKind::Function: return "(function)";
    case ExprKind::ViewCombine: return "(materialized-view-combine)";
    case ExprKind::ContextTable: return "(__contextual_datatable)";
  }
  return {};
}

}  // namespace spillway::kql::syntax
