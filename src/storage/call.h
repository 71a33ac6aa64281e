// One call of a store from its beginning to its end: how long it may still go on.
#pragma once

#include <chrono>

#include "storage/object_store.h"

namespace spillway::storage {

class Call {
 public:
  /// `bytes`: what it is to transfer. `options` must outlive it.
  explicit Call(const StoreOptions& options, int64_t bytes = 0);

  bool cancelled() const { return options_.limits.cancelled && options_.limits.cancelled(); }
  /// Zero at the least.
  std::chrono::milliseconds left() const;
  /// Cancelled, or StorageTransient where its time is over.
  Status check() const;
  /// Waits, unless the call is cancelled meanwhile.
  Status wait(std::chrono::milliseconds delay) const;

 private:
  const StoreOptions& options_;
  const std::chrono::steady_clock::time_point end_;
};

}  // namespace spillway::storage
