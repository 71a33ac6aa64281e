#include "export/artifacts.h"

#include <algorithm>
#include <filesystem>

#include "base/fail_point.h"
#include "export/delta_commit.h"
#include "export/publication.h"
#include "export/target_plan.h"
#include "export/text_writer.h"
#include "export/work_of.h"

namespace spillway::exports {
namespace {

namespace fs = std::filesystem;

/// A folder for one export, gone with this object.
class StagingFolder {
 public:
  explicit StagingFolder(std::string path) : path_(std::move(path)) {}
  ~StagingFolder() {
    std::error_code ignored;  // the next start empties what stays
    fs::remove_all(path_, ignored);
  }
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  Status make() const {
    std::error_code error;
    fs::create_directories(path_, error);
    if (!error) return {};
    return Status(ErrorCode::StorageTransient,
                  "the staging folder of an export can't be made: " + error.message());
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace

Result<Written> ArtifactWriter::write(const ArtifactOrder& order,
                                      const std::shared_ptr<engine::CancelToken>& cancel) {
  SPILLWAY_FAIL_POINT("export.write.before");
  const StagingFolder folder(staging_folder_ + "/" + order.owner.str());
  SPILLWAY_TRY(folder.make());
  SPILLWAY_ASSIGN(const std::vector<StagedFile> files, stage(order, folder.path(), cancel));
  SPILLWAY_FAIL_POINT("export.write.staged");
  Written written;
  if (files.empty()) return written;
  SPILLWAY_ASSIGN(written.artifacts, Publication(catalog_, stores_, memory_, order, files, cancel).run());
  for (const StagedFile& file : files) written.statistics.push_back(file.statistics);
  return written;
}

Result<std::vector<StagedFile>> ArtifactWriter::stage(const ArtifactOrder& order, const std::string& folder,
                                                      const std::shared_ptr<engine::CancelToken>& cancel) {
  engine::RunOptions options;
  options.cancel = cancel;
  return order.settings.format == "parquet" ? stage_parquet(order, folder, options)
                                            : stage_text(order, folder, options);
}

Result<std::vector<StagedFile>> ArtifactWriter::stage_parquet(const ArtifactOrder& order,
                                                              const std::string& folder,
                                                              const engine::RunOptions& options) {
  SPILLWAY_ASSIGN(const TargetPlan target, plan_for_target(order.query, order.settings));
  engine::ParquetOptions parquet;
  parquet.folder = folder;
  parquet.compression = order.settings.compression;
  parquet.row_group_rows = order.settings.row_group_rows;
  parquet.file_bytes = order.settings.size_limit;
  parquet.datetime_precision = order.settings.datetime_precision;
  parquet.partitions = target.partitions;
  parquet.written_columns = target.written_columns;
  parquet.writers = writers_of(order.settings, static_cast<int>(formatters_.threads()));
  SPILLWAY_ASSIGN(const auto written, engine_.write_parquet(target.plan, parquet, options));
  std::vector<StagedFile> files;
  for (const engine::WrittenFile& file : written) {
    if (file.rows == 0) continue;
    SPILLWAY_ASSIGN(std::string path, partition_path(order.settings, file.partition));
    files.push_back({file.path, std::move(path), file.rows, file.bytes});
    if (order.settings.delta) {
      files.back().statistics = delta_statistics(order.settings.columns, file);
    }
  }
  return files;
}

Result<std::vector<StagedFile>> ArtifactWriter::stage_text(const ArtifactOrder& order,
                                                           const std::string& folder,
                                                           const engine::RunOptions& options) {
  SPILLWAY_ASSIGN(const TargetPlan target, plan_for_target(order.query, order.settings));
  SPILLWAY_ASSIGN(const auto stream, engine_.run(with_partition_columns(target), options));
  const int most = writers_of(order.settings, static_cast<int>(formatters_.threads()));
  // Several files couldn't keep an order.
  const int64_t writers =
      has_order(*target.plan) ? 1 : std::clamp<int64_t>(stream->statistics().extents_scanned, 1, most);
  return write_text(*stream, {order.settings, target.written_columns, folder, static_cast<size_t>(writers)},
                    formatters_, options.cancel.get());
}

}  // namespace spillway::exports
