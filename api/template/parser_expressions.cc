#include <charconv>
#include <cstdlib>

#include "api/template/builtins.h"
#include "api/template/parser.h"

namespace puna::api::jinja {
namespace {

constexpr int kMaxExpressionDepth = 400;

// Levels of binary operators, loosest first. 3 is `not`, between `and` and the comparisons.
enum Level { kOr = 1, kAnd, kNot, kCompare, kSum, kConcat, kProduct, kPower };

template <typename T>
std::unique_ptr<T> NewExpr(int line) {
  auto expr = std::make_unique<T>();
  expr->line = line;
  return expr;
}

bool FindMathOp(const Token& token, MathOp* op, int* level) {
  struct Row {
    std::string_view text;
    MathOp op;
    int level;
  };
  static constexpr Row kRows[] = {
      {"+", MathOp::kAdd, kSum},        {"-", MathOp::kSubtract, kSum},   {"*", MathOp::kMultiply, kProduct},
      {"/", MathOp::kDivide, kProduct}, {"%", MathOp::kModulo, kProduct}, {"//", MathOp::kFloorDivide, kProduct},
      {"**", MathOp::kPower, kPower},
  };
  for (const Row& row : kRows) {
    if (!token.IsOperator(row.text)) continue;
    *op = row.op;
    *level = row.level;
    return true;
  }
  return false;
}

// Operators of comparisons that are one token; `in` and `not in` are names.
bool FindCompareOp(const Token& token, CompareOp* op) {
  struct Row {
    std::string_view text;
    CompareOp op;
  };
  static constexpr Row kRows[] = {
      {"==", CompareOp::kEqual},  {"!=", CompareOp::kNotEqual},  {"<", CompareOp::kLess},
      {">", CompareOp::kGreater}, {"<=", CompareOp::kLessEqual}, {">=", CompareOp::kGreaterEqual},
  };
  for (const Row& row : kRows) {
    if (!token.IsOperator(row.text)) continue;
    *op = row.op;
    return true;
  }
  if (!token.IsName("in")) return false;
  *op = CompareOp::kIn;
  return true;
}

}  // namespace

void Parser::Deepen(Expr& node, const Expr* child) const {
  if (child == nullptr) return;
  node.depth = std::max(node.depth, child->depth + 1);
  if (node.depth > kMaxExpressionDepth) {
    FailAt(node.line, "an expression has more than " + std::to_string(kMaxExpressionDepth) + " levels");
  }
}

void Parser::Deepen(Expr& node, const CallArguments& arguments) const {
  for (const ExprPtr& argument : arguments.positional) Deepen(node, argument.get());
  for (const auto& [name, argument] : arguments.named) Deepen(node, argument.get());
  Deepen(node, arguments.list.get());
  Deepen(node, arguments.dict.get());
}

template <typename T>
ExprPtr Parser::Finish(std::unique_ptr<T> node, std::initializer_list<const Expr*> children) {
  for (const Expr* child : children) Deepen(*node, child);
  return node;
}

ExprPtr Parser::ParseExpression() {
  const Nesting nesting(*this);
  ExprPtr expr = ParseBinary(kOr);
  while (Current().IsName("if")) {
    auto condition = NewExpr<ConditionExpr>(Take().line);
    condition->then = std::move(expr);
    condition->test = ParseBinary(kOr);
    ++conditions_;
    if (TakeName("else")) condition->otherwise = ParseExpression();
    --conditions_;
    const auto children = {condition->then.get(), condition->test.get(), condition->otherwise.get()};
    expr = Finish(std::move(condition), children);
  }
  return expr;
}

// One expression, or several with commas between: a tuple.
ExprPtr Parser::ParseTuple(bool with_condition, bool parentheses) {
  auto tuple = NewExpr<ListExpr>(Current().line);
  tuple->tuple = true;
  bool comma = false;
  const auto at_end = [this] {
    return Current().type == TokenType::kVariableEnd || Current().type == TokenType::kBlockEnd ||
           Current().IsOperator(")");
  };
  while (!at_end()) {
    tuple->items.push_back(with_condition ? ParseExpression() : ParseBinary(kOr));
    if (!TakeOperator(",")) break;
    comma = true;
  }
  if (!comma) {
    if (tuple->items.size() == 1) return std::move(tuple->items[0]);
    if (!parentheses) FailUnexpected("an expression");
  }
  for (const ExprPtr& item : tuple->items) Deepen(*tuple, item.get());
  return tuple;
}

ExprPtr Parser::ParseBinary(int level) {
  ExprPtr left = level <= kNot && Current().IsName("not") ? ParseNot() : ParseUnary(true);
  for (;;) {
    const Token& token = Current();
    MathOp op{};
    CompareOp compare{};
    int found = 0;
    const bool logic = token.IsName("or") || token.IsName("and");
    const bool not_in = token.IsName("not") && Ahead().IsName("in");
    if (logic) {
      found = token.IsName("or") ? kOr : kAnd;
    } else if (token.IsOperator("~")) {
      found = kConcat;
    } else if (not_in || FindCompareOp(token, &compare)) {
      found = kCompare;
    } else if (!FindMathOp(token, &op, &found)) {
      return left;
    }
    if (found < level) return left;
    if (found == kConcat) {
      left = ParseConcat(std::move(left));
    } else if (found == kCompare) {
      left = ParseComparison(std::move(left));
    } else if (logic) {
      auto expr = NewExpr<LogicExpr>(Take().line);
      expr->either = found == kOr;
      expr->left = std::move(left);
      expr->right = ParseBinary(found + 1);
      const auto children = {expr->left.get(), expr->right.get()};
      left = Finish(std::move(expr), children);
    } else if (op == MathOp::kAdd) {
      left = ParseSum(std::move(left));
    } else {
      auto expr = NewExpr<MathExpr>(Take().line);
      expr->op = op;
      expr->left = std::move(left);
      expr->right = ParseBinary(found + 1);
      const auto children = {expr->left.get(), expr->right.get()};
      left = Finish(std::move(expr), children);
    }
  }
}

ExprPtr Parser::ParseNot() {
  const Nesting nesting(*this);
  if (!Current().IsName("not")) return ParseBinary(kCompare);
  auto expr = NewExpr<NotExpr>(Take().line);
  expr->operand = ParseNot();
  const Expr* child = expr->operand.get();
  return Finish(std::move(expr), {child});
}

ExprPtr Parser::ParseComparison(ExprPtr first) {
  auto expr = NewExpr<CompareExpr>(Current().line);
  expr->first = std::move(first);
  Deepen(*expr, expr->first.get());
  for (;;) {
    CompareOp op{};
    if (Current().IsName("not") && Ahead().IsName("in")) {
      Take();
      op = CompareOp::kNotIn;
    } else if (!FindCompareOp(Current(), &op)) {
      return expr;
    }
    Take();
    expr->rest.emplace_back(op, ParseBinary(kSum));
    Deepen(*expr, expr->rest.back().second.get());
  }
}

ExprPtr Parser::ParseConcat(ExprPtr first) {
  auto expr = NewExpr<ConcatExpr>(Current().line);
  expr->parts.push_back(std::move(first));
  while (TakeOperator("~")) expr->parts.push_back(ParseBinary(kProduct));
  for (const ExprPtr& part : expr->parts) Deepen(*expr, part.get());
  return expr;
}

ExprPtr Parser::ParseSum(ExprPtr first) {
  auto expr = NewExpr<SumExpr>(Current().line);
  Deepen(*expr, first.get());
  expr->parts.push_back(std::move(first));
  while (TakeOperator("+")) {
    expr->parts.push_back(ParseBinary(kSum + 1));
    Deepen(*expr, expr->parts.back().get());
    if (expr->parts.size() > 2) Deepen(*expr, expr.get());  // one level for each sign, as Python has it
  }
  return expr;
}

ExprPtr Parser::ParseUnary(bool with_filters) {
  ExprPtr expr;
  if (Current().IsOperator("-") || Current().IsOperator("+")) {
    const Nesting nesting(*this);
    const Token sign = Take();
    auto node = NewExpr<SignExpr>(sign.line);
    node->negative = sign.text == "-";
    node->operand = ParseUnary(false);
    const Expr* child = node->operand.get();
    expr = Finish(std::move(node), {child});
  } else {
    expr = ParsePrimary();
  }
  expr = ParsePostfix(std::move(expr));
  return with_filters ? ParseFilters(std::move(expr)) : std::move(expr);
}

ExprPtr Parser::ParsePrimary() {
  const Token& token = Current();
  switch (token.type) {
    case TokenType::kName:
      break;
    case TokenType::kString:
      return ParseStrings();
    case TokenType::kInteger:
    case TokenType::kFloat:
      return ParseNumber();
    default:
      if (token.IsOperator("[")) return ParseList();
      if (token.IsOperator("{")) return ParseDict();
      if (!TakeOperator("(")) FailUnexpected("an expression");
      ExprPtr inside = ParseTuple(true, true);
      ExpectOperator(")");
      return inside;
  }
  const Token name = Take();
  auto constant = NewExpr<ConstantExpr>(name.line);
  if (name.text == "true" || name.text == "True") {
    constant->value = Value::Bool(true);
  } else if (name.text == "false" || name.text == "False") {
    constant->value = Value::Bool(false);
  } else if (name.text == "none" || name.text == "None") {
    constant->value = Value::None();
  } else {
    auto expr = NewExpr<NameExpr>(name.line);
    expr->symbol = Intern(name.text);
    for (MacroDefinition* macro : macros_) {
      macro->uses_varargs |= name.text == "varargs";
      macro->uses_kwargs |= name.text == "kwargs";
    }
    return expr;
  }
  return constant;
}

ExprPtr Parser::ParseNumber() {
  const Token token = Take();
  auto constant = NewExpr<ConstantExpr>(token.line);
  const std::string& text = token.text;
  const char mark = text.size() > 1 ? static_cast<char>(text[1] | 0x20) : '0';
  if (token.type == TokenType::kFloat) {
    constant->value = Value::Float(std::strtod(text.c_str(), nullptr));
  } else if (mark == 'x' || mark == 'o' || mark == 'b') {
    int64_t value = 0;
    const int base = mark == 'x' ? 16 : mark == 'o' ? 8 : 2;
    const auto end = std::from_chars(text.data() + 2, text.data() + text.size(), value, base);
    if (end.ec != std::errc()) FailAt(token.line, "an integer is too large");
    constant->value = Value::Int(value);
  } else {
    if (text.size() > 4300) FailAt(token.line, "an integer is too large");
    const size_t digit = std::min(text.find_first_not_of('0'), text.size() - 1);
    constant->value = Value::Integer(nullptr, std::string_view(text).substr(digit));
  }
  return constant;
}

ExprPtr Parser::ParseStrings() {
  auto constant = NewExpr<ConstantExpr>(Current().line);
  std::string text;
  while (Current().type == TokenType::kString) text += Take().text;
  constant->value = Value::Trusted(nullptr, text);
  return constant;
}

ExprPtr Parser::ParseList() {
  auto list = NewExpr<ListExpr>(Take().line);
  while (!Current().IsOperator("]")) {
    if (!list->items.empty()) ExpectOperator(",");
    if (Current().IsOperator("]")) break;
    list->items.push_back(ParseExpression());
    Deepen(*list, list->items.back().get());
  }
  ExpectOperator("]");
  return list;
}

ExprPtr Parser::ParseDict() {
  auto dict = NewExpr<DictExpr>(Take().line);
  while (!Current().IsOperator("}")) {
    if (!dict->entries.empty()) ExpectOperator(",");
    if (Current().IsOperator("}")) break;
    ExprPtr key = ParseExpression();
    ExpectOperator(":");
    ExprPtr value = ParseExpression();
    Deepen(*dict, key.get());
    Deepen(*dict, value.get());
    dict->entries.emplace_back(std::move(key), std::move(value));
  }
  ExpectOperator("}");
  return dict;
}

}  // namespace puna::api::jinja
