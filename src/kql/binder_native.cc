// Native operators in a plan: kql/native_operator.h.
#include "kql/binder_internal.h"
#include "kql/native_operator.h"

namespace spillway::kql {

Tabular Binder::with_arguments(Tabular input, const std::vector<ExprPtr>& arguments,
                               std::vector<PlanColumn>& added, TextSpan span) {
  auto node = std::make_shared<Project>();
  for (const PlanColumn& column : input.columns) {
    node->columns.push_back(column);
    node->expressions.push_back(column_reference(column, span));
  }
  for (const ExprPtr& argument : arguments) {
    added.push_back(new_column("argument", argument->type));
    node->columns.push_back(added.back());
    node->expressions.push_back(argument);
  }
  return add_node(std::move(input), std::move(node), span);
}

Tabular Binder::add_native(const std::vector<RelPtr>& inputs,
                           std::shared_ptr<const NativeOperatorMaker> maker, std::vector<PlanColumn> columns,
                           bool ordered, TextSpan span) {
  auto node = std::make_shared<Native>();
  node->inputs = inputs;
  node->columns = columns;
  node->maker = std::move(maker);
  node->ordered = ordered;
  attach(*node, span);
  Tabular table;
  table.rel = std::move(node);
  table.columns = std::move(columns);
  return table;
}

}  // namespace spillway::kql
