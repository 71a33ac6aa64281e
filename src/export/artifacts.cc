#include "export/artifacts.h"

#include <algorithm>
#include <filesystem>

#include "base/fail_point.h"
#include "export/for_all.h"
#include "export/paths.h"
#include "export/target_plan.h"
#include "export/text_writer.h"

namespace spillway::exports {
namespace {

namespace fs = std::filesystem;

/// Checksums that are taken at once: each is bound by memory, not by the disk.
constexpr size_t kChecksumThreads = 2;

Error cancelled() {
  return Error(ErrorCode::Cancelled, "the export was cancelled");
}

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

Result<std::vector<catalog::Artifact>> ArtifactWriter::write(
    const ArtifactOrder& order, const std::shared_ptr<engine::CancelToken>& cancel) {
  SPILLWAY_FAIL_POINT("export.write.before");
  const StagingFolder folder(staging_folder_ + "/" + order.owner.str());
  SPILLWAY_TRY(folder.make());
  SPILLWAY_ASSIGN(const std::vector<StagedFile> files, stage(order, folder.path(), cancel));
  SPILLWAY_FAIL_POINT("export.write.staged");
  if (files.empty()) return std::vector<catalog::Artifact>();
  return publish(order, files, cancel);
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

Result<ArtifactWriter::Stores> ArtifactWriter::open_stores(const Settings& settings) const {
  Stores stores;
  for (const std::string& text : settings.connections) {
    SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(text));
    SPILLWAY_ASSIGN(auto store, stores_.open(connection));
    stores.push_back(std::move(store));
  }
  return stores;
}

Result<std::vector<catalog::Artifact>> ArtifactWriter::publish(
    const ArtifactOrder& order, const std::vector<StagedFile>& files,
    const std::shared_ptr<engine::CancelToken>& cancel) {
  const Settings& settings = order.settings;
  SPILLWAY_ASSIGN(const Stores stores, open_stores(settings));
  std::vector<catalog::Artifact> artifacts;
  for (size_t i = 0; i < files.size(); ++i) {
    const size_t store = i % stores.size();
    catalog::Artifact& artifact = artifacts.emplace_back();
    artifact.owner = order.owner;
    artifact.database = order.database;
    artifact.export_name = order.export_name;
    artifact.external_table = settings.external_table;
    artifact.connection = settings.connections[store];
    artifact.object = (files[i].folder.empty() ? "" : files[i].folder + "/") +
                      artifact_name(settings, order.owner, static_cast<int64_t>(i) + 1);
    artifact.public_path = stores[store]->public_path(artifact.object);
    artifact.records = files[i].rows;
    artifact.bytes = files[i].bytes;
  }
  const auto measure = [&](size_t i) -> Status {
    SPILLWAY_ASSIGN(artifacts[i].checksum, checksum_of(files[i].path));
    return {};
  };
  SPILLWAY_TRY(for_all(files.size(), kChecksumThreads, measure));
  SPILLWAY_TRY(catalog_.write([&](catalog::Writer& writer) { return writer.add_pending(artifacts); }));
  SPILLWAY_FAIL_POINT("export.pending.after");
  const auto put = [&](size_t i) -> Status {
    if (cancel && cancel->cancelled()) return cancelled();
    SPILLWAY_TRY(stores[i % stores.size()]->put_file(files[i].path, artifacts[i].object, true));
    SPILLWAY_FAIL_POINT("export.put.after");
    return {};
  };
  SPILLWAY_TRY(for_all(files.size(), uploads_of(settings), put));
  return artifacts;
}

}  // namespace spillway::exports
