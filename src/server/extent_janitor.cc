#include "server/extent_janitor.h"

#include <chrono>
#include <filesystem>
#include <set>
#include <vector>

#include "base/log.h"

namespace spillway::server {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kInterval{60};
/// Longer than any ingestion takes between writing a file and committing it.
constexpr std::chrono::hours kUnnamedAge{24};

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) files.push_back(it->path());
  }
  return files;
}

bool is_old(const fs::path& file) {
  std::error_code error;
  const auto written = fs::last_write_time(file, error);
  return !error && fs::file_time_type::clock::now() - written > kUnnamedAge;
}

}  // namespace

ExtentJanitor::ExtentJanitor(catalog::Catalog& catalog, std::string extents_folder)
    : catalog_(catalog), folder_(std::move(extents_folder)) {}

Status ExtentJanitor::remove_dropped() {
  SPILLWAY_ASSIGN(const std::vector<std::string> paths, catalog_.removable_extents());
  std::vector<std::string> removed;
  for (const std::string& path : paths) {
    std::error_code error;
    fs::remove(fs::path(folder_) / path, error);
    if (!error) removed.push_back(path);
  }
  return removed.empty() ? Status() : catalog_.forget_extents(removed);
}

Status ExtentJanitor::remove_unnamed(bool of_any_age) {
  // The files first: one that is committed in between is named by then.
  const std::vector<fs::path> files = files_below(folder_);
  SPILLWAY_ASSIGN(const std::set<std::string> named, catalog_.extent_paths());
  for (const fs::path& file : files) {
    const std::string path = file.lexically_relative(folder_).generic_string();
    if (named.contains(path) || (!of_any_age && !is_old(file))) continue;
    log::info("removing a file that no extent has", {{"path", path}});
    std::error_code ignored;
    fs::remove(file, ignored);
  }
  return {};
}

Status ExtentJanitor::sweep_at_start() {
  SPILLWAY_TRY(remove_dropped());
  return remove_unnamed(true);
}

Status ExtentJanitor::sweep() {
  SPILLWAY_TRY(remove_dropped());
  return remove_unnamed(false);
}

void ExtentJanitor::start() {
  thread_ = std::thread([this] { loop(); });
}

void ExtentJanitor::loop() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    if (const Status swept = sweep(); !swept.ok()) {
      log::warning("removing unused extents failed", {{"failure", swept.error().message}});
    }
    lock.lock();
  }
}

void ExtentJanitor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace spillway::server
