// infer_storage_schema: the columns of files that lie in stores.
#include <algorithm>
#include <cctype>

#include "kql/json.h"
#include "kql/plugins/plugin_call.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;

std::string text_member(std::string_view bag, std::string_view name) {
  std::string text;
  if (const auto value = json::member(bag, name)) json::append_text(*value, text);
  return text;
}

Result<StorageSample> sample_of(const PluginCall& call) {
  SPILLWAY_ASSIGN(const Value options, call.value("Options"));
  if (options.is_null() || json::kind_of(options.as_text()) != json::Kind::Object)
    return call.fail_argument("Options", "must be a property bag");
  const std::string& bag = options.as_text();
  StorageSample sample;
  if (const auto containers = json::member(bag, "StorageContainers")) {
    for (json::Cursor each(*containers); each.next();)
      json::append_text(each.value(), sample.containers.emplace_back());
  }
  if (sample.containers.empty())
    return call.fail_argument("Options", "must say 'StorageContainers', an array");
  sample.format = text_member(bag, "DataFormat");
  if (sample.format.empty()) return call.fail_argument("Options", "must say 'DataFormat'");
  std::transform(sample.format.begin(), sample.format.end(), sample.format.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  sample.file_extension = text_member(bag, "FileExtension");
  sample.name_prefix = text_member(bag, "FileNamePrefix");
  const std::string mode = text_member(bag, "Mode");
  if (mode == "any") {
    sample.mode = StorageSample::Mode::Any;
  } else if (mode == "all") {
    sample.mode = StorageSample::Mode::All;
  } else if (!mode.empty() && mode != "last") {
    return call.fail_argument("Options", "has a 'Mode' that is none of 'any', 'last', 'all'");
  }
  if (const auto inference = json::member(bag, "InferenceOptions"))
    sample.first_row_is_header = text_member(*inference, "UseFirstRowAsHeader") == "true";
  return sample;
}

/// One record of one text.
Result<Tabular> one_text(const PluginCall& call, const std::string& name, const std::string& text) {
  std::string literal;
  json::quote(text, literal);
  return call.kql("print " + PluginCall::quoted(name) + " = " + literal);
}

std::string name_in_schema(const std::string& name) {
  const bool plain =
      !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  return plain ? name : PluginCall::quoted(name);
}

Result<Tabular> infer_storage_schema(PluginCall& call) {
  SPILLWAY_ASSIGN(const StorageSample sample, sample_of(call));
  SPILLWAY_ASSIGN(const InferredSchema schema, call.infer_schema(sample));
  std::string text;
  for (const Field& field : schema.columns) {
    text += (text.empty() ? "" : ", ") + name_in_schema(field.name) + ":" + kql_name(field.type);
  }
  return one_text(call, "CslSchema", text);
}

// ---------------------------------------------------------------------------------------------------------
// With suggestions

std::string column_json(const std::string& name, Type type) {
  const bool numeric = is_numeric(type);
  const bool summable = numeric || type == Type::DateTime || type == Type::TimeSpan;
  std::string out = "{\"Name\":";
  json::quote(name, out);
  return out + ",\"CslType\":{\"type\":\"" + kql_name(type) +
         "\",\"IsNumeric\":" + (numeric ? "true" : "false") +
         ",\"IsSummable\":" + (summable ? "true" : "false") + "}}";
}

bool is_identity(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.ends_with("id");
}

/// The mapping's transformation that makes a plausible moment of a number; empty where none does.
std::string transformation(std::optional<int64_t> number) {
  constexpr int64_t kFrom = 631'152'000, kUntil = 4'102'444'800;  // 1990 and 2100, in seconds
  if (!number) return "";
  int64_t unit = 1;
  for (const char* name : {"Seconds", "Milliseconds", "Microseconds", "Nanoseconds"}) {
    if (*number / unit >= kFrom && *number / unit < kUntil) return std::string("DateTimeFromUnix") + name;
    unit *= 1000;
  }
  return "";
}

Result<Tabular> infer_with_suggestions(PluginCall& call) {
  SPILLWAY_ASSIGN(const StorageSample sample, sample_of(call));
  SPILLWAY_ASSIGN(const InferredSchema schema, call.infer_schema(sample));
  std::string text;
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const Field& field = schema.columns[i];
    Type recommended = field.type;
    std::string mapping;
    if (field.type == Type::Long && is_identity(field.name)) {
      recommended = Type::String;
    } else if (field.type == Type::Long) {
      mapping = transformation(schema.largest[i]);
      if (!mapping.empty()) recommended = Type::DateTime;
    }
    text += (text.empty() ? "" : ",") + ("{\"OriginalColumn\":" + column_json(field.name, field.type)) +
            ",\"RecommendedColumn\":" + column_json(field.name, recommended) +
            ",\"ApplicableTransformationMapping\":\"" + (mapping.empty() ? "None" : mapping) + "\"}";
  }
  return one_text(call, "SuggestedTableSchema", "{\"Columns\":[" + text + "]}");
}

}  // namespace

void declare_storage_plugins(PluginTable& table) {
  Plugin infer;
  infer.doc = "The columns of files that lie in stores, as a schema for an external table";
  infer.takes_input = false;
  infer.signatures = {{constant_of("Options", Accepts::Dynamic)}};
  infer.plan = infer_storage_schema;
  table["infer_storage_schema"] = infer;
  Plugin& suggest = table["infer_storage_schema_with_suggestions"];
  suggest = infer;
  suggest.doc = "The same with better types where the values suggest them, as a property bag's text";
  suggest.plan = infer_with_suggestions;
}

}  // namespace spillway::kql
