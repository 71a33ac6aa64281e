#include "bench/support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace spillway::bench {

void die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

std::vector<Table> command(commands::Services services, const std::string& text) {
  commands::Request request;
  request.text = text;
  request.database = kDatabase;
  return need(commands::execute(request, services));
}

std::unique_ptr<server::Instance> open_instance(const std::filesystem::path& folder) {
  server::InstanceOptions instance;
  instance.data_folder = (folder / "data").string();
  instance.storage_roots = {(folder / "out").string()};
  return need(server::Instance::open(instance));
}

void make_telemetry(commands::Services services, int64_t records, int extents) {
  command(services,
          ".create table Telemetry (Timestamp:datetime, Device:string, Sensor:int, Value:real, Count:long, "
          "Note:string)");
  const int64_t each = records / extents;
  for (int extent = 0; extent < extents; ++extent) {
    const std::string first = std::to_string(extent * each), last = std::to_string((extent + 1) * each - 1);
    command(
        services,
        ".append Telemetry <| range i from " + first + " to " + last +
            " step 1 | project Timestamp = datetime(2024-01-01) + i * 37ms, Device = strcat('device-', "
            "tostring((i * 7919) % 5000)), Sensor = toint(i % 97), Value = sqrt(toreal(i * 31 % 1000003)), "
            "Count = i * 104729 % 1000003, Note = iff(i % 10 == 0, strcat('reading ', tostring(i)), '')");
  }
}

std::vector<std::string> telemetry_files(commands::Services services, const std::filesystem::path& folder) {
  std::vector<std::string> files;
  const auto snapshot = services.catalog.snapshot();
  for (const auto& extent : *snapshot->database(kDatabase)->tables.at("Telemetry")->extents) {
    files.push_back((folder / "data" / "extents" / extent->path).string());
  }
  return files;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace spillway::bench
