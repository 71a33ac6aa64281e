// The extents of one table that an ingestion has written and not yet committed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fail_point.h"
#include "ingest/extent_files.h"
#include "ingest/ingest.h"

namespace spillway::ingest {

/// Its files go with it, unless they were handed over to a commit.
class Batch {
 public:
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    if (handed_over_) return;
    for (const auto& reservation : reservations_) reservation->remove();
  }

  /// The next extent's file.
  Result<ExtentFiles::Reservation*> reserve(ExtentFiles& files, int64_t database_id) {
    SPILLWAY_ASSIGN(std::unique_ptr<ExtentFiles::Reservation> reservation, files.reserve(database_id));
    reservations_.push_back(std::move(reservation));
    return reservations_.back().get();
  }
  /// Takes the extent that was written into the file reserved last.
  Status add(catalog::Extent extent, std::string item) {
    if (extent.rows == 0) {
      reservations_.back()->remove();
      reservations_.pop_back();
      return Status();
    }
    SPILLWAY_TRY(reservations_.back()->finish());
    SPILLWAY_FAIL_POINT("ingest.after_write");
    loaded_.push_back({std::move(extent), std::move(item)});
    return Status();
  }
  /// From here on the catalog may name its files.
  void hand_over() { handed_over_ = true; }

  std::vector<Loaded>& loaded() { return loaded_; }
  std::vector<catalog::Extent> extents() const {
    std::vector<catalog::Extent> extents;
    for (const Loaded& item : loaded_) extents.push_back(item.extent);
    return extents;
  }

 private:
  std::vector<std::unique_ptr<ExtentFiles::Reservation>> reservations_;
  std::vector<Loaded> loaded_;
  bool handed_over_ = false;
};

}  // namespace spillway::ingest
