#include "engine/record_tables.h"

#include <exception>
#include <optional>

#include "engine/vectors.h"

namespace spillway::engine {
namespace {

constexpr const char* kFunction = "spillway_records";

using TableFunctionHandle = Owner<duckdb_table_function, duckdb_destroy_table_function>;

class NamedTable : public RecordTable {
 public:
  NamedTable(RecordTables& tables, int64_t number)
      : tables_(tables), number_(number), sql_(std::string(kFunction) + "(" + std::to_string(number) + ")") {}
  ~NamedTable() override { tables_.remove(number_); }
  const std::string& sql() const override { return sql_; }

 private:
  RecordTables& tables_;
  const int64_t number_;
  const std::string sql_;
};

/// Runs `work`, its errors and exceptions handed to `fail` in the form that error_of() gives back.
template <typename Work, typename Fail>
void guarded(Work work, Fail fail) {
  Error error;
  try {
    const Status status = work();
    if (status.ok()) return;
    error = status.error();
  } catch (const std::bad_alloc&) {
    error = Error(ErrorCode::LimitExceeded, "reading records needs more memory than there is");
  } catch (const std::exception& exception) {
    error = Error(ErrorCode::Internal, std::string("reading records failed: ") + exception.what());
  }
  fail(wrap_error(error).c_str());
}

void bind(duckdb_bind_info info) {
  guarded(
      [&]() -> Status {
        auto& tables = *static_cast<RecordTables*>(duckdb_bind_get_extra_info(info));
        duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
        RecordSource* source = tables.find(duckdb_get_int64(parameter));
        duckdb_destroy_value(&parameter);
        if (!source) return Status(ErrorCode::Internal, "there are no such records");
        int column = 0;
        for (const Field& field : source->schema()) {
          const std::string name = "c" + std::to_string(column++);
          duckdb_bind_add_result_column(info, name.c_str(), logical_type(field.type).get());
        }
        duckdb_bind_set_bind_data(info, source, nullptr);
        return Status();
      },
      [&](const char* message) { duckdb_bind_set_error(info, message); });
}

void init(duckdb_init_info info) {
  const auto& source = *static_cast<RecordSource*>(duckdb_init_get_bind_data(info));
  duckdb_init_set_max_threads(info, source.max_threads());
}

struct Local {
  std::unique_ptr<RecordReader> reader;
  std::vector<VectorWriter> writers;
  std::vector<VectorSink*> sinks;
};

void init_local(duckdb_init_info info) {
  guarded(
      [&]() -> Status {
        auto& source = *static_cast<RecordSource*>(duckdb_init_get_bind_data(info));
        auto local = std::make_unique<Local>();
        SPILLWAY_ASSIGN(local->reader, source.open_reader());
        duckdb_init_set_init_data(info, local.release(),
                                  [](void* data) { delete static_cast<Local*>(data); });
        return Status();
      },
      [&](const char* message) { duckdb_init_set_error(info, message); });
}

Status read_chunk(Local& local, const Schema& schema, duckdb_data_chunk output) {
  const size_t capacity = duckdb_vector_size();
  local.writers.clear();
  local.sinks.clear();
  local.writers.reserve(schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    local.writers.emplace_back(schema[i].type, duckdb_data_chunk_get_vector(output, i), capacity);
    local.sinks.push_back(&local.writers.back());
  }
  SPILLWAY_ASSIGN(const size_t rows, local.reader->read(local.sinks, capacity));
  for (VectorWriter& writer : local.writers) writer.finish();
  duckdb_data_chunk_set_size(output, rows);
  return Status();
}

void read(duckdb_function_info info, duckdb_data_chunk output) {
  guarded(
      [&] {
        const auto& source = *static_cast<RecordSource*>(duckdb_function_get_bind_data(info));
        return read_chunk(*static_cast<Local*>(duckdb_function_get_local_init_data(info)), source.schema(),
                          output);
      },
      [&](const char* message) { duckdb_function_set_error(info, message); });
}

}  // namespace

Result<std::unique_ptr<RecordTable>> RecordTables::expose(const DatabaseHandle& database,
                                                          RecordSource& source) {
  const std::lock_guard lock(mutex_);
  if (!connection_) SPILLWAY_TRY(register_function(database));
  const int64_t number = next_++;
  sources_[number] = &source;
  return std::unique_ptr<RecordTable>(std::make_unique<NamedTable>(*this, number));
}

RecordSource* RecordTables::find(int64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(number);
  return found == sources_.end() ? nullptr : found->second;
}

void RecordTables::remove(int64_t number) {
  const std::lock_guard lock(mutex_);
  sources_.erase(number);
}

Status RecordTables::register_function(const DatabaseHandle& database) {
  SPILLWAY_ASSIGN(ConnectionHandle connection, connect(database));
  const TableFunctionHandle function(duckdb_create_table_function());
  duckdb_table_function_set_name(function.get(), kFunction);
  duckdb_table_function_add_parameter(function.get(), logical_type(Type::Long).get());
  duckdb_table_function_set_extra_info(function.get(), this, nullptr);
  duckdb_table_function_set_bind(function.get(), bind);
  duckdb_table_function_set_init(function.get(), init);
  duckdb_table_function_set_local_init(function.get(), init_local);
  duckdb_table_function_set_function(function.get(), read);
  if (duckdb_register_table_function(connection.get(), function.get()) != DuckDBSuccess) {
    return Status(ErrorCode::Internal, std::string("the engine can't register the function ") + kFunction);
  }
  connection_ = std::move(connection);
  return Status();
}

}  // namespace spillway::engine
