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
constexpr int64_t kReadBytes = int64_t{1} << 20;     // of a file at once, for its checksum
/// The MD5 of an object's content, in base64, as put_file leaves it with the object: an ETag isn't one of
/// uploads in parts.
constexpr const char* kMd5Header = "x-amz-meta-spillway-md5";

/// What Head Object tells.
struct Properties {
  int64_t size = 0;
  Ticks modified = 0;
  std::string etag;
  std::string md5;  // in base64; what put_file left with the object, or its ETag says; may be empty
};

struct Upload {
  std::string key, id;
};

/// The file that is being put.
struct Source {
  const File& file;
  const std::string& path;
  int64_t size = 0;
  std::string md5;  // in base64
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
        if (page_.truncated && page_.next.empty()) return malformed();
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

/// What the object's MD5 must be, in base64: as put_file left it there, or by its ETag, which Amazon
/// documents as the MD5 of what was put at once and isn't encrypted by a key of its own; "" where neither
/// tells.
std::string stored_md5(const HttpResponse& response) {
  if (std::string own = response.header(kMd5Header); !own.empty()) return own;
  const std::string encryption = response.header("x-amz-server-side-encryption");
  const bool plain = (encryption.empty() || encryption == "AES256") &&
                     response.header("x-amz-server-side-encryption-customer-algorithm").empty();
  const std::string etag = response.header("etag");
  const bool digest = etag.size() == 34 && etag.front() == '"' && etag.back() == '"' &&
                      etag.find_first_not_of("0123456789abcdef", 1) == 33;
  return plain && digest ? base64_encode(from_hex(etag)) : "";
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
  /// A request that makes the object visible, which the limits want to know of.
  S3Request visible(S3Request request, const std::string& path) const;
  Result<Properties> properties(const Call& call, const std::string& key) const;
  Result<std::string> md5_of(const File& file, const std::string& path, int64_t size) const;
  Status put_whole(const Call& call, const Source& source, const std::string& key,
                   const std::string& path) const;
  Status put_parts(const Call& call, const Source& source, const std::string& key,
                   const std::string& path) const;
  Result<Upload> begin_upload(const Call& call, const Source& source, const std::string& key,
                              int& attempts) const;
  Result<std::vector<std::string>> put_all_parts(const Call& call, const Source& source,
                                                 const Upload& upload) const;
  Result<std::string> put_part(const Call& call, const Upload& upload, int64_t number,
                               const std::string& bytes) const;
  Status complete_upload(const Call& call, const Source& source, const Upload& upload,
                         const std::vector<std::string>& etags, const std::string& path) const;
  bool is_complete(const Call& call, const std::string& key, const std::vector<std::string>& etags,
                   const std::string& md5) const;
  Status abort_upload(const Call& call, const Upload& upload) const;
  Result<int64_t> abort_uploads(const Call& call, const std::string& prefix, bool exactly) const;
  Status verify(const Call& call, const Source& source, const std::string& key) const;
  Status get_ranges(const Call& call, const std::string& key, const Properties& found, const File& file,
                    const std::string& target) const;
  Status get_range(const Call& call, const std::string& key, const std::string& etag, const File& file,
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

S3Request S3Store::visible(S3Request request, const std::string& path) const {
  const auto& tell = client_.options().limits.on_unanswered;
  if (tell) request.unanswered = [&tell, path] { tell(path); };
  return request;
}

Status S3Store::put_file(const std::string& source, const std::string& path, bool consume) {
  SPILLWAY_TRY(check_writable());
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_FAIL_POINT("store.put.before");
  SPILLWAY_ASSIGN(const File file, open_file(source, O_RDONLY));
  SPILLWAY_ASSIGN(const int64_t size, file_size(file, source));
  const Call call(client_.options(), size);
  SPILLWAY_ASSIGN(std::string md5, md5_of(file, source, size));
  const Source from{file, source, size, std::move(md5)};
  SPILLWAY_TRY(size <= client_.options().block_bytes ? put_whole(call, from, key, path)
                                                     : put_parts(call, from, key, path));
  SPILLWAY_TRY(verify(call, from, key));
  if (consume) ::unlink(source.c_str());
  SPILLWAY_FAIL_POINT("store.put.after");
  return {};
}

Result<std::string> S3Store::md5_of(const File& file, const std::string& path, int64_t size) const {
  Md5 md5;
  std::string buffer;
  for (int64_t offset = 0; offset < size; offset += static_cast<int64_t>(buffer.size())) {
    buffer.resize(static_cast<size_t>(std::min(kReadBytes, size - offset)));
    SPILLWAY_TRY(read_at(file, path, buffer.data(), buffer.size(), offset));
    md5.add(buffer);
  }
  return md5.finish();
}

Result<bool> S3Store::put_conditionally(std::string_view bytes, const std::string& key) const {
  S3Request put = request("PUT", key, "write");
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  put.headers.emplace_back("If-None-Match", "*");
  put.body = bytes;
  put.accept = [](int status, const std::string&) { return status == 412 || status == 501; };
  const Call call(client_.options(), static_cast<int64_t>(bytes.size()));
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, put));
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
  const Call call(client_.options());
  SPILLWAY_TRY(client_.send(call, removal));
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

Status S3Store::put_whole(const Call& call, const Source& source, const std::string& key,
                          const std::string& path) const {
  std::string bytes(static_cast<size_t>(source.size), '\0');
  SPILLWAY_TRY(read_at(source.file, source.path, bytes.data(), bytes.size(), 0));
  SPILLWAY_FAIL_POINT("store.put.staged");
  S3Request put = visible(request("PUT", key, "write"), path);
  put.headers.emplace_back("Content-Type", "application/octet-stream");
  if (!source.md5.empty()) {
    put.headers.emplace_back("Content-MD5", source.md5);
    put.headers.emplace_back(kMd5Header, source.md5);
  }
  put.body = bytes;
  return client_.send(call, put).status();
}

Status S3Store::put_parts(const Call& call, const Source& source, const std::string& key,
                          const std::string& path) const {
  int begins = 0;
  SPILLWAY_ASSIGN(const Upload upload, begin_upload(call, source, key, begins));
  const auto etags = put_all_parts(call, source, upload);
  if (!etags.ok()) {
    (void)abort_upload(call, upload);  // what can't be aborted now, the janitor's remove() finds
    return etags.status();
  }
  SPILLWAY_FAIL_POINT("store.put.staged");
  SPILLWAY_TRY(complete_upload(call, source, upload, *etags, path));
  // The service may have begun one for each answer that was lost.
  if (begins > 1) (void)abort_uploads(call, key, true);
  return {};
}

Result<Upload> S3Store::begin_upload(const Call& call, const Source& source, const std::string& key,
                                     int& attempts) const {
  S3Request post = request("POST", key, "write");
  post.query = {{"uploads", ""}};
  post.headers.emplace_back("Content-Type", "application/octet-stream");
  if (!source.md5.empty()) post.headers.emplace_back(kMd5Header, source.md5);
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, post, [&] { ++attempts; }));
  Upload upload{key, xml_text_of(response.body, "UploadId")};
  if (!upload.id.empty()) return upload;
  return Error(ErrorCode::StorageTransient, "the storage service began an upload without an id");
}

/// The parts' ETags.
Result<std::vector<std::string>> S3Store::put_all_parts(const Call& call, const Source& source,
                                                        const Upload& upload) const {
  const int64_t part =
      std::max({client_.options().block_bytes, kMinPartBytes, (source.size + kMaxParts - 1) / kMaxParts});
  std::vector<std::string> etags(static_cast<size_t>((source.size + part - 1) / part));
  Md5 md5;
  Parallel parallel(client_.options().parallel_blocks);
  for (size_t i = 0; i < etags.size(); ++i) {
    const int64_t offset = static_cast<int64_t>(i) * part;
    const auto length = static_cast<size_t>(std::min(part, source.size - offset));
    auto bytes = std::make_shared<std::string>(length, '\0');
    SPILLWAY_TRY(read_at(source.file, source.path, bytes->data(), length, offset));
    md5.add(*bytes);
    SPILLWAY_TRY(parallel.run([this, &call, &upload, &etag = etags[i], i, bytes]() -> Status {
      SPILLWAY_ASSIGN(etag, put_part(call, upload, static_cast<int64_t>(i) + 1, *bytes));
      return {};
    }));
  }
  SPILLWAY_TRY(parallel.finish());
  SPILLWAY_ASSIGN(const int64_t now, file_size(source.file, source.path));
  if (now == source.size && md5.finish() == source.md5) return etags;
  return Error(ErrorCode::StorageTransient, "'" + source.path + "' changed while it was stored");
}

Result<std::string> S3Store::put_part(const Call& call, const Upload& upload, int64_t number,
                                      const std::string& bytes) const {
  S3Request put = request("PUT", upload.key, "write");
  put.query = {{"partNumber", std::to_string(number)}, {"uploadId", upload.id}};
  if (std::string md5 = md5_base64(bytes); !md5.empty())
    put.headers.emplace_back("Content-MD5", std::move(md5));
  put.body = bytes;
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, put));
  return response.header("etag");
}

Status S3Store::complete_upload(const Call& call, const Source& source, const Upload& upload,
                                const std::vector<std::string>& etags, const std::string& path) const {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < etags.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + quote_xml(etags[i]) +
            "</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  S3Request post = visible(request("POST", upload.key, "write"), path);
  post.query = {{"uploadId", upload.id}};
  post.headers.emplace_back("Content-Type", "application/xml");
  post.body = body;
  // Sent again after a lost answer, it may find the upload gone because it is complete.
  int attempts = 0;
  post.accept = [&](int, const std::string& code) {
    return attempts > 1 && (code == "NoSuchUpload" || is_complete(call, upload.key, etags, source.md5));
  };
  return client_.send(call, post, [&] { ++attempts; }).status();
}

/// Whether the object is the one of these parts: Amazon's ETag of it is the MD5 of the parts' MD5s, others'
/// the MD5 of the whole.
bool S3Store::is_complete(const Call& call, const std::string& key, const std::vector<std::string>& etags,
                          const std::string& md5) const {
  Md5 parts;
  for (const std::string& etag : etags) parts.add(from_hex(etag));
  const std::string of_parts = to_hex(base64_decode(parts.finish()).value_or(""));
  const std::string of_all = to_hex(base64_decode(md5).value_or(""));
  const Result<Properties> found = properties(call, key);
  return found.ok() && !of_all.empty() &&
         (found->etag == "\"" + of_parts + "-" + std::to_string(etags.size()) + "\"" ||
          found->etag == "\"" + of_all + "\"");
}

Status S3Store::abort_upload(const Call& call, const Upload& upload) const {
  S3Request removal = request("DELETE", upload.key, "abort the upload of");
  removal.query = {{"uploadId", upload.id}};
  removal.accept = [](int status, const std::string&) { return status == 404; };
  return client_.send(call, removal).status();
}

Status S3Store::verify(const Call& call, const Source& source, const std::string& key) const {
  const Result<Properties> found = properties(call, key);
  const std::string object = "object '" + bucket_ + "/" + key + "'";
  if (!found.ok() && found.error().code == ErrorCode::EntityNotFound) {
    return Status(ErrorCode::StorageTransient, object + " isn't there after it was written");
  }
  SPILLWAY_ASSIGN(const Properties made, found);
  if (made.size == source.size && (made.md5.empty() || made.md5 == source.md5)) return {};
  return Status(ErrorCode::StorageTransient, object + " has " + std::to_string(made.size) +
                                                 " bytes, or others, after " + std::to_string(source.size) +
                                                 " were written");
}

Result<Properties> S3Store::properties(const Call& call, const std::string& key) const {
  // A presigned URL is signed for GET alone: its first byte tells the length of all.
  S3Request head = request(client_.is_presigned() ? "GET" : "HEAD", key, "find");
  if (client_.is_presigned()) {
    head.headers.emplace_back("Range", "bytes=0-0");
    head.accept = [](int status, const std::string&) { return status == 416; };  // it is empty
  }
  SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, head));
  Properties found;
  std::string size = response.header("content-length");
  if (const std::string range = response.header("content-range"); !range.empty()) {
    size = range.substr(range.find('/') + 1);
  }
  SPILLWAY_ASSIGN(found.size, parse_size(response.status == 416 ? "0" : size));
  found.modified = parse_datetime(response.header("last-modified")).value_or(0);
  found.etag = response.header("etag");
  found.md5 = stored_md5(response);
  return found;
}

Status S3Store::get_file(const std::string& path, const std::string& target) {
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_ASSIGN(const Properties found, properties(Call(client_.options()), key));
  SPILLWAY_ASSIGN(const File file, open_file(target, O_RDWR | O_CREAT | O_TRUNC, 0666));
  RemoveOnFailure undo(target);
  SPILLWAY_TRY(get_ranges(Call(client_.options(), found.size), key, found, file, target));
  SPILLWAY_ASSIGN(const std::string md5, md5_of(file, target, found.size));
  if (!found.md5.empty() && !md5.empty() && md5 != found.md5) {
    return Error(ErrorCode::StorageTransient,
                 "object '" + bucket_ + "/" + key + "' arrived damaged: its MD5 is another");
  }
  undo.keep();
  return {};
}

Status S3Store::get_ranges(const Call& call, const std::string& key, const Properties& found,
                           const File& file, const std::string& target) const {
  const int64_t step = std::max<int64_t>(client_.options().block_bytes, 1);
  Parallel parallel(client_.options().parallel_blocks);
  for (int64_t offset = 0; offset < found.size; offset += step) {
    const int64_t size = std::min(step, found.size - offset);
    SPILLWAY_TRY(parallel.run(
        [&, offset, size] { return get_range(call, key, found.etag, file, target, offset, size); }));
  }
  return parallel.finish();
}

Status S3Store::get_range(const Call& call, const std::string& key, const std::string& etag, const File& file,
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
  SPILLWAY_TRY(client_.send(call, get, [&] { received = 0; }));
  return received == size ? Status() : Status(wrong_length());
}

Status S3Store::remove(const std::string& path) {
  SPILLWAY_TRY(check_writable());
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  const Call call(client_.options());
  SPILLWAY_TRY(abort_uploads(call, key, true));
  S3Request removal = request("DELETE", key, "remove");
  removal.accept = [](int status, const std::string&) { return status == 404; };
  return client_.send(call, removal).status();
}

/// Aborts the open uploads whose keys begin with `prefix`, or are it. A service that doesn't list uploads has
/// none to abort, nor has a bucket that is gone.
Result<int64_t> S3Store::abort_uploads(const Call& call, const std::string& prefix, bool exactly) const {
  int64_t aborted = 0;
  S3Request get;
  get.action = "list the uploads of bucket '" + bucket_ + "'";
  get.accept = [](int status, const std::string& code) {
    return status == 501 || status == 400 || status == 405 || code == "NoSuchBucket";
  };
  std::string key_marker, id_marker;
  for (int64_t pages = 0; pages < kMaxPages; ++pages) {
    get.query = {{"prefix", prefix}, {"uploads", ""}};
    if (!key_marker.empty()) get.query.emplace_back("key-marker", key_marker);
    if (!id_marker.empty()) get.query.emplace_back("upload-id-marker", id_marker);
    SPILLWAY_ASSIGN(const HttpResponse response, client_.send(call, get));
    if (!response.success() || response.body.find("ListMultipartUploadsResult") == std::string::npos) break;
    SPILLWAY_ASSIGN(const Page page, PageReader(response.body, "ListMultipartUploadsResult").read());
    for (const Upload& upload : page.uploads) {
      if (exactly ? upload.key != prefix : !upload.key.starts_with(prefix)) continue;
      SPILLWAY_TRY(abort_upload(call, upload));
      ++aborted;
    }
    if (!page.truncated) break;
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
    SPILLWAY_ASSIGN(const HttpResponse response, client_.send(Call(client_.options()), get));
    SPILLWAY_ASSIGN(Page page, PageReader(response.body, "ListBucketResult").read());
    for (ObjectInfo& object : page.objects) {
      if (!object.path.starts_with(start) || object.path.ends_with('/')) continue;  // a folder's own mark
      object.path.erase(0, own.size());
      objects.push_back(std::move(object));
    }
    if (!page.truncated) return objects;
    token = std::move(page.next);
  }
  return Error(ErrorCode::LimitExceeded, "bucket '" + bucket_ + "' has too many objects to list");
}

Result<ObjectInfo> S3Store::stat(const std::string& path) {
  SPILLWAY_ASSIGN(const std::string key, key_of(path));
  SPILLWAY_ASSIGN(const Properties found, properties(Call(client_.options()), key));
  return ObjectInfo{path, found.size, found.modified};
}

Status S3Store::check() {
  SPILLWAY_TRY(check_writable());
  S3Request get;
  get.action = "list bucket '" + bucket_ + "'";
  get.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", prefix_}};
  return client_.send(Call(client_.options()), get).status();
}

Result<int64_t> S3Store::remove_leftovers(const std::string& prefix) {
  SPILLWAY_TRY(check_prefix(prefix));
  SPILLWAY_TRY(check_writable());
  std::string start = join_path(prefix_, prefix);
  if (!start.empty()) start += '/';
  return abort_uploads(Call(client_.options()), start, false);
}

}  // namespace

std::unique_ptr<ObjectStore> s3_store(const ConnectionString& connection, const StoreOptions& options) {
  return std::make_unique<S3Store>(connection, options);
}

}  // namespace spillway::storage
