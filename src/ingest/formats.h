// The formats of ingestion by name. Source: ingestion-supported-formats.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ingest/mapping.h"

namespace spillway::ingest {

/// The format in lower case. NotSupported for those that Kusto has and Spillway hasn't, BadRequest for
/// others.
Result<std::string> check_format(std::string_view name);
/// By the extension of a file's name, that of a compression left out; nullopt where it tells nothing.
std::optional<std::string> format_of_file(std::string_view name);
bool is_gzip_name(std::string_view name);
/// Of a supported format.
MappingKind mapping_kind_of(std::string_view format);
const char* name_of(MappingKind kind);

std::string lower_case(std::string_view text);

}  // namespace spillway::ingest
