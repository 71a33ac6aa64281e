// The recursive-descent parser behind parser.h, shared between its source files:
//   parser.cc             tokens, names, types, schemas, properties; the public functions
//   parse_expression.cc   scalar expressions, literals, sources, pipelines
//   parse_operators.cc    what follows a `|`
//   parse_graph.cc        graph operators
//   parse_statements.cc   statements, functions
//
// Errors: the first one is kept and the parser then stands at the end of the text, whatever it asks for, so
// that every loop ends and every caller returns at once; no caller checks. The tree of a failed parse has
// holes (null pointers) and is thrown away.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kql/syntax/ast.h"
#include "kql/syntax/lexer.h"
#include "kql/syntax/parser.h"

namespace spillway::kql::syntax {

class Parser {
 public:
  /// How far the text is read: to its end, or (a command) to the first `<|`.
  enum class Extent { Query, Command };
  Parser(std::string_view text, size_t start, Extent extent = Extent::Query);

  // What parser.h promises. Each must be followed by finished().
  Query query();
  ExprPtr expression();  // with pipes
  std::vector<OperatorPtr> operators();
  std::unique_ptr<FunctionExpr> function();
  RowSchema row_schema();

  /// The error, or that something is left of the text.
  Status finished();

 private:
  friend class TokenStream;

  // The depth of an expression: created before its first part is parsed; finish() gives the level.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser), outer_(parser.height_) { parser.height_ = 0; }
    ~Level() { parser_.height_ = std::max(outer_, parser_.height_); }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
    int outer_;
  };
  // A level of recursion. Every cycle of the grammar goes through an expression, an operator, a function or a
  // JSON value, each of which counts one.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kMaxNesting) parser_.fail_nesting();
    }
    ~Nesting() { parser_.nesting_--; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser& parser_;
  };
  enum class NameKind { Reference, Declared };
  // A binary operator: its precedence (0 where the token is none) and what it makes.
  struct BinaryInfo {
    int precedence = 0;
    ExprKind kind = ExprKind::Binary;
    BinaryOp op = BinaryOp::Add;
    InOp in = InOp::In;
    bool negated = false;  // of between
  };

  // parser.cc: tokens.
  const Token& peek(size_t ahead = 0) const {
    const size_t at = pos_ + ahead;
    return at < tokens_.size() ? tokens_[at] : tokens_.back();
  }
  bool at(TokenKind kind, size_t ahead = 0) const { return peek(ahead).kind == kind; }
  bool at(Keyword keyword, size_t ahead = 0) const { return peek(ahead).keyword == keyword; }
  bool at_word(std::string_view word, size_t ahead = 0) const {
    return at(TokenKind::Word, ahead) && peek(ahead).text == word;
  }
  const Token& advance();
  bool accept(TokenKind kind);
  bool accept(Keyword keyword);
  bool accept_signs(std::string_view signs);
  size_t signs_at(std::string_view signs) const;
  void expect(TokenKind kind);
  void expect(Keyword keyword);
  bool failed() const { return error_.has_value(); }
  void fail(const TextSpan& span, std::string message, ErrorCode code = ErrorCode::Syntax);
  void fail_nesting();
  void fail_limit(const std::string& what);
  void fail_expected(std::string_view expected);
  TextSpan span_from(size_t first) const;

  // parser.cc: names, types, properties.
  size_t name_length(NameKind kind, size_t ahead = 0) const;
  size_t wildcard_length(size_t ahead = 0) const;
  Name name(NameKind kind);
  Name name_or_pattern();
  Name any_word();
  Name pattern(size_t length);
  std::string string_literal();
  Guid guid_literal();
  Type type();
  Type type_of_literal();
  RowSchema row_schema_items(TokenKind close, size_t first);
  bool property_at(std::initializer_list<std::string_view> names) const;
  size_t hint_length() const;
  Properties parameters(std::initializer_list<std::string_view> names = {});
  Property parameter();
  ExprPtr property_value();
  Properties with_properties();
  Property with_property();

  // parse_expression.cc.
  template <typename Node>
  ExprPtr finish(std::unique_ptr<Node> node, size_t first);
  void add_level(Expr& node);
  ExprPtr unnamed();
  NamedExpr named();
  std::vector<NamedExpr> named_list();
  size_t tuple_length() const;
  OrderedExpr ordered();
  ExprPtr binary(int least);
  ExprPtr binary_right(ExprPtr left, const BinaryInfo& info, size_t first);
  ExprPtr logical_right(ExprPtr left, const BinaryInfo& info, size_t first);
  ExprPtr in_right(ExprPtr left, const BinaryInfo& info, size_t first);
  ExprPtr between_right(ExprPtr left, const BinaryInfo& info, size_t first);
  static BinaryInfo binary_info(const Token& token);
  static BinaryInfo word_info(Keyword keyword);
  ExprPtr operand();
  ExprPtr signed_operand();
  ExprPtr path();
  ExprPtr member(ExprPtr base, size_t first);
  ExprPtr primary();
  ExprPtr word_primary();
  ExprPtr name_expr();
  void fail_expression();
  ExprPtr entity();
  ExprPtr call(ExprPtr scope, size_t first);
  std::unique_ptr<CallExpr> required_call();
  std::vector<Argument> arguments();
  ExprPtr parenthesized();
  ExprPtr literal(bool negative = false);
  ExprPtr string_expr();
  ExprPtr dynamic_literal();
  void json_value(std::string& out);
  void json_number(std::string& out);
  void json_object(std::string& out);
  void json_array(std::string& out);
  ExprPtr type_literal();
  ExprPtr datatable();
  ExprPtr externaldata();
  bool inline_external_table_at() const;
  ExprPtr inline_external_table();
  PartitionColumn partition_column();
  PathFormatElement path_format_element();
  ExprPtr view_combine();
  ExprPtr context_table();
  ExprPtr sub_query_call();
  ExprPtr entity_group();
  void data_scope(DataScope& scope);
  bool source_operator_at() const;

  // parse_operators.cc, parse_graph.cc.
  OperatorPtr pipe_operator();
  bool list_ends() const;
  OperatorPtr operator_by_keyword(Keyword keyword);
  OperatorPtr graph_operator(Keyword keyword);
  void fail_operator();
  PipePtr sub_query();
  PipePtr sub_pipeline(size_t first);
  template <typename Op>
  std::unique_ptr<Op> begin();
  OperatorPtr parse_as();
  OperatorPtr parse_assert_schema();
  OperatorPtr parse_consume();
  OperatorPtr parse_count();
  OperatorPtr parse_distinct();
  OperatorPtr parse_evaluate();
  OperatorPtr parse_facet();
  OperatorPtr parse_filter();
  OperatorPtr parse_find();
  FindColumn find_column();
  void find_sources(std::vector<ExprPtr>& sources);
  OperatorPtr parse_fork();
  OperatorPtr parse_getschema();
  OperatorPtr parse_invoke();
  OperatorPtr parse_join();
  OperatorPtr parse_lookup();
  OperatorPtr parse_macro_expand();
  OperatorPtr parse_make_series();
  std::vector<ExpandColumn> expand_columns();
  OperatorPtr parse_mv_expand();
  OperatorPtr parse_mv_apply();
  OperatorPtr parse_parse();
  ParseSegment parse_segment();
  bool parse_segment_at() const;
  OperatorPtr parse_parse_kv();
  OperatorPtr parse_partition();
  OperatorPtr parse_partition_by();
  std::vector<Name> names_or_patterns();
  OperatorPtr parse_project_away();
  OperatorPtr parse_project_keep();
  OperatorPtr parse_project_by_names();
  OperatorPtr parse_project_reorder();
  OperatorPtr parse_range();
  OperatorPtr parse_reduce();
  OperatorPtr parse_render();
  Property render_property();
  OperatorPtr parse_sample();
  OperatorPtr parse_sample_distinct();
  OperatorPtr parse_scan();
  ScanStep scan_step();
  OperatorPtr parse_search();
  OperatorPtr parse_serialize();
  OperatorPtr parse_sort();
  OperatorPtr parse_summarize();
  OperatorPtr parse_take();
  OperatorPtr parse_top();
  OperatorPtr parse_top_hitters();
  OperatorPtr parse_top_nested();
  OperatorPtr parse_union();
  ExprPtr union_table();
  OperatorPtr parse_graph_match();
  OperatorPtr parse_graph_shortest_paths();
  template <typename Op>
  void graph_clauses(Op& op);
  GraphPattern graph_pattern();
  bool graph_edge(GraphPatternElement& element);
  OperatorPtr parse_graph_to_table();
  OperatorPtr parse_graph_mark_components();
  OperatorPtr parse_graph_where_nodes();
  OperatorPtr parse_graph_where_edges();
  OperatorPtr parse_make_graph();

  // parse_statements.cc.
  StatementPtr statement();
  std::vector<StatementPtr> statements(TokenKind end);
  StatementPtr parse_let();
  StatementPtr parse_set();
  StatementPtr parse_query_parameters();
  StatementPtr parse_pattern();
  PatternRule pattern_rule();
  StatementPtr parse_alias();
  StatementPtr parse_restrict();
  bool function_at() const;
  Parameter parameter_declaration();
  std::vector<Parameter> parameter_list();
  FunctionBody function_body();

  std::vector<Token> tokens_;  // the last one is End
  size_t pos_ = 0;
  std::string bad_token_;  // the lexer's error about the Bad token, after which there are no others
  std::optional<Error> error_;
  int height_ = 0;  // of the expressions parsed so far inside the current Level
  int nesting_ = 0;
};

/// Of `names` the one that `word` is most likely a slip of; empty where none is close.
std::string nearest(std::string_view word, const std::vector<std::string_view>& names);

template <typename Node>
ExprPtr Parser::finish(std::unique_ptr<Node> node, size_t first) {
  node->span = span_from(first);
  add_level(*node);
  return node;
}

/// At the operator's name: takes it.
template <typename Op>
std::unique_ptr<Op> Parser::begin() {
  auto op = std::make_unique<Op>();
  op->keyword = advance().span;
  return op;
}

}  // namespace spillway::kql::syntax
