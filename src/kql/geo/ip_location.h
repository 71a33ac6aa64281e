// Where IP addresses are: from MaxMind's GeoLite2 City database, which its licence keeps out of this project.
// The file is found where the environment variable SPILLWAY_GEOLITE2_CITY says, or where geoipupdate puts it:
// /var/lib/GeoIP or /usr/share/GeoIP, as GeoLite2-City.mmdb. It is opened once, at the first question.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace spillway::kql::geo {

struct IpLocation {
  std::string country, state, city;  // in English; empty where not known
  std::optional<double> latitude, longitude;
};

/// Whether the database is there: NotSupported where it isn't.
Status ip_locations_available();
/// Nothing for what isn't an address, or isn't in the database.
std::optional<IpLocation> locate_ip(std::string_view address);

}  // namespace spillway::kql::geo
