// Reads *.kqltest files: README.md says what they hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace spillway::kql::test {

struct Expectation {
  bool ordered = false;
  std::vector<std::string> columns;            // "name:type"
  std::vector<std::vector<std::string>> rows;  // cells as printed
};

struct ExpectedError {
  std::string code;      // "Semantic"; empty: any
  std::string position;  // "1:11"; empty: any
  std::string text;      // part of the message
};

struct Case {
  int line = 0;
  std::string title;
  std::string query;
  std::vector<Expectation> results;
  std::optional<ExpectedError> error;
};

/// `@@@ table NAME` and the query that gives the records of one extent.
struct TableData {
  int line = 0;
  std::string name;
  std::string query;
};

/// `@@@ external NAME FORMAT (a:long, …)` and the content of its one file.
struct ExternalData {
  std::string name;
  std::string format;
  std::string schema;
  std::string content;
};

struct CaseFile {
  std::vector<TableData> tables;
  std::vector<ExternalData> externals;
  std::vector<Case> cases;
  std::string error;  // of the file itself, with its line; empty where it is well formed
};

CaseFile read_case_file(const std::string& path);

}  // namespace spillway::kql::test
