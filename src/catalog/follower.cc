#include "catalog/follower.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace spillway::catalog {
namespace {

/// Between a look at the rows and the links the leader may remove files, and again at the next attempt.
constexpr int kAttempts = 10;

/// An extent's file that isn't there any more.
struct Gone : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string message_of_errno(int code) {
  return std::error_code(code, std::generic_category()).message();
}

Error unreadable(const std::string& leader, const std::string& why) {
  return Error(ErrorCode::StorageTransient, "the databases of '" + leader + "' can't be read: " + why);
}

template <typename T>
void add_offset(std::map<std::string, std::shared_ptr<const T>>& entities, int64_t offset) {
  for (auto& [name, entity] : entities) {
    auto copy = std::make_shared<T>(*entity);
    copy->id += offset;
    entity = std::move(copy);
  }
}

}  // namespace

Result<std::unique_ptr<Follower>> Follower::open(const std::string& leader, const std::string& links,
                                                 int64_t id_offset) {
  std::unique_ptr<Follower> follower(new Follower(leader, links, id_offset));
  const std::string cannot = "'" + leader + "' can't be followed: ";
  try {
    follower->reopen_where_replaced();
    std::filesystem::remove_all(links);
    std::filesystem::create_directories(links);
  } catch (const std::exception& exception) {
    return Error(ErrorCode::BadRequest, cannot + message_of(exception));
  }
  if (const Status status = follower->check_links(); !status.ok()) {
    return Error(ErrorCode::BadRequest, cannot + status.error().message);
  }
  return follower;
}

/// Tries it with a file that each data folder has.
Status Follower::check_links() const {
  const std::string from = leader_ + "/catalog/lock", to = links_ + "/lock";
  if (link(from.c_str(), to.c_str()) == 0) {
    unlink(to.c_str());
    return Status();
  }
  const int code = errno;
  if (code == EXDEV) {
    return Status(ErrorCode::BadRequest,
                  "it lies on another file system than '" + links_ + "', where its extents are hard-linked");
  }
  return Status(ErrorCode::BadRequest, "its files can't be linked into '" + links_ +
                                           "': " + message_of_errno(code) +
                                           "; both servers must run as the same user");
}

void Follower::reopen_where_replaced() {
  struct stat file = {};
  const std::string path = catalog_file();
  if (stat(path.c_str(), &file) != 0) throw std::system_error(errno, std::generic_category(), path);
  if (store_ && file.st_ino == file_) return;
  store_.reset();
  seen_.reset();
  store_ = std::make_unique<Store>(path, Store::Access::ReadOnly);
  file_ = file.st_ino;
}

Result<std::optional<Follower::Databases>> Follower::look() {
  try {
    reopen_where_replaced();
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const int64_t version =
          store_->data_version();  // before the rows: a commit in between is seen next time
      if (seen_ == version) return std::optional<Databases>();
      std::optional<Databases> databases = load();
      if (!databases) continue;
      seen_ = version;
      return databases;
    }
    return unreadable(leader_, "files of its extents are missing");
  } catch (const std::exception& exception) {
    return unreadable(leader_, message_of(exception));
  }
}

std::optional<Follower::Databases> Follower::load() {
  store_->begin();
  State state;
  try {
    state = store_->load();
  } catch (...) {
    store_->rollback();
    throw;
  }
  store_->rollback();
  Known known;
  Databases databases;
  try {
    for (const auto& [name, database] : state.snapshot->databases) {
      databases[name] = followed(*database, known);
    }
  } catch (const Gone&) {
    return std::nullopt;
  }
  known_ = std::move(known);
  return databases;
}

std::shared_ptr<const Database> Follower::followed(const Database& database, Known& known) {
  auto copy = std::make_shared<Database>(database);
  copy->leader = leader_;
  copy->id += id_offset_;
  add_offset(copy->external_tables, id_offset_);
  add_offset(copy->exports, id_offset_);
  for (auto& [name, table] : copy->tables) {
    auto followed = std::make_shared<Table>(*table);
    followed->id += id_offset_;
    std::vector<ExtentList::Item> extents;
    extents.reserve(table->extents->size());
    for (const ExtentList::Item& extent : *table->extents) extents.push_back(linked(extent, known));
    followed->extents = std::make_shared<const ExtentList>(extents);
    table = std::move(followed);
  }
  return copy;
}

ExtentList::Item Follower::linked(const ExtentList::Item& extent, Known& known) {
  Extent copy = *extent;
  if (const auto found = known_.find(extent->id); found != known_.end()) {
    const auto& [path, watched] = found->second;
    if (const ExtentList::Item held = watched.lock(); held && path == extent->path) {
      copy.path = held->path;
      if (*held == copy) {
        known[extent->id] = found->second;
        return held;
      }
    }
  }
  const std::string file = leader_ + "/extents/" + extent->path;
  copy.path = links_ + "/" + std::to_string(next_link_++) + ".parquet";
  if (link(file.c_str(), copy.path.c_str()) != 0) {
    if (errno == ENOENT) throw Gone(file);
    throw std::system_error(errno, std::generic_category(), file);
  }
  const ExtentList::Item item(new Extent(std::move(copy)), [](const Extent* last) {
    unlink(last->path.c_str());
    delete last;
  });
  known[extent->id] = {extent->path, item};
  return item;
}

}  // namespace spillway::catalog
