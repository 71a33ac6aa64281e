#include "engine/partition_pruning.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "engine/sql.h"
#include "kql/partition_value.h"

namespace spillway::engine {
namespace {

using catalog::Partition;
using kql::Expr;
using kql::ExprPtr;

/// Folders whose values are put into one statement.
constexpr size_t kRowsAtOnce = 2000;
/// Constants that one column may be compared with to list by them.
constexpr size_t kMostConstants = 100;

/// Partitions' values in expressions: columns of ids below all of the plan's.
kql::ColumnId value_id(size_t partition) {
  return -1 - static_cast<kql::ColumnId>(partition);
}
/// In SQL: a partition's value, whether it is unknown, and the range that its column has.
std::string value_name(size_t partition) {
  return "p" + std::to_string(partition);
}
std::string unknown_name(size_t partition) {
  return "u" + std::to_string(partition);
}
std::string low_name(size_t partition) {
  return "l" + std::to_string(partition);
}
std::string high_name(size_t partition) {
  return "h" + std::to_string(partition);
}

std::string_view name_of(const Expr& call) {
  if (call.kind != Expr::Kind::Call || !call.function->function) return {};
  return call.function->function->name;
}

bool is_equality(std::string_view name) {
  return name == "==" || name == "== known" || name == "== exact";
}
bool is_in(std::string_view name) {
  return name == "in" || name == "in known";
}

bool has_columns(const Expr& expr) {
  if (expr.kind == Expr::Kind::Column) return true;
  return std::any_of(expr.args.begin(), expr.args.end(),
                     [](const ExprPtr& arg) { return has_columns(*arg); });
}

bool is_column(const Expr& expr, kql::ColumnId id) {
  return expr.kind == Expr::Kind::Column && expr.column == id;
}

/// True for functions of a datetime and constants that never fall where it rises.
bool is_monotone(std::string_view name) {
  static const std::set<std::string_view> kNames = {
      "bin",         "floor",    "startofday", "startofweek", "startofmonth",
      "startofyear", "endofday", "endofweek",  "endofmonth",  "endofyear"};
  return kNames.contains(name);
}

/// The datetime column that the expression rises with.
std::optional<kql::ColumnId> rising_with(const Expr& expr) {
  if (expr.type != Type::DateTime) return std::nullopt;
  if (expr.kind == Expr::Kind::Column) return expr.column;
  if (!is_monotone(name_of(expr)) || expr.args.empty()) return std::nullopt;
  for (size_t i = 1; i < expr.args.size(); ++i) {
    if (has_columns(*expr.args[i])) return std::nullopt;
  }
  return rising_with(*expr.args[0]);
}

bool same_expression(const Expr& a, const Expr& b) {
  if (a.kind != b.kind || a.args.size() != b.args.size()) return false;
  if (a.kind == Expr::Kind::Column) return a.column == b.column;
  if (a.kind == Expr::Kind::Literal) return a.literal == b.literal;
  if (a.kind != Expr::Kind::Call || name_of(a) != name_of(b)) return false;
  for (size_t i = 0; i < a.args.size(); ++i) {
    if (!same_expression(*a.args[i], *b.args[i])) return false;
  }
  return true;
}

}  // namespace

std::optional<kql::ColumnId> PartitionPruning::column_of(const Partition& partition) const {
  const std::string& name = partition.kind == Partition::Kind::Virtual ? partition.name : partition.column;
  for (size_t i = 0; i < rel_.names.size(); ++i) {
    if (rel_.names[i] == name) return rel_.columns[i].id;
  }
  return std::nullopt;
}

bool PartitionPruning::is_unknown(size_t partition, const Value& value) const {
  if (rel_.table->partitions[partition].kind == Partition::Kind::Virtual) return false;
  return value.is_null() || (value.type() == Type::String && value.as_text().empty());
}

/// The partition whose value the expression is.
std::optional<size_t> PartitionPruning::partition_of(const Expr& expr) const {
  const auto& partitions = rel_.table->partitions;
  for (size_t p = 0; p < partitions.size(); ++p) {
    const auto column = column_of(partitions[p]);
    if (!column || !form_.is_exact(p)) continue;
    const auto type = std::find_if(rel_.columns.begin(), rel_.columns.end(),
                                   [&](const kql::PlanColumn& c) { return c.id == *column; });
    const auto value = kql::partition_value(partitions[p], kql::column_expression(*column, type->type));
    if (value.ok() && same_expression(expr, **value)) return p;
  }
  return std::nullopt;
}

ExprPtr PartitionPruning::over_partitions(const ExprPtr& expr, std::vector<bool>& used) const {
  if (const auto partition = partition_of(*expr)) {
    used[*partition] = true;
    return kql::column_expression(value_id(*partition), expr->type);
  }
  if (expr->kind == Expr::Kind::Column) return nullptr;
  if (expr->args.empty()) return expr;
  auto copy = std::make_shared<Expr>(*expr);
  for (ExprPtr& argument : copy->args) {
    argument = over_partitions(argument, used);
    if (!argument) return nullptr;
  }
  return copy;
}

Result<PartitionPruning::Condition> PartitionPruning::condition(const Expr& predicate) {
  const std::string_view name = name_of(predicate);
  if (name == "and" || name == "or") return joined(predicate, name == "and");
  SPILLWAY_ASSIGN(Condition exact, exact_condition(predicate));
  if (exact) return exact;
  SPILLWAY_ASSIGN(Condition range, range_condition(predicate));
  if (range) return range;
  return hash_condition(predicate);
}

Result<PartitionPruning::Condition> PartitionPruning::joined(const Expr& predicate, bool all) {
  std::vector<std::string> parts;
  for (const ExprPtr& argument : predicate.args) {
    SPILLWAY_ASSIGN(Condition part, condition(*argument));
    if (part) {
      parts.push_back(*std::move(part));
    } else if (!all) {
      return Condition();
    }
  }
  if (parts.empty()) return Condition();
  return Condition("(" + join_texts(parts, all ? " AND " : " OR ") + ")");
}

Result<PartitionPruning::Condition> PartitionPruning::exact_condition(const Expr& predicate) {
  std::vector<bool> used(rel_.table->partitions.size());
  const ExprPtr over = over_partitions(std::make_shared<Expr>(predicate), used);
  if (!over || std::find(used.begin(), used.end(), true) == used.end()) return Condition();
  Scope scope;
  std::string unknown;
  for (size_t p = 0; p < used.size(); ++p) {
    scope[value_id(p)] = value_name(p);
    if (used[p]) unknown += unknown_name(p) + " OR ";
  }
  SPILLWAY_ASSIGN(const std::string sql, lowering_.expression(*over, scope));
  return Condition("(" + unknown + "COALESCE(" + sql + ", false))");
}

/// `call` compares its argument `side`, which rises with the partition's column, with constants.
Result<std::string> PartitionPruning::range_comparison(const Expr& call, size_t side, size_t partition) {
  const auto end = [&](const std::string& name) -> Result<std::string> {
    Scope scope;
    scope[*rising_with(*call.args[side])] = name;
    return lowering_.expression(*call.args[side], scope);
  };
  SPILLWAY_ASSIGN(const std::string low, end(low_name(partition)));
  SPILLWAY_ASSIGN(const std::string high, end(high_name(partition)));
  std::vector<std::string> limits;
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (i == side) continue;
    SPILLWAY_ASSIGN(std::string limit, lowering_.expression(*call.args[i], Scope()));
    limits.push_back(std::move(limit));
  }
  const std::string_view name = name_of(call);
  if (name == "between") return high + " >= " + limits[0] + " AND " + low + " <= " + limits[1];
  if (is_equality(name) || is_in(name)) {
    std::vector<std::string> parts;
    for (const std::string& limit : limits) parts.push_back(limit + " BETWEEN " + low + " AND " + high);
    return join_texts(parts, " OR ");
  }
  const bool below = (name[0] == '<') == (side == 0);  // the column is below the constant
  const std::string sign = std::string(below ? "<" : ">") + (name.size() > 1 ? "=" : "");
  return (below ? low : high) + " " + sign + " " + limits[0];
}

Result<PartitionPruning::Condition> PartitionPruning::range_condition(const Expr& predicate) {
  static const std::set<std::string_view> kComparisons = {"<", "<=", ">", ">=", "between"};
  const std::string_view name = name_of(predicate);
  if (!kComparisons.contains(name) && !is_equality(name) && !is_in(name)) return Condition();
  std::vector<std::string> parts;
  for (size_t side = 0; side < predicate.args.size(); ++side) {
    const auto column = rising_with(*predicate.args[side]);
    if (!column || (side > 0 && (is_in(name) || predicate.args.size() != 2))) continue;
    bool constants = true;
    for (size_t i = 0; i < predicate.args.size(); ++i) {
      const Expr& other = *predicate.args[i];
      if (i != side) constants = constants && !has_columns(other) && other.type == Type::DateTime;
    }
    if (!constants) continue;
    for (size_t p = 0; p < rel_.table->partitions.size(); ++p) {
      const Partition& partition = rel_.table->partitions[p];
      if (partition.type != Type::DateTime || column_of(partition) != column) continue;
      SPILLWAY_ASSIGN(const std::string comparison, range_comparison(predicate, side, p));
      parts.push_back("(" + unknown_name(p) + " OR COALESCE(" + comparison + ", false))");
    }
  }
  if (parts.empty()) return Condition();
  return Condition("(" + join_texts(parts, " AND ") + ")");
}

Result<PartitionPruning::Condition> PartitionPruning::hash_condition(const Expr& predicate) {
  std::vector<std::string> parts;
  for (size_t p = 0; p < rel_.table->partitions.size(); ++p) {
    const Partition& partition = rel_.table->partitions[p];
    const auto column = column_of(partition);
    if (partition.kind != Partition::Kind::Hash || !column) continue;
    SPILLWAY_ASSIGN(const auto constants, constants_for(predicate, *column));
    if (!constants) continue;
    std::vector<std::string> hashes;
    for (const Value& constant : *constants) {
      SPILLWAY_ASSIGN(const ExprPtr hash, kql::partition_value(partition, kql::literal_expression(constant)));
      SPILLWAY_ASSIGN(std::string sql, lowering_.expression(*hash, Scope()));
      hashes.push_back(std::move(sql));
    }
    parts.push_back("(" + unknown_name(p) + " OR " + value_name(p) + " IN (" + join_texts(hashes, ", ") +
                    "))");
  }
  if (parts.empty()) return Condition();
  return Condition("(" + join_texts(parts, " AND ") + ")");
}

/// The constants one of which the column equals where the predicate is true.
Result<std::optional<std::vector<Value>>> PartitionPruning::constants_for(const Expr& predicate,
                                                                          kql::ColumnId column) {
  using Constants = std::optional<std::vector<Value>>;
  const std::string_view name = name_of(predicate);
  if ((!is_equality(name) && !is_in(name)) || predicate.args.size() > kMostConstants) return Constants();
  size_t side = 0;
  if (is_equality(name) && !is_column(*predicate.args[0], column)) side = 1;
  if (!is_column(*predicate.args[side], column)) return Constants();
  std::vector<Value> constants;
  for (size_t i = 0; i < predicate.args.size(); ++i) {
    const Expr& other = *predicate.args[i];
    if (i == side) continue;
    if (has_columns(other) || other.type != predicate.args[side]->type) return Constants();
    SPILLWAY_ASSIGN(Value value, lowering_.constant(other));
    if (!value.is_null()) constants.push_back(std::move(value));
  }
  return constants.empty() ? Constants() : Constants(std::move(constants));
}

namespace {

/// True for a text that folders can be named by.
bool names_folder(const std::string& text) {
  return !text.empty() && text != "." && text != ".." && text.find_first_of("/\\") == std::string::npos &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

/// Bounds by the column's being one of the constants.
Result<PartitionBounds> PartitionPruning::narrowed(size_t partition, const std::vector<Value>& constants) {
  const Partition& by = rel_.table->partitions[partition];
  PartitionBounds bounds;
  bounds.texts.emplace();
  bounds.or_default = by.kind != Partition::Kind::Virtual;
  for (const Value& constant : constants) {
    SPILLWAY_ASSIGN(const ExprPtr expr, kql::partition_value(by, kql::literal_expression(constant)));
    SPILLWAY_ASSIGN(const Value value, lowering_.constant(*expr));
    if (names_folder(value.str())) {
      bounds.texts->push_back(value.str());
    } else {
      bounds.or_default = true;
    }
  }
  return bounds;
}

Result<PartitionBounds> PartitionPruning::bounds_of(size_t partition) {
  const Partition& by = rel_.table->partitions[partition];
  PartitionBounds bounds;
  const auto column = column_of(by);
  if (!column) return bounds;
  if (by.type == Type::DateTime) {
    const auto range = bounds_.columns.find(*column);
    if (range != bounds_.columns.end()) bounds.range = range->second;
    bounds.or_default = by.kind != Partition::Kind::Virtual;
    return bounds;
  }
  for (const ExprPtr& predicate : bounds_.predicates) {
    SPILLWAY_ASSIGN(const auto constants, constants_for(*predicate, *column));
    if (constants) return narrowed(partition, *constants);
  }
  return bounds;
}

Result<std::vector<std::string>> PartitionPruning::folders() {
  std::vector<PartitionBounds> bounds;
  for (size_t p = 0; p < rel_.table->partitions.size(); ++p) {
    SPILLWAY_ASSIGN(PartitionBounds next, bounds_of(p));
    bounds.push_back(std::move(next));
  }
  return form_.folders(bounds);
}

/// "(number, value, unknown, low, high, …)" for the partitions.
std::string PartitionPruning::row_of(size_t number, const ExternalFile& file) const {
  std::vector<std::string> cells{std::to_string(number)};
  for (size_t p = 0; p < file.partitions.size(); ++p) {
    const Value& value = file.partitions[p];
    cells.push_back(value.is_null() ? sql_null(value.type()) : sql_literal(value));
    cells.push_back(is_unknown(p, value) ? "true" : "false");
    const bool ranged = value.type() == Type::DateTime && !value.is_null();
    const Interval covered = ranged ? form_.covered(p, value.as_int()) : Interval();
    cells.push_back(ranged ? sql_literal(Value::int64(covered.low)) : sql_null(Type::Long));
    cells.push_back(ranged ? sql_literal(Value::int64(covered.high)) : sql_null(Type::Long));
  }
  return "(" + join_texts(cells, ", ") + ")";
}

Result<std::vector<bool>> PartitionPruning::evaluate(const std::vector<const ExternalFile*>& files,
                                                     const std::string& condition) const {
  std::vector<std::string> names{"n"};
  for (size_t p = 0; p < rel_.table->partitions.size(); ++p) {
    for (std::string name : {value_name(p), unknown_name(p), low_name(p), high_name(p)})
      names.push_back(std::move(name));
  }
  std::vector<bool> wanted(files.size());
  for (size_t begin = 0; begin < files.size(); begin += kRowsAtOnce) {
    std::vector<std::string> rows;
    for (size_t i = begin; i < std::min(begin + kRowsAtOnce, files.size()); ++i)
      rows.push_back(row_of(i, *files[i]));
    SPILLWAY_ASSIGN(const auto found,
                    lowering_.context_.query("SELECT n FROM (VALUES " + join_texts(rows, ", ") + ") AS t(" +
                                             join_texts(names, ", ") + ") WHERE " + condition));
    for (const auto& row : found) {
      const std::string number = row[0].value_or("0");
      size_t index = 0;
      std::from_chars(number.data(), number.data() + number.size(), index);
      wanted[index] = true;
    }
  }
  return wanted;
}

Status PartitionPruning::remove_others(std::vector<ExternalFile>& files) {
  std::vector<std::string> conditions;
  for (const ExprPtr& predicate : bounds_.predicates) {
    SPILLWAY_ASSIGN(Condition one, condition(*predicate));
    if (one) conditions.push_back(*std::move(one));
  }
  if (conditions.empty() || files.empty()) return Status();
  // The files of one folder are alike.
  std::map<std::string, size_t> numbers;
  std::vector<const ExternalFile*> alike;
  for (const ExternalFile& file : files) {
    if (numbers.try_emplace(file.folder, alike.size()).second) alike.push_back(&file);
  }
  SPILLWAY_ASSIGN(const std::vector<bool> wanted, evaluate(alike, join_texts(conditions, " AND ")));
  std::vector<ExternalFile> kept;
  for (ExternalFile& file : files) {
    if (wanted[numbers.at(file.folder)]) kept.push_back(std::move(file));
  }
  files = std::move(kept);
  return Status();
}

}  // namespace spillway::engine
