// Waiting for what another thread does.
#pragma once

#include <chrono>
#include <thread>

namespace spillway::test {

/// Waits until `condition` holds, for as long as a slow machine may need; false where it never does.
template <typename F>
bool eventually(const F& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace spillway::test
