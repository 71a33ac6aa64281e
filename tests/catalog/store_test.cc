// Retention, which takes more rows than a catalog's tests would want to make.
#include "catalog/store.h"

#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

class StoreTest : public CatalogTest {
 protected:
  StoreTest() {
    open();
    make_export();
    export_id_ = definition().id;
    close();
    store_ = std::make_unique<Store>(folder_ + "/catalog.sqlite");
  }

  void add_run(RunState state, Ticks started) {
    ExportRun run;
    run.id = Guid::random();
    run.export_id = export_id_;
    run.state = state;
    run.started = started;
    if (state != RunState::Running) run.ended = started + 1;
    store_->insert_run(run);
  }
  std::vector<Ticks> started() {
    std::vector<Ticks> out;
    for (const ExportRun& run : store_->runs(export_id_, 100)) out.push_back(run.started);
    return out;
  }

  int64_t export_id_ = 0;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, TheNewestCompletedRunsAreKept) {
  for (Ticks started = 1; started <= 8; ++started) {
    add_run(started % 2 == 0 ? RunState::Completed : RunState::Failed, started);
  }
  store_->prune(0, 2, 100);
  EXPECT_EQ(started(), (std::vector<Ticks>{8, 7, 6, 5, 3, 1}));
  store_->prune(0, 100, 100);
  EXPECT_EQ(started().size(), 6U);
}

TEST_F(StoreTest, OldRunsGoButForThoseThatAreRunning) {
  add_run(RunState::Running, 1);
  add_run(RunState::Failed, 2);
  add_run(RunState::Completed, 3);
  add_run(RunState::Failed, 10);
  store_->prune(5, 100, 100);
  EXPECT_EQ(started(), (std::vector<Ticks>{10, 1}));
}

}  // namespace
}  // namespace spillway::catalog
