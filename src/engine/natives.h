// Native functions of the function table as scalar functions of one database. A function is registered when a
// query first uses it, once for each combination of argument types.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "engine/duckdb_api.h"
#include "kql/functions.h"

namespace spillway::engine {

class NativeFunctions {
 public:
  /// Registers through `connection`, which it keeps.
  explicit NativeFunctions(ConnectionHandle connection) : connection_(std::move(connection)) {}

  /// The name that SQL calls the function by, with arguments of exactly these types. `lowering` must live as
  /// long as the database: the function table does.
  Result<std::string> name_of(const kql::Lowering& lowering, const std::vector<Type>& arguments, Type result);

 private:
  std::mutex mutex_;
  ConnectionHandle connection_;
  std::set<std::string> registered_;
};

}  // namespace spillway::engine
