#include "export/manifest.h"

#include <boost/json.hpp>

#include <cstdio>
#include <fstream>

#include "base/fail_point.h"
#include "base/log.h"
#include "export/current_connection.h"

namespace spillway::exports {
namespace {

namespace json = boost::json;

/// The name of an export as a folder of any store.
std::string folder_of(const std::string& name) {
  std::string folder;
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (plain) {
      folder += c;
      continue;
    }
    char code[4];
    std::snprintf(code, sizeof code, "~%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    folder += code;
  }
  return folder;
}

std::string name_of(const catalog::ExportRun& run) {
  char cursor[24];
  std::snprintf(cursor, sizeof cursor, "%020lld", static_cast<long long>(run.to));
  return std::string(cursor) + "-" + run.id.str() + ".json";
}

/// That of the export as it is now; empty where there is none.
std::string external_table_of(const catalog::Snapshot& snapshot, const catalog::Manifest& manifest) {
  const catalog::Database* database = snapshot.database(manifest.database);
  if (!database) return "";
  const auto found = database->exports.find(manifest.export_name);
  return found == database->exports.end() ? "" : found->second->external_table;
}

}  // namespace

catalog::Manifest manifest_of(const catalog::ExportRun& run, const Settings& settings,
                              const std::vector<catalog::Artifact>& artifacts) {
  json::array files;
  int64_t records = 0, bytes = 0;
  for (const catalog::Artifact& artifact : artifacts) {
    files.push_back(json::object{{"path", artifact.public_path},
                                 {"records", artifact.records},
                                 {"bytes", artifact.bytes},
                                 {"xxh3", artifact.checksum}});
    records += artifact.records;
    bytes += artifact.bytes;
  }
  // Cursors as texts: a reader in JavaScript would round them.
  const json::object content{{"version", 1},
                             {"database", run.database},
                             {"export", run.name},
                             {"externalTable", settings.external_table},
                             {"run", run.id.str()},
                             {"from", std::to_string(run.from)},
                             {"to", std::to_string(run.to)},
                             {"records", records},
                             {"bytes", bytes},
                             {"files", std::move(files)}};
  return {run.id,
          run.export_id,
          run.database,
          run.name,
          settings.connections.front(),
          std::string(kManifestFolder) + "/" + folder_of(run.name) + "/" + name_of(run),
          json::serialize(content)};
}

ManifestWriter::Hold::Hold(ManifestWriter& writer, const Line& line, bool wait)
    : writer_(writer), line_(line) {
  std::unique_lock lock(writer_.mutex_);
  if (wait) writer_.changed_.wait(lock, [&] { return !writer_.held_.contains(line_); });
  held_ = writer_.held_.insert(line_).second;
}

ManifestWriter::Hold::~Hold() {
  if (!held_) return;
  const std::lock_guard lock(writer_.mutex_);
  writer_.held_.erase(line_);
  writer_.changed_.notify_all();
}

Status ManifestWriter::put_due(const std::optional<Line>& of, const std::function<bool()>& cancelled) {
  const auto ended = [&] { return stopping_ || (cancelled && cancelled()); };
  if (of) {
    const Hold hold(*this, *of, true);
    return put_line(*of, ended);
  }
  SPILLWAY_ASSIGN(const std::vector<catalog::Manifest> due, catalog_.due_manifests());
  std::set<Line> lines;
  for (const catalog::Manifest& manifest : due) lines.emplace(manifest.export_id, manifest.connection);
  Status first;
  for (const Line& line : lines) {
    const Hold hold(*this, line, false);
    if (!hold) continue;  // somebody is at it
    if (const Status status = put_line(line, ended); !status.ok() && first.ok()) first = status;
  }
  return first;
}

Status ManifestWriter::put_line(const Line& line, const std::function<bool()>& cancelled) {
  SPILLWAY_ASSIGN(const std::vector<catalog::Manifest> due, catalog_.due_manifests());
  for (const catalog::Manifest& manifest : due) {
    if (Line(manifest.export_id, manifest.connection) == line) SPILLWAY_TRY(put(manifest, cancelled));
  }
  return {};
}

/// What a dead process left of a manifest that it was putting lies under a name that only the store knows.
/// Looked for once; credentials that may not look are good for putting all the same.
void ManifestWriter::clean(const catalog::Manifest& manifest, storage::ObjectStore& store) {
  const Line line(manifest.export_id, manifest.connection);
  {
    const std::lock_guard lock(mutex_);
    if (!cleaned_.insert(line).second) return;
  }
  const auto removed = store.remove_leftovers(manifest.object.substr(0, manifest.object.rfind('/')));
  if (removed.ok()) return;
  log::warning("leftovers of manifests can't be looked for",
               {{"export", manifest.export_name}, {"error", removed.error().message}});
}

Status ManifestWriter::put(const catalog::Manifest& manifest, const std::function<bool()>& cancelled) {
  SPILLWAY_FAIL_POINT("export.manifest.before");
  const auto snapshot = catalog_.snapshot();
  SPILLWAY_ASSIGN(const auto connection,
                  current_connection(*snapshot, manifest.database, external_table_of(*snapshot, manifest),
                                     manifest.connection));
  storage::CallLimits limits;
  limits.cancelled = cancelled;
  SPILLWAY_ASSIGN(const auto store, stores_.open(connection, std::move(limits)));
  const std::string path = staging_folder_ + "/" + manifest.run.str() + ".json";
  {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << manifest.content << "\n";
    file.flush();
    if (!file)
      return Status(ErrorCode::StorageTransient, "a manifest can't be written into the staging folder");
  }
  clean(manifest, *store);
  SPILLWAY_TRY(store->put_file(path, manifest.object, true));
  SPILLWAY_FAIL_POINT("export.manifest.after");
  return catalog_.write([&](catalog::Writer& writer) { return writer.forget_manifest(manifest.run); });
}

}  // namespace spillway::exports
