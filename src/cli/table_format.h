// Results as text: an aligned table, CSV (RFC 4180, with a header), or JSON (an array of objects).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/types.h"

namespace spillway::cli {

enum class Format { Table, Csv, Json };

/// Columns of a terminal that a cell may take where it is cut.
inline constexpr size_t kCellWidth = 80;

struct FormatOptions {
  Format format = Format::Table;
  size_t cell_width = 0;  // longer cells are cut, in a table only; 0: never
};

/// Ends with a line feed.
std::string format_table(const Table& table, const FormatOptions& options);

/// Columns of a terminal that UTF-8 text takes: two for wide characters, none for combining ones.
size_t display_width(std::string_view text);

}  // namespace spillway::cli
