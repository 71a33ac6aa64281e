#include "export/paths.h"

#include <algorithm>

#include "base/calendar.h"
#include "base/utf8.h"
#include "export/datetime_pattern.h"

namespace spillway::exports {
namespace {

/// A folder name that comes from data; what the path format adds has room below the 255 bytes of file
/// systems.
constexpr size_t kLongestFolderName = engine::kLongestPartitionText;
/// A folder path; Azure's limit for a whole object path is 1,024.
constexpr size_t kLongestFolderPath = 800;

using Kind = catalog::Partition::Kind;

/// The default form of a datetime partition; a bin's follows from how fine its span is.
std::string_view default_pattern(const catalog::Partition& partition) {
  const auto multiple_of = [&](Ticks unit) {
    return partition.argument > 0 && partition.argument % unit == 0;
  };
  switch (partition.kind) {
    case Kind::StartOfYear: return "yyyy";
    case Kind::StartOfMonth: return "yyyy/MM";
    case Kind::Bin:
      if (multiple_of(kTicksPerDay)) return "yyyy/MM/dd";
      if (multiple_of(kTicksPerHour)) return "yyyy/MM/dd/HH";
      if (multiple_of(kTicksPerMinute)) return "yyyy/MM/dd/HH/mm";
      if (multiple_of(kTicksPerSecond)) return "yyyy/MM/dd/HH/mm/ss";
      return "yyyy/MM/dd/HH/mm/ss/fffffff";
    default: return "yyyy/MM/dd";
  }
}

/// True for a text that is read back as it is: where `after`, the text behind it in the path format, first
/// comes it ends.
bool can_be_read_back(const std::string& text, const std::string& after) {
  return !text.starts_with(kDefaultPartition) &&
         (text + after).find(after, after.empty() ? text.size() : 0) == text.size();
}

Result<std::string> render(const catalog::Partition& partition, const std::string& pattern,
                           const std::string& after, const Value& value, bool texts_allowed) {
  if (value.is_null()) return std::string(kDefaultPartition);
  if (value.type() == Type::DateTime) {
    return format_by_pattern(value.as_int(), pattern.empty() ? default_pattern(partition) : pattern);
  }
  const std::string text = value.str();
  const bool allowed = value.type() != Type::String || (texts_allowed && can_be_read_back(text, after));
  return allowed && is_folder_name(text) ? text : std::string(kDefaultPartition);
}

std::vector<catalog::PathElement> path_elements(const Settings& settings) {
  if (!settings.path_format.empty()) return settings.path_format;
  std::vector<catalog::PathElement> elements;
  for (const catalog::Partition& partition : settings.partitions) {
    if (!elements.empty()) elements.push_back({.text = "/", .partition = "", .pattern = ""});
    elements.push_back({.text = "", .partition = partition.name, .pattern = ""});
  }
  return elements;
}

Result<std::string> render_all(const Settings& settings, const std::vector<Value>& values,
                               bool texts_allowed) {
  std::string path;
  const std::vector<catalog::PathElement> elements = path_elements(settings);
  for (size_t i = 0; i < elements.size(); ++i) {
    const catalog::PathElement& element = elements[i];
    if (element.partition.empty()) {
      path += element.text;
      continue;
    }
    const auto found =
        std::find_if(settings.partitions.begin(), settings.partitions.end(),
                     [&](const auto& partition) { return partition.name == element.partition; });
    if (found == settings.partitions.end()) {
      return Error(ErrorCode::BadRequest, "the path format of external table '" + settings.external_table +
                                              "' names '" + element.partition +
                                              "', which is no partition of it");
    }
    const size_t index = static_cast<size_t>(found - settings.partitions.begin());
    const std::string after = i + 1 < elements.size() ? elements[i + 1].text : "";
    SPILLWAY_ASSIGN(const std::string text,
                    render(*found, element.pattern, after, values[index], texts_allowed));
    path += text;
  }
  return path;
}

/// The path without empty parts; an error where a part would mean another folder than it says.
Result<std::string> normalized(const Settings& settings, const std::string& path) {
  std::string out;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find_first_of("/\\", begin), path.size());
    const std::string_view part = std::string_view(path).substr(begin, end - begin);
    begin = end + 1;
    if (part.empty()) continue;
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    if (part == "." || part == ".." || std::any_of(part.begin(), part.end(), is_control)) {
      return Error(ErrorCode::BadRequest, "the path format of external table '" + settings.external_table +
                                              "' gives '" + path + "', which is no valid folder path");
    }
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

}  // namespace

bool is_folder_name(std::string_view text) {
  if (text.empty() || text.size() > kLongestFolderName || !utf8::is_valid(text)) return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == '.') return false;  // "." and ".." too
  constexpr std::string_view kReserved = "/\\:*?\"<>|";
  return std::none_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F || kReserved.find(c) != std::string_view::npos;
  });
}

Result<std::string> partition_path(const Settings& settings, const std::vector<Value>& partition_values) {
  if (partition_values.size() != settings.partitions.size()) {
    return Error(ErrorCode::Internal, "partition_path: " + std::to_string(partition_values.size()) +
                                          " values for " + std::to_string(settings.partitions.size()) +
                                          " partitions");
  }
  if (settings.partitions.empty()) return std::string();
  SPILLWAY_ASSIGN(std::string path, render_all(settings, partition_values, true));
  if (path.size() > kLongestFolderPath) {
    SPILLWAY_ASSIGN(path, render_all(settings, partition_values, false));
  }
  return normalized(settings, path);
}

std::string artifact_extension(const Settings& settings) {
  std::string extension = settings.file_extension.empty() ? settings.format : settings.file_extension;
  if (!extension.starts_with('.')) extension.insert(extension.begin(), '.');
  // Parquet compresses inside: its files aren't gzip files.
  const bool gzip = settings.compression == "gzip" && settings.format != "parquet";
  return gzip && !extension.ends_with(".gz") ? extension + ".gz" : extension;
}

std::string artifact_name(const Settings& settings, const Guid& operation, int64_t number) {
  std::string random = Guid::random().str();
  std::erase(random, '-');
  std::string prefix = settings.name_prefix;
  const bool plain_table = !settings.external_table.empty() && settings.partitions.empty();
  if (prefix.empty() && !plain_table) prefix = operation.str();
  if (!prefix.empty()) prefix += '_';
  return prefix + std::to_string(number) + '_' + random + artifact_extension(settings);
}

Result<std::vector<std::string>> sample_uris(const catalog::ExternalTable& table) {
  SPILLWAY_ASSIGN(const Settings settings, settings_for_table(table, {}));
  constexpr Ticks kSampleDate = ticks_from_civil(2020, 1, 1);
  std::vector<std::string> uris;
  for (const std::string& connection : settings.connections) {
    SPILLWAY_ASSIGN(const storage::ConnectionString parsed, storage::ConnectionString::parse(connection));
    for (int sample = 1; sample <= (settings.partitions.empty() ? 1 : 2); ++sample) {
      std::vector<Value> values;
      for (const catalog::Partition& partition : settings.partitions) {
        if (partition.type == Type::DateTime) {
          values.push_back(Value::datetime(kSampleDate + (sample - 1) * 366 * kTicksPerDay));
        } else if (partition.type == Type::Long) {
          values.push_back(Value::int64(sample));
        } else {
          values.push_back(Value::string(partition.name + "_" + std::to_string(sample)));
        }
      }
      SPILLWAY_ASSIGN(const std::string folder, partition_path(settings, values));
      uris.push_back(parsed.address() + "/" + (folder.empty() ? "" : folder + "/") + settings.name_prefix +
                     "sample" + artifact_extension(settings));
    }
  }
  return uris;
}

}  // namespace spillway::exports
