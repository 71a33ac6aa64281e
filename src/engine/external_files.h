// The files of an external table, ready to be read: listed in its stores, those filtered out that its path
// format, namePrefix and fileExtension leave out, and downloaded where they don't lie in the local file
// system. Source: management/external-tables-azure-storage.md, "File filtering logic".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "catalog/model.h"
#include "engine/delta_log.h"
#include "engine/partition_paths.h"
#include "storage/object_store.h"

namespace spillway::engine {

struct ExternalFile {
  std::string folder, name;  // in its store
  std::string path;          // in the local file system
  std::string address;       // as users see it
  int64_t size = 0;
  size_t connection = 0;          // which of the table's connection strings it was found by
  std::vector<Value> partitions;  // of each of the table's partitions
};

struct ExternalFiles {
  std::vector<ExternalFile> files;  // by connection, folder and name
  int64_t found = 0;                // of the table in the folders that were listed, wanted or not
  std::vector<std::shared_ptr<void>> resources;  // folders of downloads and links, removed with it
};

struct ExternalFilesRequest {
  const catalog::ExternalTable* table = nullptr;
  const storage::StoreFactory* stores = nullptr;
  std::string temp_folder;
  bool names_files = false;                 // the table's connection strings may each name one file
  const PathForm* form = nullptr;           // of the table
  std::vector<std::string> folders = {""};  // to list
  /// Of a Delta table what its log says, which takes the place of a listing; and false for a file of it that
  /// the query's predicates rule out.
  const DeltaState* delta = nullptr;
  std::function<bool(const DeltaFile&)> delta_wanted = {};
  /// Takes away the files that the query's predicates rule out.
  std::function<Status(std::vector<ExternalFile>&)> remove_others;
  bool only_list = false;  // leave them where they are
  /// Not empty once the query is cancelled or late.
  std::function<std::optional<Error>()> expired;
};

/// The file that an object is of the table; nullopt where it is none: by the path format, namePrefix or
/// fileExtension, or because it is a manifest of a continuous export.
std::optional<ExternalFile> external_file_of(const catalog::ExternalTable& table, const PathForm& form,
                                             const storage::ObjectInfo& object);

/// The same of a file that the log of a Delta table names: its partitions' values are the log's.
std::optional<ExternalFile> external_file_of(const catalog::ExternalTable& table, const DeltaFile& file);

/// Errors: those of the stores; LimitExceeded where downloads would fill the disk.
Result<ExternalFiles> open_external_files(const ExternalFilesRequest& request);

}  // namespace spillway::engine
