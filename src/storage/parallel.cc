#include "storage/parallel.h"

#include <algorithm>
#include <system_error>

namespace spillway::storage {

Parallel::Parallel(int limit) : limit_(static_cast<size_t>(std::max(limit, 1))) {}

Parallel::~Parallel() {
  (void)finish();
}

Status Parallel::run(std::function<Status()> task) {
  while (running_.size() >= limit_) wait_for_one();
  SPILLWAY_TRY(status_);
  try {
    running_.push_back(std::async(std::launch::async, task));
  } catch (const std::system_error&) {
    return task();  // no thread to be had: one at a time, then
  }
  return {};
}

Status Parallel::finish() {
  while (!running_.empty()) wait_for_one();
  return status_;
}

void Parallel::wait_for_one() {
  Status status = running_.front().get();
  running_.pop_front();
  if (status_.ok()) status_ = std::move(status);
}

}  // namespace spillway::storage
