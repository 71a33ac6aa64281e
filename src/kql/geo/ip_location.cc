#include "kql/geo/ip_location.h"

#include <maxminddb.h>

#include <cstdlib>
#include <initializer_list>
#include <vector>

namespace spillway::kql::geo {
namespace {

class Database {
 public:
  Database() {
    std::vector<std::string> paths = {"/var/lib/GeoIP/GeoLite2-City.mmdb",
                                      "/usr/share/GeoIP/GeoLite2-City.mmdb"};
    if (const char* given = std::getenv("SPILLWAY_GEOLITE2_CITY")) paths = {given};
    for (const std::string& path : paths) {
      open_ = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database_) == MMDB_SUCCESS;
      if (open_) break;
    }
  }
  ~Database() {
    if (open_) MMDB_close(&database_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  bool is_open() const { return open_; }
  const MMDB_s* get() const { return &database_; }

 private:
  MMDB_s database_ = {};
  bool open_ = false;
};

const Database& database() {
  static const Database database;
  return database;
}

std::optional<MMDB_entry_data_s> value_at(MMDB_entry_s& entry, std::vector<const char*> path) {
  path.push_back(nullptr);
  MMDB_entry_data_s data;
  if (MMDB_aget_value(&entry, &data, path.data()) != MMDB_SUCCESS || !data.has_data) return std::nullopt;
  return data;
}

std::string text_at(MMDB_entry_s& entry, std::vector<const char*> path) {
  const auto data = value_at(entry, std::move(path));
  if (!data || data->type != MMDB_DATA_TYPE_UTF8_STRING) return {};
  return std::string(data->utf8_string, data->data_size);
}

std::optional<double> real_at(MMDB_entry_s& entry, std::vector<const char*> path) {
  const auto data = value_at(entry, std::move(path));
  if (!data || data->type != MMDB_DATA_TYPE_DOUBLE) return std::nullopt;
  return data->double_value;
}

}  // namespace

Status ip_locations_available() {
  if (database().is_open()) return {};
  return Status(
      ErrorCode::NotSupported,
      "geo_info_from_ip_address() needs MaxMind's GeoLite2-City.mmdb: put it into /var/lib/GeoIP, or "
      "set SPILLWAY_GEOLITE2_CITY to its path");
}

std::optional<IpLocation> locate_ip(std::string_view address) {
  if (!database().is_open()) return std::nullopt;
  int bad_address = 0;
  int bad_database = MMDB_SUCCESS;
  MMDB_lookup_result_s found =
      MMDB_lookup_string(database().get(), std::string(address).c_str(), &bad_address, &bad_database);
  if (bad_address != 0 || bad_database != MMDB_SUCCESS || !found.found_entry) return std::nullopt;
  IpLocation location;
  location.country = text_at(found.entry, {"country", "names", "en"});
  location.state = text_at(found.entry, {"subdivisions", "0", "names", "en"});
  location.city = text_at(found.entry, {"city", "names", "en"});
  location.latitude = real_at(found.entry, {"location", "latitude"});
  location.longitude = real_at(found.entry, {"location", "longitude"});
  return location;
}

}  // namespace spillway::kql::geo
