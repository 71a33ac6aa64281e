// Requests to Amazon S3, or a service that speaks its REST API: addresses, signatures, and what its errors
// mean. Source: Amazon's S3 API reference ("Authenticating Requests (AWS Signature Version 4)", "Error
// responses").
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "storage/http.h"
#include "storage/object_store.h"
#include "storage/retry.h"

namespace spillway::storage {

struct S3Request {
  std::string method = "GET";
  std::string key;  // the object's, not encoded; empty: of the bucket
  Parameters query;
  Parameters headers;
  std::string_view body;
  std::function<Status(std::string_view bytes)> sink;
  /// Answers without success that serve nevertheless; never sent again.
  std::function<bool(int status, const std::string& code)> accept;
  /// What is being done, for messages: "write object 'a/b.csv'".
  std::string action;
  /// Called where an attempt left it open whether it took effect.
  std::function<void()> unanswered;
};

/// One bucket with its credential.
class S3Client {
 public:
  S3Client(const ConnectionString& connection, StoreOptions options);

  /// Sends until there is an answer that trying again wouldn't change, and gives it where it is a success. An
  /// error names the action and the service's error code. `before` is called before each attempt.
  Result<HttpResponse> send(const Call& call, const S3Request& request,
                            const std::function<void()>& before = {}) const;

  bool is_presigned() const { return !presigned_.empty(); }
  const StoreOptions& options() const { return options_; }

 private:
  HttpRequest prepare(const Call& call, const S3Request& request) const;

  std::string endpoint_, endpoint_path_, host_, access_key_, secret_key_, region_, presigned_;
  StoreOptions options_;
};

/// The service's error code, or "" where the answer has none. An answer of status 200 may have one too.
std::string s3_error_code(const HttpResponse& response);

/// What the Authorization header says of a request to be sent at `now`. `headers` are those that are signed,
/// with host, x-amz-date and x-amz-content-sha256 among them; names in lower case.
std::string s3_authorization(const std::string& method, const std::string& encoded_path, Parameters query,
                             Parameters headers, const std::string& access_key, const std::string& secret_key,
                             const std::string& region);

}  // namespace spillway::storage
