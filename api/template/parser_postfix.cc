// What follows a value: attributes, items, calls, filters and tests.
#include "api/template/builtins.h"
#include "api/template/parser.h"

namespace puna::api::jinja {

ExprPtr Parser::ParsePostfix(ExprPtr expr) {
  for (;;) {
    if (Current().IsOperator(".")) {
      const int line = Take().line;
      if (Current().type == TokenType::kInteger) {
        auto item = std::make_unique<ItemExpr>();
        item->line = line;
        item->object = std::move(expr);
        item->key = ParseNumber();
        Deepen(*item, item->object.get());
        expr = std::move(item);
        continue;
      }
      auto attribute = std::make_unique<AttributeExpr>();
      attribute->line = line;
      attribute->object = std::move(expr);
      attribute->name = ExpectName();
      Deepen(*attribute, attribute->object.get());
      expr = std::move(attribute);
    } else if (Current().IsOperator("[")) {
      expr = ParseSubscript(std::move(expr));
    } else if (Current().IsOperator("(")) {
      expr = ParseCall(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::ParseSubscript(ExprPtr object) {
  const int line = Take().line;
  const auto at_end = [this] { return Current().IsOperator(":") || Current().IsOperator("]"); };
  ExprPtr first = at_end() ? nullptr : ParseExpression();
  if (!Current().IsOperator(":")) {
    if (first == nullptr) FailUnexpected("an expression");
    auto item = std::make_unique<ItemExpr>();
    item->line = line;
    item->object = std::move(object);
    item->key = std::move(first);
    Deepen(*item, item->object.get());
    Deepen(*item, item->key.get());
    ExpectOperator("]");
    return item;
  }
  Take();
  auto slice = std::make_unique<SliceExpr>();
  slice->line = line;
  slice->object = std::move(object);
  slice->start = std::move(first);
  if (!at_end()) slice->stop = ParseExpression();
  if (TakeOperator(":") && !at_end()) slice->step = ParseExpression();
  ExpectOperator("]");
  for (const ExprPtr* part : {&slice->object, &slice->start, &slice->stop, &slice->step}) Deepen(*slice, part->get());
  return slice;
}

ExprPtr Parser::ParseCall(ExprPtr callee) {
  auto call = std::make_unique<CallExpr>();
  call->line = Current().line;
  call->callee = std::move(callee);
  call->arguments = ParseArguments();
  Deepen(*call, call->callee.get());
  Deepen(*call, call->arguments);
  return call;
}

CallArguments Parser::ParseArguments() {
  const int line = Current().line;
  ExpectOperator("(");
  CallArguments arguments;
  const auto ensure = [&](bool holds) {
    if (!holds) FailAt(line, "the arguments of a call are in the wrong order");
  };
  for (bool first = true; !Current().IsOperator(")"); first = false) {
    if (!first) {
      ExpectOperator(",");
      if (Current().IsOperator(")")) break;
    }
    if (TakeOperator("*")) {
      ensure(arguments.list == nullptr && arguments.dict == nullptr);
      arguments.list = ParseExpression();
    } else if (TakeOperator("**")) {
      ensure(arguments.dict == nullptr);
      arguments.dict = ParseExpression();
    } else if (Current().type == TokenType::kName && Ahead().IsOperator("=")) {
      ensure(arguments.dict == nullptr);
      std::string name = Take().text;
      Take();
      arguments.named.emplace_back(std::move(name), ParseExpression());
    } else {
      ensure(arguments.list == nullptr && arguments.dict == nullptr && arguments.named.empty());
      arguments.positional.push_back(ParseExpression());
    }
  }
  ExpectOperator(")");
  return arguments;
}

std::string Parser::ParseDottedName() {
  std::string name = ExpectName();
  while (TakeOperator(".")) name += "." + ExpectName();
  return name;
}

ExprPtr Parser::ParseFilters(ExprPtr expr) {
  for (;;) {
    if (TakeOperator("|")) {
      expr = ParseFilter(std::move(expr));
    } else if (Current().IsName("is")) {
      expr = ParseTest(std::move(expr));
    } else if (Current().IsOperator("(")) {
      expr = ParseCall(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::ParseFilter(ExprPtr subject) {
  auto filter = std::make_unique<ApplyExpr>();
  filter->line = Current().line;
  filter->subject = std::move(subject);
  filter->name = ParseDottedName();
  filter->function = FindFilter(filter->name);
  if (filter->function == nullptr && conditions_ == 0) FailAt(filter->line, "No filter named '" + filter->name + "'.");
  if (Current().IsOperator("(")) filter->arguments = ParseArguments();
  Deepen(*filter, filter->subject.get());
  Deepen(*filter, filter->arguments);
  return filter;
}

ExprPtr Parser::ParseTest(ExprPtr subject) {
  auto test = std::make_unique<ApplyExpr>();
  test->test = true;
  test->line = Take().line;
  const bool negated = TakeName("not");
  test->subject = std::move(subject);
  test->name = ParseDottedName();
  test->function = FindTest(test->name);
  if (test->function == nullptr && conditions_ == 0) FailAt(test->line, "No test named '" + test->name + "'.");
  const Token& next = Current();
  const bool value =
      next.type == TokenType::kString || next.type == TokenType::kInteger || next.type == TokenType::kFloat ||
      next.IsOperator("[") || next.IsOperator("{") ||
      (next.type == TokenType::kName && !next.IsName("else") && !next.IsName("or") && !next.IsName("and"));
  if (next.IsOperator("(")) {
    test->arguments = ParseArguments();
  } else if (value) {
    if (next.IsName("is")) FailAt(next.line, "You cannot chain multiple tests with is");
    const Nesting nesting(*this);
    test->arguments.positional.push_back(ParsePostfix(ParsePrimary()));
  }
  Deepen(*test, test->subject.get());
  Deepen(*test, test->arguments);
  if (!negated) return test;
  auto opposite = std::make_unique<NotExpr>();
  opposite->line = test->line;
  opposite->operand = std::move(test);
  Deepen(*opposite, opposite->operand.get());
  return opposite;
}

}  // namespace puna::api::jinja
