// What the model is held against: a whole Spillway without HTTP and commands, over a folder of its own, with
// a clock that is set by hand. It can be stopped in order, or crash: then the catalog's files are what they
// were at that moment, and everything in memory is gone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "export/exports.h"
#include "ingest/ingest.h"
#include "storage/object_store.h"
#include "tests/support/temp_folder.h"

namespace spillway::model {

inline constexpr const char* kDatabase = "NetDefaultDB";

/// What a schedule found that may not be. The message says what and where.
struct Violation {
  std::string message;
};
[[noreturn]] void violate(const std::string& message);

class Server {
 public:
  struct Options {
    exports::ServiceOptions exports;
    /// The background threads of ingestion (merges, removal of files) live; without them a schedule of one
    /// thread is the same each time.
    bool background = false;
    /// The target of exports lies on another file system than the staging folder, so that files are copied
    /// there and not renamed.
    bool other_file_system = false;
  };
  Server(Options options, Ticks start);
  ~Server();

  void stop();   // in order
  void crash();  // as it is now: the catalog's files are put back to what they are now once all has ended
  void open();

  catalog::Catalog& catalog() { return *catalog_; }
  engine::Engine& engine() { return *engine_; }
  ingest::Ingestor& ingestor() { return *ingestor_; }
  exports::Service& exports() { return *exports_; }
  const storage::StoreFactory& stores() const { return stores_; }
  ManualClock& clock() { return clock_; }

  const catalog::Database& database() {
    snapshot_ = catalog_->snapshot();
    return *snapshot_->database(kDatabase);
  }
  /// Targets of external tables lie below it.
  const std::string& out() const { return out_; }
  std::string input(const std::string& name, const std::string& content) const {
    return folder_.write("in/" + name, content);
  }
  /// Paths of all files below out(), hidden ones of interrupted copies left out.
  std::vector<std::string> listing() const;
  /// Paths below the extents folder, as extents have them.
  std::vector<std::string> extent_files() const;

 private:
  const Options options_;
  test::TempFolder folder_;
  std::unique_ptr<test::TempFolder> other_;
  std::string out_;
  ManualClock clock_;
  storage::StoreFactory stores_;
  std::unique_ptr<engine::Engine> engine_;  // outlives restarts: it remembers nothing
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<ingest::Ingestor> ingestor_;
  std::unique_ptr<exports::Service> exports_;
  std::shared_ptr<const catalog::Snapshot> snapshot_;
};

}  // namespace spillway::model
