// Removes the files of extents that nobody needs: those that were dropped, once no snapshot holds them, and
// those that an ingestion wrote and never committed.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "catalog/catalog.h"

namespace spillway::server {

class ExtentJanitor {
 public:
  /// The catalog outlives it.
  ExtentJanitor(catalog::Catalog& catalog, std::string extents_folder);
  ~ExtentJanitor() { stop(); }
  ExtentJanitor(const ExtentJanitor&) = delete;
  ExtentJanitor& operator=(const ExtentJanitor&) = delete;

  /// Before anything ingests: removes every file that the catalog doesn't name.
  Status sweep_at_start();
  /// One pass: dropped extents, and unnamed files that no ingestion can still be writing.
  Status sweep();
  /// A pass every minute, on a thread.
  void start();
  void stop();

 private:
  Status remove_dropped();
  Status remove_unnamed(bool of_any_age);
  void loop();

  catalog::Catalog& catalog_;
  const std::string folder_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace spillway::server
