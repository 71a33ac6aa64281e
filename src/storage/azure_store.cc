#include "storage/azure_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/fail_point.h"
#include "base/types.h"
#include "storage/azure_request.h"
#include "storage/crypto.h"
#include "storage/files.h"
#include "storage/parallel.h"
#include "storage/paths.h"
#include "storage/xml.h"

namespace spillway::storage {
namespace {

constexpr int64_t kMaxBlocks = 50'000;                  // the service's limit for one blob
constexpr int64_t kMaxBlockBytes = int64_t{256} << 20;  // each is held in memory: 12 TiB in all
constexpr int64_t kMaxCheckedRange = 4 << 20;           // the most that the service takes an MD5 of
constexpr int64_t kMaxPages = 100'000;                  // against a service that never ends its listing

/// What Get Blob Properties tells.
struct Properties {
  int64_t size = 0;
  Ticks modified = 0;
  std::string etag, md5;
};

/// One page of a listing.
struct Page {
  std::vector<ObjectInfo> objects;
  std::string next_marker;
};

/// EnumerationResults/Blobs/Blob{Name, Properties{Content-Length, Last-Modified, ResourceType}}, NextMarker.
class PageReader {
 public:
  explicit PageReader(std::string_view xml) : reader_(xml) {}
  Result<Page> read();

 private:
  Status take_text(const std::string& text);
  void close_blob();

  XmlReader reader_;
  std::vector<std::string> path_;
  Page page_;
  ObjectInfo blob_;
  bool complete_ = false, folder_ = false, encoded_ = false;
};

Result<Page> PageReader::read() {
  const auto malformed = [] {
    return Error(ErrorCode::StorageTransient,
                 "the storage service answered with a listing that can't be read");
  };
  while (true) {
    switch (reader_.next()) {
      case XmlReader::Event::Open:
        path_.push_back(reader_.name());
        if (reader_.name() == "Name")
          encoded_ = reader_.attributes().find("Encoded=\"true\"") != std::string::npos;
        break;
      case XmlReader::Event::Text: SPILLWAY_TRY(take_text(reader_.text())); break;
      case XmlReader::Event::Close:
        if (path_.empty() || path_.back() != reader_.name()) return malformed();
        path_.pop_back();
        if (reader_.name() == "Blob") close_blob();
        if (path_.empty()) complete_ = reader_.name() == "EnumerationResults";
        break;
      case XmlReader::Event::End:
        // Half a listing would be taken for all that there is.
        if (!path_.empty() || !complete_) return malformed();
        return std::move(page_);
      case XmlReader::Event::Malformed: return malformed();
    }
  }
}

Status PageReader::take_text(const std::string& text) {
  if (path_.empty()) return {};
  const std::string& element = path_.back();
  if (path_.size() == 2 && element == "NextMarker") page_.next_marker = text;
  if (std::find(path_.begin(), path_.end(), "Blob") == path_.end()) return {};
  if (element == "Name") blob_.path = encoded_ ? percent_decode(text).value_or(text) : text;
  if (element == "ResourceType") folder_ = text == "directory";
  if (element == "Last-Modified") blob_.modified = parse_datetime(text).value_or(0);
  if (element == "Content-Length") {
    SPILLWAY_ASSIGN(blob_.size, parse_size(text));
  }
  return {};
}

void PageReader::close_blob() {
  if (!folder_ && !blob_.path.empty()) page_.objects.push_back(blob_);
  blob_ = {};
  folder_ = encoded_ = false;
}

/// An upload's blocks: how long they are and what they are called.
struct BlockPlan {
  int64_t size = 0, block_bytes = 0, blocks = 0;
  std::string upload = Guid::random().str();

  /// All of one length, as the service wants it; unlike those of any other upload.
  std::string id(int64_t index) const {
    char number[32];
    std::snprintf(number, sizeof number, "-%08lld", static_cast<long long>(index));
    return base64_encode(upload + number);
  }
  std::string list() const {
    std::string xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
    for (int64_t i = 0; i < blocks; ++i) xml += "<Latest>" + id(i) + "</Latest>";
    return xml + "</BlockList>";
  }
};

Result<BlockPlan> plan_blocks(int64_t size, int64_t block_bytes) {
  BlockPlan plan;
  plan.size = size;
  plan.block_bytes = std::max({block_bytes, (size + kMaxBlocks - 1) / kMaxBlocks, int64_t{1}});
  plan.blocks = (size + plan.block_bytes - 1) / plan.block_bytes;
  if (plan.block_bytes > kMaxBlockBytes) {
    return Error(ErrorCode::LimitExceeded,
                 "a file of " + std::to_string(size) + " bytes is too large for a blob");
  }
  return plan;
}

/// A SAS that is good, but not for this: it may only write, say.
bool lacks_permission(int status, const std::string& code) {
  return status == 403 &&
         (code == "AuthorizationPermissionMismatch" || code == "AuthorizationResourceTypeMismatch");
}

class AzureStore : public ObjectStore {
 public:
  AzureStore(const ConnectionString& connection, const StoreOptions& options)
      : client_(connection, options),
        container_(connection.container),
        prefix_(connection.prefix),
        public_root_(connection.address()) {}

  const std::string& public_root() const override { return public_root_; }
  std::string public_path(std::string_view path) const override {
    return join_path(public_root_, percent_encode_path(path));
  }
  Status put_file(const std::string& source, const std::string& path, bool consume) override;
  Result<bool> put_if_absent(std::string_view bytes, const std::string& path) override;
  Status check_put_if_absent(const std::string&) override { return {}; }
  Status get_file(const std::string& path, const std::string& target) override;
  Status remove(const std::string& path) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<ObjectInfo> stat(const std::string& path) override;
  Status check() override;
  Result<int64_t> remove_leftovers(const std::string& prefix) override;
  std::optional<std::string> local_path(const std::string&) const override { return std::nullopt; }

  Status check_credential() const { return client_.check_credential(); }

 private:
  Result<std::string> blob_of(const std::string& path) const;
  AzureRequest request(const char* method, const std::string& blob, const char* verb) const;
  /// nullopt where a SAS has no permission to read.
  Result<std::optional<Properties>> properties(const Call& call, const std::string& blob) const;
  Result<std::string> stage(const Call& call, const File& file, const std::string& source,
                            const std::string& blob, const BlockPlan& plan) const;
  Status stage_block(const Call& call, const std::string& blob, const std::string& id,
                     const std::string& bytes) const;
  Status commit(const Call& call, const std::string& blob, const std::string& path, const BlockPlan& plan,
                const std::string& md5) const;
  Status verify(const Call& call, const std::string& blob, const BlockPlan& plan,
                const std::string& md5) const;
  Status get_ranges(const Call& call, const std::string& blob, const Properties& found, const File& file,
                    const std::string& target) const;
  struct Range {
    int64_t offset = 0, size = 0;
    bool checked = false;  // by an MD5 of its own, which the service tells
  };
  Status get_range(const Call& call, const std::string& blob, const std::string& etag, const File& file,
                   const std::string& target, const Range& range) const;
  Error damaged(const std::string& blob) const;
  Result<Page> list_page(const Call& call, const std::string& prefix, const std::string& marker) const;

  const AzureClient client_;
  const std::string container_, prefix_, public_root_;
};

Result<std::string> AzureStore::blob_of(const std::string& path) const {
  SPILLWAY_TRY(check_object_path(path));
  return join_path(prefix_, path);
}

AzureRequest AzureStore::request(const char* method, const std::string& blob, const char* verb) const {
  AzureRequest out;
  out.method = method;
  out.path = "/" + container_ + "/" + blob;
  out.action = std::string(verb) + " blob '" + container_ + "/" + blob + "'";
  return out;
}

Status AzureStore::put_file(const std::string& source, const std::string& path, bool consume) {
  SPILLWAY_ASSIGN(const std::string blob, blob_of(path));
  SPILLWAY_FAIL_POINT("store.put.before");
  SPILLWAY_ASSIGN(const File file, open_file(source, O_RDONLY));
  SPILLWAY_ASSIGN(const int64_t size, file_size(file, source));
  SPILLWAY_ASSIGN(const BlockPlan plan, plan_blocks(size, client_.options().block_bytes));
  const Call call(client_.options(), size);
  SPILLWAY_ASSIGN(const std::string md5, stage(call, file, source, blob, plan));
  SPILLWAY_FAIL_POINT("store.put.staged");
  SPILLWAY_TRY(commit(call, blob, path, plan, md5));
  SPILLWAY_TRY(verify(call, blob, plan, md5));
  if (consume) ::unlink(source.c_str());
  SPILLWAY_FAIL_POINT("store.put.after");
  return {};
}

Result<bool> AzureStore::put_if_absent(std::string_view bytes, const std::string& path) {
  SPILLWAY_ASSIGN(const std::string blob, blob_of(path));
  SPILLWAY_FAIL_POINT("store.put.before");
  AzureRequest put = request("PUT", blob, "write");
  put.headers.emplace_back("x-ms-blob-type", "BlockBlob");
  put.headers.emplace_back("If-None-Match", "*");
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  if (std::string md5 = md5_base64(bytes); !md5.empty())
    put.headers.emplace_back("Content-MD5", std::move(md5));
  put.body = bytes;
  put.accept = [](int status, const std::string& code) {
    return status == 412 || (status == 409 && code == "BlobAlreadyExists");
  };
  SPILLWAY_FAIL_POINT("store.put.staged");
  const Call call(client_.options(), static_cast<int64_t>(bytes.size()));
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, put));
  if (!response.success()) return false;
  SPILLWAY_FAIL_POINT("store.put.after");
  return true;
}

/// Stages all blocks; the MD5 of the whole.
Result<std::string> AzureStore::stage(const Call& call, const File& file, const std::string& source,
                                      const std::string& blob, const BlockPlan& plan) const {
  Md5 md5;
  Parallel parallel(client_.options().parallel_blocks);
  for (int64_t i = 0; i < plan.blocks; ++i) {
    const int64_t offset = i * plan.block_bytes;
    const auto length = static_cast<size_t>(std::min(plan.block_bytes, plan.size - offset));
    auto bytes = std::make_shared<std::string>(length, '\0');
    SPILLWAY_TRY(read_at(file, source, bytes->data(), length, offset));
    md5.add(*bytes);
    SPILLWAY_TRY(parallel.run(
        [this, &call, &blob, id = plan.id(i), bytes] { return stage_block(call, blob, id, *bytes); }));
  }
  SPILLWAY_TRY(parallel.finish());
  SPILLWAY_ASSIGN(const int64_t size, file_size(file, source));
  if (size != plan.size) {
    return Error(ErrorCode::StorageTransient, "'" + source + "' changed while it was stored");
  }
  return md5.finish();
}

Status AzureStore::stage_block(const Call& call, const std::string& blob, const std::string& id,
                               const std::string& bytes) const {
  AzureRequest put = request("PUT", blob, "write");
  put.query = {{"comp", "block"}, {"blockid", id}};
  if (std::string md5 = md5_base64(bytes); !md5.empty())
    put.headers.emplace_back("Content-MD5", std::move(md5));
  put.body = bytes;
  return client_.send(call, put).status();
}

/// Sent again after a lost answer, it names the same blocks and so does no harm.
Status AzureStore::commit(const Call& call, const std::string& blob, const std::string& path,
                          const BlockPlan& plan, const std::string& md5) const {
  AzureRequest put = request("PUT", blob, "write");
  put.query = {{"comp", "blocklist"}};
  const auto& tell = client_.options().limits.on_unanswered;
  if (tell) put.unanswered = [&] { tell(path); };
  const std::string body = plan.list();
  put.body = body;
  put.headers.emplace_back("Content-Type", "application/xml");
  put.headers.emplace_back("x-ms-blob-content-type", "application/octet-stream");
  if (!md5.empty()) put.headers.emplace_back("x-ms-blob-content-md5", md5);
  if (std::string body_md5 = md5_base64(body); !body_md5.empty()) {
    put.headers.emplace_back("Content-MD5", std::move(body_md5));
  }
  return client_.send(call, put).status();
}

/// Where a SAS may only write, the checksums of the blocks have to be enough.
Status AzureStore::verify(const Call& call, const std::string& blob, const BlockPlan& plan,
                          const std::string& md5) const {
  const Result<std::optional<Properties>> found = properties(call, blob);
  if (!found.ok() && found.error().code == ErrorCode::EntityNotFound) {
    return Error(ErrorCode::StorageTransient,
                 "blob '" + container_ + "/" + blob + "' isn't there after it was written");
  }
  SPILLWAY_ASSIGN(const std::optional<Properties> made, found);
  if (!made || (made->size == plan.size && made->md5 == md5)) return {};
  return Error(ErrorCode::StorageTransient, "blob '" + container_ + "/" + blob + "' has " +
                                                std::to_string(made->size) + " bytes, or others, after " +
                                                std::to_string(plan.size) + " were written");
}

Result<std::optional<Properties>> AzureStore::properties(const Call& call, const std::string& blob) const {
  AzureRequest head = request("HEAD", blob, "find");
  if (client_.uses_sas()) head.accept = lacks_permission;
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, head));
  if (!response.success()) return std::optional<Properties>();
  Properties found;
  SPILLWAY_ASSIGN(found.size, parse_size(response.header("content-length")));
  found.modified = parse_datetime(response.header("last-modified")).value_or(0);
  found.etag = response.header("etag");
  found.md5 = response.header("content-md5");
  return std::optional<Properties>(std::move(found));
}

Status AzureStore::get_file(const std::string& path, const std::string& target) {
  SPILLWAY_ASSIGN(const std::string blob, blob_of(path));
  SPILLWAY_ASSIGN(const std::optional<Properties> found, properties(Call(client_.options()), blob));
  if (!found) {
    return Error(ErrorCode::StorageAccess, "the SAS gives no permission to read '" + public_path(path) + "'");
  }
  SPILLWAY_ASSIGN(const File file, open_file(target, O_RDWR | O_CREAT | O_TRUNC, 0666));
  RemoveOnFailure undo(target);
  SPILLWAY_TRY(get_ranges(Call(client_.options(), found->size), blob, *found, file, target));
  undo.keep();
  return {};
}

Status AzureStore::get_ranges(const Call& call, const std::string& blob, const Properties& found,
                              const File& file, const std::string& target) const {
  const bool checked = found.md5.empty();
  const int64_t longest = std::max<int64_t>(client_.options().block_bytes, 1);
  const int64_t step = checked ? std::min(longest, kMaxCheckedRange) : longest;
  {
    Parallel parallel(client_.options().parallel_blocks);
    for (int64_t offset = 0; offset < found.size; offset += step) {
      const int64_t size = std::min(step, found.size - offset);
      SPILLWAY_TRY(parallel.run([&, offset, size] {
        return get_range(call, blob, found.etag, file, target, {offset, size, checked});
      }));
    }
    SPILLWAY_TRY(parallel.finish());
  }
  if (checked) return {};
  Md5 md5;
  std::string buffer;
  for (int64_t offset = 0; offset < found.size; offset += step) {
    buffer.resize(static_cast<size_t>(std::min(step, found.size - offset)));
    SPILLWAY_TRY(read_at(file, target, buffer.data(), buffer.size(), offset));
    md5.add(buffer);
  }
  if (const std::string own = md5.finish(); own.empty() || own == found.md5) return {};
  return damaged(blob);
}

Error AzureStore::damaged(const std::string& blob) const {
  return Error(ErrorCode::StorageTransient,
               "blob '" + container_ + "/" + blob + "' arrived damaged: its MD5 is another");
}

Status AzureStore::get_range(const Call& call, const std::string& blob, const std::string& etag,
                             const File& file, const std::string& target, const Range& range) const {
  AzureRequest get = request("GET", blob, "read");
  const int64_t last = range.offset + range.size - 1;
  get.headers.emplace_back("x-ms-range",
                           "bytes=" + std::to_string(range.offset) + "-" + std::to_string(last));
  if (range.checked) get.headers.emplace_back("x-ms-range-get-content-md5", "true");
  if (!etag.empty()) get.headers.emplace_back("If-Match", etag);
  int64_t received = 0;
  const auto wrong_length = [&] {
    return Error(ErrorCode::StorageTransient,
                 "blob '" + container_ + "/" + blob + "' didn't come as it was asked for");
  };
  get.sink = [&](std::string_view bytes) -> Status {
    if (static_cast<int64_t>(bytes.size()) > range.size - received) return wrong_length();
    SPILLWAY_TRY(write_at(file, target, bytes.data(), bytes.size(), range.offset + received));
    received += static_cast<int64_t>(bytes.size());
    return {};
  };
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, get, [&] { received = 0; }));
  if (received != range.size) return wrong_length();
  const std::string md5 = range.checked ? response.header("content-md5") : "";
  if (md5.empty()) return {};
  std::string bytes(static_cast<size_t>(range.size), '\0');
  SPILLWAY_TRY(read_at(file, target, bytes.data(), bytes.size(), range.offset));
  const std::string own = md5_base64(bytes);
  return own.empty() || own == md5 ? Status() : Status(damaged(blob));
}

Status AzureStore::remove(const std::string& path) {
  SPILLWAY_ASSIGN(const std::string blob, blob_of(path));
  AzureRequest removal = request("DELETE", blob, "remove");
  removal.accept = [](int status, const std::string&) { return status == 404; };
  return client_.send(Call(client_.options()), removal).status();
}

Result<Page> AzureStore::list_page(const Call& call, const std::string& prefix,
                                   const std::string& marker) const {
  AzureRequest get;
  get.path = "/" + container_;
  get.action = "list container '" + container_ + "'";
  get.query = {{"restype", "container"},
               {"comp", "list"},
               {"prefix", prefix},
               {"maxresults", std::to_string(client_.options().list_page)}};
  if (!marker.empty()) get.query.emplace_back("marker", marker);
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, get));
  return PageReader(response.body).read();
}

Result<std::vector<ObjectInfo>> AzureStore::list(const std::string& prefix) {
  SPILLWAY_TRY(check_prefix(prefix));
  const std::string own = prefix_.empty() ? "" : prefix_ + "/";
  std::string start = own + prefix;
  if (!start.empty() && !start.ends_with('/')) start += '/';
  std::vector<ObjectInfo> objects;
  std::string marker;
  for (int64_t pages = 0; pages < kMaxPages; ++pages) {
    SPILLWAY_ASSIGN(Page page, list_page(Call(client_.options()), start, marker));
    for (ObjectInfo& object : page.objects) {
      if (!object.path.starts_with(start)) continue;
      object.path.erase(0, own.size());
      objects.push_back(std::move(object));
    }
    if (page.next_marker.empty()) return objects;
    marker = std::move(page.next_marker);
  }
  return Error(ErrorCode::LimitExceeded, "container '" + container_ + "' has too many blobs to list");
}

Result<ObjectInfo> AzureStore::stat(const std::string& path) {
  SPILLWAY_ASSIGN(const std::string blob, blob_of(path));
  SPILLWAY_ASSIGN(const std::optional<Properties> found, properties(Call(client_.options()), blob));
  if (!found) {
    return Error(ErrorCode::StorageAccess, "the SAS gives no permission to read '" + public_path(path) + "'");
  }
  return ObjectInfo{path, found->size, found->modified};
}

Status AzureStore::check() {
  AzureRequest get;
  get.path = "/" + container_;
  get.action = "list container '" + container_ + "'";
  get.query = {{"restype", "container"}, {"comp", "list"}, {"prefix", prefix_}, {"maxresults", "1"}};
  // A SAS to write only can't list; that the service refuses just this shows that the SAS itself is good.
  if (client_.uses_sas()) get.accept = lacks_permission;
  return client_.send(Call(client_.options()), get).status();
}

Result<int64_t> AzureStore::remove_leftovers(const std::string& prefix) {
  SPILLWAY_TRY(check_prefix(prefix));
  return int64_t{0};
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> azure_store(const ConnectionString& connection,
                                                 const StoreOptions& options) {
  auto store = std::make_unique<AzureStore>(connection, options);
  SPILLWAY_TRY(store->check_credential());
  return std::unique_ptr<ObjectStore>(std::move(store));
}

}  // namespace spillway::storage
