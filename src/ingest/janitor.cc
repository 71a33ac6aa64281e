#include "ingest/janitor.h"

#include <chrono>

#include "base/log.h"

namespace spillway::ingest {
namespace {

/// Between passes over what was dropped.
constexpr std::chrono::seconds kInterval{30};

}  // namespace

Janitor::Janitor(ExtentFiles& files, catalog::Catalog& catalog)
    : files_(files), catalog_(catalog), thread_([this] { run(); }) {}

void Janitor::look_for_orphans() {
  const std::lock_guard lock(mutex_);
  orphans_ = true;
  changed_.notify_all();
}

void Janitor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Janitor::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool orphans = std::exchange(orphans_, false);
    lock.unlock();
    pass(orphans);
    lock.lock();
    changed_.wait_for(lock, kInterval, [&] { return stopping_ || orphans_; });
  }
}

void Janitor::pass(bool orphans) {
  const Result<int64_t> dropped = files_.remove_dropped(catalog_);
  const Result<int64_t> orphaned = orphans ? files_.remove_orphans(catalog_) : int64_t{0};
  for (const Result<int64_t>* result : {&dropped, &orphaned}) {
    if (!result->ok()) log::warning("extent files can't be removed", {{"error", result->error().message}});
  }
  if (orphaned.ok() && *orphaned > 0) log::info("removed files that no extent has", {{"files", *orphaned}});
}

}  // namespace spillway::ingest
