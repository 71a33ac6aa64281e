// Aggregates in C++ (kql::AggregateState) as aggregate functions of DuckDB. DuckDB keeps a pointer for each
// group, in memory that it may move; the state behind it is made with the group's first record.
#include <exception>
#include <memory>

#include "engine/natives.h"
#include "engine/vectors.h"

namespace spillway::engine {
namespace {

struct Registration {
  kql::MakeAggregateState make;
  std::vector<Type> arguments;
  Type result;
};

/// What stands in DuckDB's memory for a group.
struct Slot {
  kql::AggregateState* state;
};

Slot& slot_of(duckdb_aggregate_state state) {
  return *reinterpret_cast<Slot*>(state);
}

const Registration& registration_of(duckdb_function_info info) {
  return *static_cast<Registration*>(duckdb_aggregate_function_get_extra_info(info));
}

/// Runs a step; what it says or throws becomes the query's error.
template <typename Step>
void guarded(duckdb_function_info info, Step step) {
  Error error(ErrorCode::Internal, "an aggregate failed in an unknown way");
  try {
    const Status status = step();
    if (status.ok()) return;
    error = status.error();
  } catch (const std::bad_alloc&) {
    error = Error(ErrorCode::LimitExceeded, "an aggregate needs more memory than there is");
  } catch (const std::exception& exception) {
    error = Error(ErrorCode::Internal, std::string("an aggregate failed: ") + exception.what());
  }
  duckdb_aggregate_function_set_error(info, wrap_error(error).c_str());
}

idx_t state_size(duckdb_function_info) {
  return sizeof(Slot);
}

void start(duckdb_function_info, duckdb_aggregate_state state) {
  slot_of(state).state = nullptr;
}

void destroy(duckdb_aggregate_state* states, idx_t count) {
  for (idx_t i = 0; i < count; ++i) {
    delete slot_of(states[i]).state;
    slot_of(states[i]).state = nullptr;
  }
}

kql::AggregateState& made(const Registration& registration, Slot& slot) {
  if (!slot.state) slot.state = registration.make().release();
  return *slot.state;
}

Status add_records(const Registration& registration, duckdb_data_chunk input,
                   duckdb_aggregate_state* states) {
  const size_t rows = duckdb_data_chunk_get_size(input);
  std::vector<VectorReader> readers;
  std::vector<VectorView> views;
  readers.reserve(registration.arguments.size());
  for (size_t i = 0; i < registration.arguments.size(); ++i) {
    readers.emplace_back(registration.arguments[i]);
    views.push_back(readers.back().read(duckdb_data_chunk_get_vector(input, i), rows));
  }
  for (size_t row = 0; row < rows; ++row) {
    SPILLWAY_TRY(made(registration, slot_of(states[row])).add(views, row));
  }
  return Status();
}

void update(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state* states) {
  guarded(info, [&] { return add_records(registration_of(info), input, states); });
}

void combine(duckdb_function_info info, duckdb_aggregate_state* source, duckdb_aggregate_state* target,
             idx_t count) {
  guarded(info, [&]() -> Status {
    for (idx_t i = 0; i < count; ++i) {
      const kql::AggregateState* from = slot_of(source[i]).state;
      if (!from) continue;
      SPILLWAY_TRY(made(registration_of(info), slot_of(target[i])).merge(*from));
    }
    return Status();
  });
}

void finalize(duckdb_function_info info, duckdb_aggregate_state* source, duckdb_vector result, idx_t count,
              idx_t offset) {
  guarded(info, [&]() -> Status {
    VectorWriter writer(registration_of(info).result, result, offset + count);
    for (idx_t i = 0; i < count; ++i) {
      SPILLWAY_TRY(made(registration_of(info), slot_of(source[i])).finish(writer, offset + i));
    }
    writer.finish(offset);
    return Status();
  });
}

void delete_registration(void* registration) {
  delete static_cast<Registration*>(registration);
}

}  // namespace

Result<std::string> NativeFunctions::name_of(const kql::AggregateOverload& aggregate,
                                             const std::vector<Type>& arguments, Type result) {
  std::string name = name_for(aggregate.native_name, arguments, result);
  const std::lock_guard lock(mutex_);
  if (registered_.contains(name)) return name;

  const AggregateFunctionHandle function(duckdb_create_aggregate_function());
  duckdb_aggregate_function_set_name(function.get(), name.c_str());
  for (const Type type : arguments)
    duckdb_aggregate_function_add_parameter(function.get(), logical_type(type).get());
  duckdb_aggregate_function_set_return_type(function.get(), logical_type(result).get());
  duckdb_aggregate_function_set_special_handling(function.get());  // nulls reach the aggregate
  auto registration = std::make_unique<Registration>(Registration{aggregate.native, arguments, result});
  duckdb_aggregate_function_set_extra_info(function.get(), registration.release(), delete_registration);
  duckdb_aggregate_function_set_functions(function.get(), state_size, start, update, combine, finalize);
  duckdb_aggregate_function_set_destructor(function.get(), destroy);
  if (duckdb_register_aggregate_function(connection_.get(), function.get()) != DuckDBSuccess) {
    return Error(ErrorCode::Internal, "the engine can't register the aggregate " + name);
  }
  registered_.insert(name);
  return name;
}

}  // namespace spillway::engine
