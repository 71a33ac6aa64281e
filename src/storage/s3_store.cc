#include "storage/s3_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>

#include "base/fail_point.h"
#include "storage/crypto.h"
#include "storage/files.h"
#include "storage/parallel.h"
#include "storage/paths.h"
#include "storage/s3_request.h"
#include "storage/xml.h"

namespace spillway::storage {
namespace {

constexpr int64_t kMaxParts = 10'000;                // the service's limit for one object
constexpr int64_t kMinPartBytes = int64_t{5} << 20;  // of all parts but the last
constexpr int64_t kMaxPages = 100'000;               // against a service that never ends its listing
constexpr int kMaxListPage = 1'000;                  // the most that the service gives

/// What Head Object tells.
struct Properties {
  int64_t size = 0;
  Ticks modified = 0;
  std::string etag;
};

struct Upload {
  std::string key, id;
};

/// What was uploaded, by the service's word and by ours.
struct Parts {
  std::vector<std::string> etags;
  std::string md5;  // of the whole, in base64
};

/// A page of a listing: of objects (ListBucketResult/Contents{Key, Size, LastModified}) or of open uploads
/// (ListMultipartUploadsResult/Upload{Key, UploadId}).
struct Page {
  std::vector<ObjectInfo> objects;
  std::vector<Upload> uploads;
  std::string next, next_upload;
  bool truncated = false;
};

class PageReader {
 public:
  PageReader(std::string_view xml, std::string root) : reader_(xml), root_(std::move(root)) {}
  Result<Page> read();

 private:
  Status take_text(const std::string& text);

  XmlReader reader_;
  const std::string root_;
  std::vector<std::string> path_;
  Page page_;
  ObjectInfo object_;
  Upload upload_;
  bool complete_ = false, encoded_ = false;
};

Result<Page> PageReader::read() {
  const auto malformed = [] {
    return Error(ErrorCode::StorageTransient,
                 "the storage service answered with a listing that can't be read");
  };
  while (true) {
    switch (reader_.next()) {
      case XmlReader::Event::Open: path_.push_back(reader_.name()); break;
      case XmlReader::Event::Text: SPILLWAY_TRY(take_text(reader_.text())); break;
      case XmlReader::Event::Close:
        if (path_.empty() || path_.back() != reader_.name()) return malformed();
        path_.pop_back();
        if (reader_.name() == "Contents") page_.objects.push_back(std::exchange(object_, {}));
        if (reader_.name() == "Upload") page_.uploads.push_back(std::exchange(upload_, {}));
        if (path_.empty()) complete_ = reader_.name() == root_;
        break;
      case XmlReader::Event::End:
        // Half a listing would be taken for all that there is.
        if (!path_.empty() || !complete_) return malformed();
        for (ObjectInfo& object : page_.objects) {
          if (encoded_) object.path = percent_decode(object.path).value_or(object.path);
        }
        return std::move(page_);
      case XmlReader::Event::Malformed: return malformed();
    }
  }
}

Status PageReader::take_text(const std::string& text) {
  if (path_.size() == 2) {
    if (path_[1] == "NextContinuationToken" || path_[1] == "NextKeyMarker") page_.next = text;
    if (path_[1] == "NextUploadIdMarker") page_.next_upload = text;
    if (path_[1] == "IsTruncated") page_.truncated = text == "true";
    if (path_[1] == "EncodingType") encoded_ = text == "url";
  }
  if (path_.size() != 3) return {};
  const std::string& element = path_[2];
  if (path_[1] == "Contents") {
    if (element == "Key") object_.path = text;
    if (element == "LastModified") object_.modified = parse_datetime(text).value_or(0);
    if (element == "Size") {
      SPILLWAY_ASSIGN(object_.size, parse_size(text));
    }
  }
  if (path_[1] == "Upload") {
    if (element == "Key") upload_.key = text;
    if (element == "UploadId") upload_.id = text;
  }
  return {};
}

/// The bytes of an ETag in hexadecimal, without its quotes.
std::string from_hex(std::string_view etag) {
  std::string out, digits;
  for (const char c : etag) {
    if (c != '"') digits += c;
    if (digits.size() < 2) continue;
    unsigned byte = 0;
    std::from_chars(digits.data(), digits.data() + 2, byte, 16);
    out += static_cast<char>(byte);
    digits.clear();
  }
  return out;
}

std::string quote_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

class S3Store : public ObjectStore {
 public:
  S3Store(const ConnectionString& connection, const StoreOptions& options)
      : client_(connection, options),
        bucket_(connection.container),
        prefix_(connection.prefix),
        endpoint_(connection.endpoint),
        public_root_(connection.address()) {}

  const std::string& public_root() const override { return public_root_; }
  std::string public_path(std::string_view path) const override {
    return join_path(public_root_, percent_encode_path(path));
  }
  Status put_file(const std::string& source, const std::string& path, bool consume) override;
  Result<bool> put_if_absent(std::string_view bytes, const std::string& path) override;
  Status check_put_if_absent(const std::string& path) override;
  Status get_file(const std::string& path, const std::string& target) override;
  Status remove(const std::string& path) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<ObjectInfo> stat(const std::string& path) override;
  Status check() override;
  Result<int64_t> remove_leftovers(const std::string& prefix) override;
  std::optional<std::string> local_path(const std::string&) const override { return std::nullopt; }

 private:
  Result<std::string> key_of(const std::string& path) const;
  Status check_writable() const;
  Result<bool> put_conditionally(std::string_view bytes, const std::string& key) const;
  Result<bool> honours_conditions(const std::string& key) const;
  Status check_conditions(const std::string& key) const;
  S3Request request(const char* method, const std::string& key, const char* verb) const;
  Result<Properties> properties(const std::string& key) const;
  Status put_whole(const File& file, const std::string& source, const std::string& key, int64_t size) const;
  Status put_parts(const File& file, const std::string& source, const std::string& key, int64_t size) const;
  Result<std::string> begin_upload(const std::string& key) const;
  Result<Parts> put_all_parts(const File& file, const std::string& source, const Upload& upload,
                              int64_t size) const;
  Result<std::string> put_part(const Upload& upload, int64_t number, const std::string& bytes) const;
  Status complete_upload(const Upload& upload, const Parts& parts) const;
  bool is_complete(const std::string& key, const Parts& parts) const;
  Status abort_upload(const Upload& upload) const;
  Result<int64_t> abort_uploads(const std::string& prefix, bool exactly) const;
  Status verify(const std::string& key, int64_t size) const;
  Status get_range(const std::string& key, const std::string& etag, const File& file,
                   const std::string& target, int64_t offset, int64_t size) const;

  const S3Client client_;
  const std::string bucket_, prefix_, endpoint_, public_root_;
};

Result<std::string> S3Store::key_of(const std::string& path) const {
  SPILLWAY_TRY(check_object_path(path));
  return join_path(prefix_, path);
}

Status S3Store::check_writable() const {
  if (!client_.is_presigned()) return {};
  return Status(ErrorCode::StorageAccess,
                "a presigned URL can only be read: give ';AwsCredentials=' to write");
}

S3Request S3Store::request(const char* method, const std::string& key, const char* verb) const {
  S3Request out;
  out.method = method;
  out.key = key;
  out.action = std::string(verb) + " object '" + bucket_ + "/" + key + "'";
  return out;
}

Status S3Store::put_file(const std::string& source, const std::string& path, bool consume) {
  SPILLWAY_TRY(check_writable());
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_FAIL_POINT("store.put.before");
  SPILLWAY_ASSIGN(const File file, open_file(source, O_RDONLY));
  SPILLWAY_ASSIGN(const int64_t size, file_size(file, source));
  SPILLWAY_TRY(size <= client_.options().block_bytes ? put_whole(file, source, key, size)
                                                     : put_parts(file, source, key, size));
  SPILLWAY_TRY(verify(key, size));
  if (consume) ::unlink(source.c_str());
  SPILLWAY_FAIL_POINT("store.put.after");
  return {};
}

Result<bool> S3Store::put_conditionally(std::string_view bytes, const std::string& key) const {
  S3Request put = request("PUT", key, "write");
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  put.headers.emplace_back("If-None-Match", "*");
  put.body = bytes;
  put.accept = [](int status, const std::string&) { return status == 412 || status == 501; };
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(put));
  if (response.status == 501) {
    return Error(ErrorCode::NotSupported,
                 "the S3 service of bucket '" + bucket_ + "' has no conditional writes (If-None-Match: *)");
  }
  return response.success();
}

/// A second object of one name must be refused.
Result<bool> S3Store::honours_conditions(const std::string& key) const {
  SPILLWAY_ASSIGN(const bool first, put_conditionally("1", key));
  const Result<bool> second = put_conditionally("2", key);
  S3Request removal = request("DELETE", key, "remove");
  SPILLWAY_TRY(client_.send(removal));
  SPILLWAY_TRY(second);
  // The first may have been refused because of an earlier attempt of its own, whose answer was lost.
  return !first || !*second;
}

/// A service that doesn't know the condition ignores it, and would replace what is there.
Status S3Store::check_conditions(const std::string& key) const {
  static std::mutex mutex;
  static std::map<std::string, bool> known;  // by the bucket's endpoint
  std::optional<bool> honoured;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = known.find(endpoint_); found != known.end()) honoured = found->second;
  }
  if (!honoured) {
    const std::string folder = key.substr(0, key.rfind('/') + 1);
    SPILLWAY_ASSIGN(honoured, honours_conditions(folder + ".spillway-probe-" + Guid::random().str()));
    const std::lock_guard lock(mutex);
    known[endpoint_] = *honoured;
  }
  if (*honoured) return {};
  return Status(ErrorCode::NotSupported, "the S3 service of bucket '" + bucket_ +
                                             "' ignores the condition of a write (If-None-Match: *), so that "
                                             "a file can't be made safely where there is none");
}

Status S3Store::check_put_if_absent(const std::string& path) {
  SPILLWAY_TRY(check_writable());
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  return check_conditions(key);
}

Result<bool> S3Store::put_if_absent(std::string_view bytes, const std::string& path) {
  SPILLWAY_TRY(check_writable());
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_FAIL_POINT("store.put.before");
  SPILLWAY_TRY(check_conditions(key));
  SPILLWAY_FAIL_POINT("store.put.staged");
  SPILLWAY_ASSIGN(const bool made, put_conditionally(bytes, key));
  if (!made) return false;
  SPILLWAY_FAIL_POINT("store.put.after");
  return true;
}

Status S3Store::put_whole(const File& file, const std::string& source, const std::string& key,
                          int64_t size) const {
  std::string bytes(static_cast<size_t>(size), '\0');
  SPILLWAY_TRY(read_at(file, source, bytes.data(), bytes.size(), 0));
  SPILLWAY_FAIL_POINT("store.put.staged");
  S3Request put = request("PUT", key, "write");
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  put.body = bytes;
  return client_.send(put).status();
}

Status S3Store::put_parts(const File& file, const std::string& source, const std::string& key,
                          int64_t size) const {
  Upload upload{key, ""};
  SPILLWAY_ASSIGN(upload.id, begin_upload(key));
  Result<Parts> parts = put_all_parts(file, source, upload, size);
  if (!parts.ok()) {
    (void)abort_upload(upload);  // what can't be aborted now, the janitor's remove() finds
    return parts.status();
  }
  SPILLWAY_FAIL_POINT("store.put.staged");
  return complete_upload(upload, *parts);
}

Result<std::string> S3Store::begin_upload(const std::string& key) const {
  S3Request post = request("POST", key, "write");
  post.query = {{"uploads", ""}};
  post.headers.emplace_back("Content-Type", "application/octet-stream");
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(post));
  std::string id = xml_text_of(response.body, "UploadId");
  if (!id.empty()) return id;
  return Error(ErrorCode::StorageTransient, "the storage service began an upload without an id");
}

Result<Parts> S3Store::put_all_parts(const File& file, const std::string& source, const Upload& upload,
                                     int64_t size) const {
  const int64_t part =
      std::max({client_.options().block_bytes, kMinPartBytes, (size + kMaxParts - 1) / kMaxParts});
  Parts parts;
  parts.etags.resize(static_cast<size_t>((size + part - 1) / part));
  Md5 md5;
  Parallel parallel(client_.options().parallel_blocks);
  for (size_t i = 0; i < parts.etags.size(); ++i) {
    const int64_t offset = static_cast<int64_t>(i) * part;
    const auto length = static_cast<size_t>(std::min(part, size - offset));
    auto bytes = std::make_shared<std::string>(length, '\0');
    SPILLWAY_TRY(read_at(file, source, bytes->data(), length, offset));
    md5.add(*bytes);
    SPILLWAY_TRY(parallel.run([this, &upload, &etag = parts.etags[i], i, bytes]() -> Status {
      SPILLWAY_ASSIGN(etag, put_part(upload, static_cast<int64_t>(i) + 1, *bytes));
      return {};
    }));
  }
  SPILLWAY_TRY(parallel.finish());
  SPILLWAY_ASSIGN(const int64_t now, file_size(file, source));
  if (now != size) return Error(ErrorCode::StorageTransient, "'" + source + "' changed while it was stored");
  parts.md5 = md5.finish();
  return parts;
}

Result<std::string> S3Store::put_part(const Upload& upload, int64_t number, const std::string& bytes) const {
  S3Request put = request("PUT", upload.key, "write");
  put.query = {{"partNumber", std::to_string(number)}, {"uploadId", upload.id}};
  put.body = bytes;
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(put));
  return response.header("etag");
}

Status S3Store::complete_upload(const Upload& upload, const Parts& parts) const {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < parts.etags.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + quote_xml(parts.etags[i]) +
            "</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  S3Request post = request("POST", upload.key, "write");
  post.query = {{"uploadId", upload.id}};
  post.headers.emplace_back("Content-Type", "application/xml");
  post.body = body;
  // Sent again after a lost answer, it may find the upload gone because it is complete.
  int attempts = 0;
  post.accept = [&](int, const std::string& code) {
    return attempts > 1 && (code == "NoSuchUpload" || is_complete(upload.key, parts));
  };
  return client_.send(post, [&] { ++attempts; }).status();
}

/// Whether the object is the one of these parts: Amazon's ETag of it is the MD5 of the parts' MD5s, others'
/// the MD5 of the whole.
bool S3Store::is_complete(const std::string& key, const Parts& parts) const {
  Md5 md5;
  for (const std::string& etag : parts.etags) md5.add(from_hex(etag));
  const std::string of_parts = to_hex(base64_decode(md5.finish()).value_or(""));
  const std::string of_all = to_hex(base64_decode(parts.md5).value_or(""));
  const Result<Properties> found = properties(key);
  return found.ok() && !of_all.empty() &&
         (found->etag == "\"" + of_parts + "-" + std::to_string(parts.etags.size()) + "\"" ||
          found->etag == "\"" + of_all + "\"");
}

Status S3Store::abort_upload(const Upload& upload) const {
  S3Request removal = request("DELETE", upload.key, "abort the upload of");
  removal.query = {{"uploadId", upload.id}};
  removal.accept = [](int status, const std::string&) { return status == 404; };
  return client_.send(removal).status();
}

Status S3Store::verify(const std::string& key, int64_t size) const {
  SPILLWAY_ASSIGN(const Properties made, properties(key));
  if (made.size == size) return {};
  return Status(ErrorCode::StorageTransient, "object '" + bucket_ + "/" + key + "' has " +
                                                 std::to_string(made.size) + " bytes after " +
                                                 std::to_string(size) + " were written");
}

Result<Properties> S3Store::properties(const std::string& key) const {
  // A presigned URL is signed for GET alone: its first byte tells the length of all.
  S3Request head = request(client_.is_presigned() ? "GET" : "HEAD", key, "find");
  if (client_.is_presigned()) {
    head.headers.emplace_back("Range", "bytes=0-0");
    head.accept = [](int status, const std::string&) { return status == 416; };  // it is empty
  }
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(head));
  Properties found;
  std::string size = response.header("content-length");
  if (const std::string range = response.header("content-range"); !range.empty()) {
    size = range.substr(range.find('/') + 1);
  }
  SPILLWAY_ASSIGN(found.size, parse_size(response.status == 416 ? "0" : size));
  found.modified = parse_datetime(response.header("last-modified")).value_or(0);
  found.etag = response.header("etag");
  return found;
}

Status S3Store::get_file(const std::string& path, const std::string& target) {
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_ASSIGN(const Properties found, properties(key));
  SPILLWAY_ASSIGN(const File file, open_file(target, O_RDWR | O_CREAT | O_TRUNC, 0666));
  RemoveOnFailure undo(target);
  const int64_t step = std::max<int64_t>(client_.options().block_bytes, 1);
  Parallel parallel(client_.options().parallel_blocks);
  for (int64_t offset = 0; offset < found.size; offset += step) {
    const int64_t size = std::min(step, found.size - offset);
    SPILLWAY_TRY(
        parallel.run([&, offset, size] { return get_range(key, found.etag, file, target, offset, size); }));
  }
  SPILLWAY_TRY(parallel.finish());
  undo.keep();
  return {};
}

Status S3Store::get_range(const std::string& key, const std::string& etag, const File& file,
                          const std::string& target, int64_t offset, int64_t size) const {
  S3Request get = request("GET", key, "read");
  get.headers.emplace_back("Range",
                           "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + size - 1));
  if (!etag.empty()) get.headers.emplace_back("If-Match", etag);
  int64_t received = 0;
  const auto wrong_length = [&] {
    return Error(ErrorCode::StorageTransient,
                 "object '" + bucket_ + "/" + key + "' didn't come as it was asked for");
  };
  get.sink = [&](std::string_view bytes) -> Status {
    if (static_cast<int64_t>(bytes.size()) > size - received) return wrong_length();
    SPILLWAY_TRY(write_at(file, target, bytes.data(), bytes.size(), offset + received));
    received += static_cast<int64_t>(bytes.size());
    return {};
  };
  SPILLWAY_TRY(client_.send(get, [&] { received = 0; }));
  return received == size ? Status() : Status(wrong_length());
}

Status S3Store::remove(const std::string& path) {
  SPILLWAY_TRY(check_writable());
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_TRY(abort_uploads(key, true));
  S3Request removal = request("DELETE", key, "remove");
  removal.accept = [](int status, const std::string&) { return status == 404; };
  return client_.send(removal).status();
}

/// Aborts the open uploads whose keys begin with `prefix`, or are it. A service that doesn't list uploads has
/// none to abort.
Result<int64_t> S3Store::abort_uploads(const std::string& prefix, bool exactly) const {
  int64_t aborted = 0;
  S3Request get;
  get.action = "list the uploads of bucket '" + bucket_ + "'";
  get.accept = [](int status, const std::string&) { return status == 501 || status == 400 || status == 405; };
  std::string key_marker, id_marker;
  for (int64_t pages = 0; pages < kMaxPages; ++pages) {
    get.query = {{"prefix", prefix}, {"uploads", ""}};
    if (!key_marker.empty()) get.query.emplace_back("key-marker", key_marker);
    if (!id_marker.empty()) get.query.emplace_back("upload-id-marker", id_marker);
    SPILLWAY_ASSIGN(const HttpResponse response, client_.send(get));
    if (!response.success() || response.body.find("ListMultipartUploadsResult") == std::string::npos) break;
    SPILLWAY_ASSIGN(const Page page, PageReader(response.body, "ListMultipartUploadsResult").read());
    for (const Upload& upload : page.uploads) {
      if (exactly ? upload.key != prefix : !upload.key.starts_with(prefix)) continue;
      SPILLWAY_TRY(abort_upload(upload));
      ++aborted;
    }
    if (!page.truncated || page.next.empty()) break;
    key_marker = page.next;
    id_marker = page.next_upload;
  }
  return aborted;
}

Result<std::vector<ObjectInfo>> S3Store::list(const std::string& prefix) {
  SPILLWAY_TRY(check_prefix(prefix));
  const std::string own = prefix_.empty() ? "" : prefix_ + "/";
  std::string start = own + prefix;
  if (!start.empty() && !start.ends_with('/')) start += '/';
  S3Request get;
  get.action = "list bucket '" + bucket_ + "'";
  std::vector<ObjectInfo> objects;
  std::string token;
  for (int64_t pages = 0; pages < kMaxPages; ++pages) {
    get.query = {{"encoding-type", "url"},
                 {"list-type", "2"},
                 {"max-keys", std::to_string(std::min(client_.options().list_page, kMaxListPage))},
                 {"prefix", start}};
    if (!token.empty()) get.query.emplace_back("continuation-token", token);
    SPILLWAY_ASSIGN(const HttpResponse response, client_.send(get));
    SPILLWAY_ASSIGN(Page page, PageReader(response.body, "ListBucketResult").read());
    for (ObjectInfo& object : page.objects) {
      if (!object.path.starts_with(start) || object.path.ends_with('/')) continue;  // a folder's own mark
      object.path.erase(0, own.size());
      objects.push_back(std::move(object));
    }
    if (!page.truncated || page.next.empty()) return objects;
    token = std::move(page.next);
  }
  return Error(ErrorCode::LimitExceeded, "bucket '" + bucket_ + "' has too many objects to list");
}

Result<ObjectInfo> S3Store::stat(const std::string& path) {
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_ASSIGN(const Properties found, properties(key));
  return ObjectInfo{path, found.size, found.modified};
}

Status S3Store::check() {
  SPILLWAY_TRY(check_writable());
  S3Request get;
  get.action = "list bucket '" + bucket_ + "'";
  get.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", prefix_}};
  return client_.send(get).status();
}

Result<int64_t> S3Store::remove_leftovers(const std::string& prefix) {
  SPILLWAY_TRY(check_prefix(prefix));
  SPILLWAY_TRY(check_writable());
  std::string start = join_path(prefix_, prefix);
  if (!start.empty()) start += '/';
  return abort_uploads(start, false);
}

}  // namespace

std::unique_ptr<ObjectStore> s3_store(const ConnectionString& connection, const StoreOptions& options) {
  return std::make_unique<S3Store>(connection, options);
}

}  // namespace spillway::storage
