#include "base/fail_point.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace spillway::fail_point {
namespace {

constexpr std::string_view kNames[] = {
#define FAIL_POINT(name) name,
#include "base/fail_points.def"
#undef FAIL_POINT
};

constexpr uint64_t kForever = UINT64_MAX;

enum class Action { Kill, Error, Sleep, Halt };

struct Arming {
  Action action = Action::Kill;
  std::chrono::milliseconds sleep{0};
  uint64_t first = 1, last = 1;  // which of the times that it is reached, counted from 1
  uint64_t times = 0;
};

bool known(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool parse_number(std::string_view text, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

/// "kill", "error", "halt", "sleep:250", each with "@3" or "@2-5" behind it.
std::optional<Arming> parse_action(std::string_view text) {
  Arming arming;
  std::string_view range;
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    range = text.substr(at + 1);
    text = text.substr(0, at);
    const size_t dash = std::min(range.find('-'), range.size());
    if (!parse_number(range.substr(0, dash), arming.first) || arming.first == 0) return std::nullopt;
    arming.last = arming.first;
    if (dash < range.size() && !parse_number(range.substr(dash + 1), arming.last)) return std::nullopt;
  }
  constexpr std::string_view kSleep = "sleep:";
  if (text == "kill") {
    arming.action = Action::Kill;
  } else if (text == "error") {
    arming.action = Action::Error;
  } else if (text == "halt") {
    arming.action = Action::Halt;
  } else if (uint64_t ms = 0; text.starts_with(kSleep) && parse_number(text.substr(kSleep.size()), ms)) {
    arming.action = Action::Sleep;
    arming.sleep = std::chrono::milliseconds(ms);
    if (range.empty()) arming.last = kForever;
  } else {
    return std::nullopt;
  }
  return arming;
}

class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  bool idle() const { return idle_.load(std::memory_order_relaxed); }

  Status arm(std::string_view specification) {
    while (!specification.empty()) {
      const size_t end = std::min(specification.find(';'), specification.size());
      const std::string_view one = specification.substr(0, end);
      specification.remove_prefix(std::min(end + 1, specification.size()));
      if (!one.empty()) SPILLWAY_TRY(arm_one(one));
    }
    return {};
  }

  void disarm_all() {
    const std::lock_guard lock(mutex_);
    armed_.clear();
    idle_.store(true);
    halted_.store(false);
  }

  void halt() { halted_.store(true); }
  bool halted() const { return halted_.load(); }

  std::optional<Arming> due(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = armed_.find(name);
    if (found == armed_.end()) return std::nullopt;
    Arming& arming = found->second;
    ++arming.times;
    if (arming.times < arming.first || arming.times > arming.last) return std::nullopt;
    return arming;
  }

 private:
  Registry() {
    const char* environment = std::getenv("SPILLWAY_FAIL_POINTS");
    if (!environment) return;
    if (const Status status = arm(environment); !status.ok()) {
      std::fprintf(stderr, "SPILLWAY_FAIL_POINTS: %s\n", status.error().message.c_str());
      std::abort();  // a test that arms nothing would prove nothing
    }
  }

  Status arm_one(std::string_view text) {
    const size_t equals = std::min(text.find('='), text.size());
    const std::string name(text.substr(0, equals));
    if (!known(name)) return Status(ErrorCode::BadRequest, "there is no fail point '" + name + "'");
    const auto arming = parse_action(text.substr(std::min(equals + 1, text.size())));
    if (!arming) {
      return Status(ErrorCode::BadRequest, "fail point '" + std::string(text) +
                                               "': expected kill, error or sleep:MILLISECONDS, "
                                               "with @N or @N-M behind it");
    }
    const std::lock_guard lock(mutex_);
    armed_[name] = *arming;
    idle_.store(false);
    return {};
  }

  std::mutex mutex_;
  std::map<std::string, Arming, std::less<>> armed_;
  std::atomic<bool> idle_{true}, halted_{false};
};

Error armed_error(const char* name) {
  return Error(ErrorCode::StorageTransient, std::string("fail point ") + name + " was armed with an error");
}

}  // namespace

std::vector<std::string> all() {
  return {std::begin(kNames), std::end(kNames)};
}
Status arm(std::string_view specification) {
  return Registry::instance().arm(specification);
}
void disarm_all() {
  Registry::instance().disarm_all();
}
bool halted() {
  return Registry::instance().halted();
}

Status reached(const char* name) {
  assert(known(name) && "a fail point must stand in base/fail_points.def");
  Registry& registry = Registry::instance();
  if (registry.idle()) return {};
  if (registry.halted()) return armed_error(name);
  const std::optional<Arming> arming = registry.due(name);
  if (!arming) return {};
  switch (arming->action) {
    case Action::Kill: ::kill(::getpid(), SIGKILL); std::abort();  // not reached: SIGKILL can't be blocked
    case Action::Error: return armed_error(name);
    case Action::Halt: registry.halt(); return armed_error(name);
    case Action::Sleep: std::this_thread::sleep_for(arming->sleep); break;
  }
  return {};
}

}  // namespace spillway::fail_point
