// The API tokens that the server knows, and whose they are: from a file with one a line.
//
//   # TOKEN [PRINCIPAL [cluster roles and groups…]]
//   3q2+7wAAAA8=
//   mF_9.B5f-4.1JqM aaduser=ann@contoso.com AllDatabasesViewer aadgroup=analysts@contoso.com
//   hQ7nX2 aadapp=1b8f2c3e-0000-4000-8000-5f1c0f2a9d11
//
// A token alone is the principal `api-token`, who is AllDatabasesAdmin. A principal that is named has the
// cluster roles of its line (AllDatabasesAdmin, AllDatabasesViewer, AllDatabasesMonitor), is a member of its
// groups, and has what roles databases and tables give it (`.add database D viewers (…)`). Empty lines and
// what follows a '#' at a line's beginning count for nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalog/security.h"

namespace spillway::server {

/// Who asks where no token is needed, from this machine: AllDatabasesAdmin.
std::shared_ptr<const catalog::Caller> local_caller();

class Tokens {
 public:
  Tokens() = default;
  /// Errors: BadRequest with the line's number, never with the token: nothing in it, an unknown role, a token
  /// twice.
  static Result<Tokens> parse(std::string_view text);
  /// Those of a file. Warns in the log where others may read it.
  static Result<Tokens> read(const std::string& path);

  bool empty() const { return tokens_.empty(); }
  /// A principal is named, so that roles tell who may do what.
  bool access_control() const { return access_control_; }
  const std::string& first() const { return tokens_.front().text; }
  /// Whose token it is, or null; in time that doesn't depend on how near it comes to one.
  std::shared_ptr<const catalog::Caller> find(std::string_view token) const;

 private:
  struct Token {
    std::string text;
    std::shared_ptr<const catalog::Caller> caller;
  };
  Status add(std::string_view line);

  std::vector<Token> tokens_;
  bool access_control_ = false;
};

}  // namespace spillway::server
