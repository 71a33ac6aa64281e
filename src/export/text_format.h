// Rows as text.
//
//   csv   field {',' field} '\n'      a field is quoted (RFC 4180) where it holds a comma, a quote or a line
//   break tsv   field {'\t' field} '\n'     quoted likewise, for a tab json  '{' "name": value, … '}' '\n'
//
//   type       csv and tsv                          json
//   bool       true, false                          true, false
//   int, long  -12                                  -12
//   real       1.5, 1E+20, NaN, Infinity            a number; "NaN", "Infinity", "-Infinity" as strings
//   decimal    12.50                                "12.50" (a number would lose digits in most readers)
//   string     its text                             a string
//   datetime   2021-01-02T03:04:05.0670000Z         the same, as a string
//   timespan   1.02:03:04.5000000                   the same, as a string
//   guid       74be27de-1e4e-49d9-b579-fe0b331d3642 the same, as a string
//   dynamic    its JSON text                        the value itself
//   null       empty                                null
//
// A record of a single empty field is written as "" in csv and tsv: an empty line is no record to most
// readers.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "export/row_block.h"

namespace spillway::exports {

/// Bytes that grow at their end, without the clearing that std::string does.
class TextBuffer {
 public:
  /// Room for `bytes` more; grow(n) then says how many were written there.
  char* room(size_t bytes) {
    if (capacity_ - size_ < bytes) enlarge(bytes);
    return data_.get() + size_;
  }
  void grow(size_t bytes) { size_ += bytes; }
  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void append(char c) {
    *room(1) = c;
    ++size_;
  }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  void enlarge(size_t bytes);

  std::unique_ptr<char[]> data_;
  size_t size_ = 0, capacity_ = 0;
};

class TextFormat {
 public:
  /// `format`: "csv", "tsv" or "json".
  TextFormat(std::string_view format, const Schema& columns);

  void append_rows(const RowBlock& rows, TextBuffer& out) const;
  /// The line of column names; empty for json.
  std::string header() const;

 private:
  void append_json_rows(const RowBlock& rows, TextBuffer& out) const;
  void append_delimited_rows(const RowBlock& rows, TextBuffer& out) const;

  bool json_ = false;
  char delimiter_ = ',';
  std::vector<std::string> names_;
  std::vector<std::string> prefixes_;  // json: `{"a":`, `,"b":`
};

}  // namespace spillway::exports
