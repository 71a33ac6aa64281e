#include "server/test_times.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace spillway::server {

#ifdef SPILLWAY_FAIL_POINTS
namespace {

using std::chrono::milliseconds;

bool apply(std::string_view name, milliseconds time, storage::StoreOptions& stores,
           exports::ServiceOptions& exports) {
  const Ticks ticks = time.count() * kTicksPerSecond / 1000;
  if (name == "connect")
    stores.connect_timeout = std::chrono::ceil<std::chrono::seconds>(time);
  else if (name == "stall")
    stores.stall_timeout = std::chrono::ceil<std::chrono::seconds>(time);
  else if (name == "first_delay")
    stores.retry.first_delay = time;
  else if (name == "longest_delay")
    stores.retry.longest_delay = time;
  else if (name == "longest_call")
    stores.longest_call = time;
  else if (name == "janitor")
    exports.janitor_interval = ticks;
  else if (name == "late_arrival")
    exports.late_arrival = ticks;
  else
    return false;
  return true;
}

}  // namespace

Status apply_test_times(storage::StoreOptions& stores, exports::ServiceOptions& exports) {
  const char* const given = std::getenv("SPILLWAY_TEST_TIMES");
  std::string_view rest = given ? given : "";
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const size_t equals = std::min(one.find('='), one.size());
    const std::string_view value = one.substr(std::min(equals + 1, one.size()));
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool valid = error == std::errc() && end == value.data() + value.size() && number > 0;
    if (!valid || !apply(one.substr(0, equals), milliseconds(number), stores, exports)) {
      return Status(ErrorCode::BadRequest, "SPILLWAY_TEST_TIMES doesn't take '" + std::string(one) + "'");
    }
  }
  return {};
}
#else
Status apply_test_times(storage::StoreOptions&, exports::ServiceOptions&) {
  return {};
}
#endif

}  // namespace spillway::server
