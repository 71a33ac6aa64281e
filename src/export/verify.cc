#include "export/verify.h"

#include <zlib.h>

#include <charconv>
#include <filesystem>

#include "engine/sql.h"
#include "export/current_connection.h"
#include "export/for_all.h"
#include "export/staged_file.h"

namespace spillway::exports {
namespace {

namespace fs = std::filesystem;

/// Artifacts that are read at once.
constexpr size_t kThreads = 4;

/// A folder for what is downloaded, gone with this object.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)) {
    std::error_code ignored;  // a download says what is wrong
    fs::create_directories(path_, ignored);
  }
  ~Scratch() {
    std::error_code ignored;  // the next start empties what stays
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

/// Lines of a text file, compressed by gzip or not; where `quotes` count, those outside of them.
Result<int64_t> count_lines(const std::string& file, bool quotes) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  if (!in) return Error(ErrorCode::StorageTransient, "'" + file + "' can't be opened");
  std::vector<char> buffer(1 << 20);
  int64_t lines = 0;
  bool quoted = false;
  char last = '\n';
  while (true) {
    const int read = gzread(in.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (read < 0) return Error(ErrorCode::StorageAccess, "it isn't a whole gzip file");
    if (read == 0) break;
    for (int i = 0; i < read; ++i) {
      const char c = buffer[static_cast<size_t>(i)];
      if (c == '"' && quotes) quoted = !quoted;
      if (c == '\n' && !quoted) ++lines;
      last = c;
    }
  }
  return last == '\n' ? lines : lines + 1;
}

bool is_named(const std::string& object, std::string_view extension) {
  return object.ends_with(extension) || object.ends_with(std::string(extension) + ".gz");
}

}  // namespace

Result<std::vector<Finding>> Verifier::verify(const std::string& database, const std::string& name,
                                              const std::shared_ptr<engine::CancelToken>& cancel) {
  SPILLWAY_ASSIGN(const auto artifacts, catalog_.exported_artifacts(database, name));
  const Scratch scratch(staging_folder_ + "/verify-" + Guid::random().str());
  std::vector<Finding> findings(artifacts.size());
  const auto cancelled = [&] { return cancel && cancel->cancelled(); };
  SPILLWAY_TRY(for_all(artifacts.size(), kThreads, [&](size_t i) -> Status {
    if (!cancelled()) findings[i] = look_at(artifacts[i], scratch.path(), cancelled);
    if (cancelled()) return cancel->error("the verification");
    return {};
  }));
  return findings;
}

Finding Verifier::look_at(const catalog::Artifact& artifact, const std::string& scratch,
                          const std::function<bool()>& cancelled) {
  Finding finding;
  finding.artifact = artifact;
  const auto failed = [&](const Error& error) {
    finding.state =
        error.code == ErrorCode::EntityNotFound ? Finding::State::Missing : Finding::State::Unreachable;
    finding.details = error.message;
    return finding;
  };
  const auto connection = current_connection(*catalog_.snapshot(), artifact.database, artifact.external_table,
                                             artifact.connection);
  if (!connection.ok()) return failed(connection.error());
  storage::CallLimits limits;
  limits.cancelled = cancelled;
  const auto store = stores_.open(*connection, std::move(limits));
  if (!store.ok()) return failed(store.error());
  const auto found = (*store)->stat(artifact.object);
  if (!found.ok()) return failed(found.error());
  finding.bytes = found->size;
  std::optional<std::string> file = (*store)->local_path(artifact.object);
  const bool downloaded = !file;
  if (downloaded) {
    file = scratch + "/" + Guid::random().str();
    if (const Status got = (*store)->get_file(artifact.object, *file); !got.ok()) return failed(got.error());
  }
  compare(artifact, *file, finding);
  std::error_code ignored;  // the scratch folder goes with all of it
  if (downloaded) fs::remove(*file, ignored);
  return finding;
}

void Verifier::compare(const catalog::Artifact& artifact, const std::string& file, Finding& finding) {
  finding.state = Finding::State::Altered;
  const Result<std::string> checksum = checksum_of(file);
  if (!checksum.ok()) {
    finding.state = Finding::State::Unreachable;
    finding.details = checksum.error().message;
    return;
  }
  const Result<int64_t> records = count_records(artifact, file);
  if (records.ok()) finding.records = *records;
  if (finding.bytes != artifact.bytes) {
    finding.details = "it has another length";
  } else if (!artifact.checksum.empty() && *checksum != artifact.checksum) {
    finding.details = "it has another checksum";
  } else if (!records.ok()) {
    finding.details = records.error().message;
  } else if (*records != artifact.records) {
    finding.details = "it has another number of records";
  } else {
    finding.state = Finding::State::Verified;
  }
}

/// Whether a file of the artifact's external table may begin with a line of headers.
bool Verifier::has_headers(const catalog::Artifact& artifact) const {
  const auto snapshot = catalog_.snapshot();
  const catalog::Database* database = snapshot->database(artifact.database);
  if (!database) return true;
  const auto table = database->external_tables.find(artifact.external_table);
  return table == database->external_tables.end() || table->second->include_headers != "None";
}

Result<int64_t> Verifier::count_records(const catalog::Artifact& artifact, const std::string& file) {
  if (is_named(artifact.object, ".json")) return count_lines(file, false);
  if (is_named(artifact.object, ".csv") || is_named(artifact.object, ".tsv")) {
    SPILLWAY_ASSIGN(const int64_t lines, count_lines(file, true));
    return has_headers(artifact) && lines == artifact.records + 1 ? artifact.records : lines;
  }
  if (!artifact.object.ends_with(".parquet")) return artifact.records;  // a file extension of the user's own
  SPILLWAY_ASSIGN(const auto connection, engine_.connect());
  SPILLWAY_ASSIGN(
      const auto rows,
      connection->query("SELECT CAST(coalesce(sum(num_rows), 0) AS BIGINT) FROM parquet_file_metadata(" +
                        engine::sql_string(file) + ")"));
  const std::string text = rows.at(0).at(0).value_or("0");
  int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

}  // namespace spillway::exports
