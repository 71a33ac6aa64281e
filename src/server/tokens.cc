#include "server/tokens.h"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "base/log.h"

namespace spillway::server {
namespace {

constexpr std::string_view kGroup = "aadgroup=";

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::shared_ptr<const catalog::Caller> administrator(const char* principal) {
  auto caller = std::make_shared<catalog::Caller>();
  caller->principal = principal;
  caller->roles = {catalog::ClusterRole::AllDatabasesAdmin};
  return caller;
}

}  // namespace

std::shared_ptr<const catalog::Caller> local_caller() {
  static const std::shared_ptr<const catalog::Caller> local = administrator("local");
  return local;
}

Status Tokens::add(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string token, principal;
  if (!(words >> token) || token.starts_with('#')) return {};
  if (find(token)) return Error{ErrorCode::BadRequest, "the token is there twice"};
  if (!(words >> principal)) {
    tokens_.push_back({token, administrator("api-token")});
    return {};
  }
  auto caller = std::make_shared<catalog::Caller>();
  caller->principal = principal;
  for (std::string word; words >> word;) {
    if (word.starts_with(kGroup)) {
      caller->groups.push_back(word);
    } else if (const auto role = catalog::parse_cluster_role(word)) {
      caller->roles.insert(*role);
    } else {
      return Error{ErrorCode::BadRequest,
                   "behind the principal stand cluster roles (AllDatabasesAdmin, AllDatabasesViewer, "
                   "AllDatabasesMonitor) and groups (aadgroup=…) only"};
    }
  }
  tokens_.push_back({token, std::move(caller)});
  access_control_ = true;
  return {};
}

Result<Tokens> Tokens::parse(std::string_view text) {
  Tokens tokens;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (const Status added = tokens.add(line); !added.ok()) {
      return Error{added.error().code, "line " + std::to_string(number) + ": " + added.error().message};
    }
  }
  if (tokens.empty()) return Error{ErrorCode::BadRequest, "it holds no API token"};
  return tokens;
}

Result<Tokens> Tokens::read(const std::string& path) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.good() && text.empty()) {
    return Error{ErrorCode::BadRequest, "the API token can't be read from '" + path + "'"};
  }
  Result<Tokens> tokens = parse(text);
  if (!tokens.ok()) {
    return Error{tokens.error().code, "the API token file '" + path + "': " + tokens.error().message};
  }
  struct stat status {};
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & kOthers) != 0) {
    log::warning("others than its owner may access the API token's file: chmod 600", {{"path", path}});
  }
  return tokens;
}

std::shared_ptr<const catalog::Caller> Tokens::find(std::string_view token) const {
  std::shared_ptr<const catalog::Caller> found;
  for (const Token& known : tokens_) {
    if (same_secret(known.text, token)) found = known.caller;
  }
  return found;
}

}  // namespace spillway::server
