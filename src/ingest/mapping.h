// How the fields of a record become columns: an ingestion mapping, or the identity mapping.
// Sources: management/mappings.md, csv-mapping.md, json-mapping.md, parquet-mapping.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalog/model.h"
#include "ingest/values.h"

namespace spillway::ingest {

/// A step of a path: a member of an object, or an element of an array.
struct PathStep {
  std::string member;
  int64_t index = 0;
  bool is_index = false;
};

/// Where one column of the table comes from.
struct ColumnSource {
  enum class Kind { Missing, Ordinal, Path, Constant, SourceLocation } kind = Kind::Missing;
  size_t ordinal = 0;                   // Ordinal: of the field, from 0
  std::vector<PathStep> path;           // Path: empty is the whole record
  std::string constant;                 // Constant
  UnixTime unix_time = UnixTime::None;  // of Ordinal and Path
};

enum class MappingKind { Csv, Json, Parquet };

/// One source for each of the table's columns. `mapping` is a JSON array; empty: the identity mapping of that
/// kind. Columns that it doesn't name are missing, columns of it that the table hasn't are ignored. Errors:
/// BadRequest, NotSupported (a transformation).
Result<std::vector<ColumnSource>> resolve_mapping(MappingKind kind, std::string_view mapping,
                                                  const std::vector<catalog::Column>& columns);

/// "$.a.b[0]['c d']"; nullopt where it is no such path.
std::optional<std::vector<PathStep>> parse_path(std::string_view text);

/// The value at a path in a JSON value; nullopt where there is none.
std::optional<std::string_view> find_path(std::string_view value, const std::vector<PathStep>& path,
                                          size_t from);

}  // namespace spillway::ingest
