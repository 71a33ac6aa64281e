// A handful of threads over a list of files.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/status.h"

namespace spillway::exports {

/// Runs f(0) … f(count - 1) on a few threads, until one fails.
template <typename F>
Status for_all(size_t count, size_t threads, const F& f) {
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::optional<Error> failure;
  const auto work = [&] {
    for (size_t i = next++; i < count && !failed; i = next++) {
      const Status status = f(i);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) failure = status.error();
    }
  };
  std::vector<std::thread> helpers;
  try {
    for (size_t i = 1; i < std::min(count, threads); ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // Fewer threads do it too.
  }
  work();
  for (std::thread& helper : helpers) helper.join();
  return failure ? Status(*failure) : Status();
}

}  // namespace spillway::exports
