#include "tests/commands/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "engine/plan_runner.h"
#include "export/exports.h"
#include "kql/binder.h"

namespace spillway::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

template <typename T>
T value_of(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

std::string made(const std::string& folder) {
  std::filesystem::create_directories(folder);
  return folder;
}

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  const size_t end = text.find_last_not_of(" \t\r\n");
  return begin == std::string_view::npos ? "" : std::string(text.substr(begin, end - begin + 1));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// A value as a cell of an expected table is written.
std::string cell_text(const std::string& value) {
  std::string out;
  for (char c : value) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '|': out += "\\|"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      default: out += c; break;
    }
  }
  return trimmed(out);
}

/// The cells of `| a | b |`.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> list;
  std::string cell;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      cell += line[i];
      cell += line[++i];
    } else if (line[i] == '|') {
      list.push_back(trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return list;
}

bool is_rule(const std::string& line) {
  return line.find_first_not_of("|-: ") == std::string::npos;
}

/// Runs one session.
class Session {
 public:
  void run(const std::vector<Step>& steps);

 private:
  using Answer = Result<std::vector<Table>>;
  Answer answer(const Step& step);
  /// What differs from the expectation; empty where nothing does.
  std::string difference(const Answer& answer, const std::string& expected);
  static std::string error_difference(const Answer& answer, const std::string& expected);
  std::string tables_difference(const std::vector<Table>& tables, const std::string& expected);
  std::string cell_difference(const std::string& value, const std::string& expected);
  std::string substituted(std::string text) const;

  Server server_;
  std::map<std::string, std::string> remembered_;
};

std::string Session::substituted(std::string text) const {
  for (const auto& [name, value] : remembered_) text = replaced(std::move(text), "{{" + name + "}}", value);
  return replaced(std::move(text), "$STORAGE", server_.storage_root());
}

Session::Answer Session::answer(const Step& step) {
  constexpr std::string_view kRunOnce = "@run_once ";
  const std::string& command = step.command;
  if (!command.starts_with(kRunOnce)) return server_.run(substituted(command), step.database, step.caller);
  const Result<bool> ran =
      server_.services().exports.run_once("NetDefaultDB", trimmed(command.substr(kRunOnce.size())));
  if (!ran.ok()) return ran.error();
  return std::vector<Table>();
}

/// `error CODE [LINE:COLUMN]`, and a part of the message.
std::string Session::error_difference(const Answer& answer, const std::string& expected) {
  std::istringstream lines(expected);
  std::string word, code, position, part;
  std::getline(lines, part);
  std::istringstream first(part);
  first >> word >> code >> position;
  if (!std::getline(lines, part)) part.clear();
  if (answer.ok()) return "it succeeded";
  const Error& error = answer.error();
  const std::string at =
      error.span ? std::to_string(error.span->line) + ":" + std::to_string(error.span->column) : "nowhere";
  const std::string is = std::string(name_of(error.code)) + " " + at + "\n" + error.message;
  if (code != name_of(error.code) || (!position.empty() && position != at)) return is;
  return error.message.find(trimmed(part)) == std::string::npos ? is : "";
}

std::string Session::cell_difference(const std::string& value, const std::string& expected) {
  if (expected == "*") return "";
  if (expected.starts_with("{{") && expected.ends_with("}}")) {
    const std::string name = expected.substr(2, expected.size() - 4);
    if (!remembered_.contains(name)) remembered_[name] = value;
  }
  const std::string is = cell_text(value);
  return is == substituted(expected) ? "" : "'" + is + "' instead of '" + substituted(expected) + "'";
}

std::string print(const std::vector<Table>& tables) {
  std::string out;
  for (const Table& table : tables) {
    out += out.empty() ? "" : "\n";
    for (const Field& field : table.schema) out += "| " + field.name + ":" + kql_name(field.type) + " ";
    out += "|\n";
    for (const auto& row : table.rows) {
      for (const Value& value : row) out += "| " + cell_text(value.str()) + " ";
      out += "|\n";
    }
  }
  return out;
}

std::string Session::tables_difference(const std::vector<Table>& tables, const std::string& expected) {
  std::istringstream lines(expected);
  size_t table = 0, row = 0;
  bool header = true;
  const auto differs = [&](const std::string& why) { return why + "; it is\n" + print(tables); };
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    if (line.empty()) {
      if (!header) {
        if (row != tables[table].rows.size()) return differs("other rows are expected");
        ++table;
      }
      header = true;
      continue;
    }
    if (!header && is_rule(line) && row == 0 && line.find('-') != std::string::npos) continue;
    const std::vector<std::string> wanted = cells(line);
    if (table >= tables.size()) return differs("more tables are expected");
    if (header) {
      const Schema& schema = tables[table].schema;
      if (schema.size() != wanted.size()) return differs("other columns are expected");
      for (size_t i = 0; i < wanted.size(); ++i) {
        const std::string typed = schema[i].name + ":" + kql_name(schema[i].type);
        if (wanted[i] != schema[i].name && wanted[i] != typed)
          return differs("column " + wanted[i] + " is expected");
      }
      header = false;
      row = 0;
      continue;
    }
    if (row >= tables[table].rows.size()) return differs("more rows are expected");
    const auto& values = tables[table].rows[row++];
    if (values.size() != wanted.size()) return differs("row " + std::to_string(row) + " has other cells");
    for (size_t i = 0; i < wanted.size(); ++i) {
      const std::string cell = cell_difference(values[i].str(), wanted[i]);
      if (!cell.empty()) return differs("row " + std::to_string(row) + ": " + cell);
    }
  }
  if (!header && row != tables[table].rows.size()) return differs("fewer rows are expected");
  if (!header) ++table;
  return table == tables.size() ? "" : differs("fewer tables are expected");
}

std::string Session::difference(const Answer& answer, const std::string& expected) {
  if (expected.starts_with("error")) return error_difference(answer, expected);
  if (!answer.ok()) {
    return std::string(name_of(answer.error().code)) + ": " + answer.error().message;
  }
  return expected == "ok" ? "" : tables_difference(*answer, expected);
}

void Session::run(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::string wrong = difference(answer(step), step.expected);
    while (step.until && !wrong.empty() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      wrong = difference(answer(step), step.expected);
    }
    if (!wrong.empty()) ADD_FAILURE() << "line " << step.line << ": " << step.command << "\n" << wrong;
  }
}

}  // namespace

Server::Server() : storage_(made(folder_.path("storage"))), stores_({storage_}) {
  catalog_ = value_of(catalog::Catalog::open(made(folder_.path("catalog")), clock_));
  log_ = value_of(catalog::RequestLog::open(folder_.path("catalog"), clock_));
  engine::EngineOptions engine_options;
  engine_options.memory_limit = int64_t{1} << 30;
  engine_options.threads = 2;
  engine_options.temp_folder = made(folder_.path("temp"));
  engine_options.extents_folder = made(folder_.path("extents"));
  engine_ = value_of(engine::Engine::open(engine_options, stores_));
  requests_ = std::make_unique<commands::Requests>(*log_, *engine_, clock_);
  ingestor_ =
      value_of(ingest::Ingestor::open(*catalog_, *engine_, stores_, clock_, engine_options.extents_folder));
  exports::ServiceOptions export_options;
  export_options.staging_folder = made(folder_.path("staging"));
  export_options.owner = "test";
  export_options.requests = log_.get();
  exports_ = value_of(exports::Service::open(*catalog_, *engine_, stores_, clock_, export_options));
}

commands::Services Server::services() {
  return {*catalog_, *engine_, stores_, *ingestor_, *exports_, clock_, *requests_};
}

Result<std::vector<Table>> Server::run(const std::string& text, const std::string& database,
                                       const std::shared_ptr<const catalog::Caller>& caller) {
  if (commands::is_command(text)) {
    commands::Request request;
    request.text = text;
    request.database = database;
    request.principal = caller ? caller->principal : "tester";
    request.caller = caller;
    request.activity_id = "session";
    return commands::execute(request, services());
  }
  kql::BindOptions options;
  options.snapshot = catalog_->snapshot();
  options.database = database;
  options.now = clock_.now();
  options.caller = caller;
  if (caller) options.principal = caller->principal;
  engine::let_run(options, *engine_, {});
  SPILLWAY_ASSIGN(const kql::BoundQuery query, kql::compile(text, options));
  std::vector<Table> tables;
  for (const kql::BoundResult& result : query.results) {
    SPILLWAY_ASSIGN(Table table, engine_->run_to_table(result.plan, {}));
    tables.push_back(std::move(table));
  }
  return tables;
}

/// "aaduser=ann@contoso.com AllDatabasesViewer aadgroup=analysts".
std::shared_ptr<const catalog::Caller> caller_of(const std::string& text) {
  std::istringstream words(text);
  auto caller = std::make_shared<catalog::Caller>();
  words >> caller->principal;
  for (std::string word; words >> word;) {
    if (const auto role = catalog::parse_cluster_role(word)) {
      caller->roles.insert(*role);
    } else {
      caller->groups.push_back(word);
    }
  }
  return caller;
}

std::vector<Step> read_session(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("there is no session " + path);
  std::vector<Step> steps;
  Step step;
  bool expecting = false;
  int number = 0;
  const auto finish = [&] {
    step.command = trimmed(step.command);
    step.expected = trimmed(step.expected);
    if (!step.command.empty()) steps.push_back(step);
    step = Step();
    expecting = false;
  };
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line == "====") {
      finish();
    } else if (line == "----") {
      expecting = true;
    } else if (expecting) {
      step.expected += line + "\n";
    } else if (step.command.empty() && (line.starts_with('#') || trimmed(line).empty())) {
      continue;
    } else if (step.command.empty() && line == "@until") {
      step.until = true;
    } else if (step.command.empty() && line.starts_with("@in ")) {
      step.database = trimmed(line.substr(4));
    } else if (step.command.empty() && line.starts_with("@as ")) {
      step.caller = caller_of(line.substr(4));
    } else {
      if (step.command.empty()) step.line = number;
      step.command += line + "\n";
    }
  }
  finish();
  return steps;
}

void run_session(const std::string& path) {
  Session().run(read_session(path));
}

}  // namespace spillway::test
