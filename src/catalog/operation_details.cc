#include "catalog/operation_details.h"

#include <boost/json.hpp>
#include <charconv>
#include <optional>
#include <vector>

namespace spillway::catalog {
namespace {

namespace json = boost::json;

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Value> parse_value(Type type, std::string_view text) {
  const auto made = [](auto parsed, auto make) {
    return parsed ? std::optional<Value>(make(*parsed)) : std::nullopt;
  };
  switch (type) {
    case Type::Bool: return Value::boolean(text == "true");
    case Type::Int: return made(parse_number<int32_t>(text), Value::int32);
    case Type::Long: return made(parse_number<int64_t>(text), Value::int64);
    case Type::Real: return made(parse_number<double>(text), Value::real);
    case Type::DateTime: return made(parse_datetime(text), Value::datetime);
    case Type::TimeSpan: return made(parse_timespan(text), Value::timespan);
    case Type::Guid: return made(Guid::parse(text), Value::guid);
    case Type::Decimal: return Value::decimal(std::string(text));
    case Type::Dynamic: return Value::dynamic(std::string(text));
    case Type::String: return Value::string(std::string(text));
  }
  return std::nullopt;
}

std::optional<std::string_view> text_of(const json::value& value) {
  const json::string* text = value.if_string();
  return text ? std::optional<std::string_view>(std::string_view(text->data(), text->size())) : std::nullopt;
}

bool read_columns(const json::array& columns, Schema& schema) {
  for (const json::value& column : columns) {
    const json::array* pair = column.if_array();
    if (!pair || pair->size() != 2) return false;
    const auto name = text_of((*pair)[0]), type_name = text_of((*pair)[1]);
    const auto type = type_name ? parse_type(*type_name) : std::nullopt;
    if (!name || !type) return false;
    schema.push_back({std::string(*name), *type});
  }
  return true;
}

bool read_row(const json::value& source, const Schema& schema, std::vector<Value>& row) {
  const json::array* cells = source.if_array();
  if (!cells || cells->size() != schema.size()) return false;
  for (size_t i = 0; i < schema.size(); ++i) {
    const auto text = text_of((*cells)[i]);
    const auto value = text ? parse_value(schema[i].type, *text) : Value::null(schema[i].type);
    if (!value) return false;
    row.push_back(*value);
  }
  return true;
}

bool read_table(const json::value& document, spillway::Table& table) {
  const json::object* object = document.if_object();
  if (!object) return false;
  const json::value* name = object->if_contains("name");
  const json::value* columns = object->if_contains("columns");
  const json::value* rows = object->if_contains("rows");
  if (!name || !text_of(*name) || !columns || !columns->if_array() || !rows || !rows->if_array())
    return false;
  table.name = std::string(*text_of(*name));
  if (!read_columns(*columns->if_array(), table.schema)) return false;
  for (const json::value& source : *rows->if_array()) {
    if (!read_row(source, table.schema, table.rows.emplace_back())) return false;
  }
  return true;
}

}  // namespace

std::string details_of(const spillway::Table& table) {
  json::array columns, rows;
  for (const Field& field : table.schema) columns.push_back(json::array{field.name, kql_name(field.type)});
  for (const auto& source : table.rows) {
    json::array row;
    for (const Value& value : source) {
      if (value.is_null()) {
        row.emplace_back(nullptr);
      } else {
        row.emplace_back(value.str());
      }
    }
    rows.push_back(std::move(row));
  }
  return json::serialize(
      json::object{{"name", table.name}, {"columns", std::move(columns)}, {"rows", std::move(rows)}});
}

Result<spillway::Table> parse_details(std::string_view text) {
  boost::system::error_code failure;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), failure);
  spillway::Table table;
  if (failure || !read_table(document, table)) {
    return Error(ErrorCode::Internal, "the stored result of an operation can't be read");
  }
  return table;
}

}  // namespace spillway::catalog
