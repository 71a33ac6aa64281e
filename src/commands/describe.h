// The forms in which several commands show the same thing: schemas as CSL and JSON, ids, lists as JSON.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "base/types.h"
#include "catalog/model.h"

namespace spillway::commands {

using Columns = std::vector<catalog::Column>;
using Row = std::vector<Value>;

/// A result without rows.
inline Table empty_table(Schema schema) {
  Table table;
  table.schema = std::move(schema);
  return table;
}

/// "a:long,['b c']:string": as create commands take it.
std::string csl_schema(const Columns& columns);
/// {"Name":"T","Folder":"…","DocString":"…","OrderedColumns":[{"Name":"a","Type":"System.Int64","CslType":"long",
/// "DocString":"…"}]}
std::string schema_as_json(std::string_view name, std::string_view folder, std::string_view docstring,
                           const Columns& columns);
boost::json::array columns_as_json(const Columns& columns);
/// "System.Int64".
std::string clr_type(Type type);

/// The schema and the row of `.show table T schema as json`, which most commands on a table return.
Schema table_schema_columns();
Row table_schema_row(const catalog::Database& database, const catalog::Table& table, bool as_json);
/// The same as a whole result.
Table table_schema_result(const catalog::Database& database, const catalog::Table& table);

/// The id of a database or table as a guid, which clients expect.
Guid guid_of(int64_t id);

/// "v1.5".
struct Version {
  int64_t major = 1, minor = 0;
  auto operator<=>(const Version&) const = default;
};
std::string version_of(const catalog::Database& database);
std::optional<Version> parse_version(std::string_view text);

/// Null and empty texts are JSON's null.
boost::json::value text_or_null(std::string_view text);
/// "Csv", "Json", "Parquet": how properties of external tables spell a format.
std::string capitalized(std::string_view text);

}  // namespace spillway::commands
