// Requests to Azure Blob Storage: addresses, authorization, and what its errors mean.
// Source: Microsoft's Blob Service REST API ("Authorize with Shared Key", "Status and error codes").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "storage/http.h"
#include "storage/object_store.h"
#include "storage/retry.h"

namespace spillway::storage {

/// The version of the REST API that is spoken.
inline constexpr const char* kAzureVersion = "2021-12-02";

struct AzureRequest {
  std::string method = "GET";
  std::string path;  // below the endpoint: "/container/blob", not encoded
  Parameters query;
  Parameters headers;
  std::string_view body;
  std::function<Status(std::string_view bytes)> sink;
  /// Answers without success that serve nevertheless; never sent again.
  std::function<bool(int status, const std::string& code)> accept;
  /// What is being done, for messages: "write blob 'a/b.csv'".
  std::string action;
  /// Called where an attempt left it open whether it took effect.
  std::function<void()> unanswered;
};

/// One account's endpoint with its credential.
class AzureClient {
 public:
  AzureClient(const ConnectionString& connection, StoreOptions options);

  /// Sends until there is an answer that trying again wouldn't change, and gives it where it is a success. An
  /// error names the action and the service's error code. `before` is called before each attempt.
  Result<HttpResponse> send(const Call& call, const AzureRequest& request,
                            const std::function<void()>& before = {}) const;

  /// Where an account key isn't base64: the error that tells so.
  Status check_credential() const;
  bool uses_sas() const { return !sas_.empty(); }
  const StoreOptions& options() const { return options_; }

 private:
  HttpRequest prepare(const Call& call, const AzureRequest& request, const std::string& token) const;
  std::string authorization(const AzureRequest& request, const Parameters& headers,
                            const std::string& encoded_path) const;

  std::string endpoint_, endpoint_path_, account_, key_, sas_, token_, managed_identity_;
  bool key_is_valid_ = true;
  StoreOptions options_;
};

/// The service's error code, or "" where the answer has none.
std::string azure_error_code(const HttpResponse& response);

}  // namespace spillway::storage
