// Delimited text as records: CSV (RFC 4180) and its relatives, and lines of text.
//
//   field   = quoted / plain                 quoted only where the dialect has quotes
//   quoted  = DQUOTE *(any / DQUOTE DQUOTE) DQUOTE     may hold delimiters and line breaks
//   plain   = anything up to a delimiter or a line break; a quote that isn't its first character stands for
//   itself record  = field *(delimiter field) (LF / CRLF / end of the data)
//
// Empty lines are skipped. A record may have fewer fields than there are columns (the rest is missing), or
// more (they are ignored). Malformed: a quoted field that isn't closed, or that something follows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/model.h"
#include "engine/records.h"
#include "ingest/input.h"
#include "ingest/mapping.h"

namespace spillway::ingest {

struct Dialect {
  char delimiter = ',';
  bool quotes = true;
  bool escapes = false;  // a backslash takes the next character's meaning away, or gives \t, \n, \r theirs
  bool fields = true;    // false: a record is one field
  bool lines = true;     // false: an input is one record
};

/// The dialect of a format in lower case; nullopt where that isn't delimited text.
std::optional<Dialect> dialect_of(std::string_view format);

/// `inputs` outlive it.
std::unique_ptr<engine::RecordSource> open_delimited(const Dialect& dialect, const std::vector<Input>& inputs,
                                                     bool ignore_first_record,
                                                     const std::vector<catalog::Column>& columns,
                                                     std::vector<ColumnSource> sources, size_t threads);

}  // namespace spillway::ingest
