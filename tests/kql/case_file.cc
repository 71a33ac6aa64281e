#include "tests/kql/case_file.h"

#include <fstream>
#include <string_view>

namespace spillway::kql::test {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

/// Cells between ` | `; a `|` inside a JSON literal separates nothing.
std::vector<std::string> split_cells(std::string_view line) {
  std::vector<std::string> cells;
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i <= line.size(); i++) {
    if (i == line.size() || (line[i] == '|' && !quoted)) {
      cells.emplace_back(trim(line.substr(begin, i - begin)));
      begin = i + 1;
    } else if (line[i] == '"' && (quoted || trim(line.substr(begin, i - begin)).empty())) {
      quoted = !quoted;
    } else if (line[i] == '\\' && quoted) {
      i++;
    }
  }
  return cells;
}

/// The first word of a line, which is taken from it.
std::string take_word(std::string_view& line) {
  line = trim(line);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return std::string(word);
}

/// After `--- error`: `CODE LINE:COLUMN text`, each optional.
ExpectedError read_error(std::string_view line) {
  ExpectedError error;
  error.code = take_word(line);
  error.position = take_word(line);
  error.text = trim(line);
  return error;
}

enum class Part { Nothing, Table, External, Query, Columns, Rows, Error };

class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path) {}

  CaseFile read() {
    if (!in_) file_.error = "can't be opened";
    std::string line;
    for (number_ = 1; file_.error.empty() && std::getline(in_, line); number_++) read_line(line);
    return std::move(file_);
  }

 private:
  void read_line(const std::string& line) {
    if (line.starts_with("=== ")) {
      file_.cases.push_back({number_, std::string(trim(std::string_view(line).substr(4))), {}, {}, {}});
      part_ = Part::Query;
    } else if (line.starts_with("@@@ table ")) {
      file_.tables.push_back({number_, std::string(trim(std::string_view(line).substr(10))), {}});
      part_ = Part::Table;
    } else if (line.starts_with("@@@ external ")) {
      begin_external(std::string_view(line).substr(13));
    } else if (line.starts_with("---")) {
      begin_expectation(trim(std::string_view(line).substr(3)));
    } else {
      read_body(line);
    }
  }

  /// `NAME FORMAT (schema)`.
  void begin_external(std::string_view text) {
    ExternalData external;
    external.name = take_word(text);
    external.format = take_word(text);
    external.schema = trim(text);
    file_.externals.push_back(std::move(external));
    part_ = Part::External;
  }

  void begin_expectation(std::string_view kind) {
    if (file_.cases.empty()) return fail("a '---' before the first '==='");
    Case& c = file_.cases.back();
    if (kind == "error" || kind.starts_with("error ")) {
      c.error = read_error(kind.substr(5));
      part_ = Part::Error;
    } else if (kind.empty() || kind == "in order") {
      c.results.emplace_back();
      c.results.back().ordered = !kind.empty();
      part_ = Part::Columns;
    } else {
      fail("unknown expectation '" + std::string(kind) + "'");
    }
  }

  void read_body(const std::string& line) {
    switch (part_) {
      case Part::Nothing: return;
      case Part::Table: file_.tables.back().query += line + "\n"; return;
      case Part::External: file_.externals.back().content += line + "\n"; return;
      case Part::Query: file_.cases.back().query += line + "\n"; return;
      case Part::Error:
        if (!trim(line).empty()) fail("text after an expected error");
        return;
      case Part::Columns:
        if (trim(line).empty()) return;
        file_.cases.back().results.back().columns = split_cells(line);
        part_ = Part::Rows;
        return;
      case Part::Rows: {
        Expectation& result = file_.cases.back().results.back();
        // A blank line is a row only where a row could be blank: one cell that is the empty string, in
        // quotes.
        if (trim(line).empty()) return;
        result.rows.push_back(split_cells(line));
        if (result.rows.back().size() != result.columns.size()) fail("a row with another number of cells");
        return;
      }
    }
  }

  void fail(const std::string& message) { file_.error = "line " + std::to_string(number_) + ": " + message; }

  std::ifstream in_;
  CaseFile file_;
  Part part_ = Part::Nothing;
  int number_ = 0;
};

}  // namespace

CaseFile read_case_file(const std::string& path) {
  return Reader(path).read();
}

}  // namespace spillway::kql::test
