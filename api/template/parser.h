// Tokens to nodes, with jinja2's grammar. Throws TemplateError (kSyntax) with the line.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/template/ast.h"
#include "api/template/lexer.h"

namespace puna::api::jinja {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Program Parse();

 private:
  class Nesting;

  // The tokens.
  const Token& Current() const { return tokens_[at_]; }
  const Token& Ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token Take();
  bool TakeName(std::string_view name);
  bool TakeOperator(std::string_view op);
  void ExpectOperator(std::string_view op);
  void Expect(TokenType type);
  std::string ExpectName();
  [[noreturn]] void FailAt(int line, const std::string& message) const;
  [[noreturn]] void FailUnexpected(const std::string& expected) const;
  int Intern(const std::string& name);

  // parser_statements.cc
  Body ParseBody(std::initializer_list<std::string_view> ends);
  Body ParseBlock(std::initializer_list<std::string_view> ends);
  std::unique_ptr<const Statement> ParseStatement();
  std::unique_ptr<const Statement> ParseIf();
  std::unique_ptr<const Statement> ParseFor();
  std::unique_ptr<const Statement> ParseSet();
  std::unique_ptr<const Statement> ParseMacro();
  std::unique_ptr<const Statement> ParseCallBlock();
  std::unique_ptr<const Statement> ParseFilterBlock();
  std::unique_ptr<const Statement> ParseWith(bool generation);
  std::unique_ptr<const Statement> ParseLoopControl(Flow flow);
  void ParseSignature(MacroDefinition& macro);
  Body ParseMacroBody(MacroDefinition& macro, std::string_view end);
  Target ParseTarget(bool attributes);
  Target ParseTargetPart(bool attributes);

  // parser_expressions.cc
  ExprPtr ParseExpression();
  ExprPtr ParseTuple(bool with_condition, bool parentheses);
  ExprPtr ParseBinary(int level);
  ExprPtr ParseNot();
  ExprPtr ParseComparison(ExprPtr first);
  ExprPtr ParseConcat(ExprPtr first);
  ExprPtr ParseSum(ExprPtr first);
  ExprPtr ParseUnary(bool with_filters);
  ExprPtr ParsePrimary();
  ExprPtr ParseNumber();
  ExprPtr ParseStrings();
  ExprPtr ParseList();
  ExprPtr ParseDict();
  ExprPtr ParsePostfix(ExprPtr expr);
  ExprPtr ParseSubscript(ExprPtr object);
  ExprPtr ParseCall(ExprPtr callee);
  CallArguments ParseArguments();
  ExprPtr ParseFilters(ExprPtr expr);
  ExprPtr ParseFilter(ExprPtr subject);
  ExprPtr ParseTest(ExprPtr subject);
  std::string ParseDottedName();
  // Sets the depth from the children and bounds it.
  template <typename T>
  ExprPtr Finish(std::unique_ptr<T> node, std::initializer_list<const Expr*> children);
  void Deepen(Expr& node, const Expr* child) const;
  void Deepen(Expr& node, const CallArguments& arguments) const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;       // for statements around, inside the current macro
  int conditions_ = 0;  // ifs around: unknown filters there fail only when they are reached, as in jinja2
  std::vector<MacroDefinition*> macros_;  // around, innermost last
  Program program_;
  std::map<std::string, int> symbols_;
};

// One level of nested syntax.
class Parser::Nesting {
 public:
  explicit Nesting(Parser& parser);
  ~Nesting() { --parser_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Parser& parser_;
};

}  // namespace puna::api::jinja
