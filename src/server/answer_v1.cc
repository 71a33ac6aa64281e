#include "server/answer_tables.h"
#include "server/json.h"

namespace spillway::server {
namespace {

const Schema kPropertiesSchema = {{"Value", Type::String}};
const Schema kStatusSchema = {{"Timestamp", Type::DateTime},       {"Severity", Type::Int},
                              {"SeverityName", Type::String},      {"StatusCode", Type::Int},
                              {"StatusDescription", Type::String}, {"Count", Type::Int},
                              {"RequestId", Type::Guid},           {"ActivityId", Type::Guid},
                              {"SubActivityId", Type::Guid},       {"ClientActivityId", Type::String}};
const Schema kContentsSchema = {{"Ordinal", Type::Long},
                                {"Kind", Type::String},
                                {"Name", Type::String},
                                {"Id", Type::String},
                                {"PrettyName", Type::String}};

/// `,{"TableName":"Table_1","Columns":[…],"Rows":[`
void open_table(std::string& out, size_t number, const Schema& schema) {
  if (number > 0) out += ',';
  out += "{\"TableName\":\"Table_" + std::to_string(number) + "\",\"Columns\":";
  append_columns(out, schema, true);
  out += ",\"Rows\":[";
}

void append_table(std::string& out, size_t number, const Schema& schema,
                  const std::vector<std::vector<Value>>& rows) {
  open_table(out, number, schema);
  for (const auto& row : rows) {
    append_row(out, row);
    out += ',';
  }
  if (!rows.empty()) out.pop_back();
  out += "]}";
}

std::vector<std::vector<Value>> property_rows(const AnswerInfo& info) {
  std::vector<std::vector<Value>> rows;
  for (const ResultInfo& result : info.results) {
    rows.push_back({Value::string(result.visualization.empty() ? kNoVisualization : result.visualization)});
  }
  if (info.cursor) rows.push_back({Value::string("{\"Cursor\":\"" + std::to_string(*info.cursor) + "\"}")});
  return rows;
}

std::vector<Value> status_row(const AnswerInfo& info, int severity, const char* name, int code,
                              std::string text) {
  const Value activity = Value::guid(Guid::parse(info.ids.activity_id).value_or(Guid()));
  return {Value::datetime(info.now),
          Value::int32(severity),
          Value::string(name),
          Value::int32(code),
          Value::string(std::move(text)),
          Value::int32(1),
          activity,
          activity,
          activity,
          Value::string(info.ids.client_request_id)};
}

std::vector<std::vector<Value>> contents_rows(const AnswerInfo& info) {
  std::vector<std::vector<Value>> rows;
  const auto add = [&](const char* kind, const std::string& name, const Guid& id) {
    rows.push_back({Value::int64(static_cast<int64_t>(rows.size())), Value::string(kind), Value::string(name),
                    Value::string(id.str()), Value::string("")});
  };
  for (const ResultInfo& result : info.results) add("QueryResult", result.name, Guid::random());
  add("QueryProperties", "@ExtendedProperties", Guid::random());
  add("QueryStatus", "QueryStatus", Guid());
  return rows;
}

/// The three tables after `tables` results.
void append_trailing_tables(std::string& out, size_t tables, const AnswerInfo& info,
                            const std::vector<std::vector<Value>>& status) {
  append_table(out, tables, kPropertiesSchema, property_rows(info));
  append_table(out, tables + 1, kStatusSchema, status);
  append_table(out, tables + 2, kContentsSchema, contents_rows(info));
}

class V1Writer : public AnswerWriter {
 public:
  V1Writer(HttpResponse& out, AnswerInfo info, bool defer_failures)
      : out_(out), info_(std::move(info)), defer_failures_(defer_failures) {}

  void begin() override { buffer_ += "{\"Tables\":["; }
  void begin_result(size_t index) override {
    open_table(buffer_, tables_++, info_.results[index].schema);
    first_row_ = true;
  }
  Status rows(const engine::Batch& batch, size_t count) override {
    for (size_t row = 0; row < count; ++row) {
      next_row();
      append_row(buffer_, batch, row);
      if (buffer_.size() >= kAnswerPiece) SPILLWAY_TRY(flush());
    }
    return {};
  }
  void end_result() override { buffer_ += "]}"; }
  void fail(const Error& error) override {
    failure_ = error;
    if (!defer_failures_) {
      next_row();
      append_exceptions();
      buffer_ += '}';
    }
    buffer_ += "]}";
  }
  Status end(const AnswerStatistics& statistics) override;

 private:
  void next_row() {
    if (!first_row_) buffer_ += ',';
    first_row_ = false;
  }
  /// `{"Exceptions":["…"]`, to be closed.
  void append_exceptions() {
    buffer_ += "{\"Exceptions\":[";
    append_json_string(buffer_, message_of(*failure_));
    buffer_ += ']';
  }
  Status flush() {
    const Status written = out_.write(buffer_);
    buffer_.clear();
    return written;
  }

  HttpResponse& out_;
  AnswerInfo info_;
  const bool defer_failures_;
  std::string buffer_;
  size_t tables_ = 0;
  bool first_row_ = true;
  std::optional<Error> failure_;
};

Status V1Writer::end(const AnswerStatistics& statistics) {
  if (failure_ && !defer_failures_) {
    buffer_ += "],\"Exceptions\":[";
    append_json_string(buffer_, message_of(*failure_));
    buffer_ += "]}";
    return flush();
  }
  std::vector<std::vector<Value>> status;
  for (const std::string& warning : info_.warnings) {
    status.push_back(status_row(info_, kWarningLevel, "Warning", 0, warning));
  }
  if (failure_) {
    status.push_back(
        status_row(info_, kErrorLevel, "Error", status_code_of(*failure_), message_of(*failure_)));
  } else {
    status.push_back(status_row(info_, kInfoLevel, "Info", 0, "Query completed successfully"));
  }
  status.push_back(status_row(info_, kStatsLevel, "Stats", 0, resource_consumption(statistics)));
  info_.results.resize(tables_);  // after a failure not all of them were begun
  append_trailing_tables(buffer_, tables_, info_, status);
  buffer_ += "]}";
  return flush();
}

}  // namespace

std::unique_ptr<AnswerWriter> make_v1_writer(HttpResponse& out, AnswerInfo info,
                                             const RequestProperties& properties) {
  return std::make_unique<V1Writer>(out, std::move(info), properties.defer_partial_failures);
}

std::string v1_tables(const std::vector<Table>& tables, const AnswerInfo& info) {
  std::string out = "{\"Tables\":[";
  for (size_t i = 0; i < tables.size(); ++i) append_table(out, i, tables[i].schema, tables[i].rows);
  if (tables.size() > 1) {
    const auto status = status_row(info, kInfoLevel, "Info", 0, "Command completed successfully");
    append_trailing_tables(out, tables.size(), info, {status});
  }
  return out + "]}";
}

}  // namespace spillway::server
