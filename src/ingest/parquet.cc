#include "ingest/parquet.h"

#include <algorithm>
#include <map>

#include "engine/paths.h"
#include "engine/sql.h"
#include "ingest/formats.h"

namespace spillway::ingest {
namespace {

using engine::sql_name;
using engine::sql_string;

/// What DuckDB's type names mean to a conversion.
enum class Family {
  Bool,
  Integer,
  Float,
  Decimal,
  Date,
  Timestamp,
  TimestampNs,
  Time,
  Text,
  Uuid,
  Nested,
  Other
};

Family family_of(const std::string& type) {
  static const std::map<std::string, Family> kFamilies = {
      {"BOOLEAN", Family::Bool},
      {"TINYINT", Family::Integer},
      {"SMALLINT", Family::Integer},
      {"INTEGER", Family::Integer},
      {"BIGINT", Family::Integer},
      {"HUGEINT", Family::Integer},
      {"UTINYINT", Family::Integer},
      {"USMALLINT", Family::Integer},
      {"UINTEGER", Family::Integer},
      {"UBIGINT", Family::Integer},
      {"UHUGEINT", Family::Integer},
      {"FLOAT", Family::Float},
      {"DOUBLE", Family::Float},
      {"DATE", Family::Date},
      {"TIMESTAMP", Family::Timestamp},
      {"TIMESTAMP_S", Family::Timestamp},
      {"TIMESTAMP_MS", Family::Timestamp},
      {"TIMESTAMP WITH TIME ZONE", Family::Timestamp},
      {"TIMESTAMP_NS", Family::TimestampNs},
      {"TIME", Family::Time},
      {"INTERVAL", Family::Time},
      {"VARCHAR", Family::Text},
      {"JSON", Family::Text},
      {"UUID", Family::Uuid},
  };
  if (const auto found = kFamilies.find(type); found != kFamilies.end()) return found->second;
  if (type.starts_with("DECIMAL(")) return Family::Decimal;
  if (type.starts_with("ENUM(")) return Family::Text;
  if (type.ends_with("]") || type.starts_with("STRUCT(") || type.starts_with("MAP(")) return Family::Nested;
  return Family::Other;
}

std::string call(const std::string& function, const std::string& argument) {
  return function + "(" + argument + ")";
}

std::string ticks_of_timestamp(const std::string& value, Family family) {
  if (family == Family::Date) {
    return "CASE WHEN " + value + " BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN CAST(" + value +
           " - DATE '0001-01-01' AS BIGINT) * " + std::to_string(kTicksPerDay) + " END";
  }
  if (family == Family::TimestampNs) {
    // Rounded down, before 1970 too.
    const std::string ns = "epoch_ns(" + value + ")";
    return "CASE WHEN isfinite(" + value + ") THEN (" + ns + " - (" + ns + " % 100 + 100) % 100) // 100 + " +
           std::to_string(kUnixEpoch) + " END";
  }
  const std::string first = std::to_string(-kUnixEpoch / kTicksPerMicrosecond);
  const std::string last = std::to_string((kMaxDateTime - kUnixEpoch) / kTicksPerMicrosecond);
  return "CASE WHEN isfinite(" + value + ") AND epoch_us(" + value + ") BETWEEN " + first + " AND " + last +
         " THEN epoch_us(" + value + ") * " + std::to_string(kTicksPerMicrosecond) + " + " +
         std::to_string(kUnixEpoch) + " END";
}

/// Conversions of one value, `value` of DuckDB's type, to each of KQL's; empty: there is none, the result is
/// null.
class Conversion {
 public:
  Conversion(SqlFunctions& functions, std::string value, const std::string& type)
      : functions_(functions), value_(std::move(value)), type_(type), family_(family_of(type)) {}

  Result<std::string> to(Type target) {
    if (family_ == Family::Text)
      return from_function(functions_.from_text(target), "CAST(" + value_ + " AS VARCHAR)");
    if (family_ == Family::Nested) {
      const bool possible = target == Type::Dynamic || target == Type::String;
      return possible ? from_function(functions_.from_json(target), json()) : std::string();
    }
    switch (target) {
      case Type::String: return text();
      case Type::Dynamic: return dynamic();
      case Type::DateTime: return is_timestamp() ? ticks_of_timestamp(value_, family_) : std::string();
      case Type::TimeSpan: return timespan();
      case Type::Guid: return family_ == Family::Uuid ? value_ : std::string();
      default: return number(target);
    }
  }

  std::string json() const {
    if (type_ == "JSON") return "CAST(" + value_ + " AS VARCHAR)";
    // Through its own text a FLOAT keeps its digits.
    if (type_ == "FLOAT") return "CAST(to_json(CAST(CAST(" + value_ + " AS VARCHAR) AS DOUBLE)) AS VARCHAR)";
    return "CAST(to_json(" + value_ + ") AS VARCHAR)";
  }

 private:
  static Result<std::string> from_function(Result<std::string> function, const std::string& argument) {
    if (!function.ok()) return function;
    return call(*function, argument);
  }

  bool is_timestamp() const {
    return family_ == Family::Date || family_ == Family::Timestamp || family_ == Family::TimestampNs;
  }
  bool is_number() const {
    return family_ == Family::Integer || family_ == Family::Float || family_ == Family::Decimal;
  }

  Result<std::string> text() {
    if (is_timestamp()) {
      return from_function(functions_.datetime_text(),
                           "CAST(" + ticks_of_timestamp(value_, family_) + " AS BIGINT)");
    }
    const std::string text = "CAST(" + value_ + " AS VARCHAR)";
    // Through its own text a FLOAT keeps its digits.
    if (family_ == Family::Float)
      return from_function(functions_.real_text(), "CAST(" + text + " AS DOUBLE)");
    return "COALESCE(" + text + ", '')";
  }

  Result<std::string> dynamic() {
    if (!is_timestamp()) return from_function(functions_.from_json(Type::Dynamic), json());
    SPILLWAY_ASSIGN(const std::string shown, text());
    return "CASE WHEN " + value_ + " IS NOT NULL THEN '\"' || " + shown + " || '\"' END";
  }

  std::string timespan() const {
    if (family_ == Family::Time) return "epoch_us(" + value_ + ") * " + std::to_string(kTicksPerMicrosecond);
    return family_ == Family::Integer ? "TRY_CAST(" + value_ + " AS BIGINT)" : std::string();
  }

  Result<std::string> number(Type target) {
    // Decimals are read from the text that every number has.
    if (target == Type::Decimal && (family_ == Family::Bool || is_number())) {
      const std::string number = family_ == Family::Bool ? "CAST(" + value_ + " AS INTEGER)" : value_;
      return from_function(functions_.from_text(target), "CAST(" + number + " AS VARCHAR)");
    }
    if (family_ == Family::Bool) {
      if (target == Type::Real) return "CAST(CAST(" + value_ + " AS INTEGER) AS DOUBLE)";
      return "CAST(" + value_ + " AS " + engine::sql_type(target) + ")";
    }
    if (!is_number()) return std::string();
    if (target == Type::Bool) return "(" + value_ + " <> 0)";
    const bool whole = target == Type::Int || target == Type::Long;
    const std::string source = whole && family_ != Family::Integer ? "trunc(" + value_ + ")" : value_;
    return "TRY_CAST(" + source + " AS " + engine::sql_type(target) + ")";
  }

  SqlFunctions& functions_;
  const std::string value_, type_;
  const Family family_;
};

/// One SELECT's parts.
class ParquetSelect {
 public:
  ParquetSelect(SqlFunctions& functions, const std::vector<Input>& inputs)
      : functions_(functions), inputs_(inputs) {}

  Result<std::string> build(engine::Connection& connection, const std::vector<catalog::Column>& columns,
                            const std::vector<ColumnSource>& sources, const engine::RunOptions& options);

 private:
  std::string from() const;
  Result<std::string> item(const ColumnSource& source, Type type);
  Result<std::string> path_item(const ColumnSource& source, Type type);
  std::string file_name() const;

  SqlFunctions& functions_;
  const std::vector<Input>& inputs_;
  std::map<std::string, std::string> types_;  // of the files' columns
  std::string alias_ = "records";             // no column has this name
};

std::string ParquetSelect::from() const {
  std::string files;
  for (const Input& input : inputs_) files += (files.empty() ? "" : ", ") + engine::sql_path(input.path);
  return "read_parquet([" + files +
         "], union_by_name = true, binary_as_string = true, hive_partitioning = false) AS " + alias_;
}

std::string ParquetSelect::file_name() const {
  std::string names;
  for (const Input& input : inputs_) names += (names.empty() ? "" : ", ") + sql_string(input.name);
  return "[" + names + "][CAST(file_index AS BIGINT) + 1]";
}

Result<std::string> ParquetSelect::item(const ColumnSource& source, Type type) {
  switch (source.kind) {
    case ColumnSource::Kind::Path: return path_item(source, type);
    case ColumnSource::Kind::Constant: {
      SPILLWAY_ASSIGN(const std::string function, functions_.from_text(type));
      return call(function, sql_string(source.constant));
    }
    case ColumnSource::Kind::SourceLocation: {
      SPILLWAY_ASSIGN(const std::string function, functions_.from_text(type));
      return call(function, file_name());
    }
    default: return std::string();
  }
}

Result<std::string> ParquetSelect::path_item(const ColumnSource& source, Type type) {
  if (source.path.empty()) {
    SPILLWAY_ASSIGN(const std::string function, functions_.from_json(type));
    return call(function, "CAST(to_json(" + alias_ + ") AS VARCHAR)");
  }
  const auto column = source.path[0].is_index ? types_.end() : types_.find(source.path[0].member);
  if (column == types_.end()) return std::string();
  Conversion conversion(functions_, alias_ + "." + sql_name(column->first), column->second);
  if (source.path.size() == 1 && source.unix_time == UnixTime::None) return conversion.to(type);
  std::string value = conversion.json();
  if (source.path.size() > 1) {
    SPILLWAY_ASSIGN(const std::string path, functions_.json_path());
    std::string text = "$";
    for (size_t i = 1; i < source.path.size(); ++i) {
      const PathStep& step = source.path[i];
      const char quote = step.member.find('\'') == std::string::npos ? '\'' : '"';
      text += '[' + (step.is_index ? std::to_string(step.index) : quote + step.member + quote) + ']';
    }
    value = path + "(" + value + ", " + sql_string(text) + ")";
  }
  if (source.unix_time == UnixTime::None) {
    SPILLWAY_ASSIGN(const std::string function, functions_.from_json(type));
    return call(function, value);
  }
  SPILLWAY_ASSIGN(const std::string function, functions_.from_unix_time(source.unix_time));
  const std::string ticks = call(function, value);
  if (type == Type::DateTime) return ticks;
  SPILLWAY_ASSIGN(const std::string text, functions_.datetime_text());
  SPILLWAY_ASSIGN(const std::string convert, functions_.from_text(type));
  return call(convert, call(text, ticks));
}

Result<std::string> ParquetSelect::build(engine::Connection& connection,
                                         const std::vector<catalog::Column>& columns,
                                         const std::vector<ColumnSource>& sources,
                                         const engine::RunOptions& options) {
  SPILLWAY_ASSIGN(const auto described, connection.query("DESCRIBE SELECT * FROM " + from(), options));
  for (const auto& row : described) types_[row[0].value_or("")] = row[1].value_or("");
  const auto is_column = [&](const auto& column) { return lower_case(column.first) == alias_; };
  while (std::any_of(types_.begin(), types_.end(), is_column)) alias_ += '_';
  std::string items;
  for (size_t i = 0; i < columns.size(); ++i) {
    SPILLWAY_ASSIGN(std::string sql, item(sources[i], columns[i].type));
    if (sql.empty()) sql = engine::sql_null(columns[i].type);
    items += (i == 0 ? "" : ", ") + sql + " AS c" + std::to_string(i);
  }
  return "SELECT " + items + " FROM " + from();
}

}  // namespace

Result<std::string> parquet_select(engine::Connection& connection, SqlFunctions& functions,
                                   const std::vector<Input>& inputs,
                                   const std::vector<catalog::Column>& columns,
                                   const std::vector<ColumnSource>& sources,
                                   const engine::RunOptions& options) {
  return ParquetSelect(functions, inputs).build(connection, columns, sources, options);
}

}  // namespace spillway::ingest
