#include "server/answer_tables.h"

#include <array>
#include <charconv>

#include "server/json.h"

namespace spillway::server {
namespace {

/// E_FAIL.
constexpr int kGeneralFailure = -2147467259;

std::string seconds_text(double seconds) {
  std::array<char, 32> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), seconds, std::chars_format::fixed, 7).ptr;
  return {digits.data(), end};
}

}  // namespace

const std::string kNoVisualization =
    R"({"Visualization":null,"Title":null,"XColumn":null,"Series":null,"YColumns":null,"AnomalyColumns":null,)"
    R"("XTitle":null,"YTitle":null,"XAxis":null,"YAxis":null,"Legend":null,"YSplit":null,"Accumulate":false,)"
    R"("IsQuerySorted":false,"Kind":null,"Ymin":"NaN","Ymax":"NaN","Xmin":null,"Xmax":null})";

void append_columns(std::string& out, const Schema& schema, bool with_data_type) {
  out += '[';
  for (const Field& field : schema) {
    if (out.back() != '[') out += ',';
    out += "{\"ColumnName\":";
    append_json_string(out, field.name);
    if (with_data_type) out += ",\"DataType\":\"", out += clr_name(field.type), out += '"';
    out += ",\"ColumnType\":\"", out += kql_name(field.type), out += "\"}";
  }
  out += ']';
}

void append_row(std::string& out, const engine::Batch& batch, size_t row) {
  out += '[';
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    if (column > 0) out += ',';
    append_json_value(out, batch.columns[column], row);
  }
  out += ']';
}

void append_row(std::string& out, const std::vector<Value>& row) {
  out += '[';
  for (size_t column = 0; column < row.size(); ++column) {
    if (column > 0) out += ',';
    append_json_value(out, row[column]);
  }
  out += ']';
}

std::string resource_consumption(const AnswerStatistics& statistics) {
  std::string out =
      "{\"ExecutionTime\":" + seconds_text(statistics.seconds) +
      R"(,"resource_usage":{"cache":{"memory":{"hits":0,"misses":0,"total":0},"disk":{"hits":0,)"
      R"("misses":0,"total":0}},"cpu":{"user":"00:00:00","kernel":"00:00:00","total cpu":"00:00:00"},)"
      R"("memory":{"peak_per_node":)" +
      std::to_string(statistics.peak_memory) + R"(}},"input_dataset_statistics":{"extents":{"total":)" +
      std::to_string(statistics.extents_total) + R"(,"scanned":)" +
      std::to_string(statistics.extents_scanned) + R"(}},"dataset_statistics":[)";
  for (const auto& result : statistics.results) {
    if (out.back() != '[') out += ',';
    out += "{\"table_row_count\":" + std::to_string(result.rows) +
           ",\"table_size\":" + std::to_string(result.bytes) + '}';
  }
  return out + "]}";
}

int status_code_of(const Error& error) {
  return error.code == ErrorCode::LimitExceeded ? kResultTooLarge : kGeneralFailure;
}

}  // namespace spillway::server
