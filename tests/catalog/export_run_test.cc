// Runs of continuous exports and operations: what may commit, and whose the artifacts are.
#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

constexpr Ticks kWeek = 7 * kTicksPerDay;
const Error kPermanent(ErrorCode::EntityNotFound, "external table 'E' not found in database 'NetDefaultDB'");
const Error kTransient(ErrorCode::StorageTransient, "the server was busy");

class ExportRunTest : public CatalogTest {
 protected:
  ExportRunTest() {
    open();
    table_ = make_table();
    make_export();
    clock_.advance(kTicksPerSecond);
    to_ = ingest(table_);
  }

  ExportRun run() {
    Result<ExportRun> begun = begin(database().cursor);
    EXPECT_TRUE(begun.ok());
    return begun.ok() ? *begun : ExportRun();
  }
  Status pending(const std::vector<Artifact>& artifacts) {
    return write([&](Writer& w) { return w.add_pending(artifacts); });
  }
  Status commit(const ExportRun& run, const std::vector<Artifact>& artifacts) {
    return write([&](Writer& w) { return w.commit_run(run, artifacts); });
  }
  Status fail(const ExportRun& run, const Error& error) {
    return write([&](Writer& w) { return w.fail_run(run, error, kWeek); });
  }
  void expect_conflict(const Status& status) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::Conflict) << status.error().message;
  }
  std::vector<std::string> exported() { return objects(catalog_->exported_artifacts(kDb, "X")); }
  std::vector<std::string> abandoned() { return objects(catalog_->abandoned_artifacts()); }
  ExportRun last() { return (*catalog_->runs(kDb, "X", 1)).at(0); }

  int64_t table_ = 0;
  Cursor to_ = 0;
};

TEST_F(ExportRunTest, ARunCommitsItsArtifactsAndItsPosition) {
  EXPECT_EQ(definition().start_cursor, kStart);
  EXPECT_EQ(definition().exported_to, kStart);
  const ExportRun begun = run();
  EXPECT_EQ(begun.from, kStart);
  EXPECT_EQ(begun.to, to_);
  EXPECT_EQ(begun.attempt, 1);
  EXPECT_EQ(definition().last_run, clock_.now());
  const std::vector<Artifact> artifacts = {make_artifact(begun.id, "b"), make_artifact(begun.id, "a")};
  ASSERT_SUCCESS(pending(artifacts));
  EXPECT_TRUE(exported().empty());
  EXPECT_TRUE(abandoned().empty());
  clock_.advance(kTicksPerSecond);
  ASSERT_SUCCESS(commit(begun, artifacts));
  EXPECT_EQ(definition().exported_to, to_);
  EXPECT_EQ(definition().last_success, clock_.now());
  EXPECT_EQ(definition().last_result, "Completed");
  EXPECT_EQ(exported(), (std::vector<std::string>{"b", "a"}));
  const Artifact artifact = (*catalog_->exported_artifacts(kDb, "X"))[0];
  EXPECT_EQ(artifact.owner, begun.id);
  EXPECT_EQ(artifact.committed, clock_.now());
  EXPECT_EQ(artifact.public_path, artifacts[0].public_path);
  EXPECT_EQ(artifact.records, 7);
  EXPECT_EQ(last().state, RunState::Completed);
  EXPECT_EQ(last().records, 14);
  EXPECT_EQ(last().bytes, 140);
  EXPECT_EQ(last().files, 2);
  EXPECT_EQ(last().ended, clock_.now());
  const std::string text = text_of(*snapshot());
  reopen();
  EXPECT_EQ(text_of(*snapshot()), text);
  EXPECT_EQ(exported(), (std::vector<std::string>{"b", "a"}));
}

TEST_F(ExportRunTest, ARunWithoutRecordsCommitsWithoutArtifacts) {
  ASSERT_SUCCESS(commit(run(), {}));
  EXPECT_EQ(definition().exported_to, to_);
  EXPECT_TRUE(exported().empty());
}

TEST_F(ExportRunTest, ACommitToADeltaTableIsDueWithItsRun) {
  const auto due = [&] {
    std::vector<std::string> contents;
    for (const DeltaCommit& commit : *catalog_->due_delta_commits()) contents.push_back(commit.content);
    return contents;
  };
  const ExportRun begun = run();
  const DeltaCommit delta{begun.id, kDb, "X", "/lake;secret", "{\"a\":1}"};
  const auto commit_with = [&] {
    return write([&](Writer& w) { return w.commit_run(begun, {}, std::nullopt, delta); });
  };
  ASSERT_SUCCESS(commit_with());
  EXPECT_EQ(due(), std::vector<std::string>{delta.content});
  expect_conflict(commit_with());
  reopen();
  ASSERT_EQ(due(), std::vector<std::string>{delta.content});
  const DeltaCommit read = catalog_->due_delta_commits()->front();
  EXPECT_EQ(read.owner, begun.id);
  EXPECT_EQ(read.export_name, "X");
  EXPECT_EQ(read.connection, delta.connection);
  ASSERT_SUCCESS(write([&](Writer& w) { return w.forget_delta_commit(begun.id); }));
  EXPECT_TRUE(due().empty());
}

TEST_F(ExportRunTest, RunsOfOneExportNeverOverlap) {
  const ExportRun first = run();
  expect_conflict(begin(to_).status());
  make_export("Y");
  EXPECT_TRUE(begin(to_ - 1, "Y").status().error().code == ErrorCode::BadRequest);
  EXPECT_TRUE(begin(to_, "Y").ok());
  ASSERT_SUCCESS(commit(first, {}));
  EXPECT_TRUE(begin(to_).ok());
}

TEST_F(ExportRunTest, ARunStaysWithinTheDatabase) {
  for (const Cursor to : {to_ + 1, kStart - 1}) {
    const Status status = begin(to).status();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::BadRequest);
  }
  EXPECT_EQ(begin(to_, "Z").status().error().code, ErrorCode::EntityNotFound);
}

TEST_F(ExportRunTest, ARunCommitsOnce) {
  const ExportRun begun = run();
  const std::vector<Artifact> artifacts = {make_artifact(begun.id, "a")};
  ASSERT_SUCCESS(pending(artifacts));
  ASSERT_SUCCESS(commit(begun, artifacts));
  expect_conflict(commit(begun, artifacts));
  // The answer of the commit may have been lost: its failure must not give the artifacts away.
  expect_conflict(fail(begun, kTransient));
  EXPECT_EQ(exported(), std::vector<std::string>{"a"});
  EXPECT_TRUE(abandoned().empty());
}

TEST_F(ExportRunTest, AFailedRunCannotCommit) {
  const ExportRun begun = run();
  const std::vector<Artifact> artifacts = {make_artifact(begun.id, "a")};
  ASSERT_SUCCESS(pending(artifacts));
  ASSERT_SUCCESS(fail(begun, kTransient));
  expect_conflict(commit(begun, artifacts));
  expect_conflict(pending({make_artifact(begun.id, "late")}));
  EXPECT_EQ(definition().exported_to, kStart);
  const ExportRun second = run();
  EXPECT_EQ(second.attempt, 2);
  EXPECT_EQ(second.from, kStart);
  expect_conflict(commit(begun, artifacts));
  expect_conflict(commit(second, artifacts));
  ASSERT_SUCCESS(commit(second, {}));
  EXPECT_TRUE(exported().empty());
  EXPECT_EQ(abandoned(), std::vector<std::string>{"a"});
}

TEST_F(ExportRunTest, AChangedExportRefusesTheCommit) {
  const std::vector<std::function<Status(Writer&)>> changes = {
      [](Writer& w) { return w.set_export_disabled(kDb, "X", true); },
      [](Writer& w) { return w.set_export_disabled(kDb, "X", false); },
      [](Writer& w) { return w.put_export(kDb, *w.current().database(kDb)->exports.at("X")); },
      [](Writer& w) { return w.drop_export(kDb, "X"); },
      [](Writer& w) {
        ContinuousExport again;
        again.name = "X";
        return w.put_export(kDb, again);
      },
      [](Writer& w) { return w.drop_database(kDb); },
  };
  ExportRun begun = run();
  for (size_t i = 0; i < changes.size(); ++i) {
    const int64_t before = i < 4 ? definition().generation : 0;
    const std::string object = std::to_string(i);
    ASSERT_SUCCESS(pending({make_artifact(begun.id, object)}));
    ASSERT_SUCCESS(write(changes[i]));
    if (i < 3) {
      EXPECT_EQ(definition().generation, before + 1) << i;
    }
    expect_conflict(commit(begun, {make_artifact(begun.id, object)}));
    if (i < 3) {
      EXPECT_EQ(definition().exported_to, kStart) << i;
    }
    if (i != 1 && i != 2) continue;  // the disabled, the dropped and the new one can't run
    ASSERT_SUCCESS(fail(begun, Error(ErrorCode::Conflict, "changed")));
    EXPECT_EQ(definition().consecutive_failures, 0)
        << "the failure of an older definition says nothing about it";
    begun = run();
  }
  ASSERT_SUCCESS(fail(begun, Error(ErrorCode::Conflict, "dropped")));
  EXPECT_EQ(abandoned().size(), changes.size());
}

TEST_F(ExportRunTest, ADroppedAndRecreatedExportStartsAnew) {
  const ExportRun begun = run();
  ASSERT_SUCCESS(write([](Writer& w) { return w.drop_export(kDb, "X"); }));
  make_export();
  EXPECT_EQ(definition().start_cursor, to_);
  EXPECT_NE(definition().id, begun.export_id);
  expect_conflict(commit(begun, {}));
  ASSERT_SUCCESS(fail(begun, kPermanent));
  EXPECT_FALSE(definition().failing_since.has_value());
  EXPECT_TRUE((*catalog_->failures(kDb, "X")).empty());
}

TEST_F(ExportRunTest, AlteringKeepsThePosition) {
  ASSERT_SUCCESS(commit(run(), {}));
  const ContinuousExport before = definition();
  make_export();
  EXPECT_EQ(definition().id, before.id);
  EXPECT_EQ(definition().exported_to, to_);
  EXPECT_EQ(definition().start_cursor, kStart);
  EXPECT_EQ(definition().last_success, before.last_success);
  EXPECT_EQ(definition().generation, before.generation + 1);
}

TEST_F(ExportRunTest, ADisabledExportDoesNotRun) {
  ASSERT_SUCCESS(write([](Writer& w) { return w.set_export_disabled(kDb, "X", true); }));
  const int64_t generation = definition().generation;
  ASSERT_SUCCESS(write([](Writer& w) { return w.set_export_disabled(kDb, "X", true); }));
  EXPECT_EQ(definition().generation, generation);
  expect_conflict(begin(to_).status());
  ASSERT_SUCCESS(write([](Writer& w) { return w.set_export_disabled(kDb, "X", false); }));
  EXPECT_TRUE(begin(to_).ok());
}

TEST_F(ExportRunTest, OnlyTheRunsOwnPendingArtifactsBecomeExported) {
  const ExportRun begun = run();
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "a"), make_artifact(begun.id, "unused")}));
  expect_conflict(commit(begun, {make_artifact(begun.id, "a"), make_artifact(begun.id, "unknown")}));
  EXPECT_TRUE(exported().empty());
  EXPECT_EQ(definition().exported_to, kStart);
  ASSERT_SUCCESS(commit(begun, {make_artifact(begun.id, "a")}));
  EXPECT_EQ(exported(), std::vector<std::string>{"a"});
  EXPECT_EQ(abandoned(), std::vector<std::string>{"unused"});
}

TEST_F(ExportRunTest, OnePathHasOneArtifact) {
  const ExportRun begun = run();
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "a")}));
  expect_conflict(pending({make_artifact(begun.id, "b"), make_artifact(begun.id, "a")}));
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "b")}));
  expect_conflict(pending({make_artifact(Guid::random(), "c")}));
}

TEST_F(ExportRunTest, AConflictThatIsIgnoredStillRefusesTheTransaction) {
  const ExportRun begun = run();
  const Status status = write([&](Writer& w) -> Status {
    (void)w.add_pending({make_artifact(begun.id, "b"), make_artifact(begun.id, "b")});
    return Status();
  });
  expect_conflict(status);
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "b")}));
}

TEST_F(ExportRunTest, TheJanitorForgetsWhatItDeleted) {
  const ExportRun begun = run();
  const std::vector<Artifact> artifacts = {make_artifact(begun.id, "a"), make_artifact(begun.id, "b")};
  ASSERT_SUCCESS(pending(artifacts));
  ASSERT_SUCCESS(commit(begun, {artifacts[0]}));
  EXPECT_EQ((*catalog_->abandoned_artifacts())[0].connection, artifacts[1].connection);
  ASSERT_SUCCESS(write([&](Writer& w) { return w.forget_pending(artifacts); }));
  EXPECT_TRUE(abandoned().empty());
  EXPECT_EQ(exported(), std::vector<std::string>{"a"}) << "what is exported is never forgotten";
}

TEST_F(ExportRunTest, FailuresAreListedForFourteenDays) {
  ASSERT_SUCCESS(fail(run(), kPermanent));
  clock_.advance(kTicksPerDay);
  ASSERT_SUCCESS(fail(run(), kTransient));
  std::vector<ExportRun> failures = *catalog_->failures(kDb, "X");
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[0].failure_kind, "StorageTransient");
  EXPECT_FALSE(failures[0].permanent_failure);
  EXPECT_EQ(failures[0].attempt, 2);
  EXPECT_EQ(failures[1].failure_kind, "EntityNotFound");
  EXPECT_EQ(failures[1].details, kPermanent.message);
  EXPECT_TRUE(failures[1].permanent_failure);
  clock_.advance(13 * kTicksPerDay + 1);
  EXPECT_EQ((*catalog_->failures(kDb, "X")).size(), 1U);
  make_table("Another");  // any write lets the old rows go
  EXPECT_EQ((*catalog_->runs(kDb, "X", 10)).size(), 1U);
}

TEST_F(ExportRunTest, AWeekOfPermanentFailuresDisables) {
  const Ticks first = clock_.now();
  ASSERT_SUCCESS(fail(run(), kPermanent));
  EXPECT_EQ(definition().failing_since, first);
  clock_.advance(kWeek - 1);
  ASSERT_SUCCESS(fail(run(), kPermanent));
  EXPECT_EQ(definition().failing_since, first);
  EXPECT_EQ(definition().consecutive_failures, 2);
  EXPECT_FALSE(definition().disabled);
  clock_.advance(1);
  const int64_t generation = definition().generation;
  ASSERT_SUCCESS(fail(run(), kPermanent));
  EXPECT_TRUE(definition().disabled);
  EXPECT_EQ(definition().generation, generation + 1);
  EXPECT_EQ(definition().last_result, "Failed");
  reopen();
  EXPECT_TRUE(definition().disabled);
  ASSERT_SUCCESS(write([](Writer& w) { return w.set_export_disabled(kDb, "X", false); }));
  EXPECT_FALSE(definition().failing_since.has_value());
  ASSERT_SUCCESS(fail(run(), kPermanent));
  EXPECT_FALSE(definition().disabled);
}

TEST_F(ExportRunTest, ATransientFailureOrASuccessStartsTheWeekAgain) {
  ASSERT_SUCCESS(fail(run(), kPermanent));
  clock_.advance(kTicksPerDay);
  ASSERT_SUCCESS(fail(run(), kTransient));
  EXPECT_FALSE(definition().failing_since.has_value());
  EXPECT_EQ(definition().consecutive_failures, 2);
  clock_.advance(kWeek);
  ASSERT_SUCCESS(fail(run(), kPermanent));
  EXPECT_FALSE(definition().disabled);
  ASSERT_SUCCESS(commit(run(), {}));
  EXPECT_FALSE(definition().failing_since.has_value());
  EXPECT_EQ(definition().consecutive_failures, 0);
}

TEST_F(ExportRunTest, ARunThatWasCancelledOrChangedSaysNothingAboutAPermanentFailure) {
  const Ticks first = clock_.now();
  ASSERT_SUCCESS(fail(run(), kPermanent));
  clock_.advance(kTicksPerDay);
  ASSERT_SUCCESS(fail(run(), Error(ErrorCode::Cancelled, "the server is stopping")));
  ASSERT_SUCCESS(fail(run(), Error(ErrorCode::Conflict, "the export was changed")));
  run();
  reopen();  // and so does one that a dead process left
  EXPECT_EQ(definition().failing_since, first);
  clock_.advance(kWeek);
  ASSERT_SUCCESS(fail(run(), Error(ErrorCode::Cancelled, "the server is stopping")));
  EXPECT_FALSE(definition().disabled);
  ASSERT_SUCCESS(fail(run(), kPermanent));
  EXPECT_TRUE(definition().disabled);
}

TEST_F(ExportRunTest, RecoveryFailsWhatADeadProcessLeftRunning) {
  const ExportRun begun = run();
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "a")}));
  const Operation running = make_operation(), scheduled = make_operation(OperationState::Scheduled),
                  done = make_operation(OperationState::Completed);
  for (const Operation& operation : {running, scheduled, done}) {
    ASSERT_SUCCESS(write([&](Writer& w) { return w.put_operation(operation); }));
  }
  ASSERT_SUCCESS(pending({make_artifact(running.id, "o")}));
  reopen();
  EXPECT_EQ(last().state, RunState::Failed);
  EXPECT_EQ(last().details, "the server stopped during the run");
  EXPECT_EQ(last().ended, clock_.now());
  EXPECT_EQ(abandoned(), (std::vector<std::string>{"a", "o"}));
  EXPECT_EQ(definition().last_result, "Failed");
  EXPECT_EQ((*catalog_->operation(running.id))->state, OperationState::Failed);
  EXPECT_EQ((*catalog_->operation(running.id))->status, "the server stopped during the run");
  EXPECT_EQ((*catalog_->operation(scheduled.id))->state, OperationState::Abandoned);
  EXPECT_EQ((*catalog_->operation(done.id))->state, OperationState::Completed);
  expect_conflict(commit(begun, {make_artifact(begun.id, "a")}));
  EXPECT_EQ(run().attempt, 2);
}

TEST_F(ExportRunTest, AbandonedArtifactsKnowWhenAndWhetherTheirObjectsMayStillAppear) {
  const ExportRun begun = run();
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "a"), make_artifact(begun.id, "b")}));
  ASSERT_SUCCESS(write([&](Writer& w) { return w.settle_pending({make_artifact(begun.id, "a")}); }));
  clock_.advance(kTicksPerMinute);
  const Ticks failed = clock_.now();
  ASSERT_SUCCESS(write([&](Writer& w) {
    return w.fail_run(begun, Error(ErrorCode::StorageTransient, "throttled"), kTicksPerDay);
  }));
  clock_.advance(kTicksPerMinute);
  reopen();
  const auto artifacts = catalog_->abandoned_artifacts();
  ASSERT_EQ(artifacts->size(), 2u);
  for (const Artifact& artifact : *artifacts) {
    EXPECT_EQ(artifact.abandoned, failed) << "a restart doesn't make it younger";
    EXPECT_EQ(artifact.settled, artifact.object == "a") << artifact.object;
  }
}

TEST_F(ExportRunTest, ArtifactsOfDroppedExportsAreKeptForFourteenDays) {
  const auto count = [&] {
    // The path is taken for as long as its row is there.
    const Operation operation = make_operation();
    EXPECT_TRUE(write([&](Writer& w) { return w.put_operation(operation); }).ok());
    const bool free = pending({make_artifact(operation.id, "a")}).ok();
    EXPECT_TRUE(write([&](Writer& w) -> Status {
                  SPILLWAY_TRY(w.abandon_artifacts(operation.id));
                  return w.forget_pending({make_artifact(operation.id, "a")});
                }).ok());
    return free ? 0 : 1;
  };
  const ExportRun begun = run();
  ASSERT_SUCCESS(pending({make_artifact(begun.id, "a")}));
  ASSERT_SUCCESS(commit(begun, {make_artifact(begun.id, "a")}));
  clock_.advance(30 * kTicksPerDay);
  make_table("Another");
  EXPECT_EQ(exported(), std::vector<std::string>{"a"})
      << "those of an export that is there are kept for ever";
  ASSERT_SUCCESS(write([](Writer& w) { return w.drop_export(kDb, "X"); }));
  EXPECT_EQ(count(), 1);
  clock_.advance(kTicksPerHour);
  make_table("A third");
  EXPECT_EQ(count(), 0);
}

TEST_F(ExportRunTest, ArtifactsAreListedForAsLongAsTheExportSays) {
  const auto commit_one = [&](const std::string& object) {
    const ExportRun begun = run();
    ASSERT_SUCCESS(pending({make_artifact(begun.id, object)}));
    ASSERT_SUCCESS(commit(begun, {make_artifact(begun.id, object)}));
  };
  ContinuousExport altered = definition();
  altered.artifact_retention = 20 * kTicksPerDay;
  ASSERT_SUCCESS(write([&](Writer& w) { return w.put_export(kDb, altered); }));
  commit_one("a");
  clock_.advance(10 * kTicksPerDay);
  ingest(table_);
  commit_one("b");
  const Cursor position = definition().exported_to;
  clock_.advance(10 * kTicksPerDay);
  make_table("Another");
  EXPECT_EQ(exported(), (std::vector<std::string>{"a", "b"}));
  clock_.advance(kTicksPerHour);
  make_table("A third");
  EXPECT_EQ(exported(), std::vector<std::string>{"b"});
  EXPECT_EQ(definition().exported_to, position);
  reopen();
  EXPECT_EQ(definition().artifact_retention, 20 * kTicksPerDay);
  EXPECT_TRUE(abandoned().empty()) << "what is forgotten isn't the janitor's";
}

TEST_F(ExportRunTest, AClockThatWasSetBackDoesNotKeepOldRows) {
  const Ticks now = clock_.now();
  ASSERT_SUCCESS(fail(run(), kTransient));
  clock_.set(now + 1000 * kTicksPerDay);
  make_table("In the future");
  clock_.set(now + 15 * kTicksPerDay);
  ASSERT_SUCCESS(fail(run(), kTransient));
  clock_.advance(15 * kTicksPerDay);
  make_table("Another");
  EXPECT_TRUE((*catalog_->runs(kDb, "X", 10)).empty());
}

using OperationTest = ExportRunTest;

TEST_F(OperationTest, ACompletedOperationKeepsItsArtifactsAndItsDetails) {
  Operation operation = make_operation();
  ASSERT_SUCCESS(write([&](Writer& w) { return w.put_operation(operation); }));
  std::vector<Artifact> artifacts = {make_artifact(operation.id, "a"), make_artifact(operation.id, "b")};
  ASSERT_SUCCESS(pending(artifacts));
  EXPECT_FALSE((*catalog_->operation_details(operation.id)).has_value());
  operation.state = OperationState::Completed;
  operation.status = "done";
  artifacts.pop_back();
  ASSERT_SUCCESS(
      write([&](Writer& w) { return w.complete_operation(operation, "{\"rows\":[]}", artifacts); }));
  EXPECT_EQ(*catalog_->operation_details(operation.id), "{\"rows\":[]}");
  EXPECT_EQ((*catalog_->operation(operation.id))->status, "done");
  EXPECT_EQ(abandoned(), std::vector<std::string>{"b"});
  expect_conflict(write([&](Writer& w) { return w.complete_operation(operation, "", {}); }));
  reopen();
  EXPECT_EQ(*catalog_->operation_details(operation.id), "{\"rows\":[]}");
  EXPECT_EQ((*catalog_->operation(operation.id))->state, OperationState::Completed);
}

TEST_F(OperationTest, AWithdrawnOperationGivesItsArtifactsToTheJanitor) {
  Operation operation = make_operation();
  ASSERT_SUCCESS(write([&](Writer& w) { return w.put_operation(operation); }));
  const std::vector<Artifact> artifacts = {make_artifact(operation.id, "a")};
  ASSERT_SUCCESS(pending(artifacts));
  operation.state = OperationState::Completed;
  const DeltaCommit delta{operation.id, kDb, "", "/lake", "{}"};
  ASSERT_SUCCESS(write([&](Writer& w) { return w.complete_operation(operation, "", artifacts, delta); }));
  EXPECT_TRUE(abandoned().empty());
  EXPECT_EQ(catalog_->due_delta_commits()->size(), 1U);
  operation.state = OperationState::Failed;
  ASSERT_SUCCESS(write([&](Writer& w) { return w.withdraw_operation(operation); }));
  EXPECT_EQ(abandoned(), std::vector<std::string>{"a"});
  EXPECT_TRUE(catalog_->due_delta_commits()->empty());
  EXPECT_EQ((*catalog_->operation(operation.id))->state, OperationState::Failed);
}

TEST_F(OperationTest, AFailedOperationGivesItsArtifactsToTheJanitor) {
  Operation operation = make_operation();
  ASSERT_SUCCESS(write([&](Writer& w) { return w.put_operation(operation); }));
  ASSERT_SUCCESS(pending({make_artifact(operation.id, "a")}));
  operation.state = OperationState::Failed;
  ASSERT_SUCCESS(write([&](Writer& w) { return w.put_operation(operation); }));
  EXPECT_EQ(abandoned(), std::vector<std::string>{"a"});
  expect_conflict(pending({make_artifact(operation.id, "b")}));
}

TEST_F(OperationTest, OperationsAreListedNewestFirstForFourteenDays) {
  std::vector<Guid> ids;
  for (int i = 0; i < 3; ++i) {
    Operation operation = make_operation(OperationState::Completed);
    operation.started = operation.updated = clock_.now();
    ids.insert(ids.begin(), operation.id);
    ASSERT_SUCCESS(write([&](Writer& w) { return w.put_operation(operation); }));
    clock_.advance(7 * kTicksPerDay - 1);
  }
  clock_.advance(-7 * kTicksPerDay + 2);
  const auto listed = [&](int limit) {
    std::vector<Guid> out;
    const std::vector<Operation> operations = *catalog_->operations(limit);
    for (const Operation& operation : operations) out.push_back(operation.id);
    return out;
  };
  EXPECT_EQ(listed(10), ids);
  EXPECT_EQ(listed(1), std::vector<Guid>{ids[0]});
  clock_.advance(2);
  EXPECT_EQ(listed(10).size(), 2U);
  EXPECT_FALSE((*catalog_->operation(Guid::random())).has_value());
}

TEST_F(OperationTest, NoErrorHoldsASecret) {
  const ExportRun begun = run();
  const Status status = write([&](Writer& w) -> Status {
    SPILLWAY_TRY(w.add_pending({make_artifact(begun.id, "a")}));
    return w.add_pending({make_artifact(begun.id, "a")});
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message.find("c2VjcmV0"), std::string::npos);
}

}  // namespace
}  // namespace spillway::catalog
