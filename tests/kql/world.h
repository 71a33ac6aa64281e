// What the cases of *.kqltest files run in, in process: a catalog and an engine in a folder of their own,
// with the tables of one file. now() is 2024-06-15T12:34:56.789 in every query.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "kql/binder.h"
#include "storage/object_store.h"
#include "tests/kql/case_file.h"
#include "tests/support/temp_folder.h"

namespace spillway::kql::test {

class World {
 public:
  World();

  Status open(const CaseFile& file);
  /// Binds and runs a query: the table of each of its results.
  Result<std::vector<Table>> run(const std::string& text, const engine::RunOptions& options = {});
  BindOptions bind_options() const;
  engine::Engine& engine() { return *engine_; }

 private:
  Status create(const std::string& name, const Schema& schema);
  Status add(const TableData& data);
  Status add(const ExternalData& data);

  spillway::test::TempFolder folder_;
  ManualClock clock_;
  storage::StoreFactory stores_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<engine::Engine> engine_;
};

}  // namespace spillway::kql::test
