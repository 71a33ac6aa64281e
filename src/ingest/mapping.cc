#include "ingest/mapping.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "ingest/ingest.h"
#include "kql/json.h"

namespace spillway::ingest {
namespace {

namespace json = boost::json;

/// One element of a mapping, checked.
struct Element {
  std::string column, datatype;
  std::optional<int64_t> ordinal;
  std::string path, field, constant, transform;
  bool has_constant = false;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

Error bad(const std::string& why) {
  return Error(ErrorCode::BadRequest, "ingestion mapping: " + why);
}

/// The text of a string or a number.
std::optional<std::string> scalar_text(const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(text->data(), text->size());
  if (value.is_int64()) return std::to_string(value.get_int64());
  if (value.is_bool()) return std::string(value.get_bool() ? "true" : "false");
  if (value.is_double()) return format_real(value.get_double());
  return std::nullopt;
}

Status read_property(const std::string& name, const std::string& text, Element& element) {
  if (name == "ordinal") {
    int64_t ordinal = -1;
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data(), end, ordinal).ptr != end || ordinal < 0 || ordinal > INT32_MAX) {
      return bad("the ordinal '" + text + "' of column '" + element.column + "' is no number from 0");
    }
    element.ordinal = ordinal;
  } else if (name == "path") {
    element.path = text;
  } else if (name == "field") {
    element.field = text;
  } else if (name == "constvalue" || name == "constantvalue") {
    element.constant = text;
    element.has_constant = true;
  } else if (name == "transform") {
    element.transform = lower(text) == "none" ? std::string() : text;
  } else {
    return bad("column '" + element.column + "' has the unknown property '" + name + "'");
  }
  return Status();
}

Status read_properties(const json::value& value, Element& element) {
  const json::object* properties = value.if_object();
  if (!properties) return bad("the properties of column '" + element.column + "' are no object");
  for (const auto& [key, item] : *properties) {
    if (item.is_null()) continue;
    const std::optional<std::string> text = scalar_text(item);
    if (!text)
      return bad("the property '" + std::string(key) + "' of column '" + element.column + "' is no text");
    SPILLWAY_TRY(read_property(lower(key), *text, element));
  }
  return Status();
}

Result<Element> read_element(const json::value& value) {
  const json::object* object = value.if_object();
  if (!object) return bad("it must be an array of objects");
  Element element;
  const json::value* properties = nullptr;
  for (const auto& [key, item] : *object) {
    const std::string name = lower(key);
    const std::optional<std::string> text = scalar_text(item);
    if (name == "column" || name == "columnname" || name == "name") {
      element.column = text.value_or("");
    } else if (name == "datatype") {
      element.datatype = text.value_or("");
    } else if (name == "properties") {
      properties = &item;
    } else if (text && !item.is_null()) {
      // The older form, in which the properties stand beside the column.
      SPILLWAY_TRY(read_property(name, *text, element));
    }
  }
  if (element.column.empty()) return bad("an element has no 'column'");
  if (properties && !properties->is_null()) SPILLWAY_TRY(read_properties(*properties, element));
  if (!element.datatype.empty() && !parse_type(element.datatype)) {
    return bad("column '" + element.column + "' has the unknown type '" + element.datatype + "'");
  }
  return element;
}

Result<UnixTime> unix_time_of(const std::string& transform) {
  const std::string name = lower(transform);
  if (name.empty()) return UnixTime::None;
  if (name == "datetimefromunixseconds") return UnixTime::Seconds;
  if (name == "datetimefromunixmilliseconds") return UnixTime::Milliseconds;
  if (name == "datetimefromunixmicroseconds") return UnixTime::Microseconds;
  if (name == "datetimefromunixnanoseconds") return UnixTime::Nanoseconds;
  for (const char* known :
       {"propertybagarraytodictionary", "sourcelinenumber", "dropmappedfields", "bytesasbase64"}) {
    if (name == known) {
      return Error(ErrorCode::NotSupported,
                   "ingestion mapping: the transformation '" + transform + "' isn't supported");
    }
  }
  return bad("there is no transformation '" + transform + "'");
}

ColumnSource constant_source(const std::string& text) {
  ColumnSource source;
  source.kind = ColumnSource::Kind::Constant;
  source.constant = text;
  return source;
}

Result<ColumnSource> source_of(MappingKind kind, const Element& element) {
  if (element.has_constant) return constant_source(element.constant);
  ColumnSource source;
  if (lower(element.transform) == "sourcelocation") {
    source.kind = ColumnSource::Kind::SourceLocation;
    return source;
  }
  SPILLWAY_ASSIGN(source.unix_time, unix_time_of(element.transform));
  if (kind == MappingKind::Csv) {
    if (!element.ordinal)
      return bad("column '" + element.column + "' needs an Ordinal, a ConstValue or a Transform");
    source.kind = ColumnSource::Kind::Ordinal;
    source.ordinal = static_cast<size_t>(*element.ordinal);
    return source;
  }
  source.kind = ColumnSource::Kind::Path;
  if (kind == MappingKind::Parquet && !element.field.empty()) {
    if (!element.path.empty()) return bad("column '" + element.column + "' has both Field and Path");
    source.path.push_back({element.field, 0, false});
    return source;
  }
  if (element.path.empty())
    return bad("column '" + element.column + "' needs a Path, a ConstValue or a Transform");
  if (!element.path.starts_with('$')) return constant_source(element.path);
  const auto path = parse_path(element.path);
  if (!path)
    return bad("'" + element.path + "' of column '" + element.column + "' is no path that is supported");
  source.path = *path;
  return source;
}

Result<std::vector<Element>> read_mapping(std::string_view text) {
  boost::system::error_code failure;
  json::parse_options options;
  options.allow_trailing_commas = true;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), failure, {}, options);
  if (failure) return bad("it isn't JSON: " + failure.message());
  const json::array* array = document.if_array();
  if (!array || array->empty()) return bad("it must be an array of objects");
  std::vector<Element> elements;
  for (const json::value& item : *array) {
    SPILLWAY_ASSIGN(Element element, read_element(item));
    const bool twice = std::any_of(elements.begin(), elements.end(),
                                   [&](const Element& other) { return other.column == element.column; });
    if (twice) return bad("column '" + element.column + "' is mapped twice");
    elements.push_back(std::move(element));
  }
  return elements;
}

ColumnSource identity(MappingKind kind, const catalog::Column& column, size_t ordinal) {
  ColumnSource source;
  if (kind == MappingKind::Csv) {
    source.kind = ColumnSource::Kind::Ordinal;
    source.ordinal = ordinal;
  } else {
    source.kind = ColumnSource::Kind::Path;
    source.path.push_back({column.name, 0, false});
  }
  return source;
}

/// Reads "name" up to one of ".[", or the quoted name of "['name']".
bool read_step(std::string_view text, size_t& at, std::vector<PathStep>& path) {
  if (text[at] == '.') {
    const size_t end = std::min(text.find_first_of(".[", at + 1), text.size());
    if (end == at + 1) return false;
    path.push_back({std::string(text.substr(at + 1, end - at - 1)), 0, false});
    at = end;
    return true;
  }
  if (text[at] != '[' || at + 1 >= text.size()) return false;
  const char quote = text[at + 1];
  if (quote == '\'' || quote == '"') {
    const size_t end = text.find(quote, at + 2);
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ']') return false;
    path.push_back({std::string(text.substr(at + 2, end - at - 2)), 0, false});
    at = end + 2;
    return true;
  }
  const size_t end = text.find(']', at);
  if (end == std::string_view::npos) return false;
  PathStep step;
  step.is_index = true;
  if (std::from_chars(text.data() + at + 1, text.data() + end, step.index).ptr != text.data() + end)
    return false;
  path.push_back(std::move(step));
  at = end + 1;
  return true;
}

}  // namespace

std::optional<std::vector<PathStep>> parse_path(std::string_view text) {
  if (!text.starts_with('$')) return std::nullopt;
  std::vector<PathStep> path;
  size_t at = 1;
  while (at < text.size()) {
    if (!read_step(text, at, path)) return std::nullopt;
  }
  return path;
}

std::optional<std::string_view> find_path(std::string_view value, const std::vector<PathStep>& path,
                                          size_t from) {
  std::optional<std::string_view> found = value;
  for (size_t i = from; found && i < path.size(); ++i) {
    found = path[i].is_index ? kql::json::element(*found, path[i].index)
                             : kql::json::member(*found, path[i].member);
  }
  return found;
}

Result<std::vector<ColumnSource>> resolve_mapping(MappingKind kind, std::string_view mapping,
                                                  const std::vector<catalog::Column>& columns) {
  std::vector<ColumnSource> sources(columns.size());
  if (mapping.empty()) {
    for (size_t i = 0; i < columns.size(); ++i) sources[i] = identity(kind, columns[i], i);
    return sources;
  }
  SPILLWAY_ASSIGN(const std::vector<Element> elements, read_mapping(mapping));
  for (const Element& element : elements) {
    SPILLWAY_ASSIGN(ColumnSource source, source_of(kind, element));
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == element.column) sources[i] = source;
    }
  }
  return sources;
}

Result<std::string> normalize_mapping(std::string_view kind, std::string_view text) {
  const std::string name = lower(kind);
  MappingKind mapping_kind = MappingKind::Csv;
  if (name == "json") {
    mapping_kind = MappingKind::Json;
  } else if (name == "parquet") {
    mapping_kind = MappingKind::Parquet;
  } else if (name != "csv") {
    return Error(ErrorCode::NotSupported,
                 "ingestion mappings of kind '" + std::string(kind) + "' aren't supported");
  }
  SPILLWAY_ASSIGN(const std::vector<Element> elements, read_mapping(text));
  json::array out;
  for (const Element& element : elements) {
    SPILLWAY_TRY(source_of(mapping_kind, element));
    json::object properties;
    if (element.ordinal) properties["Ordinal"] = std::to_string(*element.ordinal);
    if (!element.path.empty()) properties["Path"] = element.path;
    if (!element.field.empty()) properties["Field"] = element.field;
    if (element.has_constant) properties["ConstValue"] = element.constant;
    if (!element.transform.empty()) properties["Transform"] = element.transform;
    out.push_back(
        {{"column", element.column}, {"datatype", element.datatype}, {"Properties", std::move(properties)}});
  }
  return json::serialize(out);
}

}  // namespace spillway::ingest
