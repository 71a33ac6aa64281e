// The types that mv-expand and mv-apply give the elements of arrays (`to typeof(…)`): a cast, which neither
// parses nor converts; what doesn't fit is null. Their names have a blank, so that no query can call them.
// Source: query/mv-expand-operator.md.
#include <charconv>
#include <limits>
#include <optional>

#include "kql/functions/builder.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

bool is_number(json::Kind kind) {
  return kind == json::Kind::Integer || kind == json::Kind::Real;
}

std::optional<bool> cast_bool(std::string_view value) {
  if (json::kind_of(value) != json::Kind::Bool) return std::nullopt;
  return json::trim(value) == "true";
}

std::optional<double> cast_real(std::string_view value) {
  if (!is_number(json::kind_of(value))) return std::nullopt;
  return json::number(value);
}

std::optional<int64_t> cast_long(std::string_view value) {
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::Integer) {
    int64_t number = 0;
    const std::string_view digits = json::trim(value);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size()) return number;
  }
  const std::optional<double> real = cast_real(value);
  constexpr double kBound = 9223372036854775808.0;
  if (!real || !(*real >= -kBound && *real < kBound)) return std::nullopt;
  return static_cast<int64_t>(*real);
}

std::optional<int32_t> cast_int(std::string_view value) {
  const std::optional<int64_t> number = cast_long(value);
  if (!number || *number < std::numeric_limits<int32_t>::min() ||
      *number > std::numeric_limits<int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int32_t>(*number);
}

}  // namespace

void declare_elements(FunctionTableBuilder& table) {
  table.category("conversion");
  table.scalar("cast bool")
      .doc("An element as a bool.")
      .takes({Type::Dynamic}, Type::Bool, native<cast_bool>());
  table.scalar("cast int").doc("An element as an int.").takes({Type::Dynamic}, Type::Int, native<cast_int>());
  table.scalar("cast long")
      .doc("An element as a long.")
      .takes({Type::Dynamic}, Type::Long, native<cast_long>());
  table.scalar("cast real")
      .doc("An element as a real.")
      .takes({Type::Dynamic}, Type::Real, native<cast_real>());
}

}  // namespace spillway::kql
