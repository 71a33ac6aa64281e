// Follower databases: those of another data folder, its leader, read-only. Private to this room;
// Catalog::open takes the folders that are followed.
//
// The leader knows nothing of it. Its catalog is read, by a session that can't write, whenever something was
// committed there; until the next look its databases stand as they were. A dropped extent's file is the
// leader's to remove at any time, so each extent is hard-linked into a folder of the follower's own, and the
// link lives as long as anybody here holds the extent: no query loses a file under way.
//
// Sources: data-explorer/follower.md, management/cluster-follower.md.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "catalog/model.h"
#include "catalog/store.h"

namespace spillway::catalog {

class Follower {
 public:
  using Databases = std::map<std::string, std::shared_ptr<const Database>>;

  /// `leader`: a data folder, whose server may run or not. `links`: a folder of this process's own on the
  /// same file system; emptied here. The ids of tables and the like in what look() gives are the leader's
  /// plus `id_offset`, so that they are nobody else's in the snapshot. BadRequest where there is no catalog
  /// that can be read, or extents can't be linked.
  static Result<std::unique_ptr<Follower>> open(const std::string& leader, const std::string& links,
                                                int64_t id_offset);

  const std::string& leader() const { return leader_; }
  /// The leader's databases as they are now; nothing where nothing was committed since the last call.
  /// StorageTransient where they can't be read: the next call tries again.
  Result<std::optional<Databases>> look();

 private:
  /// Extents that may still be held, by their ids, and where the leader has their files.
  using Known = std::map<Guid, std::pair<std::string, std::weak_ptr<const Extent>>>;

  Follower(std::string leader, std::string links, int64_t id_offset)
      : leader_(std::move(leader)), links_(std::move(links)), id_offset_(id_offset) {}
  std::string catalog_file() const { return leader_ + "/catalog/catalog.sqlite"; }
  Status check_links() const;
  void reopen_where_replaced();
  /// Nothing where an extent's file is gone: the rows that were read are old by now.
  std::optional<Databases> load();
  std::shared_ptr<const Database> followed(const Database& database, Known& known);
  ExtentList::Item linked(const ExtentList::Item& extent, Known& known);

  const std::string leader_, links_;
  const int64_t id_offset_;
  std::unique_ptr<Store> store_;
  ino_t file_ = 0;               // that the session has open
  std::optional<int64_t> seen_;  // the catalog's version at the last look
  int64_t next_link_ = 0;
  Known known_;
};

}  // namespace spillway::catalog
