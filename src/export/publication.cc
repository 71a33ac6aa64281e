#include "export/publication.h"

#include <filesystem>

#include "base/fail_point.h"
#include "base/log.h"
#include "export/for_all.h"
#include "export/paths.h"
#include "export/work_of.h"

namespace spillway::exports {
namespace {

/// Checksums that are taken at once: each is bound by memory, not by the disk.
constexpr size_t kChecksumThreads = 2;
/// How patient a put is where there are other accounts to go to.
constexpr int kAttemptsBeforeMove = 3;
constexpr std::chrono::minutes kLongestBeforeMove{2};

}  // namespace

Result<std::vector<catalog::Artifact>> Publication::run() {
  SPILLWAY_TRY(open_stores());
  SPILLWAY_TRY(record_all());
  SPILLWAY_FAIL_POINT("export.pending.after");
  const Status put = put_all();
  if (put.ok()) return std::move(artifacts_);
  settle();
  if (cancelled()) return cancel_->error("the export");
  return put.error();
}

Status Publication::open_stores() {
  std::vector<storage::ConnectionString> connections;
  std::vector<std::string> accounts;
  for (const std::string& text : order_.settings.connections) {
    SPILLWAY_ASSIGN(auto connection, storage::ConnectionString::parse(text));
    accounts.push_back(account_of(connection));
    connections.push_back(std::move(connection));
  }
  spread_ = std::make_unique<Spread>(accounts, memory_);
  for (size_t i = 0; i < connections.size(); ++i) {
    SPILLWAY_ASSIGN(auto store, stores_.open(connections[i], limits_of(accounts[i])));
    opened_.push_back(std::move(store));
  }
  return {};
}

storage::CallLimits Publication::limits_of(const std::string& account) {
  storage::CallLimits limits;
  limits.cancelled = [this] { return cancelled(); };
  limits.on_trouble = [this, account](const Error&) { memory_.note_trouble(account); };
  limits.on_unanswered = [this](const std::string& path) {
    const std::lock_guard lock(mutex_);
    unanswered_.insert(path);
  };
  if (spread_->accounts() > 1) {
    limits.attempts = kAttemptsBeforeMove;
    limits.longest_call = kLongestBeforeMove;
  }
  return limits;
}

catalog::Artifact Publication::artifact_of(size_t file, size_t connection) const {
  const StagedFile& staged = files_[file];
  catalog::Artifact artifact;
  artifact.owner = order_.owner;
  artifact.database = order_.database;
  artifact.export_name = order_.export_name;
  artifact.external_table = order_.settings.external_table;
  artifact.connection = order_.settings.connections[connection];
  artifact.object = (staged.folder.empty() ? "" : staged.folder + "/") +
                    artifact_name(order_.settings, order_.owner, static_cast<int64_t>(file) + 1);
  artifact.public_path = opened_[connection]->public_path(artifact.object);
  artifact.records = staged.rows;
  artifact.bytes = staged.bytes;
  return artifact;
}

Status Publication::record_all() {
  artifacts_.resize(files_.size());
  for (size_t i = 0; i < files_.size(); ++i) targets_.push_back(spread_->next().value_or(0));
  SPILLWAY_TRY(for_all(files_.size(), kChecksumThreads, [&](size_t i) -> Status {
    const WorkOf timer(cancel_.get());
    artifacts_[i] = artifact_of(i, targets_[i]);
    SPILLWAY_ASSIGN(artifacts_[i].checksum, checksum_of(files_[i].path));
    return {};
  }));
  return catalog_.write([&](catalog::Writer& writer) { return writer.add_pending(artifacts_); });
}

Status Publication::put_all() {
  return for_all(files_.size(), uploads_of(order_.settings), [&](size_t i) { return put(i); });
}

Status Publication::put(size_t file) {
  const WorkOf timer(cancel_.get());
  // With other accounts to go to, the file stays until it is at one.
  const bool consume = opened_.size() == 1;
  while (true) {
    if (cancelled()) return cancel_->error("the export");
    const size_t target = targets_[file];
    if (spread_->is_out(target)) {
      SPILLWAY_TRY(move(file));
      continue;
    }
    const Status put = opened_[target]->put_file(files_[file].path, artifacts_[file].object, consume);
    if (put.ok()) break;
    if (put.error().code != ErrorCode::StorageTransient) return put;
    spread_->take_out(target);
    {
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = put;
    }
    if (opened_.size() > 1) {
      log::warning("a storage account fails; its artifacts go to the others of the export",
                   {{"store", opened_[target]->public_root()}, {"error", put.error().message}});
    }
  }
  std::error_code ignored;  // the staging folder goes with all of it
  if (!consume) std::filesystem::remove(files_[file].path, ignored);
  SPILLWAY_FAIL_POINT("export.put.after");
  return {};
}

/// Gives a file another place, under a new name, before anything is put there. Its old row stays pending
/// until the run ends.
Status Publication::move(size_t file) {
  const std::optional<size_t> target = spread_->next();
  if (!target) {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  const catalog::Artifact before = artifacts_[file];
  catalog::Artifact after = artifact_of(file, *target);
  after.checksum = before.checksum;
  const bool settled = is_settled(before);
  const Status recorded = catalog_.write([&](catalog::Writer& writer) -> Status {
    if (settled) SPILLWAY_TRY(writer.settle_pending({before}));
    return writer.add_pending({after});
  });
  SPILLWAY_TRY(recorded);
  artifacts_[file] = std::move(after);
  targets_[file] = *target;
  SPILLWAY_FAIL_POINT("export.moved.after");
  return {};
}

bool Publication::is_settled(const catalog::Artifact& artifact) {
  const std::lock_guard lock(mutex_);
  return !unanswered_.contains(artifact.object);
}

/// Spares the janitor a second look at what can't appear any more. Where it can't be recorded the janitor
/// looks.
void Publication::settle() {
  std::vector<catalog::Artifact> settled;
  for (const catalog::Artifact& artifact : artifacts_) {
    if (is_settled(artifact)) settled.push_back(artifact);
  }
  if (settled.empty()) return;
  const Status recorded =
      catalog_.write([&](catalog::Writer& writer) { return writer.settle_pending(settled); });
  if (!recorded.ok()) {
    log::warning("what the janitor needn't look for again can't be recorded",
                 {{"owner", order_.owner.str()}, {"error", recorded.error().message}});
  }
}

}  // namespace spillway::exports
