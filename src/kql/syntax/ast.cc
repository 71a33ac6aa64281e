#include "kql/syntax/ast.h"

#include <string_view>

namespace spillway::kql::syntax {

std::string Property::text() const {
  if (!value) return names.empty() ? std::string() : names.front().text;
  if (const auto* literal = value->try_as<LiteralExpr>()) return literal->value.str();
  if (const auto* named = value->try_as<NameExpr>()) return named->name.text;
  return {};
}

const Property* find_property(const Properties& properties, std::string_view name) {
  for (const Property& property : properties)
    if (property.name.text == name) return &property;
  return nullptr;
}

const char* spelling(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add: return "+";
    case BinaryOp::Subtract: return "-";
    case BinaryOp::Multiply: return "*";
    case BinaryOp::Divide: return "/";
    case BinaryOp::Modulo: return "%";
    case BinaryOp::Equal: return "==";
    case BinaryOp::NotEqual: return "!=";
    case BinaryOp::Less: return "<";
    case BinaryOp::LessOrEqual: return "<=";
    case BinaryOp::Greater: return ">";
    case BinaryOp::GreaterOrEqual: return ">=";
    case BinaryOp::EqualCi: return "=~";
    case BinaryOp::NotEqualCi: return "!~";
    case BinaryOp::Has: return "has";
    case BinaryOp::NotHas: return "!has";
    case BinaryOp::HasCs: return "has_cs";
    case BinaryOp::NotHasCs: return "!has_cs";
    case BinaryOp::HasPrefix: return "hasprefix";
    case BinaryOp::NotHasPrefix: return "!hasprefix";
    case BinaryOp::HasPrefixCs: return "hasprefix_cs";
    case BinaryOp::NotHasPrefixCs: return "!hasprefix_cs";
    case BinaryOp::HasSuffix: return "hassuffix";
    case BinaryOp::NotHasSuffix: return "!hassuffix";
    case BinaryOp::HasSuffixCs: return "hassuffix_cs";
    case BinaryOp::NotHasSuffixCs: return "!hassuffix_cs";
    case BinaryOp::Contains: return "contains";
    case BinaryOp::NotContains: return "!contains";
    case BinaryOp::ContainsCs: return "contains_cs";
    case BinaryOp::NotContainsCs: return "!contains_cs";
    case BinaryOp::StartsWith: return "startswith";
    case BinaryOp::NotStartsWith: return "!startswith";
    case BinaryOp::StartsWithCs: return "startswith_cs";
    case BinaryOp::NotStartsWithCs: return "!startswith_cs";
    case BinaryOp::EndsWith: return "endswith";
    case BinaryOp::NotEndsWith: return "!endswith";
    case BinaryOp::EndsWithCs: return "endswith_cs";
    case BinaryOp::NotEndsWithCs: return "!endswith_cs";
    case BinaryOp::Like: return "like";
    case BinaryOp::NotLike: return "notlike";
    case BinaryOp::LikeCs: return "likecs";
    case BinaryOp::NotLikeCs: return "notlikecs";
    case BinaryOp::MatchesRegex: return "matches regex";
    case BinaryOp::Search: return ":";
  }
  return "";
}

const char* spelling(InOp op) {
  switch (op) {
    case InOp::In: return "in";
    case InOp::NotIn: return "!in";
    case InOp::InCi: return "in~";
    case InOp::NotInCi: return "!in~";
    case InOp::HasAny: return "has_any";
    case InOp::HasAll: return "has_all";
  }
  return "";
}

const char* spelling(OperatorKind kind) {
  switch (kind) {
    case OperatorKind::As: return "as";
    case OperatorKind::AssertSchema: return "assert-schema";
    case OperatorKind::Consume: return "consume";
    case OperatorKind::Count: return "count";
    case OperatorKind::Distinct: return "distinct";
    case OperatorKind::Evaluate: return "evaluate";
    case OperatorKind::ExecuteAndCache: return "__executeAndCache";
    case OperatorKind::Extend: return "extend";
    case OperatorKind::Facet: return "facet";
    case OperatorKind::Filter: return "where";
    case OperatorKind::Find: return "find";
    case OperatorKind::Fork: return "fork";
    case OperatorKind::GetSchema: return "getschema";
    case OperatorKind::GraphMarkComponents: return "graph-mark-components";
    case OperatorKind::GraphMatch: return "graph-match";
    case OperatorKind::GraphShortestPaths: return "graph-shortest-paths";
    case OperatorKind::GraphToTable: return "graph-to-table";
    case OperatorKind::GraphWhereEdges: return "graph-where-edges";
    case OperatorKind::GraphWhereNodes: return "graph-where-nodes";
    case OperatorKind::Invoke: return "invoke";
    case OperatorKind::Join: return "join";
    case OperatorKind::Lookup: return "lookup";
    case OperatorKind::MacroExpand: return "macro-expand";
    case OperatorKind::MakeGraph: return "make-graph";
    case OperatorKind::MakeSeries: return "make-series";
    case OperatorKind::MvApply: return "mv-apply";
    case OperatorKind::MvExpand: return "mv-expand";
    case OperatorKind::Parse: return "parse";
    case OperatorKind::ParseKv: return "parse-kv";
    case OperatorKind::Partition: return "partition";
    case OperatorKind::PartitionBy: return "__partitionby";
    case OperatorKind::Print: return "print";
    case OperatorKind::Project: return "project";
    case OperatorKind::ProjectAway: return "project-away";
    case OperatorKind::ProjectByNames: return "project-by-names";
    case OperatorKind::ProjectKeep: return "project-keep";
    case OperatorKind::ProjectRename: return "project-rename";
    case OperatorKind::ProjectReorder: return "project-reorder";
    case OperatorKind::Range: return "range";
    case OperatorKind::Reduce: return "reduce";
    case OperatorKind::Render: return "render";
    case OperatorKind::Sample: return "sample";
    case OperatorKind::SampleDistinct: return "sample-distinct";
    case OperatorKind::Scan: return "scan";
    case OperatorKind::Search: return "search";
    case OperatorKind::Serialize: return "serialize";
    case OperatorKind::Sort: return "sort";
    case OperatorKind::Summarize: return "summarize";
    case OperatorKind::Take: return "take";
    case OperatorKind::Top: return "top";
    case OperatorKind::TopHitters: return "top-hitters";
    case OperatorKind::TopNested: return "top-nested";
    case OperatorKind::Union: return "union";
  }
  return "";
}

}  // namespace spillway::kql::syntax
