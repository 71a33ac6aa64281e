#include "kql/plugins/plugin_call.h"

#include <algorithm>

#include "kql/connections.h"
#include "kql/json.h"
#include "kql/syntax/parser.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;
using Count = PluginParameter::Count;
using Kind = PluginParameter::Kind;

bool is_summable(Type type) {
  return is_numeric(type) || type == Type::DateTime || type == Type::TimeSpan;
}

/// What a value must be, for messages; empty where its type will do.
std::string_view complaint(Accepts accepts, Type type) {
  switch (accepts) {
    case Accepts::Any: return "";
    case Accepts::NotDynamic: return type == Type::Dynamic ? "must not be dynamic" : "";
    case Accepts::Summable: return is_summable(type) ? "" : "must be a number, datetime or timespan";
    case Accepts::Integer: return type == Type::Int || type == Type::Long ? "" : "must be an integer";
    case Accepts::Number: return is_numeric(type) ? "" : "must be a number";
    case Accepts::Bool: return type == Type::Bool ? "" : "must be a bool";
    case Accepts::String: return type == Type::String ? "" : "must be a string";
    case Accepts::Dynamic: return type == Type::Dynamic ? "" : "must be dynamic";
  }
  return "";
}

/// Whether an optional argument is the '~' that stands for its default.
bool is_default(const syntax::Expr& expression) {
  const auto* literal = expression.try_as<syntax::LiteralExpr>();
  return literal && literal->value.type() == Type::String && literal->value.as_text() == "~";
}

bool may_be_missing(const PluginParameter& parameter) {
  return parameter.count == Count::Optional || parameter.count == Count::Any;
}

bool repeats(const PluginParameter& parameter) {
  return parameter.count == Count::Any || parameter.count == Count::AtLeastOne;
}

}  // namespace

const PlanColumn* PluginCall::input_column(std::string_view name) const {
  if (!input_) return nullptr;
  for (const PlanColumn& column : input_->columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

const PluginArgument* PluginCall::find(std::string_view parameter) const {
  for (const PluginArgument& argument : arguments_) {
    if (argument.parameter->name == parameter) return &argument;
  }
  return nullptr;
}

std::vector<const PluginArgument*> PluginCall::all(std::string_view parameter) const {
  std::vector<const PluginArgument*> found;
  for (const PluginArgument& argument : arguments_) {
    if (argument.parameter->name == parameter) found.push_back(&argument);
  }
  return found;
}

std::string PluginCall::describe(const Plugin::Signature& signature) const {
  std::string text = plugin_.name + "(";
  for (const PluginParameter& parameter : signature) {
    const std::string separator = text.back() == '(' ? "" : ", ";
    const std::string name = parameter.name + (repeats(parameter) ? ", …" : "");
    text += may_be_missing(parameter) ? "[" + separator + name + "]" : separator + name;
  }
  return text + ")";
}

Result<PluginArgument> PluginCall::bind_column(const PluginParameter& parameter,
                                               const syntax::Argument& argument, const Tabular& table) const {
  const auto* name = argument.value->try_as<syntax::NameExpr>();
  if (!name || name->name.wildcard)
    return fail_at("'" + parameter.name + "' must be a column", argument.span);
  std::vector<std::string> known;
  for (const PlanColumn& column : table.columns) {
    known.push_back(column.name);
    if (column.name != name->name.text) continue;
    const std::string_view wrong = complaint(parameter.accepts, column.type);
    if (!wrong.empty()) {
      return fail_at("column '" + column.name + "' of type " + kql_name(column.type) + ", the argument '" +
                         parameter.name + "', " + std::string(wrong),
                     argument.span);
    }
    PluginArgument bound;
    bound.name = column.name;
    bound.column = column;
    bound.value = Binder::column_reference(column, argument.span);
    return bound;
  }
  const std::string near = nearest_name(name->name.text, known);
  return fail_at("there is no column '" + name->name.text + "' for the argument '" + parameter.name + "'" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"),
                 argument.span);
}

Result<PluginArgument> PluginCall::bind_constant(const PluginParameter& parameter,
                                                 const syntax::Argument& argument) const {
  ScalarScope scope(environment_);
  scope.where = "evaluate";
  PluginArgument bound;
  SPILLWAY_ASSIGN(bound.value, binder_.bind_scalar(*argument.value, scope));
  if (parameter.accepts == Accepts::Dynamic && bound.value->type == Type::String) {
    SPILLWAY_ASSIGN(bound.value, binder_.call("parse_json", {std::move(bound.value)}, argument.span));
  }
  const std::string_view wrong = complaint(parameter.accepts, bound.value->type);
  if (!wrong.empty()) {
    return fail_at("the argument '" + parameter.name + "' " + std::string(wrong) + ", not a " +
                       kql_name(bound.value->type),
                   argument.span);
  }
  return bound;
}

Result<PluginArgument> PluginCall::bind_argument(const PluginParameter& parameter,
                                                 const syntax::Argument& argument,
                                                 const std::vector<PluginArgument>& before) const {
  const syntax::Expr& expression = *argument.value;
  switch (parameter.kind) {
    case Kind::Column:
      if (!input_)
        return fail_at("there is no input with a column for '" + parameter.name + "'", argument.span);
      return bind_column(parameter, argument, *input_);
    case Kind::LookupColumn:
      for (const PluginArgument& table : before) {
        if (table.table) return bind_column(parameter, argument, *table.table);
      }
      return fail_at("'" + parameter.name + "' stands behind its table", argument.span);
    case Kind::Constant: return bind_constant(parameter, argument);
    case Kind::Expression: {
      ScalarScope scope(environment_);
      Tabular input = *input_;
      scope.input = &input;
      scope.where = "evaluate";
      PluginArgument bound;
      SPILLWAY_ASSIGN(bound.value, binder_.bind_scalar(expression, scope));
      const std::string_view wrong = complaint(parameter.accepts, bound.value->type);
      if (!wrong.empty()) return fail_at("'" + parameter.name + "' " + std::string(wrong), argument.span);
      bound.name = argument.name ? argument.name->text : Binder::automatic_name(expression);
      return bound;
    }
    case Kind::Table: {
      if (!binder_.is_tabular(expression, environment_))
        return fail_at("'" + parameter.name + "' must be a table", argument.span);
      PluginArgument bound;
      SPILLWAY_ASSIGN(Tabular table, binder_.bind_tabular(expression, environment_));
      bound.table = std::make_shared<Tabular>(std::move(table));
      return bound;
    }
    case Kind::Aggregate: {
      const auto* call = expression.try_as<syntax::CallExpr>();
      if (!call || !FunctionTable::instance().aggregate(call->name.text))
        return fail_at("'" + parameter.name + "' must be an aggregate, such as count()", argument.span);
      PluginArgument bound;
      bound.aggregate = call;
      return bound;
    }
  }
  return fail("unknown kind of parameter");
}

/// Arguments go to the parameters in turn; one that doesn't fit a parameter that may be missing goes to the
/// next.
Result<std::vector<PluginArgument>> PluginCall::match(const Plugin::Signature& signature) const {
  std::vector<PluginArgument> bound;
  std::vector<bool> given(signature.size());
  const auto put = [&](size_t index, const syntax::Argument& argument) -> Status {
    if (signature[index].kind != Kind::Expression && may_be_missing(signature[index]) &&
        is_default(*argument.value)) {
      return {};
    }
    SPILLWAY_ASSIGN(PluginArgument one, bind_argument(signature[index], argument, bound));
    one.parameter = &signature[index];
    one.span = argument.span;
    bound.push_back(std::move(one));
    return {};
  };
  size_t at = 0;
  for (const syntax::Argument& argument : op_.plugin->arguments) {
    if (argument.name) {
      const auto named = std::find_if(signature.begin(), signature.end(), [&](const PluginParameter& each) {
        return each.name == argument.name->text && each.kind != Kind::Expression;
      });
      if (named != signature.end()) {
        const auto index = static_cast<size_t>(named - signature.begin());
        if (given[index]) return fail_at("'" + named->name + "' is given twice", argument.span);
        given[index] = true;
        SPILLWAY_TRY(put(index, argument));
        continue;
      }
    }
    Status last = fail_at("too many arguments; expected " + describe(signature), argument.span);
    while (at < signature.size()) {
      if (given[at] && !repeats(signature[at])) {
        ++at;
        continue;
      }
      const Status fits = put(at, argument);
      if (fits.ok()) {
        given[at] = true;
        if (!repeats(signature[at])) ++at;
        last = Status();
        break;
      }
      last = fits;
      if (!may_be_missing(signature[at]) && !given[at]) break;
      ++at;
    }
    SPILLWAY_TRY(last);
  }
  for (size_t i = 0; i < signature.size(); ++i) {
    if (!given[i] && !may_be_missing(signature[i])) {
      return fail("the argument '" + signature[i].name + "' is missing; expected " + describe(signature));
    }
  }
  return bound;
}

Result<Tabular> PluginCall::bind() {
  if (!plugin_.unsupported.empty()) {
    return Error(ErrorCode::NotSupported,
                 "The plugin '" + plugin_.name + "' is not supported: " + plugin_.unsupported, span());
  }
  if (plugin_.takes_input && !input_)
    return fail("takes a table as input: T | evaluate " + plugin_.name + "(…)");
  if (!plugin_.takes_input && input_) return fail("takes no input");
  Status last;
  for (const Plugin::Signature& signature : plugin_.signatures) {
    Result<std::vector<PluginArgument>> matched = match(signature);
    last = matched.ok() ? Status() : Status(matched.error());
    if (!last.ok()) continue;
    arguments_ = *std::move(matched);
    break;
  }
  SPILLWAY_TRY(last);
  if (plugin_.plan) return plugin_.plan(*this);
  SPILLWAY_ASSIGN(const std::string text, plugin_.kql(*this));
  SPILLWAY_ASSIGN(Tabular table, kql(text));
  return declared(std::move(table));
}

/// The columns that the query declares, of those that the plugin gives.
Result<Tabular> PluginCall::declared(Tabular table) const {
  if (!schema()) return table;
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  std::set<std::string> names;
  for (const syntax::ColumnDecl& each : schema()->columns) names.insert(each.name.text);
  if (schema()->open) {
    for (const PlanColumn& column : table.columns) {
      if (names.count(column.name) == 0)
        outputs.emplace_back(new_column(column.name, column.type), reference(column));
    }
  }
  for (const syntax::ColumnDecl& each : schema()->columns) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const PlanColumn& c) { return c.name == each.name.text; });
    if (found == table.columns.end()) {
      return fail_at("the result has no column '" + each.name.text + "', which the output schema declares",
                     each.span);
    }
    if (found->type != each.type && !(is_numeric(found->type) && is_numeric(each.type))) {
      return fail_at("column '" + each.name.text + "' of the result is a " + kql_name(found->type) +
                         ", not a " + kql_name(each.type) + " as the output schema declares",
                     each.span);
    }
    SPILLWAY_ASSIGN(ExprPtr value, convert(reference(*found), each.type));
    outputs.emplace_back(new_column(each.name.text, each.type), std::move(value));
  }
  return project(std::move(table), std::move(outputs));
}

Error PluginCall::fail_argument(std::string_view parameter, const std::string& message) const {
  const PluginArgument* argument = find(parameter);
  return fail_at("the argument '" + std::string(parameter) + "' " + message,
                 argument ? argument->span : span());
}

Result<Value> PluginCall::value(std::string_view parameter) const {
  const ExprPtr& expression = find(parameter)->value;
  if (expression->kind == Expr::Kind::Literal) return expression->literal;
  if (!binder_.options_.run)
    return fail_argument(parameter,
                         "must be a literal here, where nothing can be computed before the query runs");
  Tabular row = binder_.empty_row(span());
  row = project(std::move(row), {{new_column("value", expression->type), expression}});
  Value value = Value::null(expression->type);
  SPILLWAY_TRY(run(row, [&](const Batch& batch) -> Status {
    if (batch.rows > 0) value = batch.columns[0].value(0);
    return {};
  }));
  return value;
}

Result<int64_t> PluginCall::integer(std::string_view parameter, int64_t otherwise, int64_t least,
                                    int64_t most) const {
  if (!has(parameter)) return otherwise;
  SPILLWAY_ASSIGN(const Value given, value(parameter));
  if (given.is_null() || given.as_int() < least || given.as_int() > most) {
    return fail_argument(parameter, "must be from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return given.as_int();
}

Result<double> PluginCall::real(std::string_view parameter, double otherwise, double least,
                                double most) const {
  if (!has(parameter)) return otherwise;
  SPILLWAY_ASSIGN(const Value given, value(parameter));
  double number = 0;
  if (given.type() == Type::Real && !given.is_null()) {
    number = given.as_real();
  } else if (given.type() == Type::Decimal && !given.is_null()) {
    number = std::strtod(given.as_text().c_str(), nullptr);
  } else if (!given.is_null()) {
    number = static_cast<double>(given.as_int());
  }
  if (given.is_null() || !(number >= least && number <= most)) {
    return fail_argument(parameter, "must be from " + format_real(least) + " to " + format_real(most));
  }
  return number;
}

Result<bool> PluginCall::flag(std::string_view parameter, bool otherwise) const {
  if (!has(parameter)) return otherwise;
  SPILLWAY_ASSIGN(const Value given, value(parameter));
  return given.is_null() ? otherwise : given.as_bool();
}

Result<std::string> PluginCall::text(std::string_view parameter, std::string otherwise) const {
  if (!has(parameter)) return otherwise;
  SPILLWAY_ASSIGN(const Value given, value(parameter));
  return given.str();
}

Result<std::vector<std::string>> PluginCall::texts(std::string_view parameter) const {
  SPILLWAY_ASSIGN(const Value given, value(parameter));
  if (given.is_null() || json::kind_of(given.as_text()) != json::Kind::Array)
    return fail_argument(parameter, "must be an array");
  std::vector<std::string> texts;
  for (json::Cursor cursor(given.as_text()); cursor.next();)
    json::append_text(cursor.value(), texts.emplace_back());
  return texts;
}

std::string PluginCall::quoted(std::string_view name) {
  std::string out = "[";
  json::quote(name, out);
  return out + "]";
}

std::string PluginCall::name(std::string_view parameter) const {
  return quoted(find(parameter)->name);
}

std::string PluginCall::names(std::string_view parameter) const {
  std::string out;
  for (const PluginArgument* argument : all(parameter)) out += ", " + quoted(argument->name);
  return out;
}

std::string PluginCall::fill(std::string text,
                             std::initializer_list<std::pair<std::string_view, std::string>> values) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto key = std::find_if(values.begin(), values.end(), [&](const auto& each) {
      return text[at] == '{' && text.compare(at + 1, each.first.size(), each.first) == 0 &&
             text.compare(at + 1 + each.first.size(), 1, "}") == 0;
    });
    if (key == values.end()) {
      out += text[at++];
    } else {
      out += key->second;
      at += key->first.size() + 2;
    }
  }
  return out;
}

std::vector<std::string> PluginCall::columns_of(const syntax::CallExpr& call) const {
  std::vector<std::string> names;
  for (const syntax::Argument& argument : call.arguments) {
    if (const auto* name = argument.value->try_as<syntax::NameExpr>()) names.push_back(name->name.text);
  }
  return names;
}

Result<Tabular> PluginCall::aggregate(const syntax::CallExpr* call, const std::vector<PlanColumn>& keys,
                                      const std::vector<std::pair<std::string, ExprPtr>>& outputs) const {
  Tabular table = *input_;
  ScalarScope scope(environment_);
  scope.input = &table;
  scope.where = "evaluate";
  auto node = std::make_shared<Aggregate>();
  AggregateScope aggregates;
  for (const PlanColumn& key : keys) {
    if (key.type == Type::Dynamic)
      return fail("column '" + key.name + "' is dynamic, so it can't be grouped by");
    node->keys.emplace_back(new_column(key.name, key.type), reference(key));
  }
  scope.aggregates = &aggregates;
  std::vector<Binder::NamedOutput> named;
  for (const auto& [name, predicate] : outputs) {
    const size_t first = aggregates.calls.size();
    ExprPtr value;
    if (call) {
      SPILLWAY_ASSIGN(value, binder_.bind_scalar(*call, scope));
    } else {
      SPILLWAY_ASSIGN(value, binder_.add_aggregate(aggregates, "count", {}, nullptr, span()));
    }
    for (size_t i = first; i < aggregates.calls.size(); ++i) {
      ExprPtr& filter = aggregates.calls[i].filter;
      if (!filter) {
        filter = predicate;
        continue;
      }
      SPILLWAY_ASSIGN(filter, this->call("and", {filter, predicate}));
    }
    named.push_back({name, std::move(value)});
  }
  return binder_.finish_summarize(std::move(table), std::move(node), std::move(aggregates.calls),
                                  std::move(named), span());
}

/// The input, with a column __Expr0, … for each expression.
Tabular PluginCall::with_expressions() const {
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : input_->columns)
    outputs.emplace_back(new_column(column.name, column.type), reference(column));
  int number = 0;
  for (const PluginArgument& argument : arguments_) {
    if (argument.parameter->kind != Kind::Expression) continue;
    outputs.emplace_back(new_column("__Expr" + std::to_string(number++), argument.value->type),
                         argument.value);
  }
  return number == 0 ? *input_ : project(*input_, std::move(outputs));
}

Result<EnvironmentPtr> PluginCall::text_environment() const {
  auto environment = std::make_shared<Environment>(nullptr);
  const auto define_table = [&](const std::string& name, Tabular table) {
    Binding binding;
    binding.kind = Binding::Kind::Tabular;
    binding.name = name;
    binding.materialized = std::make_shared<std::optional<Tabular>>(std::move(table));
    environment->define(name, std::move(binding));
  };
  if (input_) define_table("__T", with_expressions());
  for (const PluginArgument& argument : arguments_) {
    const std::string name = "__" + argument.parameter->name;
    if (argument.table) define_table(name, *argument.table);
    if (argument.parameter->kind != Kind::Constant) continue;
    Binding binding;
    binding.name = name;
    binding.scalar = argument.value;
    environment->define(name, std::move(binding));
  }
  return EnvironmentPtr(std::move(environment));
}

Result<Tabular> PluginCall::kql(const std::string& text) const {
  const auto relocated = [&](Error error) {
    error.span = span();
    if (error.code == ErrorCode::Semantic)
      error.message = "evaluate " + plugin_.name + "(): " + error.message;
    return error;
  };
  Result<syntax::Query> parsed = syntax::parse_query(text);
  if (!parsed.ok()) return relocated(parsed.error());
  const syntax::Query& query =
      *binder_.plugin_queries_.emplace_back(std::make_unique<syntax::Query>(*std::move(parsed)));
  SPILLWAY_ASSIGN(EnvironmentPtr environment, text_environment());
  Block block{std::move(environment), {}};
  const bool materialized = input_ && input_->rel->materialize;
  std::optional<Tabular> first;
  for (const syntax::StatementPtr& statement : query.statements) {
    if (statement->kind != syntax::StatementKind::Expression) {
      const Status bound = binder_.bind_statement(*statement, block);
      if (!bound.ok()) return relocated(bound.error());
      continue;
    }
    Result<Tabular> table =
        binder_.bind_tabular(*statement->as<syntax::ExpressionStatement>().expression, block.environment);
    if (!table.ok()) return relocated(table.error());
    if (first) {
      SPILLWAY_TRY(add_result(*std::move(table)));
    } else {
      first = *std::move(table);
    }
  }
  // What is read once needn't be held.
  if (input_ && text.find("__T") == text.rfind("__T")) input_->rel->materialize = materialized;
  return *std::move(first);
}

Result<InferredSchema> PluginCall::infer_schema(const StorageSample& sample) const {
  if (!binder_.options_.infer_schema) return fail("files can't be read here before the query runs");
  for (const std::string& container : sample.containers) {
    SPILLWAY_TRY(check_connection(binder_.options_, container));
  }
  Result<InferredSchema> schema = binder_.options_.infer_schema(sample);
  if (schema.ok()) return schema;
  Error error = schema.error();
  error.message = "evaluate " + plugin_.name + "(): " + error.message;
  error.span = span();
  return error;
}

Tabular PluginCall::native(Tabular input, const std::vector<ExprPtr>& arguments,
                           std::shared_ptr<const NativeOperatorMaker> maker, std::vector<PlanColumn> columns,
                           bool ordered) const {
  std::vector<PlanColumn> added;
  const Tabular with = binder_.with_arguments(std::move(input), arguments, added, span());
  return binder_.add_native({with.rel}, std::move(maker), std::move(columns), ordered, span());
}

bool PluginCall::ends_query() const {
  return binder_.last_operator_ == &op_;
}

Status PluginCall::add_result(Tabular table) const {
  if (!ends_query()) return fail("gives several results, so it must be the last operator of the query");
  RelPtr plan = binder_.finish(table);
  binder_.further_results_.push_back({"PrimaryResult", std::move(plan), ""});
  return {};
}

Status PluginCall::run(const Tabular& table, const Consumer& consume) const {
  if (!binder_.options_.run) {
    return fail(
        "its columns follow from its input's values, which can't be known here before the query runs: "
        "declare "
        "them, as in 'evaluate " +
        plugin_.name + "(…) : (*, Name:string)'");
  }
  Tabular copy = table;
  return binder_.options_.run(binder_.finish(copy), consume);
}

}  // namespace spillway::kql
