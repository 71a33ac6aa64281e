#include "engine/partition_paths.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <utility>

#include "base/calendar.h"

namespace spillway::engine {
namespace {

using catalog::Partition;
using catalog::PathElement;
using Kind = PathAtom::Kind;

/// Folders that are listed one by one, instead of one above them all.
constexpr size_t kMostFolders = 100;
constexpr size_t kMostFractionDigits = 7;

struct DateParts {
  int year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0, fraction = 0;
};

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// The default form of a datetime partition, as exports write it.
std::string_view default_pattern(const Partition& partition) {
  const auto multiple_of = [&](Ticks unit) {
    return partition.argument > 0 && partition.argument % unit == 0;
  };
  switch (partition.kind) {
    case Partition::Kind::StartOfYear: return "yyyy";
    case Partition::Kind::StartOfMonth: return "yyyy/MM";
    case Partition::Kind::Bin:
      if (multiple_of(kTicksPerDay)) return "yyyy/MM/dd";
      if (multiple_of(kTicksPerHour)) return "yyyy/MM/dd/HH";
      if (multiple_of(kTicksPerMinute)) return "yyyy/MM/dd/HH/mm";
      if (multiple_of(kTicksPerSecond)) return "yyyy/MM/dd/HH/mm/ss";
      return "yyyy/MM/dd/HH/mm/ss/fffffff";
    default: return "yyyy/MM/dd";
  }
}

Ticks ticks_of_fraction(int digits) {
  Ticks ticks = 1;
  for (int i = digits; i < static_cast<int>(kMostFractionDigits); ++i) ticks *= 10;
  return ticks;
}

/// The length of a part that is always as long as another; nullopt of a year and a month.
std::optional<Ticks> length_of(DatePart part, int fraction_digits) {
  switch (part) {
    case DatePart::Year:
    case DatePart::Month: return std::nullopt;
    case DatePart::Day: return kTicksPerDay;
    case DatePart::Hour: return kTicksPerHour;
    case DatePart::Minute: return kTicksPerMinute;
    case DatePart::Second: return kTicksPerSecond;
    case DatePart::Fraction: return ticks_of_fraction(fraction_digits);
  }
  return std::nullopt;
}

Ticks start_of(DatePart part, int fraction_digits, Ticks ticks) {
  if (const auto length = length_of(part, fraction_digits)) return ticks - ticks % *length;
  const CivilDate date = civil_from_ticks(ticks);
  return ticks_from_civil(date.year, part == DatePart::Year ? 1 : date.month, 1);
}

/// The first tick after the part that `ticks` lies in.
Ticks next_of(DatePart part, int fraction_digits, Ticks ticks) {
  if (const auto length = length_of(part, fraction_digits)) return ticks - ticks % *length + *length;
  const CivilDate date = civil_from_ticks(ticks);
  if (part == DatePart::Year) return ticks_from_civil(date.year + 1, 1, 1);
  return date.month == 12 ? ticks_from_civil(date.year + 1, 1, 1)
                          : ticks_from_civil(date.year, date.month + 1, 1);
}

/// The last tick whose truncation by the partition is `start`.
Ticks end_of(const Partition& partition, Ticks start) {
  switch (partition.kind) {
    case Partition::Kind::Bin: return start + std::min(partition.argument - 1, INT64_MAX - start);
    case Partition::Kind::StartOfDay: return start + kTicksPerDay - 1;
    case Partition::Kind::StartOfWeek: return start + 7 * kTicksPerDay - 1;
    case Partition::Kind::StartOfMonth: return next_of(DatePart::Month, 0, start) - 1;
    case Partition::Kind::StartOfYear: return next_of(DatePart::Year, 0, start) - 1;
    default: return start;
  }
}

/// The coarsest part that tells the partition's values apart.
DatePart needed_part(const Partition& partition) {
  const auto multiple_of = [&](Ticks unit) { return partition.argument % unit == 0; };
  switch (partition.kind) {
    case Partition::Kind::StartOfYear: return DatePart::Year;
    case Partition::Kind::StartOfMonth: return DatePart::Month;
    case Partition::Kind::StartOfWeek:
    case Partition::Kind::StartOfDay: return DatePart::Day;
    case Partition::Kind::Bin:
      if (multiple_of(kTicksPerDay)) return DatePart::Day;
      if (multiple_of(kTicksPerHour)) return DatePart::Hour;
      if (multiple_of(kTicksPerMinute)) return DatePart::Minute;
      if (multiple_of(kTicksPerSecond)) return DatePart::Second;
      return DatePart::Fraction;
    default: return DatePart::Year;  // what is read from the path is its value
  }
}

int part_of(const DateParts& parts, DatePart part) {
  switch (part) {
    case DatePart::Year: return parts.year;
    case DatePart::Month: return parts.month;
    case DatePart::Day: return parts.day;
    case DatePart::Hour: return parts.hour;
    case DatePart::Minute: return parts.minute;
    case DatePart::Second: return parts.second;
    case DatePart::Fraction: return parts.fraction;
  }
  return 0;
}

void set_part(DateParts& parts, const PathAtom& atom, std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  switch (atom.part) {
    case DatePart::Year: parts.year = value; break;
    case DatePart::Month: parts.month = value; break;
    case DatePart::Day: parts.day = value; break;
    case DatePart::Hour: parts.hour = value; break;
    case DatePart::Minute: parts.minute = value; break;
    case DatePart::Second: parts.second = value; break;
    case DatePart::Fraction:
      parts.fraction = value * static_cast<int>(ticks_of_fraction(static_cast<int>(digits.size())));
      break;
  }
}

DateParts parts_of(Ticks ticks) {
  const CivilDate date = civil_from_ticks(ticks);
  const Ticks time = ticks % kTicksPerDay;
  return {date.year,
          date.month,
          date.day,
          static_cast<int>(time / kTicksPerHour),
          static_cast<int>(time / kTicksPerMinute % 60),
          static_cast<int>(time / kTicksPerSecond % 60),
          static_cast<int>(time % kTicksPerSecond)};
}

Value date_of(const DateParts& parts) {
  if (parts.year < 1 || parts.year > 9999 || parts.month < 1 || parts.month > 12 || parts.day < 1 ||
      parts.day > days_in_month(parts.year, parts.month) || parts.hour > 23 || parts.minute > 59 ||
      parts.second > 59) {
    return Value::null(Type::DateTime);
  }
  return Value::datetime(ticks_from_civil(parts.year, parts.month, parts.day) + parts.hour * kTicksPerHour +
                         parts.minute * kTicksPerMinute + parts.second * kTicksPerSecond + parts.fraction);
}

}  // namespace

PathForm::PathForm(const catalog::ExternalTable& table)
    : table_(table), finest_(table.partitions.size()), fraction_digits_(table.partitions.size()) {
  if (table.path_format.empty()) {
    for (size_t i = 0; i < table.partitions.size(); ++i) {
      if (i > 0) add_text("/");
      add_partition(i, "");
    }
  }
  for (const PathElement& element : table.path_format) {
    if (element.partition.empty()) {
      add_text(element.text);
      continue;
    }
    const auto found = std::find_if(table.partitions.begin(), table.partitions.end(),
                                    [&](const Partition& p) { return p.name == element.partition; });
    if (found != table.partitions.end()) {
      add_partition(static_cast<size_t>(found - table.partitions.begin()), element.pattern);
    }
  }
  while (!atoms_.empty() && atoms_.back().kind == Kind::Text && atoms_.back().text.ends_with('/')) {
    atoms_.back().text.pop_back();
    if (atoms_.back().text.empty()) atoms_.pop_back();
  }
  find_precision();
}

/// Paths are written without empty parts.
void PathForm::add_text(std::string_view text, size_t element, size_t partition) {
  for (char c : text) {
    const bool after_text = !atoms_.empty() && atoms_.back().kind == Kind::Text;
    if (c == '/' && (atoms_.empty() || (after_text && atoms_.back().text.ends_with('/')))) continue;
    if (!after_text || atoms_.back().element != element) {
      PathAtom& atom = atoms_.emplace_back();
      atom.element = element;
      atom.partition = partition;
    }
    atoms_.back().text += c;
  }
}

void PathForm::add_partition(size_t index, std::string_view pattern) {
  ++element_;
  const Partition& partition = table_.partitions[index];
  if (partition.type == Type::DateTime) {
    add_pattern(index, pattern.empty() ? default_pattern(partition) : pattern);
  } else {
    PathAtom atom;
    atom.kind = Kind::Capture;
    atom.partition = index;
    atom.element = element_;
    atoms_.push_back(std::move(atom));
  }
}

/// A .NET datetime format; with braces only what stands in them is one.
void PathForm::add_pattern(size_t index, std::string_view pattern) {
  const bool braces = pattern.find('{') != std::string_view::npos;
  bool inside = !braces;
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (braces && (c == '{' || c == '}')) {
      inside = c == '{';
      ++i;
    } else if (!inside) {
      add_text(pattern.substr(i++, 1), element_, index);
    } else if (c == '\'' || c == '"') {
      const size_t close = std::min(pattern.find(c, i + 1), pattern.size());
      add_text(pattern.substr(i + 1, close - i - 1), element_, index);
      i = close + 1;
    } else if (c == '\\') {
      add_text(pattern.substr(i + 1, 1), element_, index);
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(c))) {
      const size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
      add_specifier(index, c, end - i);
      i = end;
    } else {
      if (c != '%') add_text(pattern.substr(i, 1), element_, index);
      ++i;
    }
  }
}

void PathForm::add_specifier(size_t index, char letter, size_t length) {
  PathAtom atom;
  atom.kind = Kind::Digits;
  atom.partition = index;
  atom.element = element_;
  switch (letter) {
    case 'y':
      atom.fewest = atom.most = length <= 2 ? 2 : std::max<size_t>(length, 4);
      atom.reliable = length > 2;
      break;
    case 'f':
      atom.part = DatePart::Fraction;
      atom.fewest = atom.most = length;
      break;
    default: {
      constexpr std::string_view kLetters = "MdHms";
      const size_t place = kLetters.find(letter);
      atom.fewest = std::min<size_t>(length, 2);
      atom.most = 2;
      if (place == std::string_view::npos || length > 2) {
        atom.kind = Kind::Letters;
      } else {
        atom.part = static_cast<DatePart>(place + 1);
      }
      break;
    }
  }
  // Digits of no fixed number before further digits: where the first end isn't certain.
  if (!atoms_.empty() && atoms_.back().kind == Kind::Digits && atoms_.back().fewest < atoms_.back().most)
    atoms_.back().reliable = false;
  atoms_.push_back(std::move(atom));
}

/// How much of a datetime the path says: all parts from the year down to the finest, or nothing certain.
void PathForm::find_precision() {
  for (size_t p = 0; p < table_.partitions.size(); ++p) {
    unsigned parts = 0;
    bool reliable = true;
    for (const PathAtom& atom : atoms_) {
      if (atom.kind == Kind::Text || atom.partition != p) continue;
      reliable = reliable && atom.kind == Kind::Digits && atom.reliable;
      parts |= 1u << static_cast<unsigned>(atom.part);
      if (atom.part == DatePart::Fraction) {
        fraction_digits_[p] = std::max(fraction_digits_[p], static_cast<int>(atom.fewest));
        reliable = reliable && atom.fewest <= kMostFractionDigits;
      }
    }
    const bool from_the_year_down = parts != 0 && (parts & (parts + 1)) == 0;
    if (!reliable || !from_the_year_down) continue;
    unsigned finest = 0;
    while (parts >> (finest + 1)) ++finest;
    finest_[p] = static_cast<DatePart>(finest);
  }
}

/// As the partition's function truncates.
Ticks PathForm::truncated(size_t partition, Ticks ticks) const {
  const Partition& by = table_.partitions[partition];
  switch (by.kind) {
    case Partition::Kind::Bin: return ticks - ticks % by.argument;
    case Partition::Kind::StartOfDay: return ticks - ticks % kTicksPerDay;
    case Partition::Kind::StartOfWeek: {
      const int64_t days = ticks / kTicksPerDay;  // 0001-01-01 was a Monday; weeks begin on Sunday
      return std::max<Ticks>(days - (days + 1) % 7, 0) * kTicksPerDay;
    }
    case Partition::Kind::StartOfMonth: return start_of(DatePart::Month, 0, ticks);
    case Partition::Kind::StartOfYear: return start_of(DatePart::Year, 0, ticks);
    default: return ticks;
  }
}

Interval PathForm::covered(size_t partition, Ticks value) const {
  const Partition& by = table_.partitions[partition];
  if (by.kind == Partition::Kind::Virtual) return {value, value};
  if (!finest_[partition]) return {};
  // The first and the last of the partition's values that the path shows alike.
  const Ticks last =
      truncated(partition, next_of(*finest_[partition], fraction_digits_[partition], value) - 1);
  Ticks first = truncated(partition, value);
  if (first < value) first = end_of(by, first) + 1;
  // Whoever counts from another beginning has folders between ours.
  if (first > last) return {value, end_of(by, value)};
  return {first, end_of(by, last)};
}

bool PathForm::is_exact(size_t partition) const {
  const Partition& by = table_.partitions[partition];
  if (by.type != Type::DateTime || by.kind == Partition::Kind::Virtual) return true;
  if (!finest_[partition]) return false;
  const DatePart needed = needed_part(by);
  if (*finest_[partition] != DatePart::Fraction || needed != DatePart::Fraction)
    return *finest_[partition] >= needed;
  return by.argument % ticks_of_fraction(fraction_digits_[partition]) == 0;
}

/// Reads a folder by a form, from left to right and without going back.
class FolderMatch {
 public:
  FolderMatch(const PathForm& form, std::string_view folder)
      : form_(form),
        rest_(folder),
        dates_(form.table_.partitions.size()),
        values_(form.table_.partitions.size()),
        is_null_(form.table_.partitions.size()) {}

  bool run() {
    const std::vector<PathAtom>& atoms = form_.atoms_;
    for (size_t i = 0; i < atoms.size(); ++i) {
      const bool begins = atoms[i].element > 0 && (i == 0 || atoms[i - 1].element != atoms[i].element);
      if (begins && is_default(i)) continue;
      if (!read(atoms[i], i + 1 < atoms.size() ? &atoms[i + 1] : nullptr)) return false;
    }
    return rest_.empty();
  }

  std::vector<Value> values() const {
    std::vector<Value> values;
    for (size_t i = 0; i < values_.size(); ++i) {
      const Partition& partition = form_.table_.partitions[i];
      const bool dated = partition.type == Type::DateTime;
      if (is_null_[i] || (dated && !form_.finest_[i])) {
        values.push_back(Value::null(partition.type));
      } else {
        values.push_back(dated ? date_of(dates_[i]) : values_[i]);
      }
    }
    return values;
  }

 private:
  /// __DEFAULT_PARTITION__ stands for all atoms of an element.
  bool is_default(size_t& i) {
    const std::string_view text = kDefaultPartition;
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    const std::vector<PathAtom>& atoms = form_.atoms_;
    is_null_[atoms[i].partition] = true;
    while (i + 1 < atoms.size() && atoms[i + 1].element == atoms[i].element) ++i;
    return true;
  }

  bool read(const PathAtom& atom, const PathAtom* next) {
    switch (atom.kind) {
      case Kind::Text:
        if (!rest_.starts_with(atom.text)) return false;
        rest_.remove_prefix(atom.text.size());
        return true;
      case Kind::Digits: return digits(atom);
      case Kind::Letters: {
        size_t length = 0;
        while (length < rest_.size() && std::isalnum(static_cast<unsigned char>(rest_[length]))) ++length;
        rest_.remove_prefix(length);
        return length > 0;
      }
      case Kind::Capture: return capture(atom, next);
    }
    return false;
  }

  bool digits(const PathAtom& atom) {
    size_t length = 0;
    while (length < atom.most && length < rest_.size() && is_digit(rest_[length])) ++length;
    if (length < atom.fewest) return false;
    set_part(dates_[atom.partition], atom, rest_.substr(0, length));
    rest_.remove_prefix(length);
    return true;
  }

  bool capture(const PathAtom& atom, const PathAtom* next) {
    size_t end = rest_.find('/');
    if (next && next->kind == Kind::Text) end = std::min(end, rest_.find(next->text));
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(text.size());
    if (text.empty()) return false;
    if (form_.table_.partitions[atom.partition].type == Type::String) {
      values_[atom.partition] = Value::string(std::string(text));
      return true;
    }
    int64_t number = 0;
    const auto [parsed, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    values_[atom.partition] = Value::int64(number);
    return error == std::errc() && parsed == text.data() + text.size();
  }

  const PathForm& form_;
  std::string_view rest_;
  std::vector<DateParts> dates_;
  std::vector<Value> values_;
  std::vector<bool> is_null_;
};

std::optional<std::vector<Value>> PathForm::values(std::string_view folder) const {
  if (table_.partitions.empty()) return std::vector<Value>{};
  FolderMatch match(*this, folder);
  if (!match.run()) return std::nullopt;
  return match.values();
}

/// Writes all beginnings of folders that bounds leave, atom by atom, until an atom may be anything.
class FolderPrefixes {
 public:
  FolderPrefixes(const PathForm& form, const std::vector<PartitionBounds>& bounds)
      : form_(form), bounds_(bounds) {
    starts_.push_back({"", std::vector<Choice>(bounds.size())});
  }

  std::vector<std::string> folders() {
    const std::vector<PathAtom>& atoms = form_.atoms_;
    size_t at = 0;
    while (at < atoms.size() && extend(atoms[at])) ++at;
    std::vector<std::string> folders;
    for (Start& start : starts_) folders.push_back(whole_folder(start, at));
    return outermost(std::move(folders));
  }

 private:
  /// Of one partition in one beginning.
  struct Choice {
    bool made = false, is_default = false;
    std::string text;
    Ticks ticks = 0;
    DatePart down_to = DatePart::Year;  // the finest part of `ticks` that counts
    size_t default_element = 0;         // whose default stands there already
  };
  struct Start {
    std::string text;
    std::vector<Choice> choices;
  };

  static Choice chosen() {
    Choice choice;
    choice.made = true;
    return choice;
  }

  /// What of a beginning, which ends before the atom `at`, names whole folders.
  std::string whole_folder(const Start& start, size_t at) const {
    const std::vector<PathAtom>& atoms = form_.atoms_;
    while (at < atoms.size() && atoms[at].element > 0 && start.choices[atoms[at].partition].is_default &&
           start.choices[atoms[at].partition].default_element == atoms[at].element) {
      ++at;
    }
    std::string text = start.text;
    const bool whole =
        at == atoms.size() || (atoms[at].kind == Kind::Text && atoms[at].text.starts_with('/'));
    if (!whole) text.resize(text.rfind('/') == std::string::npos ? 0 : text.rfind('/'));
    while (text.ends_with('/')) text.pop_back();
    return text;
  }

  bool extend(const PathAtom& atom) {
    if (atom.element > 0 && !starts_.front().choices[atom.partition].made && !choose(atom.partition)) {
      return false;
    }
    return std::all_of(starts_.begin(), starts_.end(), [&](Start& start) { return append(start, atom); });
  }

  static bool append(Start& start, const PathAtom& atom) {
    if (atom.element == 0) {
      start.text += atom.text;
      return true;
    }
    Choice& choice = start.choices[atom.partition];
    if (choice.is_default) {
      if (choice.default_element != atom.element) start.text += kDefaultPartition;
      choice.default_element = atom.element;
      return true;
    }
    switch (atom.kind) {
      case Kind::Text: start.text += atom.text; return true;
      case Kind::Capture: start.text += choice.text; return true;
      case Kind::Letters: return false;
      case Kind::Digits: break;
    }
    if (atom.part > choice.down_to) return false;
    std::string digits = std::to_string(part_of(parts_of(choice.ticks), atom.part));
    const size_t width = atom.part == DatePart::Fraction ? kMostFractionDigits : atom.fewest;
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    if (atom.part == DatePart::Fraction) digits.resize(atom.fewest);
    start.text += digits;
    return true;
  }

  /// Each beginning once for each value that the partition can have; false where these are too many.
  bool choose(size_t partition) {
    const PartitionBounds& bounds = bounds_[partition];
    std::vector<Choice> values;
    if (bounds.texts) {
      for (const std::string& text : *bounds.texts) values.emplace_back(chosen()).text = text;
    } else if (!add_datetimes(partition, values)) {
      return false;
    }
    if (bounds.or_default) values.emplace_back(chosen()).is_default = true;
    if (values.size() * starts_.size() > kMostFolders || values.empty()) return false;
    std::vector<Start> next;
    for (const Start& start : starts_) {
      for (const Choice& choice : values) next.emplace_back(start).choices[partition] = choice;
    }
    starts_ = std::move(next);
    return true;
  }

  bool add_datetimes(size_t partition, std::vector<Choice>& values) const {
    const auto& range = bounds_[partition].range;
    if (!range || !form_.finest_[partition]) return false;
    const int digits = form_.fraction_digits_[partition];
    const Ticks low = form_.truncated(partition, std::clamp<Ticks>(range->low, 0, kMaxDateTime));
    const Ticks high = std::clamp<Ticks>(range->high, 0, kMaxDateTime);
    const size_t most = kMostFolders / starts_.size();
    for (int part = static_cast<int>(*form_.finest_[partition]); part >= 0; --part) {
      const auto down_to = static_cast<DatePart>(part);
      std::vector<Ticks> starts;
      for (Ticks t = start_of(down_to, digits, low); t <= high && starts.size() <= most;
           t = next_of(down_to, digits, t)) {
        starts.push_back(t);
      }
      if (starts.size() > most) continue;
      for (const Ticks ticks : starts) {
        Choice& choice = values.emplace_back(chosen());
        choice.ticks = ticks;
        choice.down_to = down_to;
      }
      return true;
    }
    return false;
  }

  /// Without those that lie below another.
  static std::vector<std::string> outermost(std::vector<std::string> folders) {
    std::sort(folders.begin(), folders.end());
    folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
    std::vector<std::string> kept;
    for (const std::string& folder : folders) {
      const bool below = std::any_of(kept.begin(), kept.end(), [&](const std::string& above) {
        return above.empty() || folder.starts_with(above + "/");
      });
      if (!below) kept.push_back(folder);
    }
    return kept;
  }

  const PathForm& form_;
  const std::vector<PartitionBounds>& bounds_;
  std::vector<Start> starts_;
};

std::vector<std::string> PathForm::folders(const std::vector<PartitionBounds>& bounds) const {
  if (atoms_.empty()) return {""};
  return FolderPrefixes(*this, bounds).folders();
}

std::optional<std::vector<Value>> partition_values(const catalog::ExternalTable& table,
                                                   std::string_view folder) {
  return PathForm(table).values(folder);
}

}  // namespace spillway::engine
