#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/parser.h"
#include "api/template/template_error.h"

namespace puna::api::jinja {
namespace {

constexpr int kMaxNesting = 200;

std::string Describe(const Token& token) {
  switch (token.type) {
    case TokenType::kData:
      return "text";
    case TokenType::kVariableBegin:
      return "'{{'";
    case TokenType::kVariableEnd:
      return "'}}'";
    case TokenType::kBlockBegin:
      return "'{%'";
    case TokenType::kBlockEnd:
      return "'%}'";
    case TokenType::kString:
      return "a string";
    case TokenType::kEnd:
      return "the end of the template";
    default:
      return "'" + token.text.substr(0, 60) + "'";
  }
}

template <typename T>
std::unique_ptr<T> NewStatement(const Token& token) {
  auto statement = std::make_unique<T>();
  statement->line = token.line;
  return statement;
}

}  // namespace

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
  if (parser_.nesting_ >= kMaxNesting) {
    parser_.FailAt(parser_.Current().line, "nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  ++parser_.nesting_;
}

Program Parser::Parse() {
  program_.body = ParseBody({});
  return std::move(program_);
}

Token Parser::Take() {
  Token token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::TakeName(std::string_view name) {
  const bool found = Current().IsName(name);
  if (found) Take();
  return found;
}

bool Parser::TakeOperator(std::string_view op) {
  const bool found = Current().IsOperator(op);
  if (found) Take();
  return found;
}

void Parser::ExpectOperator(std::string_view op) {
  if (!TakeOperator(op)) FailUnexpected("'" + std::string(op) + "'");
}

void Parser::Expect(TokenType type) {
  if (Current().type != type) FailUnexpected(Describe({type, 0, ""}));
  Take();
}

std::string Parser::ExpectName() {
  if (Current().type != TokenType::kName) FailUnexpected("a name");
  return Take().text;
}

void Parser::FailAt(int line, const std::string& message) const {
  throw TemplateError(TemplateError::Kind::kSyntax, message, "", line);
}

void Parser::FailUnexpected(const std::string& expected) const {
  FailAt(Current().line, "expected " + expected + ", found " + Describe(Current()));
}

int Parser::Intern(const std::string& name) {
  const auto [place, is_new] = symbols_.try_emplace(name, static_cast<int>(program_.symbols.size()));
  if (is_new) program_.symbols.push_back(name);
  return place->second;
}

// Statements up to a tag whose name is one of ends (not taken), or the end of the template when there are none.
Body Parser::ParseBody(std::initializer_list<std::string_view> ends) {
  const Nesting nesting(*this);
  Body body;
  for (;;) {
    const Token& token = Current();
    if (token.type == TokenType::kData) {
      auto text = NewStatement<TextStatement>(token);
      text->text = Take().text;
      body.push_back(std::move(text));
    } else if (token.type == TokenType::kVariableBegin) {
      auto print = NewStatement<PrintStatement>(token);
      Take();
      print->value = ParseTuple(true, false);
      Expect(TokenType::kVariableEnd);
      body.push_back(std::move(print));
    } else if (token.type == TokenType::kBlockBegin) {
      Take();
      if (std::any_of(ends.begin(), ends.end(), [&](auto end) { return Current().IsName(end); })) return body;
      if (auto statement = ParseStatement()) body.push_back(std::move(statement));
      Expect(TokenType::kBlockEnd);
    } else {
      if (ends.size() > 0) {
        FailAt(token.line, "the template ends where '{% " + std::string(*(ends.end() - 1)) + " %}' is missing");
      }
      return body;
    }
  }
}

// The rest of a tag and the statements after it.
Body Parser::ParseBlock(std::initializer_list<std::string_view> ends) {
  TakeOperator(":");
  Expect(TokenType::kBlockEnd);
  return ParseBody(ends);
}

std::unique_ptr<const Statement> Parser::ParseStatement() {
  const Token token = Current();
  if (token.type != TokenType::kName) FailUnexpected("the name of a tag");
  const std::string& name = token.text;
  if (name == "if") return ParseIf();
  if (name == "for") return ParseFor();
  if (name == "set") return ParseSet();
  if (name == "macro") return ParseMacro();
  if (name == "call") return ParseCallBlock();
  if (name == "filter") return ParseFilterBlock();
  if (name == "with" || name == "generation") return ParseWith(name == "generation");
  if (name == "break") return ParseLoopControl(Flow::kBreak);
  if (name == "continue") return ParseLoopControl(Flow::kContinue);
  if (name == "print") {
    Take();
    auto print = NewStatement<PrintStatement>(token);
    print->value = ParseExpression();
    return print;
  }
  for (const std::string_view other : {"include", "import", "from", "extends", "block", "autoescape"}) {
    if (name == other) FailAt(token.line, "the tag '" + name + "' is not supported in a chat template");
  }
  FailAt(token.line, "unknown tag '" + name.substr(0, 60) + "'");
}

std::unique_ptr<const Statement> Parser::ParseIf() {
  auto statement = NewStatement<IfStatement>(Take());
  ++conditions_;
  for (;;) {
    ExprPtr test = ParseTuple(false, false);
    Body body = ParseBlock({"elif", "else", "endif"});
    statement->branches.emplace_back(std::move(test), std::move(body));
    if (TakeName("elif")) continue;
    if (TakeName("else")) statement->otherwise = ParseBlock({"endif"});
    break;
  }
  TakeName("endif");
  --conditions_;
  return statement;
}

std::unique_ptr<const Statement> Parser::ParseFor() {
  auto statement = NewStatement<ForStatement>(Take());
  ++loops_;
  statement->target = ParseTarget(false);
  --loops_;
  if (!TakeName("in")) FailUnexpected("'in'");
  statement->iterable = ParseTuple(false, false);
  if (TakeName("if")) statement->test = ParseExpression();
  if (Current().IsName("recursive")) FailAt(Current().line, "recursive loops are not supported");
  statement->loop_symbol = Intern("loop");
  ++loops_;
  statement->body = ParseBlock({"else", "endfor"});
  --loops_;
  if (TakeName("else")) statement->otherwise = ParseBlock({"endfor"});
  TakeName("endfor");
  return statement;
}

std::unique_ptr<const Statement> Parser::ParseSet() {
  const Token token = Take();
  Target target = ParseTarget(true);
  if (TakeOperator("=")) {
    auto statement = NewStatement<SetStatement>(token);
    statement->target = std::move(target);
    statement->value = ParseTuple(true, false);
    return statement;
  }
  auto statement = NewStatement<BlockStatement>(token);
  statement->stores = true;
  statement->target = std::move(target);
  if (Current().IsOperator("|")) statement->filtered = ParseFilters(std::make_unique<BlockTextExpr>());
  statement->body = ParseBlock({"endset"});
  Take();
  return statement;
}

std::unique_ptr<const Statement> Parser::ParseFilterBlock() {
  auto statement = NewStatement<BlockStatement>(Take());
  statement->filtered = ParseFilters(ParseFilter(std::make_unique<BlockTextExpr>()));
  statement->body = ParseBlock({"endfilter"});
  Take();
  return statement;
}

void Parser::ParseSignature(MacroDefinition& macro) {
  ExpectOperator("(");
  while (!Current().IsOperator(")")) {
    if (!macro.parameters.empty()) ExpectOperator(",");
    const int line = Current().line;
    macro.parameters.push_back(Intern(ExpectName()));
    if (TakeOperator("=")) {
      macro.defaults.push_back(ParseExpression());
    } else if (!macro.defaults.empty()) {
      FailAt(line, "non-default argument follows default argument");
    }
  }
  ExpectOperator(")");
}

Body Parser::ParseMacroBody(MacroDefinition& macro, std::string_view end) {
  macro.caller_symbol = Intern("caller");
  macro.varargs_symbol = Intern("varargs");
  macro.kwargs_symbol = Intern("kwargs");
  macros_.push_back(&macro);
  const int loops = std::exchange(loops_, 0);  // a break inside does not reach a loop outside
  Body body = ParseBlock({end});
  loops_ = loops;
  macros_.pop_back();
  Take();
  return body;
}

std::unique_ptr<const Statement> Parser::ParseMacro() {
  auto statement = NewStatement<MacroStatement>(Take());
  statement->macro.name = ExpectName();
  statement->symbol = Intern(statement->macro.name);
  ParseSignature(statement->macro);
  statement->macro.body = ParseMacroBody(statement->macro, "endmacro");
  return statement;
}

std::unique_ptr<const Statement> Parser::ParseCallBlock() {
  auto statement = NewStatement<CallStatement>(Take());
  statement->caller.name = "caller";
  if (Current().IsOperator("(")) ParseSignature(statement->caller);
  statement->call = ParseExpression();
  if (dynamic_cast<const CallExpr*>(statement->call.get()) == nullptr) {
    FailAt(statement->line, "expected a call after '{% call'");
  }
  statement->caller.body = ParseMacroBody(statement->caller, "endcall");
  return statement;
}

std::unique_ptr<const Statement> Parser::ParseWith(bool generation) {
  auto statement = NewStatement<WithStatement>(Take());
  while (!generation && Current().type != TokenType::kBlockEnd) {
    if (!statement->values.empty()) ExpectOperator(",");
    Target target = ParseTargetPart(false);
    ExpectOperator("=");
    statement->values.emplace_back(std::move(target), ParseExpression());
  }
  const int loops = loops_;
  if (generation) loops_ = 0;
  statement->body = ParseBlock({generation ? "endgeneration" : "endwith"});
  loops_ = loops;
  Take();
  return statement;
}

std::unique_ptr<const Statement> Parser::ParseLoopControl(Flow flow) {
  auto statement = NewStatement<LoopControlStatement>(Take());
  if (loops_ == 0) FailAt(statement->line, "'break' or 'continue' outside a loop");
  statement->flow = flow;
  return statement;
}

Target Parser::ParseTarget(bool attributes) {
  Target first = ParseTargetPart(attributes);
  if (!Current().IsOperator(",")) return first;
  Target tuple;
  tuple.kind = Target::Kind::kTuple;
  tuple.parts.push_back(std::move(first));
  while (TakeOperator(",")) {
    if (Current().IsName("in") || Current().IsOperator("=") || Current().IsOperator(")")) break;
    tuple.parts.push_back(ParseTargetPart(attributes));
  }
  return tuple;
}

Target Parser::ParseTargetPart(bool attributes) {
  const Nesting nesting(*this);
  if (TakeOperator("(")) {
    Target target = ParseTarget(attributes);
    ExpectOperator(")");
    return target;
  }
  const int line = Current().line;
  const std::string name = ExpectName();
  for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) FailAt(line, "can't assign to '" + name + "'");
  }
  if (name == "loop" && loops_ > 0) FailAt(line, "can't assign to the special variable 'loop' of a loop");
  Target target;
  target.symbol = Intern(name);
  if (attributes && TakeOperator(".")) {
    target.kind = Target::Kind::kAttribute;
    target.attribute = ExpectName();
  }
  return target;
}

}  // namespace puna::api::jinja
