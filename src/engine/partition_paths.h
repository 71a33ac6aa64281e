// The folders of an external table's files, and what they say of its partitions.
//
//   pathformat=("customer=" Customer "/dt=" datetime_pattern("yyyyMMdd", Date))
//   "customer=john.doe/dt=20200101"  →  "john.doe", datetime(2020-01-01)
//
// The inverse of how exports render folders. Source: management/external-tables-azure-storage.md, "Path
// format", "File filtering logic".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "catalog/model.h"
#include "engine/extents.h"

namespace spillway::engine {

/// The folder name that stands for a null, and for a value that no folder can be named after.
inline constexpr const char* kDefaultPartition = "__DEFAULT_PARTITION__";

/// A part of a datetime, from the coarsest to the finest.
enum class DatePart { Year, Month, Day, Hour, Minute, Second, Fraction };

/// A piece of a path: a fixed text, digits of a datetime's part, or a text up to what follows.
struct PathAtom {
  enum class Kind { Text, Digits, Letters, Capture } kind = Kind::Text;
  /// Counts the path format's partition elements from 1; 0 for a text between them. All atoms of one
  /// are a value's, or stand as its default together.
  size_t element = 0;
  size_t partition = 0;            // of an element
  std::string text;                // Text
  DatePart part = DatePart::Year;  // Digits
  size_t fewest = 0, most = 0;     // Digits
  bool reliable = true;            // Digits: what they say can be read back
};

/// What is known of a partition's value before any folder is listed.
struct PartitionBounds {
  std::optional<std::vector<std::string>> texts;  // as folders show them: it is one of these
  std::optional<Interval> range;                  // of a datetime: of the column it is computed from
  bool or_default = true;                         // or it stands in __DEFAULT_PARTITION__
};

/// A path format, or the default one, ready to read folders.
class PathForm {
 public:
  explicit PathForm(const catalog::ExternalTable& table);

  /// The value of each partition; null for __DEFAULT_PARTITION__ and for datetimes whose pattern doesn't say
  /// a whole date. nullopt where the folder isn't of this form: such a file is none of the table's.
  std::optional<std::vector<Value>> values(std::string_view folder) const;

  /// The values that the partition's column can have in files whose folder gives `value`: more than
  /// one where the partition truncates it, or its pattern leaves parts out.
  Interval covered(size_t partition, Ticks value) const;
  /// True where the folders tell all values of the partition apart.
  bool is_exact(size_t partition) const;

  /// The folders to list, so that every file whose partitions are within the bounds (one for each partition)
  /// lies below one of them. {""} is everything.
  std::vector<std::string> folders(const std::vector<PartitionBounds>& bounds) const;

 private:
  friend class FolderMatch;
  friend class FolderPrefixes;
  void add_text(std::string_view text, size_t element = 0, size_t partition = 0);
  void add_partition(size_t index, std::string_view pattern);
  void add_pattern(size_t index, std::string_view pattern);
  void add_specifier(size_t index, char letter, size_t length);
  void find_precision();
  Ticks truncated(size_t partition, Ticks ticks) const;

  const catalog::ExternalTable& table_;  // outlives this
  std::vector<PathAtom> atoms_;
  size_t element_ = 0;  // of the last
  /// Of each datetime partition: the finest part in the path; nullopt where the path doesn't say a date.
  std::vector<std::optional<DatePart>> finest_;
  std::vector<int> fraction_digits_;
};

/// PathForm::values() of one folder.
std::optional<std::vector<Value>> partition_values(const catalog::ExternalTable& table,
                                                   std::string_view folder);

}  // namespace spillway::engine
