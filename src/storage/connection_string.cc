// Connection strings: ADDRESS[?SAS or presigned query][;CREDENTIAL], where CREDENTIAL is an account key,
// "sharedkey=" with a key or a SAS, a SAS, "token=", "managed_identity=", "impersonate" or "AwsCredentials=".
// OneLake takes a token and identities only.
// Source: api/connection-strings/storage-connection-strings.md.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "storage/http.h"
#include "storage/object_store.h"
#include "storage/paths.h"

namespace spillway::storage {
namespace {

constexpr std::string_view kMask = "******";
constexpr size_t kMaxLength = 16 << 10;  // bytes; tokens are the longest part

Error bad(const std::string& why) {
  return Error(ErrorCode::BadRequest, "storage connection string: " + why);
}

Error unsupported(const std::string& what) {
  return Error(ErrorCode::NotSupported,
               "storage connection string: " + what +
                   " isn't supported; use a local folder, Azure Blob Storage, OneLake or Amazon S3");
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

/// Of a host or an endpoint. Each region, and each workspace with a private link, has a host of its own:
/// onelake.dfs.fabric.microsoft.com, westus-onelake.blob.fabric.microsoft.com.
bool in_onelake(std::string_view host) {
  return host.ends_with(".fabric.microsoft.com");
}

/// The names of a workspace and an item, which are GUIDs both or neither: then the item's has its type,
/// "MyLakehouse.Lakehouse".
Status check_item(const std::string& workspace, std::string_view path) {
  const std::string_view item = path.substr(0, path.find('/'));
  const bool guids = Guid::parse(workspace).has_value();
  if (!item.empty() && guids == Guid::parse(item).has_value() &&
      (guids || item.find('.') != std::string_view::npos)) {
    return {};
  }
  return bad(
      "OneLake's addresses go on with /WORKSPACE/ITEM/Files/PATH, where ITEM is a name with its type "
      "(MyLakehouse.Lakehouse), or WORKSPACE and ITEM are GUIDs both");
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

/// SCHEME://AUTHORITY[/PATH]; the path without its first '/'.
template <typename Url>
std::optional<Url> split_url(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = lower_case(text.substr(0, colon));
  text.remove_prefix(colon + 3);
  const size_t slash = std::min(text.find('/'), text.size());
  url.authority = text.substr(0, slash);
  url.path = text.substr(std::min(slash + 1, text.size()));
  url.host = lower_case(url.authority);
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
  const std::string folded = "&" + lower_case(text);
  return folded.find("&sig=") != std::string::npos || folded.starts_with("&sv=");
}

bool is_presigned(std::string_view query) {
  return ("&" + lower_case(query)).find("&x-amz-") != std::string::npos ||
         ("&" + lower_case(query)).find("&awsaccesskeyid=") != std::string::npos;
}

constexpr std::string_view kAwsCredentials = "awscredentials=";
constexpr std::string_view kToken = "token=";
constexpr std::string_view kManagedIdentity = "managed_identity=";
constexpr std::string_view kImpersonate = "impersonate";
constexpr std::string_view kDefaultRegion = "us-east-1";
constexpr const char* kOneLakeCredentials =
    "OneLake takes ';impersonate', ';managed_identity=' or ';token=', and neither keys nor signatures";

/// Where a host of Amazon S3 names its bucket and region; the bucket is empty where the path names it.
struct S3Host {
  std::string bucket, region;
};

/// BUCKET.s3.REGION.amazonaws.com, and without BUCKET or REGION; s3-REGION too, and the domains of other
/// partitions (amazonaws.com.cn).
std::optional<S3Host> s3_host(const std::string& host) {
  const size_t domain = host.find(".amazonaws.com");
  if (domain == std::string::npos) return std::nullopt;
  const std::string name = host.substr(0, domain);
  for (size_t at = name.rfind("s3"); at != std::string::npos;
       at = at == 0 ? std::string::npos : name.rfind("s3", at - 1)) {
    if (at != 0 && name[at - 1] != '.') continue;
    const std::string rest = name.substr(at + 2);
    if (!rest.empty() && rest[0] != '.' && rest[0] != '-') continue;
    std::string region = rest.empty() ? std::string(kDefaultRegion) : rest.substr(1);
    for (const std::string_view prefix : {"dualstack.", "external-1"}) {
      if (region.starts_with(prefix)) region.erase(0, prefix.size());
    }
    return S3Host{at == 0 ? "" : name.substr(0, at - 1),
                  region.empty() ? std::string(kDefaultRegion) : region};
  }
  return std::nullopt;
}

bool is_bucket_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

/// NotSupported for the documented stores that Spillway lacks.
Status check_scheme(const std::string& scheme) {
  if (scheme == "adl") return unsupported("Azure Data Lake Storage Gen1 ('adl://')");
  if (scheme == "s3") {
    return bad("Amazon S3 is given as https://BUCKET.s3.REGION.amazonaws.com/PATH;AwsCredentials=ID,SECRET");
  }
  if (scheme != "https" && scheme != "http" && scheme != "abfss")
    return unsupported("the scheme '" + scheme + "://'");
  return {};
}

}  // namespace

struct ConnectionString::Url {
  std::string scheme, authority, host, path;
};

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
  if (lower_case(text.substr(0, kFile.size())) == kFile) {
    std::string_view path = text.substr(kFile.size());
    constexpr std::string_view kLocalhost = "localhost/";
    if (path.starts_with(kLocalhost)) path.remove_prefix(kLocalhost.size() - 1);
    const std::optional<std::string> decoded = percent_decode(path);
    if (!decoded) return bad("a '%' in a file:// address must be followed by two hexadecimal digits");
    parsed = parse_local(*decoded);
  } else if (text.starts_with('/')) {
    parsed = parse_local(text);
  } else {
    parsed = parse_url(text);
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

Result<ConnectionString> ConnectionString::parse_url(std::string_view text) {
  const size_t semicolon = std::min(text.find(';'), text.size());
  const std::string_view credential = text.substr(std::min(semicolon + 1, text.size()));
  const std::string_view address = text.substr(0, semicolon);
  const size_t question = std::min(address.find('?'), address.size());
  std::optional<Url> url = split_url<Url>(address.substr(0, question));
  if (!url) return bad("expected an https:// address, file:///folder or an absolute path");
  SPILLWAY_TRY(check_scheme(url->scheme));

  ConnectionString out;
  const bool aws = !in_onelake(url->host) &&
                   (lower_case(credential).starts_with(kAwsCredentials) || s3_host(url->host).has_value());
  out.kind_ = aws ? Kind::S3 : Kind::AzureBlob;
  SPILLWAY_TRY(aws ? out.locate_s3(*url) : out.locate_azure(*url));
  SPILLWAY_TRY(out.read_path(*url));
  if (in_onelake(out.endpoint)) SPILLWAY_TRY(check_item(out.container, out.prefix));
  SPILLWAY_TRY(out.read_query(address.substr(std::min(question + 1, address.size()))));
  if (!credential.empty()) SPILLWAY_TRY(out.read_credential(credential));
  out.compose();
  return out;
}

Status ConnectionString::locate_azure(Url& url) {
  if (url.scheme == "abfss") {
    const size_t at = url.authority.find('@');
    if (at == std::string::npos) return bad("expected abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PATH");
    container = url.authority.substr(0, at);
    url.authority.erase(0, at + 1);
    url.host.erase(0, at + 1);
    url.scheme = "https";
  }
  if (url.authority.empty() || !std::all_of(url.authority.begin(), url.authority.end(), is_host_character)) {
    return bad("the host isn't valid");
  }
  if (const std::optional<AzureHost> host = azure_host(url.host)) {
    // Also where it is written http://, as some examples of the documentation are: a key never goes in the
    // clear.
    account = host->account;
    endpoint = "https://" + host->account + host->suffix;
  } else if (is_path_style(url.host)) {
    account = take_part(url.path);
    endpoint = url.scheme + "://" + lower_case(url.authority) + "/" + account;
  } else {
    return unsupported(
        "the address of a web server that is neither Azure Blob Storage nor OneLake nor Amazon S3");
  }
  if (container.empty()) container = take_part(url.path);
  if (!is_name(account)) return bad("the storage account's name is missing or not valid");
  if (in_onelake(url.host)) return read_workspace();
  if (!is_name(container)) return bad("the container's name is missing or not valid");
  return {};
}

Status ConnectionString::read_workspace() {
  const std::optional<std::string> decoded = percent_decode(container);
  if (!decoded || !check_object_path(*decoded).ok() || decoded->find('/') != std::string::npos) {
    return bad("the workspace's name is missing or not valid");
  }
  container = *decoded;
  return {};
}

Status ConnectionString::locate_s3(Url& url) {
  if (url.authority.empty() || !std::all_of(url.authority.begin(), url.authority.end(), is_host_character) ||
      url.scheme == "abfss") {
    return bad("the host isn't valid");
  }
  region = kDefaultRegion;
  const std::optional<S3Host> amazon = s3_host(url.host);
  if (amazon) region = amazon->region;
  if (amazon && !amazon->bucket.empty()) {
    container = amazon->bucket;
    endpoint = "https://" + lower_case(url.authority);
    // A certificate's wildcard stands for one label: a bucket with dots goes into the path.
    if (container.find('.') != std::string::npos) {
      endpoint = "https://" + lower_case(url.authority).substr(container.size() + 1) + "/" + container;
    }
  } else {
    container = take_part(url.path);
    endpoint = (amazon ? "https" : url.scheme) + "://" + lower_case(url.authority) + "/" + container;
  }
  if (!is_bucket_name(container)) return bad("the bucket's name is missing or not valid");
  return {};
}

Status ConnectionString::read_path(const Url& url) {
  const std::optional<std::string> decoded = percent_decode(url.path);
  if (!decoded) return bad("a '%' in the path must be followed by two hexadecimal digits");
  prefix = *decoded;
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!check_prefix(prefix).ok()) return bad("the path may not begin with '/' or have '.' or '..' as a part");
  return {};
}

Status ConnectionString::read_query(std::string_view query) {
  if (query.empty()) return {};
  if (kind_ == Kind::S3) {
    if (!is_presigned(query)) return bad("what follows '?' isn't a presigned request's signature");
    presigned = query;
    return {};
  }
  if (in_onelake(endpoint)) return bad(kOneLakeCredentials);
  if (!is_sas(query)) return bad("what follows '?' isn't a shared access signature");
  sas = query;
  return {};
}

Status ConnectionString::read_credential(std::string_view credential) {
  const std::string folded = lower_case(credential);
  if (!sas.empty() || !presigned.empty())
    return bad("it has two credentials: a signature and what follows ';'");
  if (std::any_of(credential.begin(), credential.end(),
                  [](char c) { return c == ' ' || static_cast<unsigned char>(c) >= 0x80; })) {
    return bad("the credential holds a blank or a character that isn't ASCII");
  }
  if (credential.find(';') != std::string_view::npos) return bad("it has more than one ';'");
  const bool identity =
      folded.starts_with(kToken) || folded == kImpersonate || folded.starts_with(kManagedIdentity);
  if (in_onelake(endpoint) && !identity) return bad(kOneLakeCredentials);
  if (folded.starts_with(kAwsCredentials))
    return read_aws_credentials(credential.substr(kAwsCredentials.size()));
  if (kind_ == Kind::S3) return bad("Amazon S3 takes ';AwsCredentials=ACCESS_KEY_ID,SECRET_ACCESS_KEY'");
  if (folded.starts_with(kToken)) {
    token = credential.substr(kToken.size());
    return token.empty() ? Status(bad("';token=' has no token")) : Status();
  }
  if (folded == kImpersonate) {
    impersonate = true;
    return {};
  }
  if (folded.starts_with(kManagedIdentity)) {
    managed_identity = folded.substr(kManagedIdentity.size());
    if (managed_identity == "system" || Guid::parse(managed_identity)) return {};
    return bad("';managed_identity=' takes 'system' or the object id of a user-assigned identity");
  }
  constexpr std::string_view kSharedKey = "sharedkey=";
  if (folded.starts_with(kSharedKey)) credential.remove_prefix(kSharedKey.size());
  if (credential.starts_with('?')) credential.remove_prefix(1);
  (is_sas(credential) ? sas : account_key) = credential;
  return {};
}

Status ConnectionString::read_aws_credentials(std::string_view credential) {
  const size_t comma = std::min(credential.find(','), credential.size());
  access_key = credential.substr(0, comma);
  secret_key = credential.substr(std::min(comma + 1, credential.size()));
  if (access_key.empty() || secret_key.empty() || secret_key.find(',') != std::string::npos) {
    return bad(
        "';AwsCredentials=' takes an access key id and a secret access key, with a comma between them");
  }
  return {};
}

void ConnectionString::compose() {
  address_ = kind_ == Kind::S3 ? endpoint : endpoint + "/" + percent_encode_path(container);
  if (!prefix.empty()) address_ += "/" + percent_encode_path(prefix);
}

std::string ConnectionString::credential() const {
  if (!sas.empty()) return "?" + sas;
  if (!presigned.empty()) return "?" + presigned;
  if (!account_key.empty()) return ";" + account_key;
  if (!token.empty()) return ";" + std::string(kToken) + token;
  if (!managed_identity.empty()) return ";" + std::string(kManagedIdentity) + managed_identity;
  if (impersonate) return ";" + std::string(kImpersonate);
  if (!access_key.empty()) return ";AwsCredentials=" + access_key + "," + secret_key;
  return "";
}

std::string ConnectionString::redacted() const {
  // Which identity is used is no secret, and what an operator looks for.
  if (!managed_identity.empty() || impersonate) return address_ + credential();
  const std::string secret = credential();
  if (secret.empty()) return address_;
  if (!token.empty()) return address_ + ";" + std::string(kToken) + std::string(kMask);
  if (!access_key.empty()) return address_ + ";AwsCredentials=" + std::string(kMask);
  return address_ + secret[0] + std::string(kMask);
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
    folder.text_ = folder.address_ + credential();
  }
  return std::pair(std::move(folder), std::move(name));
}

ConnectionString ConnectionString::on_behalf_of(std::string_view identity) const {
  ConnectionString own = *this;
  if (!impersonate) return own;
  own.impersonate = false;
  own.managed_identity = lower_case(identity);
  own.text_ = own.address_ + own.credential();
  return own;
}

}  // namespace spillway::storage
