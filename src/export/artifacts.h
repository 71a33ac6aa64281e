// A plan's result as artifacts in their stores: steps 2 and the files' part of 3 of an export run. Whoever
// calls commits what this returns, or fails the run; nothing here decides that.
//
//   write into the staging folder → put into the stores, see publication.h
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "export/exports.h"
#include "export/spread.h"
#include "export/staged_file.h"
#include "export/task_pool.h"

namespace spillway::exports {

struct ArtifactOrder {
  Guid owner;  // of a running run or of an operation in progress
  std::string database, export_name;
  const Settings& settings;
  kql::RelPtr query;
};

/// What write() made.
struct Written {
  std::vector<catalog::Artifact> artifacts;
  std::vector<std::string> statistics;  // of each, where they are files of a Delta table
};

class ArtifactWriter {
 public:
  ArtifactWriter(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
                 const Clock& clock, std::string staging_folder, int format_threads)
      : catalog_(catalog),
        engine_(engine),
        stores_(stores),
        memory_(clock),
        staging_folder_(std::move(staging_folder)),
        formatters_(format_threads) {}

  /// None for a result without rows. On an error, artifacts may lie in their stores: pending ones of the
  /// owner.
  Result<Written> write(const ArtifactOrder& order, const std::shared_ptr<engine::CancelToken>& cancel);

 private:
  Result<std::vector<StagedFile>> stage(const ArtifactOrder& order, const std::string& folder,
                                        const std::shared_ptr<engine::CancelToken>& cancel);
  Result<std::vector<StagedFile>> stage_parquet(const ArtifactOrder& order, const std::string& folder,
                                                const engine::RunOptions& options);
  Result<std::vector<StagedFile>> stage_text(const ArtifactOrder& order, const std::string& folder,
                                             const engine::RunOptions& options);

  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  const storage::StoreFactory& stores_;
  AccountMemory memory_;
  const std::string staging_folder_;
  TaskPool formatters_;
};

}  // namespace spillway::exports
