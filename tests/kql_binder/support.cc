#include "tests/kql_binder/support.h"

namespace spillway::kql::test {
namespace {

std::shared_ptr<catalog::Table> table(int64_t id, const std::string& name,
                                      std::vector<catalog::Column> columns) {
  auto made = std::make_shared<catalog::Table>();
  made->id = id;
  made->name = name;
  made->columns = std::move(columns);
  return made;
}

std::shared_ptr<const catalog::Snapshot> snapshot() {
  auto database = std::make_shared<catalog::Database>();
  database->name = "D";
  database->cursor = 500;
  database->tables["Events"] = table(1, "Events",
                                     {{1, "Timestamp", Type::DateTime, ""},
                                      {2, "Name", Type::String, ""},
                                      {3, "Value", Type::Long, ""},
                                      {4, "Small", Type::Int, ""},
                                      {5, "Bag", Type::Dynamic, ""},
                                      {6, "R", Type::Real, ""}});
  const auto quiet = table(2, "Quiet", {{1, "Name", Type::String, ""}});
  quiet->ingestion_time_policy = false;
  database->tables["Quiet"] = quiet;
  for (const auto& [name, parameters, body] :
       {std::tuple{"Twice", "(x:long)", "{ x * 2 }"}, std::tuple{"Loop", "()", "{ Loop | take 1 }"},
        std::tuple{"Broken", "()", "{ Events | wher 1 }"}}) {
    auto function = std::make_shared<catalog::Function>();
    function->name = name;
    function->parameters = parameters;
    function->body = body;
    database->functions[name] = function;
  }
  auto lake = std::make_shared<catalog::ExternalTable>();
  lake->name = "Lake";
  lake->columns = {{1, "Day", Type::DateTime, ""}, {2, "Name", Type::String, ""}};
  database->external_tables["Lake"] = lake;
  auto made = std::make_shared<catalog::Snapshot>();
  made->databases["D"] = database;
  return made;
}

std::string text_of(const Error& error) {
  std::string text = name_of(error.code);
  if (error.span) {
    text += " " + std::to_string(error.span->line) + ":" + std::to_string(error.span->column) + "+" +
            std::to_string(error.span->length);
  }
  return text + " " + error.message;
}

}  // namespace

BindOptions options() {
  BindOptions made;
  made.snapshot = snapshot();
  made.database = "D";
  made.now = *parse_datetime("2024-05-15");
  made.principal = "me";
  return made;
}

std::string bind(std::string_view query, const BindOptions& given) {
  const Result<BoundQuery> bound = compile(query, given);
  return bound.ok() ? explain(*bound->results.back().plan) : text_of(bound.error());
}

std::string schema(std::string_view query, const BindOptions& given) {
  const Result<BoundQuery> bound = compile(query, given);
  if (!bound.ok()) return text_of(bound.error());
  std::string text;
  for (const Field& field : schema_of(*bound->results.back().plan)) {
    text += (text.empty() ? "" : ", ") + field.name + ":" + kql_name(field.type);
  }
  return text;
}

std::string top(std::string_view query, const BindOptions& given) {
  const std::string plan = bind(query, given);
  return plan.substr(0, plan.find(" -> "));
}

}  // namespace spillway::kql::test
