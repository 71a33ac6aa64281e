#include "ingest/formats.h"

#include <algorithm>
#include <array>

namespace spillway::ingest {
namespace {

constexpr std::array kSupported = {"csv", "tsv", "tsve", "psv",       "scsv",   "sohsv",
                                   "txt", "raw", "json", "multijson", "parquet"};
constexpr std::array kLacking = {"avro", "apacheavro", "orc", "w3clogfile", "azmonstream"};

template <typename List>
bool contains(const List& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](const char* item) { return name == item; });
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

Result<std::string> check_format(std::string_view name) {
  const std::string format = lower_case(name);
  if (contains(kSupported, format)) return format;
  std::string known;
  for (const char* item : kSupported) known += (known.empty() ? "" : ", ") + std::string(item);
  return Error(contains(kLacking, format) ? ErrorCode::NotSupported : ErrorCode::BadRequest,
               "the format '" + std::string(name) + "' can't be ingested; those that can are " + known);
}

bool is_gzip_name(std::string_view name) {
  return lower_case(name).ends_with(".gz");
}

std::optional<std::string> format_of_file(std::string_view name) {
  std::string file = lower_case(name.substr(name.rfind('/') + 1));
  if (is_gzip_name(file)) file.resize(file.size() - 3);
  const size_t dot = file.rfind('.');
  if (dot == std::string::npos) return std::nullopt;
  const std::string extension = file.substr(dot + 1);
  if (extension == "jsonl" || extension == "ndjson") return "json";
  if (contains(kSupported, extension) || contains(kLacking, extension)) return extension;
  return std::nullopt;
}

MappingKind mapping_kind_of(std::string_view format) {
  if (format == "json" || format == "multijson") return MappingKind::Json;
  return format == "parquet" ? MappingKind::Parquet : MappingKind::Csv;
}

const char* name_of(MappingKind kind) {
  switch (kind) {
    case MappingKind::Csv: return "csv";
    case MappingKind::Json: return "json";
    case MappingKind::Parquet: return "parquet";
  }
  return "";
}

}  // namespace spillway::ingest
