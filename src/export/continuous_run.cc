#include "export/continuous_run.h"

#include <algorithm>

#include "base/fail_point.h"
#include "base/log.h"
#include "engine/query_text.h"
#include "engine/request_row.h"

namespace spillway::exports {
namespace {

/// While nothing new comes, the position follows the database's cursor in steps of this, so that an export
/// that is altered to read one more table doesn't begin long ago.
constexpr Ticks kIdleStep = 10 * kTicksPerMinute;

Error not_found(const std::string& database, const std::string& name) {
  return Error(ErrorCode::EntityNotFound,
               "continuous export '" + name + "' not found in database '" + database + "'");
}

std::shared_ptr<const catalog::ContinuousExport> find_export(const catalog::Snapshot& snapshot,
                                                             const std::string& database,
                                                             const std::string& name) {
  const catalog::Database* found = snapshot.database(database);
  if (!found) return nullptr;
  const auto definition = found->exports.find(name);
  return definition == found->exports.end() ? nullptr : definition->second;
}

/// The run is committed already: whatever goes wrong from here on doesn't change that.
Status reach_end_of_commit() {
  SPILLWAY_FAIL_POINT("export.commit.after");
  return {};
}

}  // namespace

/// The export as one snapshot shows it.
struct ContinuousRunner::Subject {
  const std::string& database_name;
  const catalog::Database& database;
  const catalog::ContinuousExport& definition;
};

Result<RunReport> ContinuousRunner::run(const std::string& database, const std::string& name,
                                        const std::shared_ptr<engine::CancelToken>& cancel) {
  if (cancel && cancel->cancelled()) return cancel->error("the export");
  SPILLWAY_TRY(settle());
  const auto snapshot = catalog_.snapshot();
  const auto definition = find_export(*snapshot, database, name);
  if (!definition) return not_found(database, name);
  if (definition->disabled) {
    return Error(ErrorCode::Conflict,
                 "continuous export '" + name + "' in database '" + database + "' is disabled");
  }
  const Subject subject{database, *snapshot->database(database), *definition};
  const Ticks now = clock_.now();
  const auto prepared = prepare(snapshot, database, *definition, now, options_.access_control);
  if (!prepared.ok()) return fail_before_reading(subject, prepared.error(), cancel);

  const Stretch stretch = next_stretch(prepared->facts, *definition, subject.database.cursor,
                                       limits_of(*definition, options_), now);
  if (stretch.to <= definition->exported_to) return RunReport();
  if (!stretch.has_records && stretch.to - definition->exported_to < kIdleStep) return RunReport();
  // What an earlier run left due comes first: a reader of the store sees manifests, and the commits of a
  // Delta table, in the order of the runs. Manifests of another store, from which the export was altered
  // away, wait alone.
  if (const Status put = put_due(subject, prepared->settings, cancel); !put.ok()) {
    return fail_before_reading(subject, put.error(), cancel);
  }
  if (stretch.has_records) {
    if (const Status fits = deltas_.check(prepared->settings, cancel); !fits.ok()) {
      return fail_before_reading(subject, fits.error(), cancel);
    }
  }
  return run_stretch(subject, stretch, cancel);
}

/// What an earlier run left due comes first: a reader sees manifests, and commits to a Delta table, in the
/// order of the runs.
Status ContinuousRunner::put_due(const Subject& subject, const Settings& settings,
                                 const std::shared_ptr<engine::CancelToken>& cancel) {
  if (subject.definition.manifest) {
    const ManifestWriter::Line line(subject.definition.id, settings.connections.front());
    SPILLWAY_TRY(manifests_.put_due(line, [&] { return cancel && cancel->cancelled(); }));
  }
  return deltas_.put_due(std::pair(subject.database_name, subject.definition.name));
}

Result<RunReport> ContinuousRunner::run_stretch(const Subject& subject, const Stretch& stretch,
                                                const std::shared_ptr<engine::CancelToken>& cancel) {
  SPILLWAY_ASSIGN(const catalog::ExportRun run, begin(subject, stretch.to, stretch.oldest));
  const auto artifacts = write_and_commit(run, stretch.has_records, cancel);
  RunReport report{.moved = true, .more = stretch.more, .records = 0, .bytes = 0};
  if (!artifacts.ok()) {
    fail(run, artifacts.error());
    const bool committed = is_committed(run);
    tell(subject, run, committed ? Status() : artifacts.status(), cancel.get());
    if (committed) return report;
    return artifacts.error();
  }
  tell(subject, run, {}, cancel.get());
  for (const catalog::Artifact& artifact : *artifacts) {
    report.records += artifact.records;
    report.bytes += artifact.bytes;
  }
  log::info("export run completed", {{"database", run.database},
                                     {"export", run.name},
                                     {"run", run.id.str()},
                                     {"from", run.from},
                                     {"to", run.to},
                                     {"records", report.records},
                                     {"artifacts", artifacts->size()}});
  return report;
}

/// What is wrong with a definition shows as a failed run of it, also while nothing new is there to export.
Error ContinuousRunner::fail_before_reading(const Subject& subject, const Error& error,
                                            const std::shared_ptr<engine::CancelToken>& cancel) {
  const auto run = begin(subject, std::max(subject.database.cursor, subject.definition.exported_to), 0);
  if (!run.ok()) return run.error();
  fail(*run, error);
  tell(subject, *run, error, cancel.get());
  return error;
}

void ContinuousRunner::tell(const Subject& subject, const catalog::ExportRun& run, const Status& outcome,
                            const engine::CancelToken* cancel) const {
  if (!options_.requests) return;
  catalog::LoggedRequest row;
  row.command_type = "DataExport";
  row.text = engine::for_logs(".export to table " + subject.definition.external_table + " <| " +
                              subject.definition.query);
  row.database = run.database;
  row.client_activity_id = catalog::kContinuousExportActivity + run.id.str();
  row.root_activity_id = run.id;
  row.application = "Spillway";
  row.workload_group = "internal";
  row.started = run.started;
  engine::complete(row, outcome, cancel, clock_.now());
  options_.requests->add(std::move(row));
}

Result<catalog::ExportRun> ContinuousRunner::begin(const Subject& subject, catalog::Cursor to,
                                                   catalog::Cursor oldest) {
  const catalog::ContinuousExport& definition = subject.definition;
  catalog::ExportRun run;
  const Status begun = catalog_.write([&](catalog::Writer& writer) -> Status {
    const auto current = find_export(writer.current(), subject.database_name, definition.name);
    if (!current) return not_found(subject.database_name, definition.name);
    if (current->id != definition.id || current->generation != definition.generation ||
        current->exported_to != definition.exported_to) {
      return Status(ErrorCode::Conflict, "continuous export '" + definition.name + "' was changed meanwhile");
    }
    SPILLWAY_ASSIGN(run,
                    writer.begin_run(subject.database_name, definition.name, to, options_.owner, oldest));
    return {};
  });
  if (begun.ok()) return run;
  // The answer may be lost and the run there: it would keep all others from beginning.
  if (run.export_id != 0) fail(run, begun.error());
  return begun.error();
}

Result<std::vector<catalog::Artifact>> ContinuousRunner::write_and_commit(
    const catalog::ExportRun& run, bool has_records, const std::shared_ptr<engine::CancelToken>& cancel) {
  SPILLWAY_FAIL_POINT("export.begin.after");
  Product product;
  if (has_records) {
    SPILLWAY_ASSIGN(product, write_artifacts(run, cancel));
  }
  SPILLWAY_TRY(commit(run, product));
  put_what_is_due(run, product, cancel);
  if (const Status status = reach_end_of_commit(); !status.ok()) {
    log::warning("failure after the commit of an export run",
                 {{"run", run.id.str()}, {"error", status.error().message}});
  }
  return product.artifacts;
}

void ContinuousRunner::put_what_is_due(const catalog::ExportRun& run, const Product& product,
                                       const std::shared_ptr<engine::CancelToken>& cancel) {
  const auto report = [&](const char* what, const Status& put) {
    if (put.ok()) return;
    log::warning(what, {{"export", run.name}, {"run", run.id.str()}, {"error", put.error().message}});
  };
  if (product.manifest) {
    const ManifestWriter::Line line(product.manifest->export_id, product.manifest->connection);
    report("the manifest of an export run can't be written yet",
           manifests_.put_due(line, [&] { return cancel && cancel->cancelled(); }));
  }
  if (product.delta) {
    report("an export run can't be committed to its Delta table yet",
           deltas_.put_due(std::pair(run.database, run.name)));
  }
}

/// Facts and dimensions at one snapshot, taken after the begin: it holds everything up to run.to.
Result<ContinuousRunner::Product> ContinuousRunner::write_artifacts(
    const catalog::ExportRun& run, const std::shared_ptr<engine::CancelToken>& cancel) {
  const auto snapshot = catalog_.snapshot();
  const auto definition = find_export(*snapshot, run.database, run.name);
  if (!definition || definition->id != run.export_id || definition->generation != run.generation) {
    return Error(ErrorCode::Conflict, "continuous export '" + run.name + "' was changed during its run");
  }
  const Ticks now = clock_.now();
  SPILLWAY_ASSIGN(const Prepared prepared,
                  prepare(snapshot, run.database, *definition, now, options_.access_control));
  SPILLWAY_ASSIGN(const kql::BoundQuery query,
                  bind_scoped(snapshot, run.database, *definition, prepared.facts,
                              {.after = run.from, .to = run.to}, now));
  const ArtifactOrder order{run.id, run.database, run.name, prepared.settings, query.results[0].plan};
  SPILLWAY_ASSIGN(Written written, writer_.write(order, cancel));
  Product product;
  if (definition->manifest) product.manifest = manifest_of(run, prepared.settings, written.artifacts);
  if (prepared.settings.delta && !written.artifacts.empty()) {
    SPILLWAY_TRY(deltas_.check(prepared.settings, cancel));  // again: the query may have taken long
    product.delta = delta_commit_of(order, progress_of(run.database, *definition, run.to), written, now);
  }
  product.artifacts = std::move(written.artifacts);
  return product;
}

Status ContinuousRunner::commit(const catalog::ExportRun& run, const Product& product) {
  SPILLWAY_FAIL_POINT("export.commit.before");
  return catalog_.write([&](catalog::Writer& writer) {
    return writer.commit_run(run, product.artifacts, product.manifest, product.delta);
  });
}

Status ContinuousRunner::record_failure(const catalog::ExportRun& run, const Error& error) {
  SPILLWAY_FAIL_POINT("export.fail.before");
  const Status recorded = catalog_.write(
      [&](catalog::Writer& writer) { return writer.fail_run(run, error, options_.disable_after); });
  // The run has ended otherwise: committed (and only the answer was lost), or its export dropped.
  if (!recorded.ok() && recorded.error().code == ErrorCode::Conflict) return {};
  return recorded;
}

void ContinuousRunner::fail(const catalog::ExportRun& run, const Error& error) {
  log::warning("export run failed", {{"database", run.database},
                                     {"export", run.name},
                                     {"run", run.id.str()},
                                     {"attempt", run.attempt},
                                     {"permanent", error.permanent()},
                                     {"error", error.message}});
  if (const Status recorded = record_failure(run, error); !recorded.ok()) {
    log::error("the failure of an export run can't be recorded yet",
               {{"run", run.id.str()}, {"error", recorded.error().message}});
    const std::lock_guard lock(mutex_);
    unsettled_.emplace_back(run, error);
    return;
  }
  // What can't be deleted now is in the catalog for the janitor's next pass, which says so in the log.
  static_cast<void>(janitor_.sweep(run.id));
}

Status ContinuousRunner::settle() {
  const std::lock_guard lock(mutex_);
  while (!unsettled_.empty()) {
    const auto& [run, error] = unsettled_.back();
    SPILLWAY_TRY(record_failure(run, error));
    unsettled_.pop_back();
  }
  return {};
}

bool ContinuousRunner::is_committed(const catalog::ExportRun& run) const {
  const auto definition = find_export(*catalog_.snapshot(), run.database, run.name);
  return definition && definition->id == run.export_id && definition->exported_to >= run.to &&
         run.to > run.from;
}

}  // namespace spillway::exports
