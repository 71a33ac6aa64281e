// The conversions of values.h as functions in SQL, for what DuckDB's own readers hand out.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "engine/engine.h"
#include "ingest/values.h"

namespace spillway::ingest {

/// The names that SQL calls them by; registered when first asked for.
class SqlFunctions {
 public:
  explicit SqlFunctions(engine::Engine& engine) : engine_(engine) {}

  /// (VARCHAR) → `type`, as a text of a delimited format is read.
  Result<std::string> from_text(Type type);
  /// (VARCHAR) → `type`, from JSON.
  Result<std::string> from_json(Type type);
  /// (VARCHAR) → datetime, from a number or a text in JSON.
  Result<std::string> from_unix_time(UnixTime unit);
  /// (JSON VARCHAR, path VARCHAR) → JSON VARCHAR.
  Result<std::string> json_path();
  /// (DOUBLE) → VARCHAR, (datetime BIGINT) → VARCHAR.
  Result<std::string> real_text();
  Result<std::string> datetime_text();

 private:
  engine::Engine& engine_;
};

}  // namespace spillway::ingest
