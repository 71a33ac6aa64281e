#include "ingest/delimited.h"

#include <algorithm>

namespace spillway::ingest {
namespace {

/// Fields of a record that a mapping can name; those behind are missing.
constexpr size_t kMaxFields = 100'000;

class DelimitedSplitter : public RecordSplitter {
 public:
  explicit DelimitedSplitter(const Dialect& dialect) : dialect_(dialect) {}
  void begin() override {}

  Result<size_t> scan(std::string_view text, bool last) override {
    if (last) return text.size();
    if (!dialect_.lines) return size_t{0};
    if (dialect_.quotes) return scan_quoted(text);
    size_t end = text.rfind('\n');
    while (dialect_.escapes && end != text.npos && escaped(text, end)) {
      end = end == 0 ? text.npos : text.rfind('\n', end - 1);
    }
    return end == text.npos ? 0 : end + 1;
  }

 private:
  /// True where an odd number of backslashes stands before `at`.
  static bool escaped(std::string_view text, size_t at) {
    size_t count = 0;
    while (count < at && text[at - 1 - count] == '\\') ++count;
    return count % 2 == 1;
  }

  /// Behind the last line break that no quoted field holds. Looks at quotes, and for line breaks between
  /// them, so that text without quotes costs two passes of memchr.
  size_t scan_quoted(std::string_view text) const {
    size_t outside = 0,
           end = 0;  // where text outside of quoted fields begins; behind the last break found there
    while (true) {
      const size_t quote = text.find('"', outside);
      const std::string_view plain = text.substr(outside, quote == text.npos ? quote : quote - outside);
      if (const size_t line = plain.rfind('\n'); line != text.npos) end = outside + line + 1;
      if (quote == text.npos) return end;
      const bool begins_field =
          quote == 0 || text[quote - 1] == dialect_.delimiter || text[quote - 1] == '\n';
      const size_t closing = begins_field ? find_closing(text, quote) : quote;
      if (closing == text.npos) return end;
      outside = closing + 1;
    }
  }

  /// The quote that ends the field which `quote` begins; npos where it isn't in the text, or may be doubled
  /// behind it.
  static size_t find_closing(std::string_view text, size_t quote) {
    size_t at = text.find('"', quote + 1);
    while (at != text.npos) {
      if (at + 1 == text.size()) return text.npos;
      if (text[at + 1] != '"') return at;
      at = text.find('"', at + 2);
    }
    return text.npos;
  }

  const Dialect dialect_;
};

/// What becomes of the fields of a record.
struct Plan {
  Dialect dialect;
  bool ignore_first_record = false;
  Schema schema;
  std::vector<ColumnSource> sources;
  /// The columns that a field goes into, by its ordinal.
  std::vector<std::vector<size_t>> columns_of;
  std::vector<size_t> others;  // the columns that no field goes into
};

class DelimitedReader : public engine::RecordReader {
 public:
  DelimitedReader(const Plan& plan, BlockReader& blocks)
      : plan_(plan), delimiter_(plan.dialect.fields ? plan.dialect.delimiter : '\n'), blocks_(blocks) {}

  Result<size_t> read(const std::vector<VectorSink*>& sinks, size_t capacity) override {
    columns_.clear();
    for (size_t i = 0; i < sinks.size(); ++i) columns_.emplace_back(plan_.schema[i].type, *sinks[i]);
    size_t rows = 0;
    while (rows < capacity) {
      if (at_ == block_.text.size()) {
        SPILLWAY_ASSIGN(const bool more, next_block());
        if (!more) break;
      } else if (!skip_empty_line()) {
        SPILLWAY_TRY(read_record(rows));
        ++rows;
      }
    }
    return rows;
  }

 private:
  Result<bool> next_block();
  bool skip_empty_line();
  Status skip_record();
  Status read_record(size_t row);
  void finish_record(size_t row, size_t fields);
  /// The next field; sets record_ended_.
  Status read_field(std::string_view& field);
  Status read_quoted(std::string_view& field);
  void read_plain(std::string_view& field);
  /// Takes the escapes out of the field between `begin` and `end`.
  std::string_view unescape(std::string_view field);
  void end_field(size_t end);
  Error malformed(const std::string& why) const;

  const Plan& plan_;
  const char delimiter_;
  BlockReader& blocks_;
  Block block_;
  size_t at_ = 0;         // of block_.text
  size_t record_at_ = 0;  // where the current record began
  bool record_ended_ = false;
  std::vector<ColumnWriter> columns_;
  std::string unquoted_;
};

Result<bool> DelimitedReader::next_block() {
  at_ = 0;
  block_.text = {};
  SPILLWAY_ASSIGN(const bool more, blocks_.next(block_));
  if (more && block_.first && plan_.ignore_first_record) {
    while (skip_empty_line()) {
    }
    if (at_ < block_.text.size()) SPILLWAY_TRY(skip_record());
  }
  return more;
}

bool DelimitedReader::skip_empty_line() {
  if (!plan_.dialect.lines) return false;
  const std::string_view rest = block_.text.substr(at_);
  const size_t length = rest.starts_with('\n') ? 1 : rest.starts_with("\r\n") ? 2 : 0;
  at_ += length;
  return length > 0;
}

Status DelimitedReader::skip_record() {
  std::string_view field;
  record_at_ = at_;
  for (record_ended_ = false; !record_ended_;) SPILLWAY_TRY(read_field(field));
  return Status();
}

Status DelimitedReader::read_record(size_t row) {
  record_at_ = at_;
  record_ended_ = false;
  size_t fields = 0;
  while (!record_ended_) {
    std::string_view field;
    SPILLWAY_TRY(read_field(field));
    if (fields < plan_.columns_of.size()) {
      for (const size_t column : plan_.columns_of[fields]) {
        const UnixTime unit = plan_.sources[column].unix_time;
        if (unit == UnixTime::None) {
          columns_[column].text(row, field);
        } else {
          columns_[column].unix_time(row, field, unit);
        }
      }
    }
    ++fields;
  }
  finish_record(row, fields);
  return Status();
}

/// Sets the columns that no field of the record went into.
void DelimitedReader::finish_record(size_t row, size_t fields) {
  for (size_t ordinal = fields; ordinal < plan_.columns_of.size(); ++ordinal) {
    for (const size_t column : plan_.columns_of[ordinal]) columns_[column].missing(row);
  }
  for (const size_t column : plan_.others) {
    switch (plan_.sources[column].kind) {
      case ColumnSource::Kind::Constant: columns_[column].text(row, plan_.sources[column].constant); break;
      case ColumnSource::Kind::SourceLocation: columns_[column].text(row, block_.input->name); break;
      default: columns_[column].missing(row); break;
    }
  }
}

Status DelimitedReader::read_field(std::string_view& field) {
  const std::string_view text = block_.text;
  if (!plan_.dialect.lines) {
    field = text.substr(at_);
    end_field(text.size());
  } else if (plan_.dialect.quotes && at_ < text.size() && text[at_] == '"') {
    SPILLWAY_TRY(read_quoted(field));
  } else {
    read_plain(field);
  }
  return Status();
}

/// Moves behind the field that ends at `end`, and behind what ends it.
void DelimitedReader::end_field(size_t end) {
  const std::string_view text = block_.text;
  record_ended_ = end == text.size() || text[end] != delimiter_ || !plan_.dialect.fields;
  at_ = std::min(end + 1, text.size());
  // A delimiter at the very end of the data has an empty field behind it, which a reader takes as missing.
  if (at_ == text.size()) record_ended_ = true;
}

void DelimitedReader::read_plain(std::string_view& field) {
  const char* const begin = block_.text.data();
  const char* const last = begin + block_.text.size();
  const char* end = begin + at_;
  const bool escapes = plan_.dialect.escapes;
  bool escaped = false;
  for (; end != last && *end != delimiter_ && *end != '\n'; ++end) {
    if (escapes && *end == '\\' && end + 1 != last) {
      escaped = true;
      ++end;
    }
  }
  field = std::string_view(begin + at_, static_cast<size_t>(end - begin) - at_);
  end_field(static_cast<size_t>(end - begin));
  if (end != last && *end == '\n' && field.ends_with('\r')) field.remove_suffix(1);
  if (escaped) field = unescape(field);
}

std::string_view DelimitedReader::unescape(std::string_view field) {
  unquoted_.clear();
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      unquoted_ += field[i];
      continue;
    }
    switch (const char escape = field[++i]) {
      case 't': unquoted_ += '\t'; break;
      case 'n': unquoted_ += '\n'; break;
      case 'r': unquoted_ += '\r'; break;
      default: unquoted_ += escape; break;
    }
  }
  return unquoted_;
}

Status DelimitedReader::read_quoted(std::string_view& field) {
  const std::string_view text = block_.text;
  const size_t begin = at_ + 1;
  size_t closing = text.find('"', begin);
  bool doubled = false;
  while (closing != text.npos && closing + 1 < text.size() && text[closing + 1] == '"') {
    if (!doubled) unquoted_.clear();
    unquoted_.append(text, doubled ? at_ : begin, closing + 1 - (doubled ? at_ : begin));
    doubled = true;
    at_ = closing + 2;
    closing = text.find('"', at_);
  }
  if (closing == text.npos) return malformed("a value that begins with '\"' isn't closed");
  if (doubled) {
    unquoted_.append(text, at_, closing - at_);
    field = unquoted_;
  } else {
    field = text.substr(begin, closing - begin);
  }
  size_t end = closing + 1;
  if (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n') ++end;
  if (end < text.size() && text[end] == '\r' && end + 1 == text.size()) ++end;
  if (end < text.size() && text[end] != delimiter_ && text[end] != '\n') {
    return malformed("something follows the '\"' that closes a value");
  }
  end_field(end);
  return Status();
}

Error DelimitedReader::malformed(const std::string& why) const {
  return Error(ErrorCode::DataFormat,
               block_.input->prefix() + "the record at line " +
                   std::to_string(line_of(*block_.input, block_.offset + static_cast<int64_t>(record_at_))) +
                   " is malformed: " + why);
}

class DelimitedSource : public engine::RecordSource {
 public:
  DelimitedSource(Plan plan, const std::vector<Input>& inputs, size_t threads)
      : plan_(std::move(plan)),
        threads_(threads),
        blocks_(inputs, std::make_unique<DelimitedSplitter>(plan_.dialect)) {}

  const Schema& schema() const override { return plan_.schema; }
  size_t max_threads() const override { return threads_; }
  Result<std::unique_ptr<engine::RecordReader>> open_reader() override {
    return std::unique_ptr<engine::RecordReader>(std::make_unique<DelimitedReader>(plan_, blocks_));
  }

 private:
  const Plan plan_;
  const size_t threads_;
  BlockReader blocks_;
};

}  // namespace

std::optional<Dialect> dialect_of(std::string_view format) {
  Dialect dialect;
  if (format == "csv") return dialect;
  if (format == "tsv") dialect.delimiter = '\t';
  if (format == "psv") dialect.delimiter = '|';
  if (format == "scsv") dialect.delimiter = ';';
  if (format == "sohsv") dialect.delimiter = '\x01';
  if (dialect.delimiter != ',') return dialect;
  dialect.quotes = false;
  if (format == "tsve") {
    dialect.delimiter = '\t';
    dialect.escapes = true;
    return dialect;
  }
  dialect.fields = false;
  if (format == "txt") return dialect;
  dialect.lines = false;
  if (format == "raw") return dialect;
  return std::nullopt;
}

std::unique_ptr<engine::RecordSource> open_delimited(const Dialect& dialect, const std::vector<Input>& inputs,
                                                     bool ignore_first_record,
                                                     const std::vector<catalog::Column>& columns,
                                                     std::vector<ColumnSource> sources, size_t threads) {
  Plan plan;
  plan.dialect = dialect;
  plan.ignore_first_record = ignore_first_record;
  for (size_t i = 0; i < columns.size(); ++i) {
    plan.schema.push_back({columns[i].name, columns[i].type});
    if (sources[i].kind != ColumnSource::Kind::Ordinal || sources[i].ordinal >= kMaxFields) {
      plan.others.push_back(i);
      continue;
    }
    if (plan.columns_of.size() <= sources[i].ordinal) plan.columns_of.resize(sources[i].ordinal + 1);
    plan.columns_of[sources[i].ordinal].push_back(i);
  }
  plan.sources = std::move(sources);
  return std::make_unique<DelimitedSource>(std::move(plan), inputs, threads);
}

}  // namespace spillway::ingest
