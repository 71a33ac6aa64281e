// Predicates on their way down to the scans of external tables: see lowering.h.
#include <algorithm>

#include "engine/lowering.h"
#include "kql/partition_value.h"

namespace spillway::engine {
namespace {

using kql::Expr;
using kql::ExprPtr;

/// Predicates that are carried, and the size that one may get: a long chain of extends could make it double
/// at each of them.
constexpr size_t kMostPredicates = 64;
constexpr uint32_t kMostNodes = 1000;

using Sources = std::unordered_map<kql::ColumnId, ExprPtr>;

/// The expression with columns replaced; nullptr where that can't be done: it has a subquery, changes with
/// every call or gets too large. A column without a source stays as it is.
ExprPtr replaced(const ExprPtr& expr, const Sources& sources, uint32_t& nodes) {
  if (++nodes > kMostNodes) return nullptr;
  switch (expr->kind) {
    case Expr::Kind::Literal: return expr;
    case Expr::Kind::Column: {
      const auto source = sources.find(expr->column);
      if (source == sources.end()) return expr;
      return source->second && source->second->type == expr->type ? replaced(source->second, Sources(), nodes)
                                                                  : nullptr;
    }
    case Expr::Kind::ScalarSubquery:
    case Expr::Kind::InSubquery: return nullptr;
    case Expr::Kind::Call: break;
  }
  if (expr->function->lowering.is_volatile) return nullptr;
  auto copy = std::make_shared<Expr>(*expr);
  for (ExprPtr& argument : copy->args) {
    argument = replaced(argument, sources, nodes);
    if (!argument) return nullptr;
  }
  return copy;
}

std::vector<ExprPtr> replaced_all(const std::vector<ExprPtr>& predicates, const Sources& sources) {
  std::vector<ExprPtr> below;
  for (const ExprPtr& predicate : predicates) {
    uint32_t nodes = 0;
    if (ExprPtr one = replaced(predicate, sources, nodes)) below.push_back(std::move(one));
  }
  return below;
}

}  // namespace

bool Lowering::reads_external(const kql::Rel& rel) {
  if (rel.kind == kql::Rel::Kind::ExternalScan) return true;
  const auto known = reads_external_.find(&rel);
  if (known != reads_external_.end()) return known->second;
  const bool reads = std::any_of(rel.inputs.begin(), rel.inputs.end(),
                                 [&](const kql::RelPtr& input) { return reads_external(*input); });
  return reads_external_[&rel] = reads;
}

void Lowering::add_conjuncts(const ExprPtr& predicate, Bounds& bounds) {
  std::vector<ExprPtr> pending{predicate};
  while (!pending.empty() && bounds.predicates.size() < kMostPredicates) {
    const ExprPtr next = std::move(pending.back());
    pending.pop_back();
    const bool is_and =
        next->kind == Expr::Kind::Call && next->function->function && next->function->function->name == "and";
    if (is_and) {
      pending.insert(pending.end(), next->args.begin(), next->args.end());
      continue;
    }
    for (ExprPtr& one : replaced_all({next}, Sources())) bounds.predicates.push_back(std::move(one));
  }
}

std::vector<ExprPtr> Lowering::predicates_below(const kql::Project& rel,
                                                const std::vector<ExprPtr>& predicates) {
  if (predicates.empty()) return {};
  Sources sources;
  for (size_t i = 0; i < rel.columns.size(); ++i) sources[rel.columns[i].id] = rel.expressions[i];
  return replaced_all(predicates, sources);
}

std::vector<ExprPtr> Lowering::predicates_below(const kql::Union& rel, size_t input,
                                                const std::vector<ExprPtr>& predicates) {
  if (predicates.empty()) return {};
  Sources sources;
  for (size_t c = 0; c < rel.columns.size(); ++c) {
    ExprPtr& source = sources[rel.columns[c].id];
    for (const kql::PlanColumn& column : rel.inputs[input]->columns) {
      if (rel.map[input][c] == column.id) source = kql::column_expression(column.id, column.type);
    }
  }
  return replaced_all(predicates, sources);
}

}  // namespace spillway::engine
