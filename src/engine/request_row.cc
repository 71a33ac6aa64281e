#include "engine/request_row.h"

#include <algorithm>

namespace spillway::engine {
namespace {

constexpr int64_t kNanosecondsPerTick = 100;

}  // namespace

catalog::RequestState state_after(const Status& outcome) {
  if (outcome.ok()) return catalog::RequestState::Completed;
  switch (outcome.error().code) {
    case ErrorCode::Throttled: return catalog::RequestState::Throttled;
    case ErrorCode::Cancelled: return catalog::RequestState::Canceled;
    default: return catalog::RequestState::Failed;
  }
}

void complete(catalog::LoggedRequest& row, const Status& outcome, const CancelToken* work, Ticks now) {
  row.state = state_after(outcome);
  row.failure_reason = outcome.ok() ? "" : outcome.error().message;
  row.updated = std::max(now, row.started);
  if (!work) return;
  WorkTimer::settle();
  add_usage(row, work->usage());
}

void add_usage(catalog::LoggedRequest& row, const Usage& usage) {
  row.cpu += usage.cpu().count() / kNanosecondsPerTick;
  if (usage.peak_memory() > 0) row.memory_peak = std::max(row.memory_peak.value_or(0), usage.peak_memory());
  ScanCounts scans{row.extents_total, row.extents_scanned, row.rows_total,
                   row.rows_scanned,  row.oldest_scanned,  row.newest_scanned};
  scans.add(usage.scans());
  row.extents_total = scans.extents_total;
  row.extents_scanned = scans.extents_scanned;
  row.rows_total = scans.rows_total;
  row.rows_scanned = scans.rows_scanned;
  row.oldest_scanned = scans.oldest;
  row.newest_scanned = scans.newest;
}

}  // namespace spillway::engine
