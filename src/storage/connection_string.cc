// Connection strings: ADDRESS[?SAS][;CREDENTIAL], where CREDENTIAL is an account key, "sharedkey=" with a key
// or a SAS, or a SAS. Source: api/connection-strings/storage-connection-strings.md.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "storage/object_store.h"
#include "storage/paths.h"

namespace spillway::storage {
namespace {

constexpr std::string_view kMask = "******";
constexpr size_t kMaxLength = 16 << 10;  // bytes; tokens are the longest part

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Error bad(const std::string& why) {
  return Error(ErrorCode::BadRequest, "storage connection string: " + why);
}

Error unsupported(const std::string& what) {
  return Error(ErrorCode::NotSupported, "storage connection string: " + what +
                                            " isn't supported; use a local " +
                                            "folder, or Azure Blob Storage with an account key or a SAS");
}

void trim_slashes(std::string& text) {
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
}

/// Where a host names its storage account: "account", ".blob.core.windows.net".
struct AzureHost {
  std::string account, suffix;
};

/// account.blob.SUFFIX and account.dfs.SUFFIX, in any cloud and in DNS zones (account.z01.blob.SUFFIX).
std::optional<AzureHost> azure_host(const std::string& host) {
  const size_t dot = host.find('.');
  if (dot == std::string::npos || dot == 0) return std::nullopt;
  AzureHost found{host.substr(0, dot), host.substr(dot)};
  if (const size_t dfs = found.suffix.find(".dfs."); dfs != std::string::npos) {
    found.suffix.replace(dfs, 5, ".blob.");
  }
  if (found.suffix.find(".blob.") == std::string::npos) return std::nullopt;
  return found;
}

/// An emulator has the account in the path: an IP address, "localhost", or a host without a domain.
bool is_path_style(const std::string& host) {
  if (host.starts_with('[') || host.find('.') == std::string::npos) return !host.empty();
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return std::isdigit(static_cast<unsigned char>(c)) || c == '.'; });
}

bool is_host_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' || c == '[' ||
         c == ']' || c == ':';
}

struct Url {
  std::string scheme, authority, host, path;
};

/// SCHEME://AUTHORITY[/PATH]; the path without its first '/'.
std::optional<Url> split_url(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = lower(text.substr(0, colon));
  text.remove_prefix(colon + 3);
  const size_t slash = std::min(text.find('/'), text.size());
  url.authority = text.substr(0, slash);
  url.path = text.substr(std::min(slash + 1, text.size()));
  url.host = lower(url.authority);
  const size_t port = url.host.rfind(':');
  if (port != std::string::npos && url.host.find(']', port) == std::string::npos) url.host.resize(port);
  return url;
}

/// Cuts the first part off a path.
std::string take_part(std::string& path) {
  const size_t slash = std::min(path.find('/'), path.size());
  std::string part = path.substr(0, slash);
  path.erase(0, slash + 1);
  return part;
}

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '$';
  });
}

bool is_sas(std::string_view text) {
  const std::string folded = "&" + lower(text);
  return folded.find("&sig=") != std::string::npos || folded.starts_with("&sv=");
}

/// The documented credentials that need a cloud identity, by how they begin.
constexpr std::pair<std::string_view, std::string_view> kUnsupportedCredentials[] = {
    {"impersonate", "impersonation (';impersonate')"},
    {"managed_identity=", "a managed identity (';managed_identity=')"},
    {"token=", "an access token (';token=')"},
    {"awscredentials=", "Amazon S3 (';AwsCredentials=')"},
};

/// What stands before the credential decides the kind; NotSupported for the documented others.
Status check_scheme(const Url& url) {
  if (url.scheme == "adl") return unsupported("Azure Data Lake Storage Gen1 ('adl://')");
  if (url.host.find("fabric.microsoft.com") != std::string::npos) return unsupported("OneLake");
  if (url.host.ends_with(".amazonaws.com") || url.scheme == "s3") return unsupported("Amazon S3");
  if (url.scheme != "https" && url.scheme != "http" && url.scheme != "abfss") {
    return unsupported("the scheme '" + url.scheme + "://'");
  }
  return {};
}

}  // namespace

Result<ConnectionString> ConnectionString::parse(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  if (text.empty()) return bad("it is empty");
  if (text.size() > kMaxLength) return bad("it is longer than " + std::to_string(kMaxLength) + " bytes");
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
    return bad("it holds a control character");
  }
  constexpr std::string_view kFile = "file://";
  Result<ConnectionString> parsed = bad("");
  if (lower(text.substr(0, kFile.size())) == kFile) {
    std::string_view path = text.substr(kFile.size());
    constexpr std::string_view kLocalhost = "localhost/";
    if (path.starts_with(kLocalhost)) path.remove_prefix(kLocalhost.size() - 1);
    const std::optional<std::string> decoded = percent_decode(path);
    if (!decoded) return bad("a '%' in a file:// address must be followed by two hexadecimal digits");
    parsed = parse_local(*decoded);
  } else if (text.starts_with('/')) {
    parsed = parse_local(text);
  } else {
    parsed = parse_azure(text);
  }
  if (parsed.ok()) parsed->text_ = text;
  return parsed;
}

Result<ConnectionString> ConnectionString::parse_local(std::string_view path) {
  if (!path.starts_with('/')) return bad("a local folder is given as file:///folder or as an absolute path");
  if (path.find('\0') != std::string_view::npos) return bad("it holds a NUL character");
  if (path.find(';') != std::string_view::npos) return bad("a local folder takes no credential (';')");
  ConnectionString out;
  out.kind_ = Kind::Local;
  out.local = std::filesystem::path(path).lexically_normal().string();
  while (out.local.starts_with("//")) out.local.erase(0, 1);
  trim_slashes(out.local);
  out.address_ = out.local;
  return out;
}

Result<ConnectionString> ConnectionString::parse_azure(std::string_view text) {
  const size_t semicolon = std::min(text.find(';'), text.size());
  std::string_view credential = text.substr(std::min(semicolon + 1, text.size()));
  std::string_view address = text.substr(0, semicolon);
  const size_t question = std::min(address.find('?'), address.size());
  const std::string_view query = address.substr(std::min(question + 1, address.size()));
  std::optional<Url> url = split_url(address.substr(0, question));
  if (!url) return bad("expected an https:// address, file:///folder or an absolute path");
  SPILLWAY_TRY(check_scheme(*url));

  ConnectionString out;
  out.kind_ = Kind::AzureBlob;
  if (url->scheme == "abfss") {
    const size_t at = url->authority.find('@');
    if (at == std::string::npos) return bad("expected abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PATH");
    out.container = url->authority.substr(0, at);
    url->authority.erase(0, at + 1);
    url->host.erase(0, at + 1);
    url->scheme = "https";
  }
  if (url->authority.empty() ||
      !std::all_of(url->authority.begin(), url->authority.end(), is_host_character)) {
    return bad("the host isn't valid");
  }
  if (const std::optional<AzureHost> host = azure_host(url->host)) {
    // Also where it is written http://, as some examples of the documentation are: a key never goes in the
    // clear.
    out.account = host->account;
    out.endpoint = "https://" + host->account + host->suffix;
  } else if (is_path_style(url->host)) {
    out.account = take_part(url->path);
    out.endpoint = url->scheme + "://" + lower(url->authority) + "/" + out.account;
  } else {
    return unsupported("the address of a web server that isn't Azure Blob Storage");
  }
  if (out.container.empty()) out.container = take_part(url->path);
  if (!is_name(out.account)) return bad("the storage account's name is missing or not valid");
  if (!is_name(out.container)) return bad("the container's name is missing or not valid");

  const std::optional<std::string> decoded = percent_decode(url->path);
  if (!decoded) return bad("a '%' in the path must be followed by two hexadecimal digits");
  out.prefix = *decoded;
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  if (!check_prefix(out.prefix).ok())
    return bad("the path may not begin with '/' or have '.' or '..' as a part");

  if (!query.empty()) {
    if (!is_sas(query)) return bad("what follows '?' isn't a shared access signature");
    out.sas = query;
  }
  if (!credential.empty()) SPILLWAY_TRY(out.read_credential(credential));
  out.compose();
  return out;
}

Status ConnectionString::read_credential(std::string_view credential) {
  const std::string folded = lower(credential);
  for (const auto& [start, what] : kUnsupportedCredentials) {
    if (folded.starts_with(start)) return unsupported(std::string(what));
  }
  if (!sas.empty()) return bad("it has two credentials: a shared access signature and what follows ';'");
  constexpr std::string_view kSharedKey = "sharedkey=";
  if (folded.starts_with(kSharedKey)) credential.remove_prefix(kSharedKey.size());
  if (credential.starts_with('?')) credential.remove_prefix(1);
  if (credential.find(';') != std::string_view::npos) return bad("it has more than one ';'");
  if (std::any_of(credential.begin(), credential.end(),
                  [](char c) { return c == ' ' || static_cast<unsigned char>(c) >= 0x80; })) {
    return bad("the credential holds a blank or a character that isn't ASCII");
  }
  (is_sas(credential) ? sas : account_key) = credential;
  return {};
}

void ConnectionString::compose() {
  address_ = endpoint + "/" + container;
  if (!prefix.empty()) address_ += "/" + percent_encode_path(prefix);
}

std::string ConnectionString::redacted() const {
  if (!sas.empty()) return address_ + "?" + std::string(kMask);
  if (!account_key.empty()) return address_ + ";" + std::string(kMask);
  return address_;
}

Result<std::pair<ConnectionString, std::string>> ConnectionString::split() const {
  ConnectionString folder = *this;
  std::string& path = kind_ == Kind::Local ? folder.local : folder.prefix;
  const size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty()) return bad("'" + address_ + "' names no file in it");
  path.resize(slash == std::string::npos ? 0 : slash);
  if (kind_ == Kind::Local) {
    if (path.empty()) path = "/";
    folder.address_ = path;
    folder.text_ = path;
  } else {
    folder.compose();
    folder.text_ = folder.address_;
    if (!sas.empty()) folder.text_ += "?" + sas;
    if (!account_key.empty()) folder.text_ += ";" + account_key;
  }
  return std::pair(std::move(folder), std::move(name));
}

}  // namespace spillway::storage
