// The files of extents: where a new one lies, how it gets there whole and durable, and which files nobody
// needs.
//
//   EXTENTS/DATABASE-ID/74/74be27de-1e4e-49d9-b579-fe0b331d3642.parquet       .part behind it while it is
//   written EXTENTS/incoming/ID/…                                                     downloads, while they
//   are read
//
// A file that is written or waits for its commit has a Reservation; one that is committed has a catalog row.
// What has neither is an orphan.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "catalog/catalog.h"

namespace spillway::ingest {

class ExtentFiles {
 public:
  /// Makes the folder where it is missing.
  static Result<std::unique_ptr<ExtentFiles>> open(std::string folder);

  /// A new extent's name and file, which no sweep removes while this lives.
  class Reservation {
   public:
    Reservation(ExtentFiles& files, const Guid& id, std::string path);
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation();

    const Guid& id() const { return id_; }
    const std::string& path() const { return path_; }  // as catalog::Extent has it
    std::string part_file() const;                     // absolute: where it is written
    /// Syncs what was written and gives it its name.
    Status finish();
    /// Removes it: nothing in the catalog names it, nor could.
    void remove();

   private:
    std::string file() const;
    ExtentFiles& files_;
    const Guid id_;
    const std::string path_;
  };
  Result<std::unique_ptr<Reservation>> reserve(int64_t database_id);

  /// A new empty folder for downloads, removed with all that is in it when this goes.
  class Incoming {
   public:
    explicit Incoming(std::string folder) : folder_(std::move(folder)) {}
    Incoming(const Incoming&) = delete;
    Incoming& operator=(const Incoming&) = delete;
    ~Incoming();
    const std::string& folder() const { return folder_; }

   private:
    const std::string folder_;
  };
  Result<std::unique_ptr<Incoming>> make_incoming();

  /// Removes the files of dropped extents that nobody reads any more. How many.
  Result<int64_t> remove_dropped(catalog::Catalog& catalog);
  /// Removes files that neither a row nor a reservation names. How many.
  Result<int64_t> remove_orphans(catalog::Catalog& catalog);

 private:
  explicit ExtentFiles(std::string folder) : folder_(std::move(folder)) {}
  Result<std::vector<std::string>> list() const;
  bool is_reserved(const std::string& path);

  const std::string folder_;
  std::mutex mutex_;
  std::set<std::string> reserved_;  // relative paths
};

}  // namespace spillway::ingest
