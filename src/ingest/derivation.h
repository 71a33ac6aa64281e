// What update policies (ingest/update_policy.h) make of records that come into a table, and of what they make
// of them in turn, before anything is committed:
//
//   every file of every derived table is written and synced → one transaction: the source's extents, those of
//   all derived tables, and the failures of policies that aren't transactional, under one cursor
//
// A chain of policies never comes back to a table that it went through: there it is cut.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/engine.h"
#include "ingest/batch.h"
#include "ingest/extent_writer.h"
#include "ingest/update_policy.h"

namespace spillway::ingest {

/// Extents that derived tables get from one ingestion.
inline constexpr size_t kMaxDerived = 1000;

/// Records that come into a table.
struct Arrival {
  catalog::Table table;           // its extents are those that come, with the cursor that they may get
  std::vector<std::string> tags;  // that go on to derived tables, where their policies say so
  bool replaces = false;          // they replace the table's data, and so do those of derived tables
};

class Derivation {
 public:
  /// What it works with; all outlive it.
  struct Context {
    engine::Engine& engine;
    ExtentFiles& files;
    const Deadline& deadline;
    const std::string& database;
    const Origin& origin;
    Ticks now = 0;
  };
  explicit Derivation(const Context& context) : context_(context) {}

  /// Writes the files of all derived tables. Errors: those of a transactional policy, Cancelled and Timeout.
  Status run(std::shared_ptr<const catalog::Snapshot> snapshot, const Arrival& arrival);
  /// In a transaction: whether run() would do the same by the policies, functions and tables as they are now.
  bool is_current(const catalog::Snapshot& now) const;
  /// In the same transaction, which has added the source's extents: adds those of the derived tables.
  Status commit(catalog::Writer& writer);

 private:
  struct Derived {
    std::shared_ptr<const catalog::Table> table;
    std::vector<std::string> tags;
    std::unique_ptr<Batch> batch;
  };
  /// A table that gets records, and the tables that they come through.
  struct Feed {
    catalog::Table table;
    std::vector<std::string> tags;
    std::vector<std::string> path;  // its own name at the end
  };

  Status feed(const Feed& source);
  Status update(const UpdatePolicy& policy, const std::shared_ptr<const catalog::Table>& target,
                const Feed& source);
  void note_failure(const Error& error, const catalog::Table& target);

  const Context context_;
  std::shared_ptr<const catalog::Snapshot> snapshot_;
  const catalog::Database* database_ = nullptr;
  std::string source_;
  bool replaces_ = false, feeds_ = false;
  std::vector<Derived> derived_;
  std::vector<catalog::IngestionFailure> failures_;
};

/// The extents as they are seen before their commit: under the cursor that the database may give them.
std::shared_ptr<const catalog::ExtentList> uncommitted(const catalog::Database& database,
                                                       std::vector<catalog::Extent> extents,
                                                       const std::vector<std::string>& tags, Ticks now);

}  // namespace spillway::ingest
