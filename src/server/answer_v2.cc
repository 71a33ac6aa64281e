#include "server/answer_tables.h"
#include "server/json.h"

namespace spillway::server {
namespace {

const Schema kPropertiesSchema = {{"TableId", Type::Int}, {"Key", Type::String}, {"Value", Type::Dynamic}};
const Schema kCompletionSchema = {
    {"Timestamp", Type::DateTime}, {"ClientRequestId", Type::String}, {"ActivityId", Type::Guid},
    {"SubActivityId", Type::Guid}, {"ParentActivityId", Type::Guid},  {"Level", Type::Int},
    {"LevelName", Type::String},   {"StatusCode", Type::Int},         {"StatusCodeName", Type::String},
    {"EventType", Type::Int},      {"EventTypeName", Type::String},   {"Payload", Type::String}};
constexpr int kQueryError = 1, kQueryInfo = 4;
/// Rows of a fragment end about here.
constexpr size_t kFragmentBytes = 256 * 1024;

const char* name_of(ErrorPlacement placement) {
  switch (placement) {
    case ErrorPlacement::EndOfTable: return "end_of_table";
    case ErrorPlacement::EndOfDataSet: return "end_of_dataset";
    case ErrorPlacement::InData: break;
  }
  return "in_data";
}

class V2Writer : public AnswerWriter {
 public:
  V2Writer(HttpResponse& out, AnswerInfo info, const RequestProperties& properties)
      : out_(out),
        info_(std::move(info)),
        progressive_(properties.progressive),
        fragments_(properties.fragments || properties.progressive),
        newlines_(properties.newlines),
        defer_failures_(properties.defer_partial_failures),
        placement_(properties.error_placement) {}

  void begin() override;
  void begin_result(size_t index) override;
  Status rows(const engine::Batch& batch, size_t count) override;
  void end_result() override;
  void fail(const Error& error) override;
  Status end(const AnswerStatistics& statistics) override;

 private:
  /// `,{"FrameType":"…"`, to be continued and closed.
  void open_frame(const char* type);
  void close_frame() { buffer_ += '}'; }
  void append_table_header(const char* kind, const std::string& name, const Schema& schema);
  void append_table(const char* kind, const std::string& name, const Schema& schema,
                    const std::vector<std::vector<Value>>& rows);
  void open_fragment();
  void close_rows();
  void next_row();
  /// `"OneApiErrors":[…]`.
  void append_errors();
  std::vector<std::vector<Value>> property_rows() const;
  std::vector<Value> completion_row(int level, const char* level_name, int code, const std::string& code_name,
                                    int event, const char* event_name, std::string payload) const;
  std::vector<std::vector<Value>> completion_rows(const AnswerStatistics& statistics) const;
  Status flush();

  HttpResponse& out_;
  const AnswerInfo info_;
  const bool progressive_, fragments_, newlines_, defer_failures_;
  const ErrorPlacement placement_;
  std::string buffer_;
  bool first_frame_ = true, first_row_ = true, rows_open_ = false;
  int table_id_ = 0;
  int64_t row_count_ = 0;
  size_t fragment_bytes_ = 0;
  std::optional<Error> failure_;
};

void V2Writer::open_frame(const char* type) {
  buffer_ += first_frame_ ? "[" : newlines_ ? "\n," : ",";
  first_frame_ = false;
  buffer_ += "{\"FrameType\":\"", buffer_ += type, buffer_ += '"';
}

void V2Writer::append_table_header(const char* kind, const std::string& name, const Schema& schema) {
  buffer_ += ",\"TableId\":" + std::to_string(table_id_) + ",\"TableKind\":\"" + kind + "\",\"TableName\":";
  append_json_string(buffer_, name);
  buffer_ += ",\"Columns\":";
  append_columns(buffer_, schema, false);
}

void V2Writer::append_table(const char* kind, const std::string& name, const Schema& schema,
                            const std::vector<std::vector<Value>>& rows) {
  open_frame("DataTable");
  append_table_header(kind, name, schema);
  buffer_ += ",\"Rows\":[";
  for (const auto& row : rows) {
    append_row(buffer_, row);
    buffer_ += ',';
  }
  if (!rows.empty()) buffer_.pop_back();
  buffer_ += ']';
  close_frame();
  ++table_id_;
}

std::vector<std::vector<Value>> V2Writer::property_rows() const {
  // Kusto gives these values as JSON strings whose text is JSON.
  const auto as_string = [](std::string_view json) {
    std::string text;
    append_json_string(text, json);
    return Value::dynamic(std::move(text));
  };
  std::vector<std::vector<Value>> rows;
  for (size_t i = 0; i < info_.results.size(); ++i) {
    const Value table_id = Value::int32(static_cast<int32_t>(i + 1));
    const std::string& visualization = info_.results[i].visualization;
    rows.push_back({table_id, Value::string("Visualization"),
                    as_string(visualization.empty() ? kNoVisualization : visualization)});
    if (info_.cursor) {
      rows.push_back({table_id, Value::string("Cursor"), as_string(std::to_string(*info_.cursor))});
    }
  }
  return rows;
}

void V2Writer::begin() {
  open_frame("DataSetHeader");
  buffer_ += progressive_ ? ",\"IsProgressive\":true" : ",\"IsProgressive\":false";
  buffer_ += ",\"Version\":\"v2.0\"";
  if (fragments_ && !progressive_) buffer_ += ",\"IsFragmented\":true";
  if (placement_ != ErrorPlacement::InData) {
    buffer_ += ",\"ErrorReportingPlacement\":\"", buffer_ += name_of(placement_), buffer_ += '"';
  }
  close_frame();
  append_table("QueryProperties", "@ExtendedProperties", kPropertiesSchema, property_rows());
}

void V2Writer::begin_result(size_t index) {
  open_frame(fragments_ ? "TableHeader" : "DataTable");
  append_table_header("PrimaryResult", info_.results[index].name, info_.results[index].schema);
  row_count_ = 0;
  if (fragments_) {
    close_frame();
    return;
  }
  buffer_ += ",\"Rows\":[";
  rows_open_ = first_row_ = true;
}

void V2Writer::open_fragment() {
  open_frame("TableFragment");
  const size_t columns = info_.results[static_cast<size_t>(table_id_) - 1].schema.size();
  buffer_ += ",\"TableFragmentType\":\"DataAppend\",\"TableId\":" + std::to_string(table_id_) +
             ",\"FieldCount\":" + std::to_string(columns) + ",\"Rows\":[";
  rows_open_ = first_row_ = true;
  fragment_bytes_ = 0;
}

void V2Writer::close_rows() {
  if (!rows_open_) return;
  buffer_ += ']';
  close_frame();
  rows_open_ = false;
}

void V2Writer::next_row() {
  if (!rows_open_) open_fragment();
  if (!first_row_) buffer_ += ',';
  first_row_ = false;
}

Status V2Writer::rows(const engine::Batch& batch, size_t count) {
  for (size_t row = 0; row < count; ++row) {
    next_row();
    const size_t before = buffer_.size();
    append_row(buffer_, batch, row);
    fragment_bytes_ += buffer_.size() - before;
    ++row_count_;
    if (fragments_ && fragment_bytes_ >= kFragmentBytes) close_rows();
    if (buffer_.size() >= kAnswerPiece) SPILLWAY_TRY(flush());
  }
  return {};
}

void V2Writer::end_result() {
  close_rows();
  if (fragments_) {
    open_frame("TableCompletion");
    buffer_ += ",\"TableId\":" + std::to_string(table_id_) + ",\"RowCount\":" + std::to_string(row_count_);
    if (failure_ && !defer_failures_ && placement_ == ErrorPlacement::EndOfTable) {
      buffer_ += ',';
      append_errors();
    }
    close_frame();
  }
  ++table_id_;
}

void V2Writer::append_errors() {
  buffer_ += "\"OneApiErrors\":[" + one_api_error(*failure_, info_.ids, info_.now) + ']';
}

void V2Writer::fail(const Error& error) {
  failure_ = error;
  if (!defer_failures_ && placement_ == ErrorPlacement::InData) {
    next_row();
    buffer_ += '{';
    append_errors();
    buffer_ += '}';
  }
  end_result();
}

std::vector<Value> V2Writer::completion_row(int level, const char* level_name, int code,
                                            const std::string& code_name, int event, const char* event_name,
                                            std::string payload) const {
  const Value activity = Value::guid(Guid::parse(info_.ids.activity_id).value_or(Guid()));
  return {Value::datetime(info_.now),
          Value::string(info_.ids.client_request_id),
          activity,
          activity,
          activity,
          Value::int32(level),
          Value::string(level_name),
          Value::int32(code),
          Value::string(code_name),
          Value::int32(event),
          Value::string(event_name),
          Value::string(std::move(payload))};
}

std::vector<std::vector<Value>> V2Writer::completion_rows(const AnswerStatistics& statistics) const {
  std::vector<std::vector<Value>> rows;
  const auto payload = [](const std::string& text) {
    std::string out = "{\"Count\":1,\"Text\":";
    append_json_string(out, text);
    return out + '}';
  };
  for (const std::string& warning : info_.warnings) {
    rows.push_back(
        completion_row(kWarningLevel, "Warning", 0, "S_OK (0)", kQueryInfo, "QueryInfo", payload(warning)));
  }
  if (failure_) {
    const int code = status_code_of(*failure_);
    const bool too_large = code == kResultTooLarge;
    const std::string name =
        too_large ? "Query result set too large (E_QUERY_RESULT_SET_TOO_LARGE)." : "Query failed.";
    rows.push_back(completion_row(kErrorLevel, "Error", code, name + " (" + std::to_string(code) + ')',
                                  kQueryError, too_large ? "QueryLimitsExceeded" : "QueryError",
                                  payload(message_of(*failure_))));
  } else {
    rows.push_back(completion_row(kInfoLevel, "Info", 0, "S_OK (0)", kQueryInfo, "QueryInfo",
                                  payload("Query completed successfully")));
  }
  rows.push_back(completion_row(kStatsLevel, "Stats", 0, "S_OK (0)", 0, "QueryResourceConsumption",
                                resource_consumption(statistics)));
  return rows;
}

Status V2Writer::end(const AnswerStatistics& statistics) {
  const bool has_errors = failure_ && !defer_failures_;
  if (!has_errors) {
    append_table("QueryCompletionInformation", "QueryCompletionInformation", kCompletionSchema,
                 completion_rows(statistics));
  }
  open_frame("DataSetCompletion");
  buffer_ += has_errors ? ",\"HasErrors\":true" : ",\"HasErrors\":false";
  buffer_ +=
      failure_ && failure_->code == ErrorCode::Cancelled ? ",\"Cancelled\":true" : ",\"Cancelled\":false";
  if (has_errors) {
    buffer_ += ',';
    append_errors();
  }
  close_frame();
  buffer_ += newlines_ ? "\n]" : "]";
  return flush();
}

Status V2Writer::flush() {
  const Status written = out_.write(buffer_);
  buffer_.clear();
  return written;
}

}  // namespace

std::unique_ptr<AnswerWriter> make_v2_writer(HttpResponse& out, AnswerInfo info,
                                             const RequestProperties& properties) {
  return std::make_unique<V2Writer>(out, std::move(info), properties);
}

}  // namespace spillway::server
