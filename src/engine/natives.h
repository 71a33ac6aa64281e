// Native functions and aggregates of the function table as functions of one database. Each is registered when
// a query first uses it, once for each combination of argument types.
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
  /// long as the database: the function table does. Errors call it `function`.
  Result<std::string> name_of(const kql::Lowering& lowering, const std::vector<Type>& arguments, Type result,
                              const std::string& function);
  /// The same of an aggregate that is native (native_aggregates.cc).
  Result<std::string> name_of(const kql::AggregateOverload& aggregate, const std::vector<Type>& arguments,
                              Type result);

 private:
  static std::string name_for(const std::string& native_name, const std::vector<Type>& arguments,
                              Type result);

  std::mutex mutex_;
  ConnectionHandle connection_;
  std::set<std::string> registered_;
};

}  // namespace spillway::engine
