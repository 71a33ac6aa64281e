// A server without its HTTP: catalog, engine, stores and the export service over a folder of a test's own,
// with a clock that the test sets; tables to ingest into, and what the reported artifacts hold.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "export/exports.h"
#include "storage/object_store.h"
#include "tests/support/temp_folder.h"

namespace spillway::exports {

inline constexpr const char* kDatabase = "NetDefaultDB";

class World {
 public:
  explicit World(ServiceOptions options = {}, const Clock* clock = nullptr);
  ~World();

  /// Ends everything and opens it again, as a restart does.
  void restart();

  catalog::Catalog& catalog() { return *catalog_; }
  Service& service() { return *service_; }
  engine::Engine& engine() { return *engine_; }
  storage::StoreFactory& stores() { return stores_; }
  ManualClock& clock() { return clock_; }
  /// The folder that external tables of make_external() lie in.
  std::string target() const { return folder_.path("out/target"); }

  /// A table (id:long, name:string, at:datetime).
  void make_table(const std::string& name, bool ingestion_time_policy = true);
  /// One batch of `count` records: ids from `first` on, names "n<id % 3>", a day of 2024 by id % 5.
  void ingest(const std::string& table, int64_t first, int64_t count);

  /// An external table of the same columns; change what differs before it is put into the catalog.
  catalog::ExternalTable external(const std::string& name, const std::string& format) const;
  void put(const catalog::ExternalTable& table);
  Status make_export(const std::string& name, const std::string& external_table, const std::string& query,
                     std::vector<std::string> over = {}, std::map<std::string, std::string> properties = {});

  std::shared_ptr<const catalog::ContinuousExport> definition(const std::string& name) const;
  /// The lines of all reported artifacts of an export (CSV without headers, gzip or not), sorted, whatever
  /// store they lie in.
  std::vector<std::string> reported(const std::string& name);
  /// The artifacts' paths, sorted.
  std::vector<std::string> reported_paths(const std::string& name);
  /// The paths of all objects in the target, sorted.
  std::vector<std::string> stored();
  kql::BoundQuery bind(const std::string& query);

 private:
  void open();

  test::TempFolder folder_;
  ManualClock clock_;
  const Clock* const used_clock_;
  storage::StoreFactory stores_;
  ServiceOptions options_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Service> service_;
};

/// The lines that `reported` gives for records ingested by World::ingest().
std::vector<std::string> lines_of(int64_t first, int64_t count);

}  // namespace spillway::exports
