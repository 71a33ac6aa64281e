// parse, parse-where, parse-kv: one function matches the text of a record and packs what it found, which
// further projections take apart and convert.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/functions/parse_text.h"
#include "kql/functions/regex.h"

namespace spillway::kql {

using syntax::ParseSegment;

namespace {

/// What the order of a pattern's parts must be.
Status check_pattern(const std::vector<ParseSegment>& pattern) {
  using Kind = ParseSegment::Kind;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const ParseSegment& part = pattern[i];
    const ParseSegment* before = i > 0 ? &pattern[i - 1] : nullptr;
    if (part.kind == Kind::Text) continue;
    std::string wrong;
    if (part.kind == Kind::Star) {
      if (i + 1 < pattern.size() && pattern[i + 1].kind != Kind::Text) {
        wrong = "a string literal must follow a *";
      } else if (before && before->kind == Kind::Column &&
                 before->type.value_or(Type::String) == Type::String) {
        wrong = "a * can't follow the string column '" + before->name.text + "': where it ends is ambiguous";
      }
    } else if (before && before->kind != Kind::Text) {
      wrong = "the column '" + part.name.text + "' must follow a string literal";
    }
    if (!wrong.empty()) return Error(ErrorCode::Semantic, "'parse' operator: " + wrong, part.span);
  }
  return Status();
}

std::vector<ParseStep> steps_of(const std::vector<ParseSegment>& pattern) {
  std::vector<ParseStep> steps;
  for (const ParseSegment& part : pattern) {
    ParseStep step;
    switch (part.kind) {
      case ParseSegment::Kind::Star: break;
      case ParseSegment::Kind::Text:
        step.kind = ParseStep::Kind::Text;
        step.text = part.text;
        break;
      case ParseSegment::Kind::Column:
        step.kind = ParseStep::Kind::Column;
        step.type = part.type.value_or(Type::String);
        break;
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace

Tabular Binder::extend_columns(Tabular input, std::vector<std::pair<PlanColumn, ExprPtr>> added,
                               TextSpan span) {
  std::set<std::string> names;
  for (const auto& [column, value] : added) names.insert(column.name);
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : input.columns) {
    if (names.count(column.name) > 0) continue;
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, span));
  }
  for (auto& output : added) outputs.push_back(std::move(output));
  return add_project(std::move(input), std::move(outputs), span);
}

Result<ExprPtr> Binder::from_text(ExprPtr text, Type type) {
  const TextSpan span = text->span;
  if (type == Type::String) return text;
  if (type == Type::Dynamic) return call("parse_json", {std::move(text)}, span);
  return convert(std::move(text), type);
}

Result<Tabular> Binder::bind_packed(const syntax::Expr& text, std::string_view function, std::string program,
                                    Tabular input, const EnvironmentPtr& environment, TextSpan span,
                                    std::string_view where) {
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = where;
  SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(text, scope));
  if (value->type != Type::String) {
    SPILLWAY_ASSIGN(value, call("tostring", {std::move(value)}, text.span));
  }
  SPILLWAY_ASSIGN(value,
                  call(function, {std::move(value), literal(Value::string(std::move(program)), span)}, span));
  std::vector<std::pair<PlanColumn, ExprPtr>> added;
  added.emplace_back(new_column("$packed", Type::String), std::move(value));
  return extend_columns(std::move(input), std::move(added), span);
}

Result<Tabular> Binder::bind_parse(const syntax::ParseOp& op, Tabular input,
                                   const EnvironmentPtr& environment) {
  SPILLWAY_TRY(check_pattern(op.pattern));
  const std::vector<ParseStep> steps = steps_of(op.pattern);
  std::string program;
  if (op.mode == syntax::ParseKind::Regex) {
    Result<std::string> compiled = regex_parse_program(steps, op.flags);
    if (!compiled.ok()) return semantic("'parse' operator: " + compiled.error().message, op.span);
    program = *std::move(compiled);
  } else {
    program = simple_parse_program(steps);
  }
  const std::string_view where = op.where ? "parse-where" : "parse";
  SPILLWAY_ASSIGN(Tabular table, bind_packed(*op.text, "parse pattern", std::move(program), std::move(input),
                                             environment, op.span, where));
  std::vector<PlanColumn> columns;
  for (const ParseSegment& part : op.pattern) {
    if (part.kind != ParseSegment::Kind::Column) continue;
    const auto same = [&](const PlanColumn& c) { return c.name == part.name.text; };
    if (std::any_of(columns.begin(), columns.end(), same)) {
      return semantic("'parse' operator: a column named '" + part.name.text + "' is there already",
                      part.name.span);
    }
    columns.push_back(new_column(part.name.text, part.type.value_or(Type::String)));
  }
  return unpack_parsed(std::move(table), std::move(columns), op.mode != syntax::ParseKind::Relaxed, op.where,
                       op.span);
}

/// The columns in place of the packed one, which is the last.
Result<Tabular> Binder::unpack_parsed(Tabular table, std::vector<PlanColumn> columns, bool strict,
                                      bool only_matches, TextSpan span) {
  const PlanColumn packed = table.columns.back();
  std::vector<std::pair<PlanColumn, ExprPtr>> added;
  for (size_t i = 0; i < columns.size(); ++i) {
    ExprPtr index = literal(Value::int64(static_cast<int64_t>(i)), span);
    SPILLWAY_ASSIGN(ExprPtr field, call("parsed field", {column_reference(packed, span), index}, span));
    SPILLWAY_ASSIGN(field, from_text(std::move(field), columns[i].type));
    added.emplace_back(columns[i], std::move(field));
  }
  table = extend_columns(std::move(table), std::move(added), span);
  PlanColumn kept_packed;
  for (const PlanColumn& column : table.columns) {
    if (column.name == packed.name) kept_packed = column;
  }
  // A strict match wants a value of its type in every column.
  SPILLWAY_ASSIGN(const ExprPtr matched,
                  call("!=", {column_reference(kept_packed, span), literal(Value::string(""), span)}, span));
  std::vector<ExprPtr> conditions = {matched};
  for (const PlanColumn& column : columns) {
    if (!strict || column.type == Type::String || column.type == Type::Dynamic) continue;
    SPILLWAY_ASSIGN(ExprPtr there, call("isnotnull", {column_reference(column, span)}, span));
    conditions.push_back(std::move(there));
  }
  const bool typed = conditions.size() > 1;
  ExprPtr all = conditions[0];
  if (typed) {
    SPILLWAY_ASSIGN(all, call("and", std::move(conditions), span));
  }
  std::erase_if(table.columns, [&](const PlanColumn& c) { return c.name == packed.name; });
  if (only_matches) {
    auto filter = std::make_shared<Filter>();
    filter->predicate = std::move(all);
    return add_node(std::move(table), std::move(filter), span);
  }
  if (!typed) return table;
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : columns) {
    SPILLWAY_ASSIGN(
        ExprPtr value,
        call("iff", {all, column_reference(column, span), literal(Value::null(column.type), span)}, span));
    outputs.emplace_back(new_column(column.name, column.type), std::move(value));
  }
  return extend_columns(std::move(table), std::move(outputs), span);
}

namespace {

/// The text of a property of parse-kv, which has `least` to `most` characters.
Result<std::string> delimiter_text(const syntax::Property& property, size_t least, size_t most) {
  const std::string text = property.text();
  if (text.size() >= least && text.size() <= most) return text;
  return Error(ErrorCode::Semantic,
               "'parse-kv' operator: '" + property.name.text + "' must have " +
                   (most == 1                ? std::string("one character")
                    : least == 1 && most > 2 ? std::string("one character or more")
                                             : std::string("one or two characters")),
               property.span);
}

Result<KeyValueFormat> key_value_format(const syntax::Properties& properties) {
  constexpr size_t kLongestDelimiter = 1024;
  KeyValueFormat format;
  for (const syntax::Property& property : properties) {
    const std::string& name = property.name.text;
    if (name == "pair_delimiter") {
      SPILLWAY_ASSIGN(format.pair_delimiter, delimiter_text(property, 1, kLongestDelimiter));
    } else if (name == "kv_delimiter") {
      SPILLWAY_ASSIGN(format.kv_delimiter, delimiter_text(property, 1, kLongestDelimiter));
    } else if (name == "quote") {
      SPILLWAY_ASSIGN(std::string quote, delimiter_text(property, 1, 2));
      format.quotes.push_back(std::move(quote));
    } else if (name == "escape") {
      SPILLWAY_ASSIGN(std::string escape, delimiter_text(property, 1, 1));
      format.escapes.push_back(std::move(escape));
    } else if (name == "greedy") {
      format.greedy = property.text() == "true";
    } else if (name == "regex") {
      format.regex = property.text();
      const re2::RE2* regex = compiled_regex(format.regex);
      if (!regex || regex->NumberOfCapturingGroups() != 2) {
        return Error(ErrorCode::Semantic,
                     "'parse-kv' operator: 'regex' must be a regular expression with two capturing groups",
                     property.span);
      }
    } else {
      return Error(ErrorCode::Semantic,
                   "'parse-kv' operator: unknown property '" + name +
                       "'; there are pair_delimiter, kv_delimiter, quote, escape, greedy and regex",
                   property.name.span);
    }
  }
  return format;
}

}  // namespace

Result<Tabular> Binder::bind_parse_kv(const syntax::ParseKvOp& op, Tabular input,
                                      const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(const KeyValueFormat format, key_value_format(op.properties));
  if (format.pair_delimiter.empty() != format.kv_delimiter.empty()) {
    return semantic("'parse-kv' operator: pair_delimiter and kv_delimiter are given together or not at all",
                    op.span);
  }
  if (op.keys.columns.empty()) {
    return semantic("'parse-kv' operator: needs at least one key", op.keys.span);
  }
  std::vector<PlanColumn> columns;
  std::vector<std::string> keys;
  for (const syntax::ColumnDecl& key : op.keys.columns) {
    if (std::find(keys.begin(), keys.end(), key.name.text) != keys.end()) {
      return semantic("'parse-kv' operator: the key '" + key.name.text + "' is there twice", key.span);
    }
    keys.push_back(key.name.text);
    columns.push_back(new_column(key.name.text, key.type));
  }
  SPILLWAY_ASSIGN(Tabular table, bind_packed(*op.text, "parse pairs", key_value_program(format, keys),
                                             std::move(input), environment, op.span, "parse-kv"));
  return unpack_parsed(std::move(table), std::move(columns), false, false, op.span);
}

}  // namespace spillway::kql
