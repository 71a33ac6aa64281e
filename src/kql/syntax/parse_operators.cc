// The tabular operators: what may follow a `|`, or begin a pipeline.
#include <algorithm>
#include <array>

#include "kql/syntax/parser_internal.h"

namespace spillway::kql::syntax {

namespace {

/// The operators by their names, for messages.
const std::vector<std::string_view> kOperatorNames = {"as",
                                                      "assert-schema",
                                                      "consume",
                                                      "count",
                                                      "distinct",
                                                      "evaluate",
                                                      "extend",
                                                      "facet",
                                                      "filter",
                                                      "find",
                                                      "fork",
                                                      "getschema",
                                                      "graph-mark-components",
                                                      "graph-match",
                                                      "graph-shortest-paths",
                                                      "graph-to-table",
                                                      "graph-where-edges",
                                                      "graph-where-nodes",
                                                      "invoke",
                                                      "join",
                                                      "limit",
                                                      "lookup",
                                                      "macro-expand",
                                                      "make-graph",
                                                      "make-series",
                                                      "mv-apply",
                                                      "mv-expand",
                                                      "order",
                                                      "parse",
                                                      "parse-kv",
                                                      "parse-where",
                                                      "partition",
                                                      "print",
                                                      "project",
                                                      "project-away",
                                                      "project-by-names",
                                                      "project-keep",
                                                      "project-rename",
                                                      "project-reorder",
                                                      "range",
                                                      "reduce",
                                                      "render",
                                                      "sample",
                                                      "sample-distinct",
                                                      "scan",
                                                      "search",
                                                      "serialize",
                                                      "sort",
                                                      "summarize",
                                                      "take",
                                                      "top",
                                                      "top-hitters",
                                                      "top-nested",
                                                      "union",
                                                      "where"};

template <typename Op>
OperatorPtr with_columns(std::unique_ptr<Op> op, std::vector<NamedExpr> columns) {
  op->columns = std::move(columns);
  return op;
}

}  // namespace

OperatorPtr Parser::pipe_operator() {
  Nesting nesting(*this);
  const size_t first = pos_;
  OperatorPtr op = operator_by_keyword(peek().keyword);
  if (!op) {
    fail_operator();
    return nullptr;
  }
  op->span = span_from(first);
  return op;
}

OperatorPtr Parser::operator_by_keyword(Keyword keyword) {
  switch (keyword) {
    case Keyword::As: return parse_as();
    case Keyword::AssertSchema: return parse_assert_schema();
    case Keyword::Consume: return parse_consume();
    case Keyword::Count: return parse_count();
    case Keyword::Distinct: return parse_distinct();
    case Keyword::Evaluate: return parse_evaluate();
    case Keyword::ExecuteAndCache: return begin<ExecuteAndCacheOp>();
    case Keyword::Extend: {
      auto op = begin<ExtendOp>();
      return with_columns(std::move(op), named_list());
    }
    case Keyword::Facet: return parse_facet();
    case Keyword::Filter:
    case Keyword::Where: return parse_filter();
    case Keyword::Find: return parse_find();
    case Keyword::Fork: return parse_fork();
    case Keyword::GetSchema: return parse_getschema();
    case Keyword::Invoke: return parse_invoke();
    case Keyword::Join: return parse_join();
    case Keyword::Lookup: return parse_lookup();
    case Keyword::MacroExpand: return parse_macro_expand();
    case Keyword::MakeSeries: return parse_make_series();
    case Keyword::MvApply:
    case Keyword::MvApplyOld: return parse_mv_apply();
    case Keyword::MvExpand:
    case Keyword::MvExpandOld: return parse_mv_expand();
    case Keyword::Parse:
    case Keyword::ParseWhere: return parse_parse();
    case Keyword::ParseKv: return parse_parse_kv();
    case Keyword::Partition: return parse_partition();
    case Keyword::PartitionBy: return parse_partition_by();
    case Keyword::Print: {
      auto op = begin<PrintOp>();
      return with_columns(std::move(op), named_list());
    }
    case Keyword::Project: {
      auto op = begin<ProjectOp>();
      return list_ends() ? OperatorPtr(std::move(op)) : with_columns(std::move(op), named_list());
    }
    case Keyword::ProjectRename: {
      auto op = begin<ProjectRenameOp>();
      return list_ends() ? OperatorPtr(std::move(op)) : with_columns(std::move(op), named_list());
    }
    case Keyword::ProjectAway: return parse_project_away();
    case Keyword::ProjectKeep: return parse_project_keep();
    case Keyword::ProjectByNames: return parse_project_by_names();
    case Keyword::ProjectReorder: return parse_project_reorder();
    case Keyword::Range: return parse_range();
    case Keyword::Reduce: return parse_reduce();
    case Keyword::Render: return parse_render();
    case Keyword::Sample: return parse_sample();
    case Keyword::SampleDistinct: return parse_sample_distinct();
    case Keyword::Scan: return parse_scan();
    case Keyword::Search: return parse_search();
    case Keyword::Serialize: return parse_serialize();
    case Keyword::Sort:
    case Keyword::Order: return parse_sort();
    case Keyword::Summarize: return parse_summarize();
    case Keyword::Take:
    case Keyword::Limit: return parse_take();
    case Keyword::Top: return parse_top();
    case Keyword::TopHitters: return parse_top_hitters();
    case Keyword::TopNested: return parse_top_nested();
    case Keyword::Union: return parse_union();
    default: return graph_operator(keyword);
  }
}

/// Where an operator must stand but none does: names the nearest one. A word with dashes is taken whole.
void Parser::fail_operator() {
  const Token& token = peek();
  if (token.kind != TokenKind::Word) return fail_expected("an operator");
  std::string word(token.text);
  TextSpan span = token.span;
  for (size_t n = 1; !peek(n).space_before && (at(TokenKind::Minus, n) || at(TokenKind::Word, n)); n++) {
    word += peek(n).text;
    span.length += peek(n).span.length;
  }
  const std::string near = nearest(word, kOperatorNames);
  fail(span, "unknown operator '" + word + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

/// True where an operator's list of operands is over, or empty.
bool Parser::list_ends() const {
  switch (peek().kind) {
    case TokenKind::End:
    case TokenKind::Bar:
    case TokenKind::Semicolon:
    case TokenKind::CloseParen:
    case TokenKind::CloseBracket:
    case TokenKind::CloseBrace: return true;
    default: return false;
  }
}

/// `( operators )`.
PipePtr Parser::sub_query() {
  expect(TokenKind::OpenParen);
  PipePtr pipe = sub_pipeline(pos_);
  expect(TokenKind::CloseParen);
  return pipe;
}

/// Operators whose input comes from outside.
PipePtr Parser::sub_pipeline(size_t first) {
  Level level(*this);
  auto pipe = std::make_unique<PipeExpr>();
  if (at(Keyword::ContextualDataTable)) {
    pipe->source = context_table();
    while (accept(TokenKind::Bar)) pipe->operators.push_back(pipe_operator());
  } else {
    pipe->operators = operators();
  }
  pipe->span = span_from(first);
  add_level(*pipe);
  return pipe;
}

OperatorPtr Parser::parse_as() {
  auto op = begin<AsOp>();
  op->parameters = parameters();
  op->name = name(NameKind::Declared);
  return op;
}

OperatorPtr Parser::parse_assert_schema() {
  auto op = begin<AssertSchemaOp>();
  op->schema = row_schema();
  return op;
}

OperatorPtr Parser::parse_consume() {
  auto op = begin<ConsumeOp>();
  op->parameters = parameters();
  return op;
}

OperatorPtr Parser::parse_count() {
  auto op = begin<CountOp>();
  op->parameters = parameters();
  if (accept(Keyword::As)) op->as = name(NameKind::Declared);
  return op;
}

OperatorPtr Parser::parse_distinct() {
  auto op = begin<DistinctOp>();
  op->parameters = parameters();
  do {
    const Token& next = peek(1);
    const bool alone = next.kind == TokenKind::Comma || next.kind == TokenKind::Bar ||
                       next.kind == TokenKind::End || next.kind == TokenKind::CloseParen ||
                       next.kind == TokenKind::Semicolon || next.kind == TokenKind::CloseBrace;
    if (at(TokenKind::Star) && alone) {
      advance();
      op->star = true;
    } else {
      op->columns.push_back(named());
    }
  } while (accept(TokenKind::Comma));
  return op;
}

OperatorPtr Parser::parse_evaluate() {
  auto op = begin<EvaluateOp>();
  op->parameters = parameters();
  op->plugin = required_call();
  if (accept(TokenKind::Colon)) op->schema = row_schema();
  return op;
}

OperatorPtr Parser::parse_facet() {
  auto op = begin<FacetOp>();
  expect(Keyword::By);
  do op->columns.push_back(entity());
  while (accept(TokenKind::Comma));
  if (!accept(Keyword::With)) return op;
  if (at(TokenKind::OpenParen)) {
    op->with = sub_query();
    return op;
  }
  Level level(*this);
  const size_t first = pos_;
  auto pipe = std::make_unique<PipeExpr>();
  pipe->operators.push_back(pipe_operator());
  pipe->span = span_from(first);
  add_level(*pipe);
  op->with = std::move(pipe);
  return op;
}

OperatorPtr Parser::parse_filter() {
  auto op = begin<FilterOp>();
  op->parameters = parameters();
  op->predicate = named();
  return op;
}

// find, search, union.

OperatorPtr Parser::parse_find() {
  auto op = begin<FindOp>();
  data_scope(op->data_scope);
  op->parameters = parameters({"withsource", "with_source", "isfuzzy"});
  if (accept(Keyword::In)) find_sources(op->sources);
  if (op->parameters.empty() && op->sources.empty()) {
    op->has_where = accept(Keyword::Where);
  } else {
    expect(Keyword::Where);
    op->has_where = true;
  }
  op->predicate = unnamed();
  if (accept(Keyword::ProjectSmart)) {
    op->project_smart = true;
  } else if (accept(Keyword::Project)) {
    do op->project.push_back(find_column());
    while (accept(TokenKind::Comma));
  }
  if (!accept(Keyword::ProjectAway) && !accept(Keyword::ProjectAwayFind)) return op;
  do {
    if (accept(TokenKind::Star))
      op->project_away_star = true;
    else
      op->project_away.push_back(find_column());
  } while (accept(TokenKind::Comma));
  return op;
}

/// `name`, `name:type`, `pack(*)`, `pack_all()`.
FindColumn Parser::find_column() {
  const size_t first = pos_;
  FindColumn column;
  if ((at(Keyword::Pack) || at_word("pack_all")) && at(TokenKind::OpenParen, 1)) {
    column.pack = true;
    column.name = any_word();
    advance();
    accept(TokenKind::Star);
    expect(TokenKind::CloseParen);
  } else {
    column.name = name_or_pattern();
    if (accept(TokenKind::Colon)) column.type = type();
  }
  column.span = span_from(first);
  return column;
}

/// `(A, B* , database("d").C, D | as E)`.
void Parser::find_sources(std::vector<ExprPtr>& sources) {
  expect(TokenKind::OpenParen);
  do {
    Level level(*this);
    const size_t first = pos_;
    ExprPtr source = union_table();
    if (at(TokenKind::Bar)) {
      auto pipe = std::make_unique<PipeExpr>();
      pipe->source = std::move(source);
      while (accept(TokenKind::Bar)) {
        if (!at(Keyword::As)) return fail_expected("'as'");
        pipe->operators.push_back(pipe_operator());
      }
      source = finish(std::move(pipe), first);
    }
    sources.push_back(std::move(source));
  } while (accept(TokenKind::Comma));
  expect(TokenKind::CloseParen);
}

OperatorPtr Parser::parse_search() {
  auto op = begin<SearchOp>();
  op->parameters = parameters({"kind"});
  data_scope(op->data_scope);
  if (accept(Keyword::In)) find_sources(op->sources);
  Level level(*this);
  const size_t first = pos_;
  const bool all = at(TokenKind::Star) && binary_info(peek(1)).precedence == 0;
  const bool all_and = at(TokenKind::Star) && at(Keyword::And, 1);
  if (!all && !all_and) {
    op->predicate = unnamed();
    return op;
  }
  advance();
  op->predicate = finish(std::make_unique<StarExpr>(), first);
  if (!accept(Keyword::And)) return op;
  auto both = std::make_unique<LogicalExpr>();
  both->operands.push_back(std::move(op->predicate));
  both->operands.push_back(unnamed());
  op->predicate = finish(std::move(both), first);
  return op;
}

OperatorPtr Parser::parse_union() {
  auto op = begin<UnionOp>();
  op->parameters = parameters({"kind", "withsource", "with_source", "isfuzzy", "best_effort"});
  do op->tables.push_back(union_table());
  while (accept(TokenKind::Comma));
  return op;
}

/// A table, a pattern of names, a call, or a pipeline in parentheses.
ExprPtr Parser::union_table() {
  Level level(*this);
  const size_t first = pos_;
  if (const size_t length = wildcard_length(); length > 0) {
    auto node = std::make_unique<NameExpr>();
    node->name = pattern(length);
    return finish(std::move(node), first);
  }
  if (!at(TokenKind::OpenParen) && !at(TokenKind::Word) && !at(TokenKind::OpenBracket) &&
      !at(TokenKind::At)) {
    fail_expected("a table");
    return nullptr;
  }
  ExprPtr base = primary();
  while (!failed() && (at(TokenKind::Dot) || at(TokenKind::OpenBracket))) {
    const size_t length = at(TokenKind::Dot) ? wildcard_length(1) : 0;
    if (length == 0) {
      base = member(std::move(base), first);
      continue;
    }
    advance();
    auto node = std::make_unique<PathExpr>();
    node->base = std::move(base);
    node->name = pattern(length);
    return finish(std::move(node), first);
  }
  return base;
}

// fork, partition, and other operators with sub-queries.

OperatorPtr Parser::parse_fork() {
  auto op = begin<ForkOp>();
  do {
    const size_t first = pos_;
    ForkBranch branch;
    const size_t length = name_length(NameKind::Declared);
    if (length > 0 && at(TokenKind::Equal, length)) {
      branch.name = name(NameKind::Declared);
      advance();
    }
    branch.query = sub_query();
    branch.span = span_from(first);
    op->branches.push_back(std::move(branch));
    const size_t next = name_length(NameKind::Declared);
    if (!at(TokenKind::OpenParen) && !(next > 0 && at(TokenKind::Equal, next))) break;
  } while (!failed());
  return op;
}

OperatorPtr Parser::parse_partition() {
  auto op = begin<PartitionOp>();
  op->parameters = parameters();
  expect(Keyword::By);
  op->by = entity();
  if (accept(Keyword::In)) op->in = path();
  if (at(TokenKind::OpenBrace)) {
    advance();
    op->full_query = expression();
    expect(TokenKind::CloseBrace);
  } else {
    op->query = sub_query();
  }
  return op;
}

OperatorPtr Parser::parse_partition_by() {
  auto op = begin<PartitionByOp>();
  op->parameters = parameters();
  op->column = entity();
  if (accept(Keyword::Id)) op->id = guid_literal();
  op->query = sub_query();
  return op;
}

OperatorPtr Parser::parse_macro_expand() {
  auto op = begin<MacroExpandOp>();
  op->parameters = parameters({"kind", "isfuzzy", "best_effort", "force_remote"});
  const size_t length = name_length(NameKind::Reference);
  if (length > 0 && at(Keyword::In, length)) {
    op->scope = name(NameKind::Reference);
    advance();
    op->entity_group = entity();
  } else {
    op->entity_group = path();
    expect(Keyword::As);
    op->scope = name(NameKind::Declared);
  }
  expect(TokenKind::OpenParen);
  op->statements = statements(TokenKind::CloseParen);
  expect(TokenKind::CloseParen);
  return op;
}

OperatorPtr Parser::parse_getschema() {
  auto op = begin<GetSchemaOp>();
  op->parameters = parameters({"kind"});
  return op;
}

OperatorPtr Parser::parse_invoke() {
  auto op = begin<InvokeOp>();
  op->call = required_call();
  return op;
}

OperatorPtr Parser::parse_join() {
  auto op = begin<JoinOp>();
  op->parameters = parameters({"kind"});
  op->right = unnamed();
  if (accept(Keyword::On)) {
    op->has_on = true;
    do op->on.push_back(unnamed());
    while (accept(TokenKind::Comma));
  } else if (accept(Keyword::Where)) {
    op->where = unnamed();
  }
  return op;
}

OperatorPtr Parser::parse_lookup() {
  auto op = begin<LookupOp>();
  op->parameters = parameters({"kind"});
  op->right = unnamed();
  expect(Keyword::On);
  do op->on.push_back(unnamed());
  while (accept(TokenKind::Comma));
  return op;
}

OperatorPtr Parser::parse_make_series() {
  auto op = begin<MakeSeriesOp>();
  op->parameters = parameters({"kind"});
  do {
    const size_t first = pos_;
    SeriesAggregation aggregation;
    aggregation.expr = named();
    if (accept(Keyword::Default)) {
      expect(TokenKind::Equal);
      aggregation.default_value = unnamed();
    }
    aggregation.span = span_from(first);
    op->aggregations.push_back(std::move(aggregation));
  } while (accept(TokenKind::Comma));
  expect(Keyword::On);
  op->on = named();
  if (accept(Keyword::In)) {
    op->in_range = true;
    expect(Keyword::Range);
    expect(TokenKind::OpenParen);
    op->from = unnamed();
    expect(TokenKind::Comma);
    op->to = unnamed();
    expect(TokenKind::Comma);
    op->step = unnamed();
    expect(TokenKind::CloseParen);
  } else {
    if (accept(Keyword::From)) op->from = unnamed();
    if (accept(Keyword::To)) op->to = unnamed();
    expect(Keyword::Step);
    op->step = unnamed();
  }
  if (accept(Keyword::By)) op->by = named_list();
  return op;
}

std::vector<ExpandColumn> Parser::expand_columns() {
  std::vector<ExpandColumn> columns;
  do {
    const size_t first = pos_;
    ExpandColumn column;
    column.expr = named();
    if (accept(Keyword::To)) column.to = type_of_literal();
    column.span = span_from(first);
    columns.push_back(std::move(column));
  } while (accept(TokenKind::Comma));
  return columns;
}

OperatorPtr Parser::parse_mv_expand() {
  auto op = begin<MvExpandOp>();
  op->parameters = parameters({"kind", "bagexpansion", "with_itemindex"});
  op->columns = expand_columns();
  if (accept(Keyword::Limit)) op->limit = unnamed();
  return op;
}

OperatorPtr Parser::parse_mv_apply() {
  auto op = begin<MvApplyOp>();
  op->parameters = parameters({"with_itemindex"});
  op->columns = expand_columns();
  if (accept(Keyword::Limit)) op->limit = unnamed();
  if (accept(Keyword::Id)) op->id = guid_literal();
  expect(Keyword::On);
  op->query = sub_query();
  return op;
}

// parse.

OperatorPtr Parser::parse_parse() {
  const bool where = at(Keyword::ParseWhere);
  auto op = begin<ParseOp>();
  op->where = where;
  op->parameters = parameters({"kind", "flags"});
  for (const Property& property : op->parameters) {
    const std::string value = property.text();
    if (property.name.text == "flags")
      op->flags = value;
    else if (property.name.text != "kind" || value == "simple")
      continue;
    else if (value == "regex")
      op->mode = ParseKind::Regex;
    else if (value == "relaxed")
      op->mode = ParseKind::Relaxed;
    else
      fail(property.value ? property.value->span : property.span,
           "expected 'simple', 'regex' or 'relaxed' but found '" + value + "'");
  }
  op->text = unnamed();
  expect(Keyword::With);
  while (parse_segment_at()) op->pattern.push_back(parse_segment());
  if (op->pattern.empty()) fail_expected("a pattern of '*', string literals and column names");
  return op;
}

bool Parser::parse_segment_at() const {
  return at(TokenKind::Star) || at(TokenKind::String) || name_length(NameKind::Declared) > 0;
}

ParseSegment Parser::parse_segment() {
  const size_t first = pos_;
  ParseSegment segment;
  if (accept(TokenKind::Star)) {
    segment.kind = ParseSegment::Kind::Star;
  } else if (at(TokenKind::String)) {
    segment.kind = ParseSegment::Kind::Text;
    segment.text = string_literal();
  } else {
    segment.kind = ParseSegment::Kind::Column;
    segment.name = name(NameKind::Declared);
    if (accept(TokenKind::Colon)) segment.type = type();
  }
  segment.span = span_from(first);
  return segment;
}

OperatorPtr Parser::parse_parse_kv() {
  auto op = begin<ParseKvOp>();
  op->text = unnamed();
  expect(Keyword::As);
  op->keys = row_schema();
  if (accept(Keyword::With)) op->properties = with_properties();
  return op;
}

// project and its family.

std::vector<Name> Parser::names_or_patterns() {
  std::vector<Name> names;
  do names.push_back(name_or_pattern());
  while (accept(TokenKind::Comma));
  return names;
}

OperatorPtr Parser::parse_project_away() {
  auto op = begin<ProjectAwayOp>();
  if (!list_ends()) op->columns = names_or_patterns();
  return op;
}

OperatorPtr Parser::parse_project_keep() {
  auto op = begin<ProjectKeepOp>();
  op->columns = names_or_patterns();
  return op;
}

OperatorPtr Parser::parse_project_by_names() {
  auto op = begin<ProjectByNamesOp>();
  do {
    const size_t first = pos_;
    if (const size_t length = wildcard_length(); length > 0) {
      Level level(*this);
      auto node = std::make_unique<NameExpr>();
      node->name = pattern(length);
      op->columns.push_back(finish(std::move(node), first));
    } else {
      op->columns.push_back(unnamed());
    }
  } while (accept(TokenKind::Comma));
  return op;
}

OperatorPtr Parser::parse_project_reorder() {
  auto op = begin<ProjectReorderOp>();
  if (list_ends()) return op;
  do {
    const size_t first = pos_;
    ReorderColumn column;
    column.name = name_or_pattern();
    if (accept(Keyword::Asc))
      column.order = ReorderColumn::Order::Asc;
    else if (accept(Keyword::Desc))
      column.order = ReorderColumn::Order::Desc;
    else if (accept(Keyword::GrannyAsc))
      column.order = ReorderColumn::Order::GrannyAsc;
    else if (accept(Keyword::GrannyDesc))
      column.order = ReorderColumn::Order::GrannyDesc;
    column.span = span_from(first);
    op->columns.push_back(std::move(column));
  } while (accept(TokenKind::Comma));
  return op;
}

// The rest, by name.

OperatorPtr Parser::parse_range() {
  auto op = begin<RangeOp>();
  op->column = name(NameKind::Declared);
  expect(Keyword::From);
  op->from = unnamed();
  expect(Keyword::To);
  op->to = unnamed();
  expect(Keyword::Step);
  op->step = unnamed();
  return op;
}

OperatorPtr Parser::parse_reduce() {
  auto op = begin<ReduceOp>();
  op->parameters = parameters({"kind", "threshold", "characters"});
  expect(Keyword::By);
  op->by = named();
  if (accept(Keyword::With)) op->with = named_list();
  return op;
}

OperatorPtr Parser::parse_render() {
  auto op = begin<RenderOp>();
  op->chart = any_word();
  while (!failed()) {
    const size_t first = pos_;
    Property property;
    const bool assigned = at(TokenKind::Equal, 1);
    if (assigned && (at(Keyword::Kind) || at(Keyword::Title) || at_word("accumulate"))) {
      op->properties.push_back(render_property());
    } else if (at(Keyword::With) && at(TokenKind::String, 1)) {
      property.name = any_word();
      property.value = string_expr();
      property.span = span_from(first);
      op->properties.push_back(std::move(property));
    } else if (at(Keyword::By)) {
      property.name = any_word();
      do property.names.push_back(name(NameKind::Declared));
      while (accept(TokenKind::Comma));
      property.span = span_from(first);
      op->properties.push_back(std::move(property));
    } else {
      break;
    }
  }
  if (!accept(Keyword::With)) return op;
  expect(TokenKind::OpenParen);
  accept(TokenKind::Comma);
  while (!at(TokenKind::CloseParen) && !failed()) {
    op->properties.push_back(render_property());
    if (!accept(TokenKind::Comma)) break;
  }
  expect(TokenKind::CloseParen);
  return op;
}

/// `title = "…"`, `ycolumns = a, b`.
Property Parser::render_property() {
  static const std::vector<std::string_view> kNames = {
      "accumulate", "anomalycolumns", "kind",  "legend",   "series", "title", "xaxis",  "xcolumn", "xmax",
      "xmin",       "xtitle",         "yaxis", "ycolumns", "ymax",   "ymin",  "ysplit", "ytitle"};
  const size_t first = pos_;
  const Token& token = peek();
  Property property;
  property.name = any_word();
  const std::string& key = property.name.text;
  if (!failed() && std::find(kNames.begin(), kNames.end(), key) == kNames.end()) {
    const std::string near = nearest(key, kNames);
    fail(token.span,
         "unknown property '" + key + "' of render" + (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
  expect(TokenKind::Equal);
  if (key == "ycolumns" || key == "series" || key == "anomalycolumns" || key == "xcolumn") {
    do property.names.push_back(name(NameKind::Declared));
    while (at(TokenKind::Comma) && !at(TokenKind::Equal, 2) && !at(TokenKind::CloseParen, 1) &&
           accept(TokenKind::Comma));
  } else if (at(TokenKind::Word) && (at(TokenKind::OpenParen, 1) || at(TokenKind::Dot, 1))) {
    property.value = path();
  } else {
    property.value = property_value();
  }
  property.span = span_from(first);
  return property;
}

OperatorPtr Parser::parse_sample() {
  auto op = begin<SampleOp>();
  op->parameters = parameters();
  op->count = named();
  return op;
}

OperatorPtr Parser::parse_sample_distinct() {
  auto op = begin<SampleDistinctOp>();
  op->parameters = parameters();
  op->count = named();
  expect(Keyword::Of);
  op->of = named();
  return op;
}

OperatorPtr Parser::parse_scan() {
  auto op = begin<ScanOp>();
  op->parameters = parameters({"kind", "with_match_id", "with_step_name"});
  if (accept(Keyword::Order)) {
    expect(Keyword::By);
    do op->order_by.push_back(ordered());
    while (accept(TokenKind::Comma));
  }
  if (accept(Keyword::Partition)) {
    expect(Keyword::By);
    do op->partition_by.push_back(unnamed());
    while (accept(TokenKind::Comma));
  }
  if (accept(Keyword::Declare)) op->declare = parameter_list();
  expect(Keyword::With);
  expect(TokenKind::OpenParen);
  do op->steps.push_back(scan_step());
  while (at(Keyword::Step));
  expect(TokenKind::CloseParen);
  return op;
}

/// `step s1 optional output=last: condition => a = x, b = y;`
ScanStep Parser::scan_step() {
  const size_t first = pos_;
  ScanStep step;
  expect(Keyword::Step);
  step.name = name(NameKind::Declared);
  step.optional = accept(Keyword::Optional);
  if (accept(Keyword::Output)) {
    expect(TokenKind::Equal);
    if (at_word("all"))
      step.output = ScanStep::Output::All;
    else if (at_word("last"))
      step.output = ScanStep::Output::Last;
    else if (at_word("none"))
      step.output = ScanStep::Output::None;
    else
      fail_expected("'all', 'last' or 'none'");
    advance();
  }
  expect(TokenKind::Colon);
  step.condition = unnamed();
  if (accept(TokenKind::FatArrow)) {
    do {
      const size_t start = pos_;
      ScanAssignment assignment;
      assignment.name = name(NameKind::Declared);
      expect(TokenKind::Equal);
      assignment.value = unnamed();
      assignment.span = span_from(start);
      step.assignments.push_back(std::move(assignment));
    } while (accept(TokenKind::Comma));
  }
  expect(TokenKind::Semicolon);
  step.span = span_from(first);
  return step;
}

OperatorPtr Parser::parse_serialize() {
  auto op = begin<SerializeOp>();
  op->parameters = parameters();
  if (!list_ends()) op->columns = named_list();
  return op;
}

OperatorPtr Parser::parse_sort() {
  auto op = begin<SortOp>();
  op->parameters = parameters();
  expect(Keyword::By);
  do op->by.push_back(ordered());
  while (accept(TokenKind::Comma));
  return op;
}

OperatorPtr Parser::parse_summarize() {
  auto op = begin<SummarizeOp>();
  op->parameters = parameters();
  if (!list_ends() && !(at(Keyword::By) && !at(TokenKind::Equal, 1))) op->aggregates = named_list();
  if (!accept(Keyword::By)) return op;
  op->has_by = true;
  op->by = named_list();
  if (at(Keyword::Bin) && at(TokenKind::Equal, 1)) {
    advance();
    advance();
    op->bin = signed_operand();
  }
  return op;
}

OperatorPtr Parser::parse_take() {
  auto op = begin<TakeOp>();
  op->parameters = parameters();
  op->count = named();
  return op;
}

OperatorPtr Parser::parse_top() {
  auto op = begin<TopOp>();
  op->parameters = parameters();
  op->count = named();
  expect(Keyword::By);
  op->by = ordered();
  return op;
}

OperatorPtr Parser::parse_top_hitters() {
  auto op = begin<TopHittersOp>();
  op->count = named();
  expect(Keyword::Of);
  op->of = named();
  if (accept(Keyword::By)) op->by = ordered();
  return op;
}

OperatorPtr Parser::parse_top_nested() {
  auto op = std::make_unique<TopNestedOp>();
  op->keyword = peek().span;
  do {
    const size_t first = pos_;
    TopNestedLevel level;
    expect(Keyword::TopNested);
    if (!at(Keyword::Of)) level.count = named();
    expect(Keyword::Of);
    level.of = named();
    if (accept(Keyword::With)) {
      expect(Keyword::Others);
      expect(TokenKind::Equal);
      NamedExpr others;
      others.value = unnamed();
      if (!failed()) others.span = others.value->span;
      level.with_others = std::move(others);
    }
    expect(Keyword::By);
    level.by = ordered();
    level.span = span_from(first);
    op->levels.push_back(std::move(level));
  } while (accept(TokenKind::Comma));
  return op;
}

}  // namespace spillway::kql::syntax
