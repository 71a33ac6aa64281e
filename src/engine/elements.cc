#include "engine/elements.h"

#include <algorithm>
#include <exception>
#include <optional>

#include "engine/vectors.h"
#include "kql/json.h"

namespace spillway::engine {
namespace {

namespace json = kql::json;

/// Appends to the child of a list vector.
class ElementWriter {
 public:
  explicit ElementWriter(duckdb_vector list) : list_(list) {}

  /// The place of the next element; false where there are too many.
  bool next() {
    if (size_ == kMaxElements) return false;
    if (size_ == capacity_) grow();
    ++size_;
    return true;
  }
  void set(std::string_view value) {
    if (json::kind_of(value) == json::Kind::Null) {
      writer_->set_null(size_ - 1);
    } else {
      writer_->set_text(size_ - 1, value);
    }
  }
  void set_null() { writer_->set_null(size_ - 1); }
  uint64_t size() const { return size_; }
  void finish() { duckdb_list_vector_set_size(list_, size_); }

 private:
  void grow() {
    capacity_ = std::max<uint64_t>(capacity_ * 2, 4096);
    if (duckdb_list_vector_reserve(list_, capacity_) != DuckDBSuccess) throw std::bad_alloc();
    writer_.emplace(Type::Dynamic, duckdb_list_vector_get_child(list_), capacity_);
  }

  duckdb_vector list_;
  std::optional<VectorWriter> writer_;
  uint64_t size_ = 0, capacity_ = 0;
};

/// Appends the elements of one value; false where there are too many.
bool append_elements(const std::optional<std::string_view>& value, bool pairs, int64_t limit,
                     ElementWriter& out, std::string& text) {
  const json::Kind kind = value ? json::kind_of(*value) : json::Kind::Null;
  if (kind != json::Kind::Array && kind != json::Kind::Object) {
    if (limit <= 0) return true;
    if (!out.next()) return false;
    out.set(value.value_or("null"));
    return true;
  }
  json::Cursor cursor(*value);
  for (int64_t i = 0; i < limit && cursor.next(); ++i) {
    if (!out.next()) return false;
    if (kind == json::Kind::Array) {
      out.set(cursor.value());
      continue;
    }
    text = pairs ? "[" : "{";
    text.append(cursor.raw_key()).append(pairs ? "," : ":").append(cursor.value());
    text += pairs ? ']' : '}';
    out.set(text);
  }
  return true;
}

Status run(duckdb_data_chunk input, duckdb_vector output) {
  thread_local VectorReader values(Type::Dynamic), pairs(Type::Bool), limits(Type::Long);
  const size_t rows = duckdb_data_chunk_get_size(input);
  const VectorView value = values.read(duckdb_data_chunk_get_vector(input, 0), rows);
  const VectorView pair = pairs.read(duckdb_data_chunk_get_vector(input, 1), rows);
  const VectorView limit = limits.read(duckdb_data_chunk_get_vector(input, 2), rows);
  auto* entries = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(output));
  ElementWriter out(output);
  std::string text;
  for (size_t row = 0; row < rows; ++row) {
    entries[row].offset = out.size();
    const auto dynamic = value.is_null(row) ? std::nullopt : std::optional<std::string_view>(value.text(row));
    if (!append_elements(dynamic, pair.boolean(row), limit.integer(row), out, text)) {
      return Error(ErrorCode::LimitExceeded, "mv-expand: " + std::to_string(rows) +
                                                 " records have more than " + std::to_string(kMaxElements) +
                                                 " elements: use its limit, or filter before it");
    }
    entries[row].length = out.size() - entries[row].offset;
  }
  out.finish();
  return Status();
}

void call_elements(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  Error error(ErrorCode::LimitExceeded, "mv-expand: needs more memory than there is");
  try {
    const Status status = run(input, output);
    if (status.ok()) return;
    error = status.error();
  } catch (const std::bad_alloc&) {  // said by `error`
  } catch (const std::exception& exception) {
    error = Error(ErrorCode::Internal, std::string("mv-expand failed: ") + exception.what());
  }
  duckdb_scalar_function_set_error(info, wrap_error(error).c_str());
}

}  // namespace

Status register_elements(const ConnectionHandle& connection) {
  const ScalarFunctionHandle function(duckdb_create_scalar_function());
  duckdb_scalar_function_set_name(function.get(), kElementsFunction);
  for (const Type type : {Type::Dynamic, Type::Bool, Type::Long}) {
    duckdb_scalar_function_add_parameter(function.get(), logical_type(type).get());
  }
  const TypeHandle list(duckdb_create_list_type(logical_type(Type::Dynamic).get()));
  duckdb_scalar_function_set_return_type(function.get(), list.get());
  duckdb_scalar_function_set_special_handling(function.get());  // nulls reach the function
  duckdb_scalar_function_set_function(function.get(), call_elements);
  if (duckdb_register_scalar_function(connection.get(), function.get()) != DuckDBSuccess) {
    return Error(ErrorCode::Internal,
                 std::string("the engine can't register the function ") + kElementsFunction);
  }
  return Status();
}

}  // namespace spillway::engine
