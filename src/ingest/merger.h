// Merging small extents into larger ones, in the background and by `.merge`: a table that is fed every second
// would have 86,400 extents a day.
//
// A merge takes extents that follow one another in the order of cursors and have the same tags, writes their
// records into one new file, each with its cursor and ingestion time, and replaces them in one transaction.
// No result of any query or export changes by it. Records that a continuous export of the database still has
// to read stay in their own extents for a while, so that a run reads no more than what is new.
//
// Policy: {"AllowMerge": true, "MaxExtentsToMerge": 100, "RowCountUpperBoundForMerge": 16000000,
// "MaxRangeInHours": 24} in the table's policy "merge". Source: management/merge-policy.md, merge-extents.md.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "engine/capacity.h"
#include "engine/engine.h"
#include "ingest/extent_files.h"
#include "ingest/janitor.h"

namespace spillway::ingest {

struct MergePolicy {
  bool allow = true;
  int64_t max_extents = 100;       // of one merge
  int64_t max_rows = 16'000'000;   // of a merged extent
  Ticks max_range = kTicksPerDay;  // between the oldest and the newest record of a merged extent

  /// Of a table, from its policy where it has one.
  static MergePolicy of(const catalog::Table& table);
};

/// Fewer small extents than this aren't worth a merge.
inline constexpr size_t kFewestToMerge = 10;
/// An extent of more rows has no need to be merged.
inline constexpr int64_t kSmallExtentRows = 1'000'000;
/// Extents rest this long before they are merged in the background.
inline constexpr Ticks kMergeRest = 5 * kTicksPerMinute;
/// An export that is further behind doesn't hold back merges.
inline constexpr Ticks kLongestWaitForExports = kTicksPerDay;

/// The next merge that is worth its while: extents of a table that follow one another; empty where there is
/// none.
std::vector<catalog::ExtentList::Item> choose_merge(const catalog::Database& database,
                                                    const catalog::Table& table, Ticks now);

class Merger {
 public:
  /// All outlive it. `janitor` hears of files that a failed commit may have left to nobody. A merge waits up to
  /// `capacity_wait` for a part of `capacity`.
  Merger(catalog::Catalog& catalog, engine::Engine& engine, ExtentFiles& files, Janitor& janitor,
         const Clock& clock, engine::Capacity& capacity, std::chrono::milliseconds capacity_wait)
      : catalog_(catalog),
        engine_(engine),
        files_(files),
        janitor_(janitor),
        clock_(clock),
        capacity_(capacity),
        capacity_wait_(capacity_wait) {}
  ~Merger() { stop(); }

  /// Merges in a thread of its own, every `interval`.
  void start(std::chrono::milliseconds interval);
  void stop();

  /// Merges these extents of a table into one, which it returns. Conflict where the table or one of them is
  /// gone; BadRequest where they don't follow one another; Throttled.
  Result<catalog::Extent> merge(const std::string& database, const catalog::Table& table,
                                const std::vector<Guid>& ids, const engine::RunOptions& options);
  /// All merges that are worth their while now; how many that were.
  Result<int64_t> merge_all();

 private:
  /// The file of the merged extent, finished and not yet committed.
  Result<catalog::Extent> write(const std::string& database, const catalog::Table& table,
                                const std::vector<catalog::ExtentList::Item>& extents,
                                ExtentFiles::Reservation& target, const engine::RunOptions& options);
  void loop(std::chrono::milliseconds interval);

  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  ExtentFiles& files_;
  Janitor& janitor_;
  const Clock& clock_;
  engine::Capacity& capacity_;
  const std::chrono::milliseconds capacity_wait_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::shared_ptr<engine::CancelToken> cancel_ = std::make_shared<engine::CancelToken>();
  std::thread thread_;
};

}  // namespace spillway::ingest
