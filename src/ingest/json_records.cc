#include "ingest/json_records.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <unordered_map>

#include "kql/json.h"

namespace spillway::ingest {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

size_t skip_escape(std::string_view text, size_t at) {
  if (at >= text.size()) return kNone;
  if (text[at] != 'u') return std::string_view("\"\\/bfnrt").find(text[at]) == kNone ? kNone : at + 1;
  if (at + 5 > text.size()) return kNone;
  const std::string_view digits = text.substr(at + 1, 4);
  return digits.find_first_not_of("0123456789abcdefABCDEF") == kNone ? at + 5 : kNone;
}

size_t skip_string(std::string_view text, size_t at) {
  for (++at; at < text.size();) {
    const char c = text[at];
    if (c == '"') return at + 1;
    if (static_cast<unsigned char>(c) < 0x20) return kNone;
    ++at;
    if (c == '\\') at = skip_escape(text, at);
    if (at == kNone) return kNone;
  }
  return kNone;
}

size_t skip_digits(std::string_view text, size_t at) {
  const size_t begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at == begin ? kNone : at;
}

size_t skip_number(std::string_view text, size_t at) {
  if (text[at] == '-') ++at;
  at = at < text.size() && text[at] == '0' ? at + 1 : skip_digits(text, at);
  if (at != kNone && at < text.size() && text[at] == '.') at = skip_digits(text, at + 1);
  if (at == kNone || at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return at;
  ++at;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  return skip_digits(text, at);
}

size_t skip_word(std::string_view text, size_t at, std::string_view word) {
  return text.substr(at).starts_with(word) ? at + word.size() : kNone;
}

size_t skip_value(std::string_view text, size_t at, int depth);

/// The members or elements behind the opening bracket, and the closing one.
size_t skip_container(std::string_view text, size_t at, bool object, int depth) {
  const char closing = object ? '}' : ']';
  at = skip_space(text, at);
  if (at < text.size() && text[at] == closing) return at + 1;
  while (true) {
    if (object) {
      at = skip_space(text, at);
      if (at >= text.size() || text[at] != '"') return kNone;
      at = skip_string(text, at);
      if (at == kNone) return kNone;
      at = skip_space(text, at);
      if (at >= text.size() || text[at] != ':') return kNone;
      ++at;
    }
    at = skip_value(text, at, depth);
    if (at == kNone) return kNone;
    at = skip_space(text, at);
    if (at >= text.size()) return kNone;
    if (text[at] == closing) return at + 1;
    if (text[at] != ',') return kNone;
    ++at;
  }
}

size_t skip_value(std::string_view text, size_t at, int depth) {
  at = skip_space(text, at);
  if (at >= text.size() || depth > kql::json::kMaxDepth) return kNone;
  switch (text[at]) {
    case '{': return skip_container(text, at + 1, true, depth + 1);
    case '[': return skip_container(text, at + 1, false, depth + 1);
    case '"': return skip_string(text, at);
    case 't': return skip_word(text, at, "true");
    case 'f': return skip_word(text, at, "false");
    case 'n': return skip_word(text, at, "null");
    default: return text[at] == '-' || is_digit(text[at]) ? skip_number(text, at) : kNone;
  }
}

class LineSplitter : public RecordSplitter {
 public:
  void begin() override {}
  Result<size_t> scan(std::string_view text, bool last) override {
    if (last) return text.size();
    const size_t end = text.rfind('\n');
    return end == kNone ? 0 : end + 1;
  }
};

/// Ends behind the last whole property bag, and checks what stands between them: white space, or the brackets
/// and commas of arrays. So the readers may take these for granted.
class MultiSplitter : public RecordSplitter {
 public:
  void begin() override { place_ = Place::Outside; }

  Result<size_t> scan(std::string_view text, bool last) override {
    Place place = place_;
    size_t end = 0, at = 0;
    while ((at = skip_space(text, at)) < text.size()) {
      if (text[at] == '{') {
        if (place == Place::Behind) return malformed("a comma is missing between two elements of the array");
        const size_t closing = find_end(text, at);
        if (closing == kNone) break;  // of a bag that goes on, or is broken off
        at = closing;
        if (place != Place::Outside) place = Place::Behind;
      } else {
        SPILLWAY_TRY(take(text[at], place));
        ++at;
      }
      end = at;
      place_ = place;
    }
    if (!last) return end;
    if (at >= text.size() && place != Place::Outside) return malformed("the array isn't closed");
    return text.size();
  }

 private:
  enum class Place {
    Outside,  // of arrays
    Begun,    // behind the bracket that opens an array
    Before,   // an element: behind a comma
    Behind,   // an element
  };

  static Error malformed(const std::string& why) {
    return Error(ErrorCode::DataFormat, "the JSON is malformed: " + why);
  }

  static Status take(char c, Place& place) {
    if (c == '[' && place == Place::Outside) {
      place = Place::Begun;
    } else if (c == ']' && (place == Place::Begun || place == Place::Behind)) {
      place = Place::Outside;
    } else if (c == ',' && place == Place::Behind) {
      place = Place::Before;
    } else {
      return malformed(std::string("'") + c + "' stands where a property bag should begin");
    }
    return Status();
  }

  /// Behind the bracket that closes the one at `at`; npos where the text ends before.
  static size_t find_end(std::string_view text, size_t at) {
    int depth = 0;
    for (; at < text.size(); ++at) {
      switch (text[at]) {
        case '"':
          at = closing_quote(text, at);
          if (at == kNone) return kNone;
          break;
        case '{':
        case '[': ++depth; break;
        case '}':
        case ']':
          if (--depth == 0) return at + 1;
          break;
        default: break;
      }
    }
    return kNone;
  }

  static size_t closing_quote(std::string_view text, size_t at) {
    for (++at; at < text.size(); ++at) {
      if (text[at] == '\\') {
        ++at;
      } else if (text[at] == '"') {
        return at;
      }
    }
    return kNone;
  }

  Place place_ = Place::Outside;  // behind what was handed out
};

/// A member of records, and the columns that it, or something in it, goes into.
struct Member {
  std::string name;
  std::vector<size_t> columns;
};

struct Plan {
  JsonLayout layout = JsonLayout::Lines;
  Schema schema;
  std::vector<ColumnSource> sources;
  std::vector<Member> members;
  std::unordered_map<std::string_view, size_t> member_of;  // by name; the names are those of `members`
  std::vector<size_t> others;                              // the columns that no member goes into
};

class JsonReader : public engine::RecordReader {
 public:
  JsonReader(const Plan& plan, BlockReader& blocks)
      : plan_(plan), blocks_(blocks), values_(plan.members.size()) {}

  Result<size_t> read(const std::vector<VectorSink*>& sinks, size_t capacity) override {
    columns_.clear();
    for (size_t i = 0; i < sinks.size(); ++i) columns_.emplace_back(plan_.schema[i].type, *sinks[i]);
    size_t rows = 0;
    while (rows < capacity) {
      skip_between();
      if (at_ < block_.text.size()) {
        SPILLWAY_TRY(read_record());
        write_record(rows++);
        continue;
      }
      at_ = 0;
      block_.text = {};
      SPILLWAY_ASSIGN(const bool more, blocks_.next(block_));
      if (!more) break;
    }
    return rows;
  }

 private:
  void skip_between();
  Status read_record();
  void write_record(size_t row);
  /// The member that a key (with its quotes) names; kNone where no column wants it.
  size_t find_member(std::string_view key);
  Error malformed(size_t at) const;

  const Plan& plan_;
  BlockReader& blocks_;
  Block block_;
  size_t at_ = 0;
  std::string_view record_;
  std::vector<std::string_view> values_;  // of plan_.members in the current record; empty where there is none
  size_t guess_ = 0;                      // the member that is likely to come next
  std::string key_;
  std::vector<ColumnWriter> columns_;
};

void JsonReader::skip_between() {
  const std::string_view text = block_.text;
  const bool punctuated = plan_.layout == JsonLayout::Multi;
  while (at_ < text.size() && (is_space(text[at_]) ||
                               (punctuated && (text[at_] == ',' || text[at_] == '[' || text[at_] == ']')))) {
    ++at_;
  }
}

size_t JsonReader::find_member(std::string_view key) {
  std::string_view name = key.substr(1, key.size() - 2);
  if (name.find('\\') != kNone) {
    key_.clear();
    kql::json::unquote(key, key_);
    name = key_;
  }
  // Records tend to have the same members in the same order.
  if (guess_ < plan_.members.size() && plan_.members[guess_].name == name) return guess_;
  const auto found = plan_.member_of.find(name);
  return found == plan_.member_of.end() ? kNone : found->second;
}

Status JsonReader::read_record() {
  const std::string_view text = block_.text;
  const size_t begin = at_;
  std::fill(values_.begin(), values_.end(), std::string_view());
  if (text[at_] != '{') return malformed(begin);
  size_t at = skip_space(text, at_ + 1);
  bool ended = at < text.size() && text[at] == '}';
  while (!ended) {
    at = skip_space(text, at);
    if (at >= text.size() || text[at] != '"') return malformed(begin);
    const size_t key_end = skip_string(text, at);
    if (key_end == kNone) return malformed(begin);
    const size_t member = find_member(text.substr(at, key_end - at));
    at = skip_space(text, key_end);
    if (at >= text.size() || text[at] != ':') return malformed(begin);
    const size_t value = skip_space(text, at + 1);
    at = skip_value(text, value, 1);
    if (at == kNone) return malformed(begin);
    if (member != kNone) {
      values_[member] = text.substr(value, at - value);
      guess_ = member + 1;
    }
    at = skip_space(text, at);
    if (at >= text.size() || (text[at] != ',' && text[at] != '}')) return malformed(begin);
    ended = text[at] == '}';
    if (!ended) ++at;
  }
  at_ = at + 1;
  record_ = text.substr(begin, at_ - begin);
  // Where it would lie across two blocks it couldn't be read.
  if (plan_.layout == JsonLayout::Lines && record_.find('\n') != kNone) return malformed(begin);
  return Status();
}

void JsonReader::write_record(size_t row) {
  const auto write = [&](size_t column, std::optional<std::string_view> value) {
    const ColumnSource& source = plan_.sources[column];
    if (!value || value->empty()) {
      columns_[column].missing(row);
    } else if (source.unix_time != UnixTime::None) {
      columns_[column].unix_time(row, *value, source.unix_time);
    } else {
      columns_[column].json(row, *value);
    }
  };
  for (size_t i = 0; i < plan_.members.size(); ++i) {
    for (const size_t column : plan_.members[i].columns) {
      const std::vector<PathStep>& path = plan_.sources[column].path;
      write(column, values_[i].empty() || path.size() == 1 ? values_[i] : find_path(values_[i], path, 1));
    }
  }
  for (const size_t column : plan_.others) {
    const ColumnSource& source = plan_.sources[column];
    switch (source.kind) {
      case ColumnSource::Kind::Path: write(column, find_path(record_, source.path, 0)); break;
      case ColumnSource::Kind::Constant: columns_[column].text(row, source.constant); break;
      case ColumnSource::Kind::SourceLocation: columns_[column].text(row, block_.input->name); break;
      default: columns_[column].missing(row); break;
    }
  }
}

Error JsonReader::malformed(size_t at) const {
  return Error(ErrorCode::DataFormat,
               block_.input->prefix() + "the record at line " +
                   std::to_string(line_of(*block_.input, block_.offset + static_cast<int64_t>(at))) +
                   " isn't a JSON property bag" +
                   (plan_.layout == JsonLayout::Lines
                        ? " on one line: use the format 'multijson' where they span lines"
                        : ""));
}

class JsonSource : public engine::RecordSource {
 public:
  JsonSource(std::unique_ptr<const Plan> plan, const std::vector<Input>& inputs, size_t threads)
      : plan_(std::move(plan)), threads_(threads), blocks_(inputs, splitter(plan_->layout)) {}

  const Schema& schema() const override { return plan_->schema; }
  size_t max_threads() const override { return threads_; }
  Result<std::unique_ptr<engine::RecordReader>> open_reader() override {
    return std::unique_ptr<engine::RecordReader>(std::make_unique<JsonReader>(*plan_, blocks_));
  }

 private:
  static std::unique_ptr<RecordSplitter> splitter(JsonLayout layout) {
    if (layout == JsonLayout::Lines) return std::make_unique<LineSplitter>();
    return std::make_unique<MultiSplitter>();
  }

  const std::unique_ptr<const Plan> plan_;
  const size_t threads_;
  BlockReader blocks_;
};

}  // namespace

size_t skip_json(std::string_view text, size_t at) {
  return skip_value(text, at, 0);
}

Result<JsonLayout> detect_layout(const Input& input) {
  SPILLWAY_ASSIGN(const std::unique_ptr<ByteStream> stream, open_stream(input));
  std::array<char, 4096> buffer{};
  bool first = true;
  while (true) {
    SPILLWAY_ASSIGN(const size_t count, stream->read(buffer.data(), buffer.size()));
    std::string_view text(buffer.data(), count);
    if (first && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    first = false;
    const size_t at = skip_space(text, 0);
    if (at < text.size()) return text[at] == '[' ? JsonLayout::Multi : JsonLayout::Lines;
    if (count == 0) return JsonLayout::Lines;
  }
}

std::unique_ptr<engine::RecordSource> open_json(JsonLayout layout, const std::vector<Input>& inputs,
                                                const std::vector<catalog::Column>& columns,
                                                std::vector<ColumnSource> sources, size_t threads) {
  auto plan = std::make_unique<Plan>();
  plan->layout = layout;
  std::map<std::string, size_t> members;
  for (size_t i = 0; i < columns.size(); ++i) {
    plan->schema.push_back({columns[i].name, columns[i].type});
    const std::vector<PathStep>& path = sources[i].path;
    if (sources[i].kind != ColumnSource::Kind::Path || path.empty() || path[0].is_index) {
      plan->others.push_back(i);
      continue;
    }
    const auto [member, is_new] = members.emplace(path[0].member, plan->members.size());
    if (is_new) plan->members.push_back({path[0].member, {}});
    plan->members[member->second].columns.push_back(i);
  }
  for (size_t i = 0; i < plan->members.size(); ++i) plan->member_of[plan->members[i].name] = i;
  plan->sources = std::move(sources);
  return std::make_unique<JsonSource>(std::move(plan), inputs, threads);
}

}  // namespace spillway::ingest
