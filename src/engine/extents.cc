#include "engine/extents.h"

#include <iterator>

namespace spillway::engine {
namespace {

bool may_match(const catalog::Extent& extent, const ScanBounds& bounds) {
  if (!bounds.cursor.meets(extent.min_cursor, extent.max_cursor)) return false;
  if (!bounds.ingestion_time.meets(extent.first_created, extent.created)) return false;
  for (const auto& [field, interval] : bounds.columns) {
    const auto range = extent.datetime_ranges.find(field);
    // No range: the column is null in all of its records, or isn't there. No comparison is true for null.
    if (range == extent.datetime_ranges.end()) return false;
    if (!interval.meets(range->second.first, range->second.second)) return false;
  }
  return true;
}

}  // namespace

Extents choose_extents(const catalog::ExtentList& all, const ScanBounds& bounds) {
  Extents chosen;
  if (bounds.cursor.empty() || bounds.ingestion_time.empty()) return chosen;
  const auto first = bounds.cursor.low == INT64_MIN ? all.begin() : all.after(bounds.cursor.low - 1);
  std::copy_if(
      first, all.end(), std::back_inserter(chosen),
      [&](const std::shared_ptr<const catalog::Extent>& extent) { return may_match(*extent, bounds); });
  return chosen;
}

}  // namespace spillway::engine
