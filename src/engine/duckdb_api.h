// DuckDB's C API as C++ values: owners that free what they hold, and errors as Status. Private to the engine.
#pragma once

#include <duckdb.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace spillway::engine {

/// Owns a handle of DuckDB's and frees it with `Destroy`.
template <typename Handle, void (*Destroy)(Handle*)>
class Owner {
 public:
  Owner() = default;
  explicit Owner(Handle handle) : handle_(handle) {}
  Owner(Owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Owner() { reset(); }

  Handle get() const { return handle_; }
  /// For functions that fill a handle in; frees the one that is there.
  Handle* receive() {
    reset();
    return &handle_;
  }
  explicit operator bool() const { return handle_ != nullptr; }
  void reset() {
    if (handle_) Destroy(&handle_);
    handle_ = nullptr;
  }

 private:
  Handle handle_ = nullptr;
};

using DatabaseHandle = Owner<duckdb_database, duckdb_close>;
using ConnectionHandle = Owner<duckdb_connection, duckdb_disconnect>;
using PreparedHandle = Owner<duckdb_prepared_statement, duckdb_destroy_prepare>;
using PendingHandle = Owner<duckdb_pending_result, duckdb_destroy_pending>;
using StatementsHandle = Owner<duckdb_extracted_statements, duckdb_destroy_extracted>;
using ChunkHandle = Owner<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using TypeHandle = Owner<duckdb_logical_type, duckdb_destroy_logical_type>;
using ConfigHandle = Owner<duckdb_config, duckdb_destroy_config>;
using ScalarFunctionHandle = Owner<duckdb_scalar_function, duckdb_destroy_scalar_function>;
using AggregateFunctionHandle = Owner<duckdb_aggregate_function, duckdb_destroy_aggregate_function>;

/// Owns a result (a struct in the API, not a handle).
class ResultHandle {
 public:
  ResultHandle() = default;
  ResultHandle(const ResultHandle&) = delete;
  ResultHandle& operator=(const ResultHandle&) = delete;
  ~ResultHandle() { reset(); }
  duckdb_result* receive() {
    reset();
    filled_ = true;
    return &result_;
  }
  duckdb_result* get() { return &result_; }
  bool filled() const { return filled_; }
  void reset() {
    if (filled_) duckdb_destroy_result(&result_);
    filled_ = false;
    result_ = {};
  }

 private:
  duckdb_result result_{};
  bool filled_ = false;
};

/// What an error message of DuckDB's means to a client. `message` begins with DuckDB's kind of error
/// ("Out of Memory Error: …"); SQL that it quotes is left out, as users never wrote it.
Error error_of(std::string_view message);

/// How an error of a native function travels through DuckDB: error_of() gives it back as it was.
std::string wrap_error(const Error& error);

/// Opens a connection.
Result<ConnectionHandle> connect(const DatabaseHandle& database);
/// Runs one statement whose rows don't matter.
Status execute(const ConnectionHandle& connection, const std::string& sql);
/// Prepares one statement.
Result<PreparedHandle> prepare(const ConnectionHandle& connection, const std::string& sql);
/// Runs a prepared statement to its end, its rows in `result`.
Status execute(const PreparedHandle& prepared, ResultHandle& result);

/// The DuckDB type that stands for a KQL type: see lowering.h.
TypeHandle logical_type(Type type);

}  // namespace spillway::engine
