// Object stores: where extents, exported artifacts and ingested blobs lie.
//
// A store is opened from a Kusto storage connection string (api/connection-strings/storage-connection-strings.md):
//   file:///data/out · /data/out                                    a local folder, below a storage root
//   https://ACCOUNT.blob.core.windows.net/CONTAINER[/PATH];KEY      Azure Blob Storage by account key
//   https://ACCOUNT.blob.core.windows.net/CONTAINER[/PATH]?SAS      … by shared access signature
//   http://127.0.0.1:10000/ACCOUNT/CONTAINER[/PATH];KEY             an emulator, by its address
//
// The one promise: an object appears whole or not at all. put_file() either makes the complete object visible
// under its name, durably, or leaves nothing there that a listing shows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace spillway::storage {

struct ObjectInfo {
  std::string path;  // relative to the store's root, with '/' between its parts
  int64_t size = 0;  // bytes
  int64_t modified = 0;  // ticks
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// The address that is shown to users, without credentials and without a trailing '/':
  /// "https://account.blob.core.windows.net/container/path", "/data/out".
  virtual const std::string& public_root() const = 0;
  /// public_root() joined with a relative path: what `.show … artifacts` prints.
  std::string public_path(std::string_view path) const;

  /// Makes the local file `source` the object `path`; replaces an older object of that name. On success the
  /// object is durable and its length was verified. `consume` allows the store to move the file away.
  virtual Status put_file(const std::string& source, const std::string& path, bool consume) = 0;
  /// Copies the object into the local file `target`.
  virtual Status get_file(const std::string& path, const std::string& target) = 0;
  /// Success too where there is no such object. Removes what an interrupted put_file of it left.
  virtual Status remove(const std::string& path) = 0;
  /// All objects below `prefix`, in any order; never an unfinished one.
  virtual Result<std::vector<ObjectInfo>> list(const std::string& prefix) = 0;
  virtual Result<ObjectInfo> stat(const std::string& path) = 0;
  /// Success where the container or folder is there and can be listed.
  virtual Status check() = 0;
  /// The path of the object in the local file system, where the store is a local folder; else nullopt.
  virtual std::optional<std::string> local_path(const std::string& path) const = 0;
};

/// A parsed connection string.
class ConnectionString {
 public:
  enum class Kind { Local, AzureBlob };

  /// Errors name what is wrong, never the credential.
  static Result<ConnectionString> parse(std::string_view text);

  Kind kind() const { return kind_; }
  /// As it was given, with its secret: for the catalog only.
  const std::string& text() const { return text_; }
  /// With the secret replaced by "******": for every output.
  std::string redacted() const;
  /// The address without credentials.
  const std::string& address() const { return address_; }

  // Azure: endpoint "https://account.blob.core.windows.net" or "http://127.0.0.1:10000/devstoreaccount1".
  std::string endpoint, account, container, prefix, account_key, sas;
  // Local: the normalized absolute folder (or file) path.
  std::string local;

 private:
  Kind kind_ = Kind::Local;
  std::string text_, address_;
};

/// Which local folders may be read and written. Symbolic links that lead out of a root are refused.
class StoreFactory {
 public:
  /// `roots`: absolute folders. Made where they are missing.
  explicit StoreFactory(std::vector<std::string> roots);
  /// Forbidden where a local path lies outside every root.
  Result<std::unique_ptr<ObjectStore>> open(const ConnectionString& connection) const;
  const std::vector<std::string>& roots() const { return roots_; }

 private:
  std::vector<std::string> roots_;
};

/// A store over a local folder with no root check: the server's own data.
std::unique_ptr<ObjectStore> local_store(std::string folder);

}  // namespace spillway::storage
