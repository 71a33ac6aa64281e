#include "ingest/sql_functions.h"

#include <array>

#include "ingest/mapping.h"
#include "kql/functions.h"

namespace spillway::ingest {
namespace {

constexpr std::array kTypes = {Type::Bool,   Type::Int,      Type::Long,     Type::Real, Type::Decimal,
                               Type::String, Type::DateTime, Type::TimeSpan, Type::Guid, Type::Dynamic};

/// Writes each row by `write(writer, row, text)`; a null gives what is missing.
template <typename Write>
Status convert(const kql::NativeCall& call, Type type, Write write) {
  ColumnWriter writer(type, call.out);
  const VectorView& input = call.arguments[0];
  for (size_t row = 0; row < call.rows; ++row) {
    if (input.is_null(row)) {
      writer.missing(row);
    } else {
      write(writer, row, input.text(row));
    }
  }
  return Status();
}

template <Type type>
Status text_to(const kql::NativeCall& call) {
  return convert(call, type,
                 [](ColumnWriter& writer, size_t row, std::string_view text) { writer.text(row, text); });
}

template <Type type>
Status json_to(const kql::NativeCall& call) {
  return convert(call, type,
                 [](ColumnWriter& writer, size_t row, std::string_view text) { writer.json(row, text); });
}

template <UnixTime unit>
Status unix_to_datetime(const kql::NativeCall& call) {
  return convert(call, Type::DateTime, [](ColumnWriter& writer, size_t row, std::string_view text) {
    writer.unix_time(row, text, unit);
  });
}

Status find_json_path(const kql::NativeCall& call) {
  std::string_view text;
  std::optional<std::vector<PathStep>> path;
  for (size_t row = 0; row < call.rows; ++row) {
    const std::string_view next = call.arguments[1].text(row);
    if (!path || next != text) path = parse_path(text = next);
    const bool missing = call.arguments[0].is_null(row) || !path;
    const auto found = missing ? std::nullopt : find_path(call.arguments[0].text(row), *path, 0);
    if (found) {
      call.out.set_text(row, *found);
    } else {
      call.out.set_null(row);
    }
  }
  return Status();
}

Status real_to_text(const kql::NativeCall& call) {
  for (size_t row = 0; row < call.rows; ++row) {
    const bool null = call.arguments[0].is_null(row);
    call.out.set_text(row, null ? std::string() : format_real(call.arguments[0].get<double>(row)));
  }
  return Status();
}

Status datetime_to_text(const kql::NativeCall& call) {
  for (size_t row = 0; row < call.rows; ++row) {
    const bool null = call.arguments[0].is_null(row);
    call.out.set_text(row, null ? std::string() : format_datetime(call.arguments[0].integer(row)));
  }
  return Status();
}

kql::Lowering native(std::string name, kql::NativeFunction function) {
  kql::Lowering lowering;
  lowering.native = function;
  lowering.native_name = std::move(name);
  return lowering;
}

template <size_t... i>
std::array<kql::Lowering, kTypes.size()> lowerings(std::index_sequence<i...>, bool from_json) {
  const std::string name = from_json ? "ingest_json" : "ingest_text";
  return {native(name, from_json ? &json_to<kTypes[i]> : &text_to<kTypes[i]>)...};
}

/// One for each type, at the type's place in kTypes: they live as long as any engine.
const kql::Lowering& lowering_of(Type type, bool from_json) {
  constexpr auto kIndexes = std::make_index_sequence<kTypes.size()>();
  static const auto texts = lowerings(kIndexes, false), jsons = lowerings(kIndexes, true);
  size_t at = 0;
  while (kTypes[at] != type) ++at;
  return from_json ? jsons[at] : texts[at];
}

}  // namespace

Result<std::string> SqlFunctions::from_text(Type type) {
  return engine_.register_function(lowering_of(type, false), {Type::String}, type);
}

Result<std::string> SqlFunctions::from_json(Type type) {
  return engine_.register_function(lowering_of(type, true), {Type::String}, type);
}

Result<std::string> SqlFunctions::from_unix_time(UnixTime unit) {
  static const kql::Lowering seconds = native("ingest_unix_s", &unix_to_datetime<UnixTime::Seconds>);
  static const kql::Lowering milliseconds =
      native("ingest_unix_ms", &unix_to_datetime<UnixTime::Milliseconds>);
  static const kql::Lowering microseconds =
      native("ingest_unix_us", &unix_to_datetime<UnixTime::Microseconds>);
  static const kql::Lowering nanoseconds = native("ingest_unix_ns", &unix_to_datetime<UnixTime::Nanoseconds>);
  const kql::Lowering* lowering = &seconds;
  if (unit == UnixTime::Milliseconds) lowering = &milliseconds;
  if (unit == UnixTime::Microseconds) lowering = &microseconds;
  if (unit == UnixTime::Nanoseconds) lowering = &nanoseconds;
  return engine_.register_function(*lowering, {Type::String}, Type::DateTime);
}

Result<std::string> SqlFunctions::json_path() {
  // The result is dynamic and not a string so that it can be null.
  static const kql::Lowering lowering = native("ingest_json_path", &find_json_path);
  return engine_.register_function(lowering, {Type::String, Type::String}, Type::Dynamic);
}

Result<std::string> SqlFunctions::real_text() {
  static const kql::Lowering lowering = native("ingest_real_text", &real_to_text);
  return engine_.register_function(lowering, {Type::Real}, Type::String);
}

Result<std::string> SqlFunctions::datetime_text() {
  static const kql::Lowering lowering = native("ingest_datetime_text", &datetime_to_text);
  return engine_.register_function(lowering, {Type::DateTime}, Type::String);
}

}  // namespace spillway::ingest
