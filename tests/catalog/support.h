// What the tests of the catalog share: a data folder, a clock, and the text of everything that a catalog
// says.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"

namespace spillway::catalog {

inline constexpr const char* kDb = "NetDefaultDB";
/// 2024-01-01T00:00:00Z.
inline constexpr Ticks kStart = 638'396'640'000'000'000;

#define ASSERT_SUCCESS(expression)                                              \
  do {                                                                          \
    const auto& success = (expression);                                         \
    ASSERT_TRUE(success.ok()) << (success.ok() ? "" : success.error().message); \
  } while (false)

class CatalogTest : public testing::Test {
 protected:
  CatalogTest();
  ~CatalogTest() override;

  void open();
  void close() { catalog_.reset(); }
  void reopen() {
    close();
    open();
  }

  Status write(const std::function<Status(Writer&)>& transaction) { return catalog_->write(transaction); }
  /// Runs SQL statements on the closed catalog's file, from outside.
  bool run_sql(const std::string& script) const;
  std::shared_ptr<const Snapshot> snapshot() const { return catalog_->snapshot(); }
  const Database& database() const { return *snapshot()->database(kDb); }

  /// A table T(Time:datetime, N:long); returns its id.
  int64_t make_table(const std::string& name = "T");
  /// Commits a batch of `count` extents; returns its cursor.
  Cursor ingest(int64_t table_id, int count = 1);
  void make_export(const std::string& name = "X");
  Result<ExportRun> begin(Cursor to, const std::string& name = "X");
  const ContinuousExport& definition(const std::string& name = "X") const {
    return *database().exports.at(name);
  }

  ManualClock clock_{kStart};
  std::string folder_;
  std::unique_ptr<Catalog> catalog_;
};

Extent make_extent(int64_t rows = 10);
Artifact make_artifact(const Guid& owner, const std::string& object);
Operation make_operation(OperationState state = OperationState::InProgress);
/// Everything in a snapshot, line by line.
std::string text_of(const Snapshot& snapshot);
std::vector<std::string> objects(const Result<std::vector<Artifact>>& artifacts);

}  // namespace spillway::catalog
