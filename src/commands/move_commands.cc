// Extents that change their tables.
// Sources: management/move-extents.md, replace-extents.md.

#include <algorithm>
#include <set>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/extents.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using TablePtr = std::shared_ptr<const catalog::Table>;

const Schema kMoved = {
    {"OriginalExtentId", Type::String}, {"ResultExtentId", Type::String}, {"Details", Type::String}};

const Schema kOperation = {{"OperationId", Type::Guid}};

/// How often all extents of a table are chosen anew because they changed before they could be moved.
constexpr int kAttempts = 5;

/// `with (setNewIngestionTime = true, extentCreatedOnFrom = …, extentCreatedOnTo = …)`.
struct MoveOptions {
  bool new_ingestion_time = false;
  std::optional<Ticks> from, to;

  bool accepts(const catalog::Extent& extent) const {
    return (!from || extent.created >= *from) && (!to || extent.created <= *to);
  }
};

Result<std::optional<Ticks>> datetime_property(const Properties& properties, const char* name) {
  const std::optional<std::string> text = properties.text(name);
  if (!text) return std::optional<Ticks>();
  const std::optional<Ticks> ticks = parse_datetime(*text);
  if (!ticks) {
    return Error{ErrorCode::BadRequest,
                 "property '" + std::string(name) + "' takes a datetime, not '" + *text + "'"};
  }
  return ticks;
}

Result<MoveOptions> move_options(Reader& reader) {
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_TRY(properties.check({"setNewIngestionTime", "extentCreatedOnFrom", "extentCreatedOnTo"}));
  MoveOptions options;
  SPILLWAY_ASSIGN(options.new_ingestion_time, properties.boolean("setNewIngestionTime", false));
  SPILLWAY_ASSIGN(options.from, datetime_property(properties, "extentCreatedOnFrom"));
  SPILLWAY_ASSIGN(options.to, datetime_property(properties, "extentCreatedOnTo"));
  return options;
}

/// An extent that a command names, by the table that it should be in.
struct Chosen {
  std::string table;
  Guid id;
};

/// What a command moves, ready to run: it owns all that it needs, because it may outlive the request.
struct MoveWork {
  const char* kind;
  Name destination;
  MoveOptions options;
  std::optional<Name> all_of;  // all extents of this table, or …
  std::vector<Chosen> chosen;  // … just these
  std::vector<Guid> drops;     // of the destination
  std::string database, principal, activity_id;
  std::shared_ptr<const catalog::Caller> caller;  // null: the server itself
  catalog::Catalog* catalog = nullptr;
  ingest::Ingestor* ingestor = nullptr;

  Result<Table> run(const Guid& operation, const engine::RunOptions& run_options) const {
    Result<Table> rows = attempt(operation, run_options);
    for (int i = 1; i < kAttempts && all_of && !rows.ok() && rows.error().code == ErrorCode::Conflict; ++i) {
      rows = attempt(operation, run_options);
    }
    return rows;
  }

 private:
  Result<Table> attempt(const Guid& operation, const engine::RunOptions& run_options) const {
    const std::shared_ptr<const Database> now = find_in(catalog->snapshot()->databases, database);
    if (!now) return Error{ErrorCode::EntityNotFound, "database '" + database + "' not found"};
    const TablePtr to = find_in(now->tables, destination.text);
    if (!to) return not_found("table", destination, *now);
    SPILLWAY_TRY(check_admin(*now, *to));
    ingest::MoveRequest request;
    request.database = database;
    request.table_id = to->id;
    SPILLWAY_ASSIGN(request.moves, moves(*now));
    SPILLWAY_TRY(check_drops(*to));
    request.drops = drops;
    request.new_ingestion_time = options.new_ingestion_time;
    request.origin = {operation, kind, principal, activity_id};
    request.cancel = run_options.cancel;
    request.timeout = run_options.timeout;
    if (!request.moves.empty() || !request.drops.empty()) SPILLWAY_TRY(ingestor->move_extents(request));
    Table result = empty_table(kMoved);
    for (const Guid& id : drops) {
      result.rows.push_back({Value::string(id.str()), Value::string(""), Value::string("")});
    }
    for (const catalog::Move& move : request.moves) {
      result.rows.push_back(
          {Value::string(move.id.str()), Value::string(move.new_id.str()), Value::string("")});
    }
    return result;
  }

  Result<std::vector<catalog::Move>> moves(const Database& now) const {
    std::vector<Chosen> wanted = chosen;
    if (all_of) {
      const TablePtr from = find_in(now.tables, all_of->text);
      if (!from) return not_found("table", *all_of, now);
      for (const Guid& id : extent_ids(*from)) wanted.push_back({from->name, id});
    }
    std::map<std::string, std::map<Guid, std::shared_ptr<const catalog::Extent>>> tables;
    std::vector<catalog::Move> list;
    std::set<Guid> seen;
    for (const Chosen& each : wanted) {
      const TablePtr from = find_in(now.tables, each.table);
      if (!from) return not_found("table", {each.table, {}}, now);
      if (from->name == destination.text) {
        return Error{ErrorCode::BadRequest,
                     "extent " + each.id.str() + " is in table '" + from->name + "' already"};
      }
      if (!tables.contains(from->name)) SPILLWAY_TRY(check_admin(now, *from));
      auto& extents = tables[from->name];
      if (extents.empty()) {
        for (const auto& extent : *from->extents) extents[extent->id] = extent;
      }
      const auto extent = extents.find(each.id);
      if (extent == extents.end()) {
        return Error{ErrorCode::EntityNotFound,
                     "extent " + each.id.str() + " not found in table '" + from->name + "'"};
      }
      if (!options.accepts(*extent->second) || !seen.insert(each.id).second) continue;
      list.push_back({from->id, each.id, Guid::random()});
    }
    return list;
  }

  Status check_admin(const Database& now, const catalog::Table& table) const {
    if (!caller || catalog::is_admin(*caller, now, table.policies)) return {};
    return catalog::denied(*caller, "move extents from or to table '" + table.name + "'",
                           "the role Admin of the table");
  }

  Status check_drops(const catalog::Table& to) const {
    const std::vector<Guid> all = extent_ids(to);
    const std::set<Guid> there(all.begin(), all.end());
    for (const Guid& id : drops) {
      if (there.contains(id)) continue;
      return Error{ErrorCode::EntityNotFound, "extent " + id.str() + " not found in table '" + to.name + "'"};
    }
    return Status();
  }
};

/// The extents that a query names in its columns ExtentId and TableName.
Result<std::vector<Chosen>> chosen_by(const Call& call, const Reader::Tail& tail) {
  SPILLWAY_ASSIGN(const Table rows, call.query_or_command(tail.text, tail.offset));
  SPILLWAY_ASSIGN(const std::vector<Guid> ids, extent_ids_of(rows));
  const auto column = std::find_if(rows.schema.begin(), rows.schema.end(),
                                   [](const Field& field) { return field.name == "TableName"; });
  if (column == rows.schema.end()) {
    return Error{ErrorCode::Semantic, "the query must return a column TableName"};
  }
  std::vector<Chosen> chosen;
  for (size_t i = 0; i < ids.size(); ++i) {
    chosen.push_back({rows.rows[i][static_cast<size_t>(column - rows.schema.begin())].str(), ids[i]});
  }
  return chosen;
}

Result<MoveWork> work_of(const Call& call, const char* kind) {
  SPILLWAY_ASSIGN(const Database* database, call.database());
  MoveWork work;
  work.kind = kind;
  work.database = database->name;
  work.principal = call.request.principal;
  work.caller = call.request.caller;
  work.activity_id = call.request.activity_id;
  work.catalog = &call.services.catalog;
  work.ingestor = &call.services.ingestor;
  return work;
}

Result<Tables> run(const Call& call, const MoveWork& work, bool async) {
  if (!async) {
    SPILLWAY_ASSIGN(Table result, work.run(Guid(), call.run_options()));
    return Tables{std::move(result)};
  }
  ingest::OperationRequest request;
  request.kind = work.kind;
  request.database = work.database;
  request.principal = work.principal;
  request.activity_id = work.activity_id;
  request.persist_details = true;
  request.work = [work](const Guid& operation, std::shared_ptr<engine::CancelToken> cancel) {
    return work.run(operation, {.cancel = std::move(cancel), .timeout = std::nullopt});
  };
  SPILLWAY_ASSIGN(const Guid id, call.services.ingestor.start_operation(std::move(request)));
  Table result = empty_table(kOperation);
  result.rows.push_back({Value::guid(id)});
  return Tables{std::move(result)};
}

/// `to table U [with (…)]`.
Status read_destination(Reader& reader, MoveWork& work) {
  SPILLWAY_TRY(reader.expect("to"));
  SPILLWAY_TRY(reader.expect("table"));
  SPILLWAY_ASSIGN(work.destination, reader.name("a table name"));
  SPILLWAY_ASSIGN(work.options, move_options(reader));
  return Status();
}

Result<Tables> move(Call& call, bool async) {
  Reader& reader = call.reader;
  SPILLWAY_ASSIGN(MoveWork work, work_of(call, "ExtentsMove"));
  const bool all = reader.accept("all");
  if (!all && !reader.next_is("from")) {
    SPILLWAY_TRY(read_destination(reader, work));
    SPILLWAY_ASSIGN(const Reader::Tail tail, reader.tail());
    SPILLWAY_TRY(call.table(work.destination).status());
    SPILLWAY_ASSIGN(work.chosen, chosen_by(call, tail));
    return run(call, work, async);
  }
  SPILLWAY_TRY(reader.expect("from"));
  SPILLWAY_TRY(reader.expect("table"));
  SPILLWAY_ASSIGN(const Name source, reader.name("a table name"));
  SPILLWAY_TRY(read_destination(reader, work));
  if (all) {
    work.all_of = source;
  } else {
    SPILLWAY_ASSIGN(const std::set<Guid> ids, read_extent_ids(reader));
    for (const Guid& id : ids) work.chosen.push_back({source.text, id});
  }
  SPILLWAY_TRY(reader.end());
  SPILLWAY_TRY(call.table(source).status());
  SPILLWAY_TRY(call.table(work.destination).status());
  if (source.text == work.destination.text) {
    return Error{ErrorCode::BadRequest, "extents can't be moved from a table to itself",
                 work.destination.span};
  }
  return run(call, work, async);
}

Result<Tables> move_extents(Call& call) {
  return move(call, false);
}

Result<Tables> move_extents_async(Call& call) {
  return move(call, true);
}

Result<Tables> replace(Call& call, bool async) {
  Reader& reader = call.reader;
  SPILLWAY_ASSIGN(MoveWork work, work_of(call, "ExtentsReplace"));
  SPILLWAY_TRY(reader.expect("in"));
  SPILLWAY_TRY(reader.expect("table"));
  SPILLWAY_ASSIGN(work.destination, reader.name("a table name"));
  SPILLWAY_ASSIGN(work.options, move_options(reader));
  SPILLWAY_TRY(reader.expect(TokenKind::LessBar));
  SPILLWAY_ASSIGN(const Reader::Tail drop_query, reader.braces());
  SPILLWAY_TRY(reader.expect(TokenKind::Comma));
  SPILLWAY_ASSIGN(const Reader::Tail move_query, reader.braces());
  SPILLWAY_TRY(reader.end());
  SPILLWAY_TRY(call.table(work.destination).status());
  SPILLWAY_ASSIGN(const Table drops, call.query_or_command(drop_query.text, drop_query.offset));
  SPILLWAY_ASSIGN(const std::vector<Guid> ids, extent_ids_of(drops));
  const std::set<Guid> unique(ids.begin(), ids.end());
  work.drops.assign(unique.begin(), unique.end());
  SPILLWAY_ASSIGN(work.chosen, chosen_by(call, move_query));
  return run(call, work, async);
}

Result<Tables> replace_extents(Call& call) {
  return replace(call, false);
}

Result<Tables> replace_extents_async(Call& call) {
  return replace(call, true);
}

}  // namespace

std::vector<Command> move_commands() {
  return {
      {"move extents",
       ".move [async] extents all from table T to table U [with (setNewIngestionTime = true, "
       "extentCreatedOnFrom = …, extentCreatedOnTo = …)]  ·  "
       ".move [async] extents from table T to table U [with (…)] (ids)  ·  "
       ".move [async] extents to table U [with (…)] <| query",
       "Moves extents to another table", move_extents},
      {"move async extents", nullptr, ".move async extents", move_extents_async},
      {"replace extents",
       ".replace [async] extents in table U [with (…)] <| {query of extents to drop}, {query of extents to "
       "move}",
       "Drops extents of a table and moves others there, at once", replace_extents},
      {"replace async extents", nullptr, ".replace async extents", replace_extents_async},
  };
}

}  // namespace spillway::commands
