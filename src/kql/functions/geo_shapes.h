// What the functions over GeoJSON shapes share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/functions/builder.h"
#include "kql/geo/shapes.h"

namespace spillway::kql::geo {

/// As native_adaptor(), for functions that read shapes by line_of() and polygon_of().
template <auto F>
Status shape_adaptor(const NativeCall& call) {
  begin_batch();
  return native_adaptor<F, false>(call);
}

/// The lowering of a native function that reads shapes.
template <auto F>
L shape_native() {
  L lowering;
  lowering.native = &shape_adaptor<F>;
  return lowering;
}

/// Appends a result; false (null) where there is none.
bool write(const std::optional<Geometry>& geometry, std::string& out);
bool write(const std::optional<std::vector<std::string>>& texts, std::string& out);
void write(const LngLat& point, std::string& out);

inline constexpr double kDefaultTolerance = 10;

}  // namespace spillway::kql::geo
