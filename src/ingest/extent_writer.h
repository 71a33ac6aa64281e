// Writes the records of one batch, or of a part of it, as the file of one extent.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/model.h"
#include "engine/engine.h"
#include "ingest/extent_files.h"
#include "ingest/ingest.h"
#include "ingest/mapping.h"
#include "ingest/sources.h"
#include "ingest/sql_functions.h"

namespace spillway::ingest {

/// Says what is left of a request's time.
class Deadline {
 public:
  Deadline(std::shared_ptr<engine::CancelToken> cancel, std::optional<std::chrono::milliseconds> timeout);
  /// For the next step; Timeout or Cancelled where there is no time for one.
  Result<engine::RunOptions> options() const;

 private:
  std::shared_ptr<engine::CancelToken> cancel_;
  std::optional<std::chrono::steady_clock::time_point> end_;
};

class ExtentWriter {
 public:
  ExtentWriter(engine::Engine& engine, const catalog::Table& table, const Deadline& deadline)
      : engine_(engine), functions_(engine), table_(table), deadline_(deadline) {}

  // Each writes, syncs and names the reserved file, and returns what its row says, cursors and tags left out;
  // rows is 0 where there were no records, and then there is no file.
  Result<catalog::Extent> write_files(const ExtentFiles::Reservation& reservation_of,
                                      const SourceGroup& group, const std::string& mapping,
                                      bool ignore_first_record);
  Result<catalog::Extent> write_plan(const ExtentFiles::Reservation& reservation_of, kql::RelPtr plan);

 private:
  Result<catalog::Extent> write_parquet_files(const ExtentFiles::Reservation& target,
                                              const SourceGroup& group,
                                              const std::vector<ColumnSource>& sources);
  Result<catalog::Extent> write_select(const ExtentFiles::Reservation& target, engine::Connection& connection,
                                       const std::string& select);
  Result<std::unique_ptr<engine::RecordSource>> open_records(const SourceGroup& group,
                                                             std::vector<ColumnSource> sources,
                                                             bool ignore_first_record) const;
  Result<kql::RelPtr> convert(kql::RelPtr plan) const;
  /// The sizes and datetime ranges, from the file's footer.
  Status describe(const std::string& file, engine::Connection& connection, catalog::Extent& extent) const;

  engine::Engine& engine_;
  SqlFunctions functions_;
  const catalog::Table& table_;
  const Deadline& deadline_;
};

}  // namespace spillway::ingest
