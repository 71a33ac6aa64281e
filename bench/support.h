// What the benchmarks share: a server's parts in process, generated telemetry, and timing.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "server/instance.h"

namespace spillway::bench {

inline constexpr const char* kDatabase = "NetDefaultDB";

/// Ends the program with a message.
[[noreturn]] void die(const std::string& message);

template <typename T>
T need(Result<T> result) {
  if (!result.ok()) die(result.error().message);
  return *std::move(result);
}

/// A server on `folder`/data that may write below `folder`/out.
std::unique_ptr<server::Instance> open_instance(const std::filesystem::path& folder);
std::vector<Table> command(commands::Services services, const std::string& text);
/// Makes the table Telemetry of `records` records in `extents` extents: 37 ms apart, 5,000 devices, 97
/// sensors, every tenth with a note.
void make_telemetry(commands::Services services, int64_t records, int extents);
/// The files of Telemetry's extents.
std::vector<std::string> telemetry_files(commands::Services services, const std::filesystem::path& folder);

double seconds_of(const std::function<void()>& work);
double median(std::vector<double> values);

}  // namespace spillway::bench
