// The thread that removes extent files which nobody needs.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "catalog/catalog.h"
#include "ingest/extent_files.h"

namespace spillway::ingest {

class Janitor {
 public:
  /// Begins with a pass over all files. Both outlive it.
  Janitor(ExtentFiles& files, catalog::Catalog& catalog);
  ~Janitor() { stop(); }

  /// After a commit of unknown outcome: the next pass, at once, goes over all files.
  void look_for_orphans();
  void stop();

 private:
  void run();
  void pass(bool orphans);

  ExtentFiles& files_;
  catalog::Catalog& catalog_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, orphans_ = true;
  std::thread thread_;
};

}  // namespace spillway::ingest
