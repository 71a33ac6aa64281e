// The table function that shows record sources to SQL: spillway_records(number).
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "engine/duckdb_api.h"
#include "engine/records.h"

namespace spillway::engine {

/// The sources that can be read now, by number. Lives as long as the database.
class RecordTables {
 public:
  Result<std::unique_ptr<RecordTable>> expose(const DatabaseHandle& database, RecordSource& source);
  /// nullptr where there is none (any more).
  RecordSource* find(int64_t number);
  void remove(int64_t number);

 private:
  Status register_function(const DatabaseHandle& database);

  std::mutex mutex_;
  ConnectionHandle connection_;  // through which the function was registered
  std::map<int64_t, RecordSource*> sources_;
  int64_t next_ = 1;
};

}  // namespace spillway::engine
