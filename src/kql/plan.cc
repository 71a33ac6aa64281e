#include "kql/plan.h"

#include "kql/functions.h"
#include "kql/native_operator.h"

namespace spillway::kql {
namespace {

class Explainer {
 public:
  std::string explain(const Rel& plan) {
    rel(plan, 0);
    return std::move(out_);
  }

 private:
  void rel(const Rel& node, int indent) {
    out_.append(static_cast<size_t>(indent) * 2, ' ');
    describe(node);
    if (node.materialize) out_ += " materialized";
    out_ += " -> ";
    columns(node.columns);
    out_ += '\n';
    for (const RelPtr& input : node.inputs) rel(*input, indent + 1);
  }

  void columns(const std::vector<PlanColumn>& list) {
    out_ += '(';
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out_ += ", ";
      column(list[i]);
    }
    out_ += ')';
  }

  void column(const PlanColumn& c) { out_ += c.name + "#" + std::to_string(c.id) + ":" + kql_name(c.type); }

  void describe(const Rel& node) {
    switch (node.kind) {
      case Rel::Kind::TableScan: return table_scan(static_cast<const TableScan&>(node));
      case Rel::Kind::ExternalScan:
        out_ += "ExternalScan " + static_cast<const ExternalScan&>(node).table->name;
        return;
      case Rel::Kind::Values:
        out_ += "Values " + std::to_string(static_cast<const Values&>(node).rows.size()) + " rows";
        return;
      case Rel::Kind::Range: {
        const auto& range = static_cast<const Range&>(node);
        out_ += "Range ";
        list({range.from, range.to, range.step});
        return;
      }
      case Rel::Kind::Filter:
        out_ += "Filter ";
        expression(*static_cast<const Filter&>(node).predicate);
        return;
      case Rel::Kind::Project:
        out_ += "Project ";
        list(static_cast<const Project&>(node).expressions);
        return;
      case Rel::Kind::Aggregate: return aggregate(static_cast<const Aggregate&>(node));
      case Rel::Kind::Join: return join(static_cast<const Join&>(node));
      case Rel::Kind::Union: return union_all(static_cast<const Union&>(node));
      case Rel::Kind::Sort: return sort(static_cast<const Sort&>(node));
      case Rel::Kind::Limit:
        out_ += "Limit ";
        expression(*static_cast<const Limit&>(node).count);
        return;
      case Rel::Kind::Native: return native(static_cast<const Native&>(node));
      case Rel::Kind::Expand: return expand(static_cast<const Expand&>(node));
      case Rel::Kind::Window: return window(static_cast<const Window&>(node));
      case Rel::Kind::Group: return group(static_cast<const Group&>(node));
    }
  }

  void table_scan(const TableScan& scan) {
    out_ += "TableScan " + scan.database + "." + scan.table->name;
    if (scan.range.after > 0 || scan.range.to < INT64_MAX) {
      out_ += " cursor in (" + std::to_string(scan.range.after) + ", ";
      out_ += (scan.range.to == INT64_MAX ? "now" : std::to_string(scan.range.to)) + "]";
    }
    if (scan.ingestion_time) out_ += " ingestion_time=#" + std::to_string(*scan.ingestion_time);
    if (scan.cursor) out_ += " cursor=#" + std::to_string(*scan.cursor);
    if (scan.extent_id) out_ += " extent_id=#" + std::to_string(*scan.extent_id);
    if (scan.extent_tags) out_ += " extent_tags=#" + std::to_string(*scan.extent_tags);
  }

  void aggregate(const Aggregate& node) {
    out_ += "Aggregate by [";
    for (size_t i = 0; i < node.keys.size(); ++i) {
      if (i > 0) out_ += ", ";
      expression(*node.keys[i].second);
    }
    out_ += "] of [";
    for (size_t i = 0; i < node.aggregates.size(); ++i) {
      const AggregateCall& call = node.aggregates[i];
      if (i > 0) out_ += ", ";
      out_ += call.function->function->name;
      list(call.args);
      if (call.filter) {
        out_ += " where ";
        expression(*call.filter);
      }
    }
    out_ += "]";
  }

  void join(const Join& node) {
    static const char* const kKinds[] = {"innerunique", "inner",     "leftouter", "rightouter", "fullouter",
                                         "leftsemi",    "rightsemi", "leftanti",  "rightanti"};
    out_ += std::string("Join ") + kKinds[static_cast<size_t>(node.join_kind)] + " on ";
    for (size_t i = 0; i < node.on.size(); ++i) {
      if (i > 0) out_ += ", ";
      expression(*node.on[i].first);
      out_ += "=";
      expression(*node.on[i].second);
    }
    for (const auto& [left, right] : node.groups) {
      out_ += " group ";
      expression(*left);
      out_ += "=";
      expression(*right);
    }
    out_ += " showing [";
    for (size_t i = 0; i < node.sources.size(); ++i) {
      out_ += (i > 0 ? ", #" : "#") + std::to_string(node.sources[i]);
    }
    out_ += "]";
  }

  void union_all(const Union& node) {
    out_ += "Union";
    for (size_t leg = 0; leg < node.map.size(); ++leg) {
      out_ += leg > 0 ? ", [" : " [";
      for (size_t i = 0; i < node.map[leg].size(); ++i) {
        if (i > 0) out_ += ", ";
        out_ += node.map[leg][i] ? "#" + std::to_string(*node.map[leg][i]) : "-";
      }
      out_ += "]";
      if (node.source_column) out_ += " from " + node.source_names[leg];
    }
  }

  void sort(const Sort& node) {
    out_ += "Sort by ";
    sort_keys(node.keys);
  }

  void sort_keys(const std::vector<SortKey>& keys) {
    for (size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) out_ += ", ";
      expression(*keys[i].expression);
      out_ += keys[i].descending ? " desc" : " asc";
      out_ += keys[i].nulls_first ? " nulls first" : " nulls last";
    }
  }

  void expand(const Expand& node) {
    out_ += node.pairs ? "Expand pairs of (" : "Expand (";
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (i > 0) out_ += ", ";
      expression(*node.items[i].array);
    }
    out_ += ")";
    if (node.limit) {
      out_ += " limit ";
      expression(*node.limit);
    }
    if (node.live) out_ += " keeping empty ones";
  }

  void window(const Window& node) {
    static const char* const kFunctions[] = {"number", "previous", "next", "sum"};
    out_ += std::string("Window ") + (node.idle ? "idle" : kFunctions[static_cast<size_t>(node.function)]);
    if (node.idle) return;
    if (node.argument) {
      out_ += " of ";
      expression(*node.argument);
    }
    out_ += " by ";
    list(node.partition);
    out_ += " in order of ";
    sort_keys(node.order);
  }

  void group(const Group& node) {
    out_ += "Group";
    ids(" hide", node.hide);
    ids(" drop", node.drop);
    ids(" order", node.order);
  }

  void ids(const char* what, const std::vector<ColumnId>& columns) {
    if (columns.empty()) return;
    out_ += what;
    for (const ColumnId id : columns) out_ += " #" + std::to_string(id);
  }

  void native(const Native& node) {
    out_ += "Native " + node.maker->describe();
    if (node.ordered) out_ += " ordered";
    if (node.holds_input) out_ += " holding its input";
  }

  void list(const std::vector<ExprPtr>& expressions) {
    out_ += '(';
    for (size_t i = 0; i < expressions.size(); ++i) {
      if (i > 0) out_ += ", ";
      expression(*expressions[i]);
    }
    out_ += ')';
  }

  void expression(const Expr& e) {
    switch (e.kind) {
      case Expr::Kind::Column: out_ += "#" + std::to_string(e.column); return;
      case Expr::Kind::Literal:
        out_ += std::string(kql_name(e.type)) + "(" + (e.literal.is_null() ? "null" : e.literal.str()) + ")";
        return;
      case Expr::Kind::Call:
        out_ += e.function->function->name;
        list(e.args);
        return;
      case Expr::Kind::ScalarSubquery: out_ += "subquery"; break;
      case Expr::Kind::InSubquery:
        expression(*e.args[0]);
        out_ += " " + e.function->function->name + " subquery";
        break;
    }
    out_ += "[" + Explainer().explain(*e.subquery) + "]";
  }

  std::string out_;
};

}  // namespace

std::string explain(const Rel& plan) {
  return Explainer().explain(plan);
}

}  // namespace spillway::kql
