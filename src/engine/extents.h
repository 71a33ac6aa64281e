// Which extents a scan must read: those whose cursors, ingestion times and datetime columns can satisfy the
// bounds that the query's predicates put on them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catalog/model.h"
#include "kql/plan.h"

namespace spillway::engine {

/// An inclusive range of integers (ticks, cursors); of a string column the one value that it may have.
struct Interval {
  int64_t low = INT64_MIN;
  int64_t high = INT64_MAX;
  std::optional<std::string> text = std::nullopt;

  bool empty() const { return low > high; }
  bool meets(int64_t from, int64_t to) const { return low <= to && from <= high; }
  bool covers(int64_t from, int64_t to) const { return low <= from && to <= high; }
  void narrow(const Interval& other) {
    low = std::max(low, other.low);
    high = std::min(high, other.high);
    if (text && other.text && *text != *other.text) high = INT64_MIN, low = INT64_MAX;
    if (!text) text = other.text;
  }
};

/// What is known of every record that can still matter.
struct Bounds {
  std::map<kql::ColumnId, Interval> columns;  // bounds on datetimes, longs, cursors and strings
  std::vector<kql::ExprPtr> predicates;       // that are true; kept where an external table is read below
};

/// The bounds of one scan, by what the catalog knows of extents.
struct ScanBounds {
  Interval cursor, ingestion_time;
  std::map<int, Interval> columns;  // datetime columns by field id
};

using Extents = std::vector<std::shared_ptr<const catalog::Extent>>;

/// The extents that may hold records within the bounds. Costs what the extents after cursor.low cost, not the
/// table.
Extents choose_extents(const catalog::ExtentList& all, const ScanBounds& bounds);

}  // namespace spillway::engine
