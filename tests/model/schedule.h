// A schedule: random steps against a server, each held against the model. All randomness comes from the seed,
// so that the same seed gives the same steps.
//
// After each step the server must be as the model says it is: with the step where it succeeded, without it
// where it was refused, one of the two, whole, where a failure was armed. Then: every run that ended since is
// held against the model (where it began and ended, what its artifacts hold), and every file in the targets
// must be reported, or known to the janitor.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/model/model.h"
#include "tests/model/server.h"

namespace spillway::model {

class Schedule {
 public:
  Schedule(uint64_t seed, int steps);
  /// Throws Violation.
  void run();
  /// What it did, a line for each step.
  const std::vector<std::string>& trace() const { return trace_; }

 private:
  /// What a step may do to extents.
  struct Pending {
    std::string table;
    std::vector<Records> batch;  // one for each extent, no two of the same number of records
    std::vector<Guid> merged, dropped;
  };
  struct Ended {
    int completed = 0, failed = 0, permanent = 0;
    int current = 0;  // of them those that began under the definition as it was
    std::vector<std::string> failures;
  };

  // Chance and the record of it.
  int64_t pick(int64_t below) { return static_cast<int64_t>(dice_() % static_cast<uint64_t>(below)); }
  bool chance(int percent) { return pick(100) < percent; }
  template <typename Map>
  std::string any_of(const Map& map) {
    return map.empty() ? "" : std::next(map.begin(), pick(static_cast<int64_t>(map.size())))->first;
  }
  void note(const std::string& what) { trace_.push_back(what); }
  void outcome(const Status& status);

  // Failures. arm() perhaps arms one of the points with one of these prefixes, and says so; land() ends it,
  // with a crash and a restart where the point was one to die at.
  bool arm(const std::vector<std::string>& prefixes);
  bool land();
  void restart();

  // Steps, in schedule_steps.cc.
  void set_up();
  void step();
  void change(const std::string& what, Database after, const std::function<Status()>& act,
              const Pending& pending = {});
  void make_table(const std::string& name);
  void drop_table();
  void alter_table();
  void switch_ingestion_time();
  void ingest();
  void ingest_into(const std::string& name);
  void set_or_append();
  void merge();
  void drop_extents();
  void put_external(const std::string& name, External external);
  void alter_external();
  void drop_external();
  void put_function(const std::string& name, const std::string& table);
  void alter_function();
  Export random_export();
  void put_export();
  void refuse_dimensions();
  void drop_export();
  void switch_export();
  void run_export();
  void run_export(const std::string& name);
  void run_scheduler();
  void export_history();
  Result<spillway::Table> export_up_to(const std::string& table, Cursor to, const std::string& target);
  void move_clock();
  void sweep();
  void verify();
  void weeks_of_failure();
  void mend();
  void finish();
  void check_whole(const std::string& name);

  // Checks, in schedule_checks.cc.
  Record make_record(const Table& table);
  void reconcile_extents(const Pending& pending, bool succeeded);
  Ended reconcile_export(const std::string& name);
  void take_run(const std::string& name, Export& definition, const catalog::ExportRun& run);
  void take_failure(Export& definition, const catalog::ExportRun& run);
  std::vector<Row> read_rows(const std::string& path, const Names& columns, int64_t records);
  void check_limits(const Export& definition, const catalog::ExportRun& run);
  void check_health(const std::string& name);
  void check_all();
  void check_files(bool strict);
  void check_tables();
  void take_operations();
  static void compare(const std::string& what, std::vector<Row> actual, std::vector<Row> expected);

  std::mt19937_64 dice_;
  const int steps_;
  Server server_;
  Database db_;
  Cursor last_cursor_ = 0;
  int64_t next_record_ = 0;
  int next_column_ = 1;
  int outage_ = 0;                     // steps for which the storage still refuses everything
  std::map<std::string, Names> kept_;  // files of dropped exports and of `.export`, by path
  struct ManifestOf {
    catalog::ExportRun run;
    std::set<std::string> files;
  };
  std::map<std::string, ManifestOf> manifests_;  // that runs promised, by path
  std::map<std::string, size_t> contents_;       // hashes of the files that were reported
  std::set<Guid> seen_operations_;
  struct History {
    std::vector<Row> expected;
  } history_;  // of the `.export` that is going on
  std::vector<std::string> trace_;
};

}  // namespace spillway::model
