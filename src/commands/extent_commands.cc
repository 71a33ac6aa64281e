// Extents: show, merge, drop, clear.
// Sources: management/show-extents.md, drop-extents.md, clear-table-data-command.md.

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/extents.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Extent;
using catalog::Writer;
using TablePtr = std::shared_ptr<const catalog::Table>;
using ExtentPtr = std::shared_ptr<const Extent>;

const Schema kExtents = {{"ExtentId", Type::Guid},
                         {"DatabaseName", Type::String},
                         {"TableName", Type::String},
                         {"MaxCreatedOn", Type::DateTime},
                         {"OriginalSize", Type::Real},
                         {"ExtentSize", Type::Real},
                         {"CompressedSize", Type::Real},
                         {"IndexSize", Type::Real},
                         {"Blocks", Type::Long},
                         {"Segments", Type::Long},
                         {"ExtentContainerId", Type::String},
                         {"RowCount", Type::Long},
                         {"MinCreatedOn", Type::DateTime},
                         {"Tags", Type::String},
                         {"Kind", Type::String},
                         {"DeletedRowCount", Type::Long}};

const Schema kOperation = {{"OperationId", Type::Guid}};

const Schema kMerged = {
    {"OriginalExtentId", Type::String}, {"ResultExtentId", Type::String}, {"Duration", Type::TimeSpan}};

const Schema kDropped = {
    {"ExtentId", Type::String}, {"TableName", Type::String}, {"CreatedOn", Type::DateTime}};

/// `tags has "x"` and its like.
struct TagFilter {
  bool negated = false;
  bool contains = false;
  std::string tag;

  bool accepts(const Extent& extent) const {
    const auto matches = [&](const std::string& of_extent) {
      if (!contains) return of_extent == tag;
      return lower_case(of_extent).find(lower_case(tag)) != std::string::npos;
    };
    return std::any_of(extent.tags.begin(), extent.tags.end(), matches) != negated;
  }
};

/// Which extents a `.show … extents` is asked for.
struct ExtentFilter {
  std::set<Guid> ids;  // empty: all
  std::vector<TagFilter> tags;

  bool accepts(const Extent& extent) const {
    if (!ids.empty() && !ids.contains(extent.id)) return false;
    return std::all_of(tags.begin(), tags.end(), [&](const TagFilter& tag) { return tag.accepts(extent); });
  }
};

Result<TagFilter> tag_filter(Reader& reader) {
  TagFilter filter;
  SPILLWAY_TRY(reader.expect("tags"));
  // The lexer takes `!has` and `!contains` as single words.
  const std::string_view word = reader.peek().text;
  filter.negated = word.starts_with('!');
  filter.contains = word.ends_with("contains");
  if (word != "has" && word != "!has" && word != "contains" && word != "!contains") {
    return reader.expected("has, !has, contains or !contains");
  }
  SPILLWAY_TRY(reader.expect(TokenKind::Word));
  SPILLWAY_ASSIGN(filter.tag, reader.string("a tag in quotes"));
  return filter;
}

/// `[(ids)] [hot] [where tags has "x" and …]`. All extents are hot: they lie where the engine reads them.
Result<ExtentFilter> extent_filter(Reader& reader) {
  ExtentFilter filter;
  if (reader.peek().kind == TokenKind::OpenParen) {
    SPILLWAY_ASSIGN(filter.ids, read_extent_ids(reader));
  }
  reader.accept("hot");
  if (reader.accept("where")) {
    do {
      SPILLWAY_ASSIGN(TagFilter next, tag_filter(reader));
      filter.tags.push_back(std::move(next));
    } while (reader.accept("and"));
  }
  SPILLWAY_TRY(reader.end());
  return filter;
}

std::string joined_tags(const Extent& extent) {
  std::string tags;
  for (const std::string& tag : extent.tags) tags += (tags.empty() ? "" : "\r\n") + tag;
  return tags;
}

void add_extents(const Database& database, const catalog::Table& table, const ExtentFilter& filter,
                 Table& result) {
  for (const ExtentPtr& extent : *table.extents) {
    if (!filter.accepts(*extent)) continue;
    const auto bytes = static_cast<double>(extent->bytes);
    result.rows.push_back(
        {Value::guid(extent->id), Value::string(database.name), Value::string(table.name),
         Value::datetime(extent->created), Value::real(static_cast<double>(extent->original_bytes)),
         Value::real(bytes), Value::real(bytes), Value::real(0), Value::int64(1), Value::int64(1),
         Value::string(""), Value::int64(extent->rows), Value::datetime(extent->first_created),
         Value::string(joined_tags(*extent)), Value::string("Parquet"), Value::int64(0)});
  }
}

Result<Tables> show_table_extents(Call& call) {
  return show_extents_of_tables(call, call.names);
}

Result<Tables> show_database_extents(Call& call) {
  SPILLWAY_ASSIGN(const ExtentFilter filter, extent_filter(call.reader));
  const Name context{call.request.database, {}};
  SPILLWAY_ASSIGN(const Database* database, call.database(call.names.empty() ? context : call.names[0]));
  Table result = empty_table(kExtents);
  for (const auto& [name, table] : database->tables) add_extents(*database, *table, filter, result);
  return Tables{std::move(result)};
}

Result<Tables> show_cluster_extents(Call& call) {
  SPILLWAY_ASSIGN(const ExtentFilter filter, extent_filter(call.reader));
  Table result = empty_table(kExtents);
  for (const auto& [database_name, database] : call.snapshot->databases) {
    for (const auto& [name, table] : database->tables) add_extents(*database, *table, filter, result);
  }
  return Tables{std::move(result)};
}

/// What a `.drop extents` selects: extents of tables of the request's database.
struct Selection {
  std::vector<std::pair<TablePtr, ExtentPtr>> extents;

  void add(const TablePtr& table, const ExtentPtr& extent) { extents.emplace_back(table, extent); }
};

Table dropped_rows(const Selection& selection) {
  Table result = empty_table(kDropped);
  for (const auto& [table, extent] : selection.extents) {
    result.rows.push_back(
        {Value::string(extent->id.str()), Value::string(table->name), Value::datetime(extent->created)});
  }
  return result;
}

/// How `.drop extents … from …` chooses.
struct DropRequest {
  std::optional<std::set<Guid>> ids;
  std::optional<Ticks> older_than;
  std::vector<Name> tables;  // empty: all
  std::optional<int64_t> keep_bytes;
  bool of_original_size = false;
  std::optional<int64_t> limit;
};

Result<Selection> select(const DropRequest& request, const Database& database) {
  Selection selection;
  std::vector<TablePtr> tables;
  for (const Name& name : request.tables) {
    const TablePtr table = find_in(database.tables, name.text);
    if (!table) return not_found("table", name, database);
    tables.push_back(table);
  }
  if (request.tables.empty()) {
    for (const auto& [name, table] : database.tables) tables.push_back(table);
  }
  for (const TablePtr& table : tables) {
    for (const ExtentPtr& extent : *table->extents) {
      if (request.ids && !request.ids->contains(extent->id)) continue;
      if (request.older_than && extent->created >= *request.older_than) continue;
      selection.add(table, extent);
    }
  }
  std::stable_sort(selection.extents.begin(), selection.extents.end(),
                   [](const auto& a, const auto& b) { return a.second->max_cursor < b.second->max_cursor; });
  if (request.keep_bytes) {
    // The newest extents that fit are kept.
    auto& list = selection.extents;
    int64_t kept = 0;
    while (!list.empty()) {
      kept += request.of_original_size ? list.back().second->original_bytes : list.back().second->bytes;
      if (kept > *request.keep_bytes) break;
      list.pop_back();
    }
  }
  if (request.limit && selection.extents.size() > static_cast<size_t>(*request.limit)) {
    selection.extents.resize(static_cast<size_t>(*request.limit));
  }
  if (request.ids && selection.extents.size() != request.ids->size()) {
    return Error{ErrorCode::EntityNotFound,
                 "not all of these extents are in database '" + database.name + "'"};
  }
  return selection;
}

Status drop(Writer& writer, const Database& database, const Selection& selection) {
  std::map<int64_t, std::vector<Guid>> by_table;
  for (const auto& [table, extent] : selection.extents) by_table[table->id].push_back(extent->id);
  for (const auto& [table, ids] : by_table) SPILLWAY_TRY(writer.drop_extents(database.name, table, ids));
  return Status();
}

/// Selects and drops in one transaction, or only shows what would be dropped.
Result<Tables> drop_selected(const Call& call, const DropRequest& request, bool pretend) {
  Selection selection;
  if (pretend) {
    SPILLWAY_ASSIGN(const Database* database, call.database());
    SPILLWAY_ASSIGN(selection, select(request, *database));
    return Tables{dropped_rows(selection)};
  }
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    SPILLWAY_ASSIGN(selection, select(request, database));
    return drop(writer, database, selection);
  });
  SPILLWAY_TRY(changed);
  return Tables{dropped_rows(selection)};
}

Result<Ticks> age(Reader& reader) {
  SPILLWAY_ASSIGN(const int64_t count, reader.integer("a number of days or hours"));
  SPILLWAY_ASSIGN(const std::string unit, reader.expect_one_of({"days", "hours", "day", "hour"}));
  const Ticks each = unit.starts_with("day") ? kTicksPerDay : kTicksPerHour;
  constexpr int64_t kMost = kMaxDateTime / kTicksPerDay;
  if (count < 0 || count > kMost)
    return Error{ErrorCode::BadRequest, "an age of that many " + unit + " is out of range"};
  return count * each;
}

Result<int64_t> size_in_bytes(Reader& reader) {
  SPILLWAY_ASSIGN(const int64_t size, reader.integer("a size"));
  SPILLWAY_ASSIGN(const std::string unit, reader.expect_one_of({"MB", "GB", "bytes"}));
  const int64_t factor = unit == "GB" ? int64_t{1} << 30 : unit == "MB" ? int64_t{1} << 20 : 1;
  if (size < 0 || size > INT64_MAX / factor) return Error{ErrorCode::BadRequest, "that size is out of range"};
  return size * factor;
}

/// `from T`, `from tables (T, U)`, `from all tables`.
Result<std::vector<Name>> from_tables(Reader& reader) {
  SPILLWAY_TRY(reader.expect("from"));
  Reader ahead = reader;
  if (ahead.accept("all") && ahead.accept("tables")) {
    reader = ahead;
    return std::vector<Name>{};
  }
  if (reader.next_is("tables") && (ahead = reader, ahead.accept("tables")) &&
      ahead.peek().kind == TokenKind::OpenParen) {
    reader = ahead;
    return reader.names("a table name");
  }
  SPILLWAY_ASSIGN(Name table, reader.name("a table name, 'all tables' or 'tables (…)'"));
  return std::vector<Name>{std::move(table)};
}

Result<DropRequest> drop_request(Call& call) {
  Reader& reader = call.reader;
  DropRequest request;
  if (reader.peek().kind == TokenKind::OpenParen) {
    SPILLWAY_ASSIGN(request.ids, read_extent_ids(reader));
    if (reader.next_is("from")) {
      SPILLWAY_ASSIGN(request.tables, from_tables(reader));
    }
    SPILLWAY_TRY(reader.end());
    return request;
  }
  if (reader.accept("older")) {
    SPILLWAY_ASSIGN(const Ticks older, age(reader));
    request.older_than = call.services.clock.now() - older;
  }
  SPILLWAY_ASSIGN(request.tables, from_tables(reader));
  if (reader.accept("trim")) {
    SPILLWAY_TRY(reader.expect("by"));
    SPILLWAY_ASSIGN(const std::string measure, reader.expect_one_of({"extentsize", "datasize"}));
    request.of_original_size = measure == "datasize";
    SPILLWAY_ASSIGN(request.keep_bytes, size_in_bytes(reader));
  }
  if (reader.accept("limit")) {
    SPILLWAY_ASSIGN(request.limit, reader.integer("a number of extents"));
  }
  SPILLWAY_TRY(reader.end());
  return request;
}

/// The extents that a query names in its columns ExtentId and TableName.
Result<DropRequest> request_of_query(const Call& call, const Reader::Tail& tail) {
  SPILLWAY_ASSIGN(const Table rows, call.query_or_command(tail.text, tail.offset));
  SPILLWAY_ASSIGN(const std::vector<Guid> ids, extent_ids_of(rows));
  DropRequest request;
  request.ids = std::set<Guid>(ids.begin(), ids.end());
  return request;
}

Result<Tables> drop_extents(Call& call) {
  const bool what_if = call.reader.accept("whatif");
  if (what_if || call.reader.peek().kind == TokenKind::LessBar) {
    SPILLWAY_ASSIGN(const Reader::Tail tail, call.reader.tail());
    SPILLWAY_ASSIGN(const DropRequest request, request_of_query(call, tail));
    return drop_selected(call, request, what_if);
  }
  SPILLWAY_ASSIGN(const DropRequest request, drop_request(call));
  return drop_selected(call, request, false);
}

Result<Tables> drop_pretend_extents(Call& call) {
  SPILLWAY_ASSIGN(const DropRequest request, drop_request(call));
  return drop_selected(call, request, true);
}

Result<Tables> drop_extent(Call& call) {
  DropRequest request;
  SPILLWAY_ASSIGN(const Guid id, call.reader.guid("the id of an extent"));
  request.ids = std::set<Guid>{id};
  if (call.reader.next_is("from")) {
    SPILLWAY_ASSIGN(request.tables, from_tables(call.reader));
  }
  SPILLWAY_TRY(call.reader.end());
  return drop_selected(call, request, false);
}

Result<Tables> clear_table(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  DropRequest request;
  request.tables = call.names;
  return drop_selected(call, request, false);
}

}  // namespace

ExtentTotals totals_of(const catalog::Table& table) {
  ExtentTotals totals;
  for (const ExtentPtr& extent : *table.extents) {
    totals.first_created =
        totals.extents ? std::min(totals.first_created, extent->first_created) : extent->first_created;
    totals.last_created = std::max(totals.last_created, extent->created);
    ++totals.extents;
    totals.rows += extent->rows;
    totals.bytes += extent->bytes;
    totals.original_bytes += extent->original_bytes;
  }
  return totals;
}

Result<std::set<Guid>> read_extent_ids(Reader& reader) {
  std::set<Guid> ids;
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  do {
    SPILLWAY_ASSIGN(const Guid id, reader.guid("the id of an extent"));
    ids.insert(id);
  } while (reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  return ids;
}

Result<std::vector<Guid>> extent_ids_of(const Table& rows) {
  const auto column = std::find_if(rows.schema.begin(), rows.schema.end(),
                                   [](const Field& field) { return field.name == "ExtentId"; });
  if (column == rows.schema.end()) {
    return Error{ErrorCode::Semantic, "the query must return a column ExtentId"};
  }
  std::vector<Guid> ids;
  for (const Row& row : rows.rows) {
    const std::optional<Guid> id = Guid::parse(row[static_cast<size_t>(column - rows.schema.begin())].str());
    if (!id)
      return Error{ErrorCode::Semantic, "the query's column ExtentId holds what is no id of an extent"};
    ids.push_back(*id);
  }
  return ids;
}

std::vector<Guid> extent_ids(const catalog::Table& table) {
  std::vector<Guid> ids;
  for (const ExtentPtr& extent : *table.extents) ids.push_back(extent->id);
  return ids;
}

Result<Tables> show_extents_of_tables(Call& call, const std::vector<Name>& names) {
  SPILLWAY_ASSIGN(const ExtentFilter filter, extent_filter(call.reader));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  Table result = empty_table(kExtents);
  for (const Name& name : names) {
    SPILLWAY_ASSIGN(const TablePtr table, call.table(name));
    add_extents(*database, *table, filter, result);
  }
  return Tables{std::move(result)};
}

/// `.merge [async] T (ids)`. Source: management/extents-overview.md, merge-policy.md.
Result<Tables> merge(Call& call, bool async) {
  SPILLWAY_ASSIGN(const std::set<Guid> ids, read_extent_ids(call.reader));
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(call.reader));
  // Every merge writes the records anew.
  SPILLWAY_TRY(properties.check({"rebuild"}));
  SPILLWAY_TRY(properties.boolean("rebuild", true).status());
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const TablePtr table, call.table(call.names[0]));
  if (call.caller() && !catalog::is_admin(*call.caller(), *database, table->policies)) {
    return call.denied("the role Admin of table '" + table->name + "'");
  }
  std::vector<Guid> list;  // in the table's order
  for (const ExtentPtr& extent : *table->extents) {
    if (ids.contains(extent->id)) list.push_back(extent->id);
  }
  if (list.size() != ids.size()) list.assign(ids.begin(), ids.end());  // merge() says how many are missing
  const auto work = [&ingestor = call.services.ingestor, name = database->name, table,
                     list](const engine::RunOptions& options) -> Result<Table> {
    const auto started = std::chrono::steady_clock::now();
    SPILLWAY_ASSIGN(const Extent merged, ingestor.merge(name, *table, list, options));
    const Ticks elapsed =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started)
            .count() *
        kTicksPerMicrosecond;
    Table result = empty_table(kMerged);
    for (const Guid& id : list) {
      result.rows.push_back(
          {Value::string(id.str()), Value::string(merged.id.str()), Value::timespan(elapsed)});
    }
    return result;
  };
  if (!async) {
    SPILLWAY_ASSIGN(Table result, work(call.run_options()));
    return Tables{std::move(result)};
  }
  ingest::OperationRequest request;
  request.kind = "ExtentsMerge";
  request.database = database->name;
  request.principal = call.request.principal;
  request.activity_id = call.request.activity_id;
  request.persist_details = true;
  request.work = [work](const Guid&, std::shared_ptr<engine::CancelToken> cancel) {
    return work({.cancel = std::move(cancel), .timeout = std::nullopt});
  };
  SPILLWAY_ASSIGN(const Guid id, call.services.ingestor.start_operation(std::move(request)));
  Table result = empty_table(kOperation);
  result.rows.push_back({Value::guid(id)});
  return Tables{std::move(result)};
}

Result<Tables> merge_now(Call& call) {
  return merge(call, false);
}

Result<Tables> merge_async(Call& call) {
  return merge(call, true);
}

std::vector<Command> extent_commands() {
  std::vector<Command> commands = {
      {"show table <name> extents",
       ".show table T extents [(ids)] [hot] [where tags (has | !has | contains | !contains) \"tag\" [and …]] "
       " ·  "
       ".show tables (T, U) extents …",
       "The extents of tables", show_table_extents},
      {"show database <name> extents", ".show database D extents [(ids)] [hot] [where tags …]",
       "The extents of a database", show_database_extents},
      {"show database extents", nullptr, ".show database D extents", show_database_extents},
      {"show cluster extents", ".show cluster extents [hot]", "All extents", show_cluster_extents},
      {"merge <name>", ".merge [async] T (ids) [with (rebuild = true)]",
       "Makes one extent of several that follow one another", merge_now},
      {"merge async <name>", nullptr, ".merge async", merge_async},
      {"drop extents",
       ".drop extents (ids) [from T]  ·  .drop extents [older N (days | hours)] from (T | tables (T, U) | "
       "all tables) "
       "[trim by (extentsize | datasize) N (MB | GB | bytes)] [limit N]  ·  .drop extents [whatif] <| query",
       "Drops extents and their records", drop_extents},
      {"drop extent", ".drop extent ID [from T]", "Drops one extent", drop_extent},
      {"drop-pretend extents", ".drop-pretend extents …", "Shows what .drop extents would drop",
       drop_pretend_extents},
      {"clear table <name> data", ".clear table T data", "Drops all records of a table", clear_table},
  };
  const std::vector<Command> moves = move_commands();
  commands.insert(commands.end(), moves.begin(), moves.end());
  return commands;
}

}  // namespace spillway::commands
