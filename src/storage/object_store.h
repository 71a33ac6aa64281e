// Object stores: where extents, exported artifacts and ingested blobs lie.
//
// A store is opened from a Kusto storage connection string
// (api/connection-strings/storage-connection-strings.md):
//   file:///data/out · /data/out                                    a local folder, below a storage root
//   https://ACCOUNT.blob.core.windows.net/CONTAINER[/PATH];KEY      Azure Blob Storage by account key
//   https://ACCOUNT.blob.core.windows.net/CONTAINER[/PATH]?SAS      … by shared access signature
//   https://ACCOUNT.dfs.core.windows.net/CONTAINER[/PATH];KEY       … Data Lake Gen2, through its blob
//   endpoint abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/[PATH];KEY       … the same; ";sharedkey=KEY" too
//   https://onelake.dfs.fabric.microsoft.com/WORKSPACE/ITEM[/PATH]   OneLake, through its blob endpoint; also
//   https://onelake.blob.… and abfss://WORKSPACE@onelake.dfs.…         written so; by token or identity only
//   http://127.0.0.1:10000/ACCOUNT/CONTAINER[/PATH];KEY             an emulator, by its address
//   …;token=TOKEN · …;managed_identity=system|OBJECT_ID              Azure by a Microsoft Entra token
//   …;impersonate                                                    Azure as whoever uses it: on_behalf_of()
//   https://BUCKET.s3.REGION.amazonaws.com[/PATH];AwsCredentials=ID,SECRET    Amazon S3
//   https://HOST[:PORT]/BUCKET[/PATH];AwsCredentials=ID,SECRET      another S3 service, such as MinIO
//   https://BUCKET.s3.REGION.amazonaws.com/KEY?X-Amz-…              one object of S3, by a presigned URL
// The path is percent-decoded in the URL forms and taken as it is in an absolute path.
//
// The one promise: an object appears whole or not at all. put_file() either makes the complete object visible
// under its name, durably, or leaves nothing there that a listing shows.
//
// Object paths are relative to the store's root, with '/' between their parts. One that is absolute, has a
// NUL, or has "." or ".." as a part is refused as Forbidden.
//
// Errors: Forbidden for such paths and for links out of the storage roots; EntityNotFound for an object that
// isn't there; StorageAccess for what trying again can't help (credentials, container, permissions);
// StorageTransient for what may pass, after the retries of StoreOptions; Cancelled where CallLimits say so.
// No message holds a credential.
//
// Bytes are verified on their way. Azure refuses a block, S3 an object or a part, whose checksum isn't the
// one sent with it, so that what was damaged never becomes visible; a download is compared with the checksum
// that its object was stored with, or that the service tells of the range.
//
// A store may be used by several threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace spillway::storage {

struct ObjectInfo {
  std::string path;      // relative to the store's root, with '/' between its parts
  int64_t size = 0;      // bytes
  int64_t modified = 0;  // ticks
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// The address that is shown to users, without credentials and without a trailing '/':
  /// "https://account.blob.core.windows.net/container/path", "/data/out".
  virtual const std::string& public_root() const = 0;
  /// public_root() joined with a relative path: what `.show … artifacts` prints. In a URL the path is
  /// percent-encoded, so that the result names the object.
  virtual std::string public_path(std::string_view path) const = 0;

  /// Makes the local file `source` the object `path`; replaces an older object of that name. On success the
  /// object is durable and its length was verified. `consume` gives the file away: it is gone on success.
  virtual Status put_file(const std::string& source, const std::string& path, bool consume) = 0;
  /// Makes `bytes` the object `path` where there is none of that name, durably; of several callers at once,
  /// in this process or elsewhere, one gets true. False where there is one already: that may be what an
  /// earlier attempt of this very call left, whose answer was lost, so that who must know looks at it. After
  /// an error the object may be there, too.
  /// NotSupported where the store can't do that: a file system without hard links, an S3 service that doesn't
  /// honour `If-None-Match: *` (which is tried once for each bucket, with an object that goes again).
  virtual Result<bool> put_if_absent(std::string_view bytes, const std::string& path) = 0;
  /// Whether it can, for paths in the folder of `path`; a local folder shows it with the first one.
  virtual Status check_put_if_absent(const std::string& path) = 0;
  /// Copies the object into the local file `target`, verified by length and, where the store has it, by
  /// checksum. On failure there is no such file.
  virtual Status get_file(const std::string& path, const std::string& target) = 0;
  /// Success too where there is no such object. Removes what an interrupted put_file of it left.
  virtual Status remove(const std::string& path) = 0;
  /// All objects below `prefix` (a folder; "" is the root) in any order; never an unfinished one. Empty where
  /// there is no such folder.
  virtual Result<std::vector<ObjectInfo>> list(const std::string& prefix) = 0;
  virtual Result<ObjectInfo> stat(const std::string& path) = 0;
  /// Success where the container is there and the credentials are good for it; of a local folder: where it
  /// can be listed, or made by the first put_file.
  virtual Status check() = 0;
  /// Removes whatever interrupted calls of put_file left below `prefix`, and says how many files these were.
  /// Only for a time when nothing is put there, such as the server's start. Azure drops staged blocks by
  /// itself.
  virtual Result<int64_t> remove_leftovers(const std::string& prefix) = 0;
  /// The path of the object in the local file system, where the store is a local folder; else nullopt.
  virtual std::optional<std::string> local_path(const std::string& path) const = 0;
};

/// A parsed connection string.
class ConnectionString {
 public:
  enum class Kind { Local, AzureBlob, S3 };

  /// Errors name what is wrong, never the credential. NotSupported for documented forms that Spillway lacks.
  static Result<ConnectionString> parse(std::string_view text);

  Kind kind() const { return kind_; }
  /// As it was given, with its secret: for the catalog only.
  const std::string& text() const { return text_; }
  /// With the secret replaced by "******": for every output.
  std::string redacted() const;
  /// The address without credentials and without a trailing '/'.
  const std::string& address() const { return address_; }
  /// Where the connection string names one object, as in `.ingest`: its folder (or container), and the
  /// object's path in a store opened on that. BadRequest where it names no object, only a container.
  Result<std::pair<ConnectionString, std::string>> split() const;
  /// Of one with `impersonate`, the same as that managed identity ("system", or an object id); any other
  /// stays as it is.
  ConnectionString on_behalf_of(std::string_view managed_identity) const;

  // Azure: endpoint "https://account.blob.core.windows.net" or "http://127.0.0.1:10000/devstoreaccount1".
  // S3: endpoint of the bucket, "https://bucket.s3.eu-west-1.amazonaws.com" or
  // "http://127.0.0.1:9000/bucket".
  // `container`: of S3 the bucket, of OneLake the workspace (the item begins `prefix`).
  std::string endpoint, account, container, prefix;
  // At most one of these isn't empty; none is access to what is public.
  std::string account_key, sas, token, managed_identity, presigned;
  bool impersonate = false;            // then there is no credential, and no store opens
  std::string access_key, secret_key;  // of S3, both
  std::string region;                  // of S3
  // Local: the normalized absolute folder (or file) path.
  std::string local;

 private:
  static Result<ConnectionString> parse_local(std::string_view path);
  static Result<ConnectionString> parse_url(std::string_view text);
  struct Url;
  Status locate_azure(Url& url);
  Status read_workspace();
  Status locate_s3(Url& url);
  Status read_path(const Url& url);
  Status read_query(std::string_view query);
  Status read_credential(std::string_view credential);
  Status read_aws_credentials(std::string_view credential);
  void compose();
  std::string credential() const;

  Kind kind_ = Kind::Local;
  std::string text_, address_;
};

/// How often and how patiently a request that failed in a way that may pass is sent again. The delay doubles
/// each time, half of it at random; a server's Retry-After (seconds or an HTTP date) counts where it is
/// longer, and where the call has no time left for it the call ends at once.
struct RetryPolicy {
  int attempts = 6;  // the first one included
  std::chrono::milliseconds first_delay{250};
  std::chrono::milliseconds longest_delay{30'000};
  /// Waits; tests replace it. Empty: sleeps, until the call is cancelled.
  std::function<void(std::chrono::milliseconds)> wait;
};

/// What whoever opens a store wants of its calls. The functions are called by any thread. Calls of a local
/// folder aren't cut short: they don't wait.
struct CallLimits {
  /// Asked while a call waits or transfers, once a second at least. When it says true the call ends as
  /// Cancelled. Empty: never.
  std::function<bool()> cancelled;
  /// In place of StoreOptions::longest_call, where that is longer.
  std::optional<std::chrono::milliseconds> longest_call;
  /// In place of RetryPolicy::attempts, where these are more.
  std::optional<int> attempts;
  /// Each failure of a request that may pass, tried again or not.
  std::function<void(const Error&)> on_trouble;
  /// A request that makes the object `path` visible was sent and not answered: it may take effect at any time
  /// until kLateArrival from now, whatever happens to the object meanwhile.
  std::function<void(const std::string& path)> on_unanswered;
};

/// Azure and S3 refuse a request that reaches them more than 15 minutes after it was signed; what is accepted
/// by then takes effect soon.
inline constexpr std::chrono::minutes kLateArrival{20};

struct StoreOptions {
  RetryPolicy retry;
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds stall_timeout{60};  // without a byte in either direction
  /// How long one call of a store may take, its retries included; a put or get of a file has a second more
  /// for each slowest_rate bytes of it.
  std::chrono::milliseconds longest_call{600'000};
  int64_t slowest_rate = 256 << 10;
  CallLimits limits;
  int64_t block_bytes = 8 << 20;  // of an upload's staged blocks, and of a download's ranges
  int parallel_blocks = 4;        // in flight at once for one object
  int list_page = 5'000;          // objects asked for at once, the most that Azure gives
};

/// Which local folders may be read and written. Symbolic links that lead out of a root are refused.
class StoreFactory {
 public:
  /// `roots`: absolute folders. Made where they are missing.
  explicit StoreFactory(std::vector<std::string> roots, StoreOptions options = {});
  /// Forbidden where a local path lies outside every root, and for impersonation: a request carries no
  /// Microsoft Entra identity that could be passed on.
  Result<std::unique_ptr<ObjectStore>> open(const ConnectionString& connection, CallLimits limits = {}) const;
  const std::vector<std::string>& roots() const { return roots_; }

 private:
  std::vector<std::string> roots_;
  StoreOptions options_;
};

/// A store over a local folder with no root check: the server's own data.
std::unique_ptr<ObjectStore> local_store(std::string folder);

}  // namespace spillway::storage
