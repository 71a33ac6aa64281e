// What the tests of ingestion share: a catalog, an engine and an ingestor on a folder of their own, and the
// records of a table as text.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "storage/object_store.h"
#include "tests/support/temp_folder.h"

namespace spillway::ingest {

inline constexpr const char* kDb = "NetDefaultDB";
/// 2024-01-01T00:00:00Z.
inline constexpr Ticks kStart = 638'396'640'000'000'000;

#define ASSERT_SUCCESS(expression)                                              \
  do {                                                                          \
    const auto& success = (expression);                                         \
    ASSERT_TRUE(success.ok()) << (success.ok() ? "" : success.error().message); \
  } while (false)

class IngestTest : public testing::Test {
 protected:
  IngestTest();
  ~IngestTest() override;

  void open();
  void close();
  /// For ingestors that are opened from now on.
  IngestorOptions options_;

  /// "a:long, b:string": made where it is missing.
  void make_table(const std::string& columns, const std::string& name = "T");
  Request request(const std::map<std::string, std::string>& properties = {}, const std::string& name = "T");
  Result<std::vector<Loaded>> ingest(std::string_view data,
                                     const std::map<std::string, std::string>& properties = {});
  Result<std::vector<Loaded>> ingest_files(const std::vector<std::string>& connections,
                                           const std::map<std::string, std::string>& properties = {});
  /// Below the storage root; its absolute path.
  std::string write(const std::string& name, std::string_view content) {
    return folder_.write("storage/" + name, content);
  }
  std::string write_gzip(const std::string& name, const std::string& content);
  /// Runs DuckDB's SQL, as COPY … TO.
  void sql(const std::string& statement);

  std::shared_ptr<const catalog::Table> table(const std::string& name = "T");
  /// The records in the order of their first column, "1|x|null" each.
  std::vector<std::string> records(const std::string& name = "T");
  /// Extent files, and any others below the extents folder.
  std::vector<std::string> extent_files();
  /// The error's code and message, or "success".
  template <typename T>
  static std::string error_of(const Result<T>& result) {
    return result.ok() ? "success"
                       : std::string(spillway::name_of(result.error().code)) + ": " + result.error().message;
  }

  test::TempFolder folder_;
  ManualClock clock_{kStart};
  storage::StoreFactory stores_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Ingestor> ingestor_;
};

/// A plan of constant rows.
kql::RelPtr rows_plan(const Schema& schema, const std::vector<std::vector<Value>>& rows);

}  // namespace spillway::ingest
