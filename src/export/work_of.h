// Counts the processor time of a helper's thread as that of the export that it works for.
#pragma once

#include <optional>

#include "engine/engine.h"

namespace spillway::exports {

/// A WorkTimer for the work of a token, which may be null.
class WorkOf {
 public:
  explicit WorkOf(const engine::CancelToken* work) {
    if (work) timer_.emplace(work->usage());
  }

 private:
  std::optional<engine::WorkTimer> timer_;
};

}  // namespace spillway::exports
