#include "engine/natives.h"

#include <exception>
#include <memory>

#include "engine/vectors.h"

namespace spillway::engine {
namespace {

struct Registration {
  std::string name;  // the function's in KQL, for messages
  kql::NativeFunction function;
  std::vector<Type> arguments;
  Type result;
};

/// What a thread needs to call a function, kept from one chunk to the next.
struct Scratch {
  std::vector<Type> types;
  std::vector<VectorReader> readers;  // of `types`
  std::vector<VectorView> views;
};

Status run(const Registration& registration, duckdb_data_chunk input, duckdb_vector output) {
  // One scratch a thread suffices: DuckDB evaluates a function's arguments before the function.
  thread_local Scratch scratch;
  if (scratch.types != registration.arguments) {
    scratch.types = registration.arguments;
    scratch.readers.clear();
    for (const Type type : registration.arguments) scratch.readers.emplace_back(type);
  }
  const size_t rows = duckdb_data_chunk_get_size(input);
  scratch.views.clear();
  for (size_t i = 0; i < scratch.readers.size(); ++i) {
    scratch.views.push_back(scratch.readers[i].read(duckdb_data_chunk_get_vector(input, i), rows));
  }
  VectorWriter writer(registration.result, output, rows);
  const kql::NativeCall call{scratch.views, rows, writer};
  const Status status = registration.function(call);
  if (status.ok()) writer.finish();
  return status;
}

void call_native(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto& registration = *static_cast<Registration*>(duckdb_scalar_function_get_extra_info(info));
  Error error(ErrorCode::Internal, "a function failed in an unknown way");
  try {
    const Status status = run(registration, input, output);
    if (status.ok()) return;
    error = status.error();
    error.message = registration.name + "(): " + error.message;
  } catch (const std::bad_alloc&) {
    error = Error(ErrorCode::LimitExceeded, registration.name + "() needs more memory than there is");
  } catch (const std::exception& exception) {
    error = Error(ErrorCode::Internal, registration.name + "() failed: " + exception.what());
  }
  duckdb_scalar_function_set_error(info, wrap_error(error).c_str());
}

void delete_registration(void* registration) {
  delete static_cast<Registration*>(registration);
}

}  // namespace

std::string NativeFunctions::name_for(const std::string& native_name, const std::vector<Type>& arguments,
                                      Type result) {
  std::string name = native_name + "_";
  for (const Type type : arguments) name += std::string("_") + kql_name(type);
  return name + "_to_" + kql_name(result);
}

Result<std::string> NativeFunctions::name_of(const kql::Lowering& lowering,
                                             const std::vector<Type>& arguments, Type result,
                                             const std::string& function_name) {
  std::string name = name_for(lowering.native_name, arguments, result);
  const std::lock_guard lock(mutex_);
  if (registered_.contains(name)) return name;

  const ScalarFunctionHandle function(duckdb_create_scalar_function());
  duckdb_scalar_function_set_name(function.get(), name.c_str());
  for (const Type type : arguments)
    duckdb_scalar_function_add_parameter(function.get(), logical_type(type).get());
  duckdb_scalar_function_set_return_type(function.get(), logical_type(result).get());
  duckdb_scalar_function_set_special_handling(function.get());  // nulls reach the function
  if (lowering.is_volatile) duckdb_scalar_function_set_volatile(function.get());
  auto registration =
      std::make_unique<Registration>(Registration{function_name, lowering.native, arguments, result});
  duckdb_scalar_function_set_extra_info(function.get(), registration.release(), delete_registration);
  duckdb_scalar_function_set_function(function.get(), call_native);
  if (duckdb_register_scalar_function(connection_.get(), function.get()) != DuckDBSuccess) {
    return Error(ErrorCode::Internal, "the engine can't register the function " + name);
  }
  registered_.insert(name);
  return name;
}

}  // namespace spillway::engine
