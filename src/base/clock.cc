#include "base/clock.h"

namespace spillway {

Ticks SystemClock::now() const {
  constexpr int64_t kNanosecondsPerTick = 100;
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return kUnixEpoch +
         std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count() / kNanosecondsPerTick;
}

}  // namespace spillway
