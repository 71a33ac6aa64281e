#include "commands/describe.h"

#include <cctype>
#include <charconv>

#include "commands/names.h"

namespace spillway::commands {

namespace json = boost::json;

std::string csl_schema(const Columns& columns) {
  std::string out;
  for (const catalog::Column& column : columns) {
    if (!out.empty()) out += ',';
    out += reference(column.name) + ":" + kql_name(column.type);
  }
  return out;
}

std::string clr_type(Type type) {
  return std::string(type == Type::Decimal ? "System.Data.SqlTypes." : "System.") + clr_name(type);
}

json::array columns_as_json(const Columns& columns) {
  json::array list;
  for (const catalog::Column& column : columns) {
    json::object item{
        {"Name", column.name}, {"Type", clr_type(column.type)}, {"CslType", kql_name(column.type)}};
    item["DocString"] = column.docstring;
    list.push_back(std::move(item));
  }
  return list;
}

std::string schema_as_json(std::string_view name, std::string_view folder, std::string_view docstring,
                           const Columns& columns) {
  return json::serialize(json::object{{"Name", name},
                                      {"Folder", folder},
                                      {"DocString", docstring},
                                      {"OrderedColumns", columns_as_json(columns)}});
}

Schema table_schema_columns() {
  return {{"TableName", Type::String},
          {"Schema", Type::String},
          {"DatabaseName", Type::String},
          {"Folder", Type::String},
          {"DocString", Type::String}};
}

Row table_schema_row(const catalog::Database& database, const catalog::Table& table, bool as_json) {
  return {Value::string(table.name),
          Value::string(as_json ? schema_as_json(table.name, table.folder, table.docstring, table.columns)
                                : csl_schema(table.columns)),
          Value::string(database.name), Value::string(table.folder), Value::string(table.docstring)};
}

Table table_schema_result(const catalog::Database& database, const catalog::Table& table) {
  Table result = empty_table(table_schema_columns());
  result.rows.push_back(table_schema_row(database, table, true));
  return result;
}

Guid guid_of(int64_t id) {
  return Guid{0, static_cast<uint64_t>(id)};
}

std::string version_of(const catalog::Database& database) {
  return "v1." + std::to_string(database.version);
}

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  if (!text.starts_with('v') && !text.starts_with('V')) return std::nullopt;
  text.remove_prefix(text.starts_with("v.") ? 2 : 1);
  const char* const end = text.data() + text.size();
  const auto [dot, bad_major] = std::from_chars(text.data(), end, version.major);
  if (bad_major != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, bad_minor] = std::from_chars(dot + 1, end, version.minor);
  if (bad_minor != std::errc() || rest != end) return std::nullopt;
  return version;
}

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(json::string(text));
}

std::string capitalized(std::string_view text) {
  std::string out(text);
  if (!out.empty()) out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

}  // namespace spillway::commands
