#include <boost/json.hpp>

#include "ingest/formats.h"
#include "ingest/ingest.h"

namespace spillway::ingest {
namespace {

namespace json = boost::json;

Result<bool> read_bool(const std::string& name, const std::string& text) {
  const std::string value = lower_case(text);
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return Error(ErrorCode::BadRequest, "the property '" + name + "' takes true or false, not '" + text + "'");
}

/// A JSON array of strings; the documentation also has them in single quotes.
Result<std::vector<std::string>> read_list(const std::string& name, const std::string& text) {
  boost::system::error_code failure;
  json::value value = json::parse(text, failure);
  if (failure) {
    std::string doubled = text;
    for (char& c : doubled) c = c == '\'' ? '"' : c;
    failure.clear();
    value = json::parse(doubled, failure);
  }
  std::vector<std::string> list;
  const json::array* items = failure ? nullptr : value.if_array();
  bool valid = items != nullptr;
  for (size_t i = 0; valid && i < items->size(); ++i) {
    valid = (*items)[i].is_string();
    if (valid) list.emplace_back(std::string_view((*items)[i].get_string()));
  }
  if (!valid) {
    return Error(ErrorCode::BadRequest,
                 "the property '" + name + "' takes a JSON array of strings, as '[\"a\", \"b\"]'");
  }
  return list;
}

Status read_property(const std::string& given, const std::string& value, Properties& properties) {
  const std::string name = lower_case(given);
  if (name == "format") {
    SPILLWAY_ASSIGN(properties.format, check_format(value));
  } else if (name == "ignorefirstrecord") {
    SPILLWAY_ASSIGN(properties.ignore_first_record, read_bool(given, value));
  } else if (name == "ingestionmapping" || name == "csvmapping" || name == "jsonmapping") {
    properties.mapping = value;
  } else if (name == "ingestionmappingreference" || name == "csvmappingreference" ||
             name == "jsonmappingreference") {
    properties.mapping_reference = value;
  } else if (name == "ingestionmappingtype") {
    return Status();  // the format says the same
  } else if (name == "tags") {
    SPILLWAY_ASSIGN(properties.tags, read_list(given, value));
  } else if (name == "ingestifnotexists") {
    SPILLWAY_ASSIGN(properties.ingest_if_not_exists, read_list(given, value));
  } else if (name == "treatgzasuncompressed") {
    SPILLWAY_ASSIGN(properties.treat_gz_as_uncompressed, read_bool(given, value));
  } else if (name == "creationtime" || name == "validationpolicy" || name == "zippattern" ||
             name == "avromapping" || name == "avromappingreference") {
    return Error(ErrorCode::NotSupported, "the ingestion property '" + given + "' isn't supported");
  } else {
    return Error(ErrorCode::BadRequest, "there is no ingestion property '" + given + "' here");
  }
  return Status();
}

}  // namespace

Result<Properties> parse_properties(const std::map<std::string, std::string>& given) {
  Properties properties;
  for (const auto& [name, value] : given) SPILLWAY_TRY(read_property(name, value, properties));
  if (!properties.mapping.empty() && !properties.mapping_reference.empty()) {
    return Error(ErrorCode::BadRequest, "ingestionMapping and ingestionMappingReference can't both be given");
  }
  return properties;
}

}  // namespace spillway::ingest
