#include "catalog/private_file.h"

#include <fcntl.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace spillway::catalog {
namespace {

/// Made by hand so that nobody else can read it. SQLite gives its other files the same mode.
void create_file(const std::string& file) {
  const int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), file);
  close(descriptor);
  const size_t slash = file.rfind('/');
  const int folder =
      open(slash == std::string::npos ? "." : file.substr(0, slash + 1).c_str(), O_RDONLY | O_CLOEXEC);
  if (folder < 0) throw std::system_error(errno, std::generic_category(), file);
  const bool synced = fsync(folder) == 0;
  const int code = errno;
  close(folder);
  if (!synced) throw std::system_error(code, std::generic_category(), file);
}

std::string parameters_of(const std::string& file) {
  if (file.find('"') != std::string::npos) throw std::runtime_error("a data folder's path can't hold '\"'");
  return "dbname=\"" + file + "\" timeout=10";
}

}  // namespace

void open_private(soci::session& sql, const std::string& file, const char* synchronous) {
  const std::string parameters = parameters_of(file);
  create_file(file);
  sql.open(soci::sqlite3, parameters);
  // As a parameter it would leave the file open where it is damaged.
  sql << std::string("PRAGMA synchronous = ") + synchronous;
}

void open_read_only(soci::session& sql, const std::string& file) {
  const std::string parameters = parameters_of(file);
  if (access(file.c_str(), R_OK) != 0) throw std::system_error(errno, std::generic_category(), file);
  sql.open(soci::sqlite3, parameters + " readonly=true");
}

}  // namespace spillway::catalog
