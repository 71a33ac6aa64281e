// Time zones by their IANA names, out of the system's zone files (/usr/share/zoneinfo, or $TZDIR).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace spillway::kql {

/// Null for a zone that isn't known.
std::optional<Ticks> utc_to_local(Ticks utc, std::string_view zone);
/// Of a time that the clock shows twice, the earlier; of one that it skips, as if it had gone forward
/// already.
std::optional<Ticks> local_to_utc(Ticks local, std::string_view zone);

/// The names of all zones, sorted.
std::vector<std::string> time_zone_names();

}  // namespace spillway::kql
