// The parsed template: expressions that give a value and statements that write. Nodes never change after parsing, so
// one template serves many threads.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/template/python_ops.h"
#include "api/template/value.h"

namespace puna::api::jinja {

// What a statement asks of the loop around it.
enum class Flow { kNext, kBreak, kContinue };

struct Expr {
  virtual ~Expr() = default;
  virtual Value Evaluate(Interpreter& interpreter) const = 0;
  // Writes str() of the value; in one piece or in several.
  virtual void Print(Interpreter& interpreter) const;

  int line = 0;
  int depth = 1;  // levels of expressions below, this one included; the parser bounds it
};
using ExprPtr = std::unique_ptr<const Expr>;

struct Statement {
  virtual ~Statement() = default;
  virtual Flow Execute(Interpreter& interpreter) const = 0;

  int line = 0;
};
using Body = std::vector<std::unique_ptr<const Statement>>;

// A symbol is the index of a name in Program::symbols.

struct ConstantExpr : Expr {
  Value value;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct NameExpr : Expr {
  int symbol = 0;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct ListExpr : Expr {
  std::vector<ExprPtr> items;
  bool tuple = false;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct DictExpr : Expr {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct AttributeExpr : Expr {
  ExprPtr object;
  std::string name;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct ItemExpr : Expr {
  ExprPtr object, key;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct SliceExpr : Expr {
  ExprPtr object, start, stop, step;  // the last three may be nullptr
  Value Evaluate(Interpreter& interpreter) const override;
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr list, dict;  // *list and **dict, or nullptr
};

struct CallExpr : Expr {
  ExprPtr callee;
  CallArguments arguments;
  Value Evaluate(Interpreter& interpreter) const override;
};

// subject|name(arguments) or subject is name(arguments).
struct ApplyExpr : Expr {
  ExprPtr subject;
  std::string name;
  Builtin function = nullptr;  // nullptr: not known, an error when evaluated
  bool test = false;
  CallArguments arguments;
  Value Evaluate(Interpreter& interpreter) const override;
};

// The text that a {% filter %} or {% set x | filter %} block gave to its filters.
struct BlockTextExpr : Expr {
  Value Evaluate(Interpreter& interpreter) const override;
};

struct SignExpr : Expr {
  ExprPtr operand;
  bool negative = false;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct MathExpr : Expr {
  MathOp op = MathOp::kAdd;
  ExprPtr left, right;
  Value Evaluate(Interpreter& interpreter) const override;
};

// a + b + c, from left to right.
struct SumExpr : Expr {
  std::vector<ExprPtr> parts;  // two or more
  Value Evaluate(Interpreter& interpreter) const override;
  void Print(Interpreter& interpreter) const override;
};

struct CompareExpr : Expr {
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;  // a < b < c, each operand evaluated once
  Value Evaluate(Interpreter& interpreter) const override;
};

struct ConcatExpr : Expr {
  std::vector<ExprPtr> parts;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct LogicExpr : Expr {
  bool either = false;  // or, otherwise and
  ExprPtr left, right;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct NotExpr : Expr {
  ExprPtr operand;
  Value Evaluate(Interpreter& interpreter) const override;
};

struct ConditionExpr : Expr {
  ExprPtr test, then, otherwise;  // otherwise may be nullptr
  Value Evaluate(Interpreter& interpreter) const override;
};

// Where a value is stored: a name, an attribute of a namespace, or several of them.
struct Target {
  enum class Kind { kName, kAttribute, kTuple } kind = Kind::kName;
  int symbol = 0;
  std::string attribute;
  std::vector<Target> parts;
};

struct TextStatement : Statement {
  std::string text;
  Flow Execute(Interpreter& interpreter) const override;
};

struct PrintStatement : Statement {
  ExprPtr value;
  Flow Execute(Interpreter& interpreter) const override;
};

struct IfStatement : Statement {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
  Flow Execute(Interpreter& interpreter) const override;
};

struct ForStatement : Statement {
  Target target;
  ExprPtr iterable, test;  // test may be nullptr
  Body body, otherwise;
  int loop_symbol = 0;
  Flow Execute(Interpreter& interpreter) const override;
};

struct SetStatement : Statement {
  Target target;
  ExprPtr value;
  Flow Execute(Interpreter& interpreter) const override;
};

// {% set x %}...{% endset %} (target) or {% filter f %}...{% endfilter %} (printed).
struct BlockStatement : Statement {
  bool stores = false;
  Target target;
  ExprPtr filtered;  // applied to the block's text; nullptr: the text as it is
  Body body;
  Flow Execute(Interpreter& interpreter) const override;
};

struct MacroDefinition {
  std::string name;
  std::vector<int> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  Body body;
  int caller_symbol = 0, varargs_symbol = 0, kwargs_symbol = 0;
  bool uses_varargs = false, uses_kwargs = false;
};

struct MacroStatement : Statement {
  MacroDefinition macro;
  int symbol = 0;
  Flow Execute(Interpreter& interpreter) const override;
};

// {% call(parameters) macro(arguments) %}body{% endcall %}
struct CallStatement : Statement {
  MacroDefinition caller;
  ExprPtr call;  // a CallExpr
  Flow Execute(Interpreter& interpreter) const override;
};

// {% with a = 1 %}...{% endwith %}, and {% generation %}...{% endgeneration %} with nothing to set.
struct WithStatement : Statement {
  std::vector<std::pair<Target, ExprPtr>> values;
  Body body;
  Flow Execute(Interpreter& interpreter) const override;
};

struct LoopControlStatement : Statement {
  Flow flow = Flow::kNext;
  Flow Execute(Interpreter& interpreter) const override;
};

struct Program {
  Body body;
  std::vector<std::string> symbols;
};

}  // namespace puna::api::jinja
