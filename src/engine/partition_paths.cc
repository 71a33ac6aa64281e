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

/// A piece of a path: a fixed text, digits of a datetime's part, or a text up to what follows.
struct Atom {
  enum class Kind { Text, Digits, Letters, Capture } kind = Kind::Text;
  std::string text;  // Text
  char part = 0;     // Digits: y, M, d, H, m, s, f
  size_t fewest = 0, most = 0;
  size_t partition = 0;  // but for Text
};

struct DateParts {
  int year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0, fraction = 0;
  bool complete = true;  // false where a part of it can't be read back
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

/// A whole path format as atoms.
class Form {
 public:
  explicit Form(const catalog::ExternalTable& table) : table_(table) {
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
    while (!atoms_.empty() && atoms_.back().kind == Atom::Kind::Text && atoms_.back().text.ends_with('/')) {
      atoms_.back().text.pop_back();
      if (atoms_.back().text.empty()) atoms_.pop_back();
    }
  }

  const std::vector<Atom>& atoms() const { return atoms_; }

 private:
  /// Paths are written without empty parts.
  void add_text(std::string_view text) {
    for (char c : text) {
      const bool after_text = !atoms_.empty() && atoms_.back().kind == Atom::Kind::Text;
      if (c == '/' && (atoms_.empty() || (after_text && atoms_.back().text.ends_with('/')))) continue;
      if (!after_text) atoms_.push_back({});
      atoms_.back().text += c;
    }
  }

  void add_partition(size_t index, std::string_view pattern) {
    const Partition& partition = table_.partitions[index];
    if (partition.type == Type::DateTime) {
      add_pattern(index, pattern.empty() ? default_pattern(partition) : pattern);
    } else {
      atoms_.push_back({.kind = Atom::Kind::Capture, .text = "", .partition = index});
    }
  }

  /// A .NET datetime format; with braces only what stands in them is one.
  void add_pattern(size_t index, std::string_view pattern) {
    const bool braces = pattern.find('{') != std::string_view::npos;
    bool inside = !braces;
    for (size_t i = 0; i < pattern.size();) {
      const char c = pattern[i];
      if (braces && (c == '{' || c == '}')) {
        inside = c == '{';
        ++i;
      } else if (!inside) {
        add_text(pattern.substr(i++, 1));
      } else if (c == '\'' || c == '"') {
        const size_t close = std::min(pattern.find(c, i + 1), pattern.size());
        add_text(pattern.substr(i + 1, close - i - 1));
        i = close + 1;
      } else if (c == '\\') {
        add_text(pattern.substr(i + 1, 1));
        i += 2;
      } else if (std::isalpha(static_cast<unsigned char>(c))) {
        const size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
        add_specifier(index, c, end - i);
        i = end;
      } else {
        if (c != '%') add_text(pattern.substr(i, 1));
        ++i;
      }
    }
  }

  void add_specifier(size_t index, char letter, size_t length) {
    Atom atom{.kind = Atom::Kind::Digits, .text = "", .part = letter, .partition = index};
    switch (letter) {
      case 'y': atom.fewest = atom.most = length <= 2 ? 2 : std::max<size_t>(length, 4); break;
      case 'f': atom.fewest = atom.most = length; break;
      case 'M':
      case 'd':
      case 'H':
      case 'm':
      case 's':
        atom.fewest = std::min<size_t>(length, 2);
        atom.most = 2;
        if (length > 2) atom.kind = Atom::Kind::Letters;
        break;
      default: atom.kind = Atom::Kind::Letters; break;
    }
    atoms_.push_back(std::move(atom));
  }

  const catalog::ExternalTable& table_;
  std::vector<Atom> atoms_;
};

void set_part(DateParts& parts, const Atom& atom, std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  switch (atom.part) {
    case 'y':
      parts.year = value;
      parts.complete = parts.complete && digits.size() >= 4;
      break;
    case 'M': parts.month = value; break;
    case 'd': parts.day = value; break;
    case 'H': parts.hour = value; break;
    case 'm': parts.minute = value; break;
    case 's': parts.second = value; break;
    default:
      for (size_t i = digits.size(); i < 7; ++i) value *= 10;
      parts.fraction = value;
      break;
  }
}

Value date_of(const DateParts& parts) {
  if (!parts.complete || parts.year < 1 || parts.year > 9999 || parts.month < 1 || parts.month > 12 ||
      parts.day < 1 || parts.day > days_in_month(parts.year, parts.month) || parts.hour > 23 ||
      parts.minute > 59 || parts.second > 59) {
    return Value::null(Type::DateTime);
  }
  return Value::datetime(ticks_from_civil(parts.year, parts.month, parts.day) + parts.hour * kTicksPerHour +
                         parts.minute * kTicksPerMinute + parts.second * kTicksPerSecond + parts.fraction);
}

/// Reads a folder by a form, from left to right and without going back.
class Match {
 public:
  Match(const catalog::ExternalTable& table, std::string_view folder)
      : table_(table), rest_(folder), dates_(table.partitions.size()), values_(table.partitions.size()) {}

  bool run(const std::vector<Atom>& atoms) {
    for (size_t i = 0; i < atoms.size(); ++i) {
      if (atoms[i].kind != Atom::Kind::Text && is_default(atoms, i)) continue;
      if (!read(atoms[i], i + 1 < atoms.size() ? &atoms[i + 1] : nullptr)) return false;
    }
    return rest_.empty();
  }

  std::vector<Value> values() const {
    std::vector<Value> values;
    for (size_t i = 0; i < values_.size(); ++i) {
      const Partition& partition = table_.partitions[i];
      if (is_null_[i]) {
        values.push_back(Value::null(partition.type));
      } else {
        values.push_back(partition.type == Type::DateTime ? date_of(dates_[i]) : values_[i]);
      }
    }
    return values;
  }

 private:
  /// __DEFAULT_PARTITION__ stands for all atoms of its partition.
  bool is_default(const std::vector<Atom>& atoms, size_t& i) {
    const std::string_view text = kDefaultPartition;
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    const size_t partition = atoms[i].partition;
    is_null_[partition] = true;
    size_t last = i;
    for (size_t k = i; k < atoms.size(); ++k) {
      if (atoms[k].kind != Atom::Kind::Text && atoms[k].partition == partition) last = k;
    }
    i = last;
    return true;
  }

  bool read(const Atom& atom, const Atom* next) {
    switch (atom.kind) {
      case Atom::Kind::Text:
        if (!rest_.starts_with(atom.text)) return false;
        rest_.remove_prefix(atom.text.size());
        return true;
      case Atom::Kind::Digits: return digits(atom);
      case Atom::Kind::Letters: {
        size_t length = 0;
        while (length < rest_.size() && std::isalnum(static_cast<unsigned char>(rest_[length]))) ++length;
        rest_.remove_prefix(length);
        dates_[atom.partition].complete = false;
        return length > 0;
      }
      case Atom::Kind::Capture: return capture(atom, next);
    }
    return false;
  }

  bool digits(const Atom& atom) {
    size_t length = 0;
    while (length < atom.most && length < rest_.size() && is_digit(rest_[length])) ++length;
    if (length < atom.fewest) return false;
    set_part(dates_[atom.partition], atom, rest_.substr(0, length));
    rest_.remove_prefix(length);
    return true;
  }

  bool capture(const Atom& atom, const Atom* next) {
    size_t end = rest_.find('/');
    if (next && next->kind == Atom::Kind::Text) end = std::min(end, rest_.find(next->text));
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(text.size());
    if (text.empty()) return false;
    if (table_.partitions[atom.partition].type == Type::String) {
      values_[atom.partition] = Value::string(std::string(text));
      return true;
    }
    int64_t number = 0;
    const auto [parsed, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    values_[atom.partition] = Value::int64(number);
    return error == std::errc() && parsed == text.data() + text.size();
  }

  const catalog::ExternalTable& table_;
  std::string_view rest_;
  std::vector<DateParts> dates_;
  std::vector<Value> values_;
  std::vector<bool> is_null_ = std::vector<bool>(values_.size());
};

}  // namespace

std::optional<std::vector<Value>> partition_values(const catalog::ExternalTable& table,
                                                   std::string_view folder) {
  if (table.partitions.empty()) return std::vector<Value>{};
  const Form form(table);
  Match match(table, folder);
  if (!match.run(form.atoms())) return std::nullopt;
  return match.values();
}

}  // namespace spillway::engine
