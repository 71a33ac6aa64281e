#include "tests/model/reader.h"

#include <zlib.h>

#include <boost/json.hpp>

#include "engine/sql.h"
#include "tests/model/server.h"
#include "tests/support/temp_folder.h"

namespace spillway::model {
namespace {

namespace json = boost::json;

std::string text_of(const std::string& path) {
  if (!path.ends_with(".gz")) return test::read_file(path);
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text, buffer(1 << 16, '\0');
  int got = 0;
  while ((got = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0)
    text.append(buffer, 0, static_cast<size_t>(got));
  int code = Z_OK;
  gzerror(file, &code);
  gzclose(file);
  if (got < 0 || code != Z_OK) violate(path + " isn't a whole gzip file");
  return text;
}

/// RFC 4180 with any delimiter.
std::vector<Row> parse_delimited(const std::string& path, const std::string& text, char delimiter) {
  if (!text.empty() && text.back() != '\n') violate(path + " ends in the middle of a record");
  std::vector<Row> rows;
  Row row;
  std::string field;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == delimiter || c == '\n') {
      row.push_back(std::move(field));
      field.clear();
      if (c == '\n') rows.push_back(std::exchange(row, {}));
    } else {
      field += c;
    }
  }
  if (quoted) violate(path + " ends within quotes");
  return rows;
}

std::vector<Row> parse_json(const std::string& path, const std::string& text, const Names& columns) {
  std::vector<Row> rows;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) violate(path + " ends in the middle of a record");
    const json::value value = json::parse(text.substr(begin, end - begin));
    begin = end + 1;
    Row& row = rows.emplace_back();
    if (value.as_object().size() != columns.size()) violate(path + " has other columns");
    for (const std::string& column : columns) {
      const json::value& cell = value.at(column);
      row.push_back(cell.is_null()     ? ""
                    : cell.is_string() ? std::string(cell.as_string())
                                       : json::serialize(cell));
    }
  }
  return rows;
}

std::vector<Row> read_parquet(engine::Engine& engine, const std::string& path, const Names& columns) {
  std::string list;
  for (const std::string& column : columns) {
    list += (list.empty() ? "" : ", ") +
            (column == "at" ? "CAST(epoch_us(\"at\") AS VARCHAR)" : "CAST(\"" + column + "\" AS VARCHAR)");
  }
  const auto connection = engine.connect();
  if (!connection.ok()) violate(connection.error().message);
  const auto cells =
      (*connection)->query("SELECT " + list + " FROM read_parquet(" + engine::sql_string(path) + ")");
  if (!cells.ok()) violate(path + " can't be read: " + cells.error().message);
  std::vector<Row> rows;
  for (const auto& record : *cells) {
    Row& row = rows.emplace_back();
    for (size_t i = 0; i < record.size(); ++i) {
      std::string text = record[i].value_or("");
      if (columns[i] == "at" && !text.empty())
        text = format_datetime(kUnixEpoch + std::stoll(text) * kTicksPerMicrosecond);
      row.push_back(std::move(text));
    }
  }
  return rows;
}

bool is_named(const std::string& path, const std::string& extension) {
  return path.ends_with(extension) || path.ends_with(extension + ".gz");
}

}  // namespace

std::vector<Row> read_artifact(engine::Engine& engine, const std::string& path, const Names& columns) {
  if (path.ends_with(".parquet")) return read_parquet(engine, path, columns);
  const std::string text = text_of(path);
  if (is_named(path, ".json")) return parse_json(path, text, columns);
  std::vector<Row> rows = parse_delimited(path, text, is_named(path, ".tsv") ? '\t' : ',');
  for (const Row& row : rows) {
    if (row.size() != columns.size())
      violate(path + " has a record of " + std::to_string(row.size()) + " fields");
  }
  return rows;
}

}  // namespace spillway::model
