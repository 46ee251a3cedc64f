// What each kind of expression gives.
#include <algorithm>
#include <array>
#include <optional>

#include "api/template/ast.h"
#include "api/template/interpreter.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

Value EvaluateOptional(Interpreter& interpreter, const ExprPtr& expr) {
  return expr == nullptr ? Value() : interpreter.Evaluate(*expr);
}

bool IsPlainText(const Value& value) { return value.IsString() && !value.markup(); }

// A sum from left to right: texts that meet grow in one place, everything else is added as Python does.
class Terms {
 public:
  explicit Terms(Meter* meter) : meter_(meter) {}

  void Add(Value next) {
    if (first_) {
      first_ = false;
      sum_ = std::move(next);
    } else if (IsPlainText(sum_) && IsPlainText(next)) {
      if (!joined_) joined_.emplace(meter_).Append(sum_.text());
      joined_->Append(next.text());
    } else {
      sum_ = Calculate(meter_, MathOp::kAdd, Sum(), next);
    }
  }

  Value Sum() {
    if (joined_) sum_ = Value::String(*std::move(joined_));
    joined_.reset();
    return sum_;
  }

 private:
  Meter* meter_;
  bool first_ = true;
  Value sum_;
  std::optional<TrackedText> joined_;  // takes the place of sum_, which stays as a sign that it is text
};

}  // namespace

Value ConstantExpr::Evaluate(Interpreter&) const { return value; }

Value NameExpr::Evaluate(Interpreter& interpreter) const { return interpreter.Lookup(symbol); }

Value ListExpr::Evaluate(Interpreter& interpreter) const {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const ExprPtr& item : items) values.push_back(interpreter.Evaluate(*item));
  return Value::List(interpreter.meter(), std::move(values), tuple ? ListFlavour::kTuple : ListFlavour::kList);
}

Value DictExpr::Evaluate(Interpreter& interpreter) const {
  std::vector<std::pair<Value, Value>> values;
  values.reserve(entries.size());
  for (const auto& [key, value] : entries) {
    Value evaluated_key = interpreter.Evaluate(*key);
    values.emplace_back(std::move(evaluated_key), interpreter.Evaluate(*value));
  }
  return Value::Dict(interpreter.meter(), std::move(values));
}

Value AttributeExpr::Evaluate(Interpreter& interpreter) const {
  return GetAttribute(interpreter.meter(), interpreter.Evaluate(*object), name);
}

Value ItemExpr::Evaluate(Interpreter& interpreter) const {
  const Value container = interpreter.Evaluate(*object);
  return GetItem(interpreter.meter(), container, interpreter.Evaluate(*key));
}

Value SliceExpr::Evaluate(Interpreter& interpreter) const {
  const Value sliced = interpreter.Evaluate(*object);
  const Value from = EvaluateOptional(interpreter, start);
  const Value to = EvaluateOptional(interpreter, stop);
  return Slice(interpreter.meter(), sliced, from, to, EvaluateOptional(interpreter, step));
}

Value CallExpr::Evaluate(Interpreter& interpreter) const {
  const Value function = interpreter.Evaluate(*callee);
  return interpreter.Call(function, interpreter.EvaluateArguments(arguments));
}

Value ApplyExpr::Evaluate(Interpreter& interpreter) const {
  if (function == nullptr) Fail(std::string("No ") + (test ? "test" : "filter") + " named '" + name + "'.");
  const Value value = interpreter.Evaluate(*subject);
  return function(interpreter, value, interpreter.EvaluateArguments(arguments));
}

Value BlockTextExpr::Evaluate(Interpreter& interpreter) const { return interpreter.block_text(); }

Value SignExpr::Evaluate(Interpreter& interpreter) const {
  const Value value = interpreter.Evaluate(*operand);
  return negative ? Negate(interpreter.meter(), value) : Positive(value);
}

Value MathExpr::Evaluate(Interpreter& interpreter) const {
  const Value a = interpreter.Evaluate(*left);
  return Calculate(interpreter.meter(), op, a, interpreter.Evaluate(*right));
}

void Expr::Print(Interpreter& interpreter) const { AppendStr(interpreter.out(), Evaluate(interpreter)); }

Value SumExpr::Evaluate(Interpreter& interpreter) const {
  Terms terms(interpreter.meter());
  for (const ExprPtr& part : parts) terms.Add(interpreter.Evaluate(*part));
  return terms.Sum();
}

// Most of what templates print are sums of a few texts: they go to the output one by one.
void SumExpr::Print(Interpreter& interpreter) const {
  constexpr size_t kFew = 8;
  std::array<Value, kFew> texts;
  size_t count = 0;
  while (count < std::min(parts.size(), kFew)) {
    texts[count] = interpreter.Evaluate(*parts[count]);
    if (!IsPlainText(texts[count++])) break;
  }
  if (count == parts.size() && IsPlainText(texts[count - 1])) {
    for (size_t i = 0; i < count; ++i) interpreter.out().Append(texts[i].text());
    return;
  }
  Terms terms(interpreter.meter());
  for (size_t i = 0; i < count; ++i) terms.Add(std::move(texts[i]));
  for (size_t i = count; i < parts.size(); ++i) terms.Add(interpreter.Evaluate(*parts[i]));
  AppendStr(interpreter.out(), terms.Sum());
}

Value CompareExpr::Evaluate(Interpreter& interpreter) const {
  Value left = interpreter.Evaluate(*first);
  for (const auto& [op, expr] : rest) {
    Value right = interpreter.Evaluate(*expr);
    if (!Compare(interpreter.meter(), op, left, right)) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Value ConcatExpr::Evaluate(Interpreter& interpreter) const {
  TrackedText text(interpreter.meter());
  for (const ExprPtr& part : parts) AppendStr(text, interpreter.Evaluate(*part));
  return Value::String(std::move(text));
}

Value LogicExpr::Evaluate(Interpreter& interpreter) const {
  Value value = interpreter.Evaluate(*left);
  return Truth(value) == either ? value : interpreter.Evaluate(*right);
}

Value NotExpr::Evaluate(Interpreter& interpreter) const { return Value::Bool(!Truth(interpreter.Evaluate(*operand))); }

Value ConditionExpr::Evaluate(Interpreter& interpreter) const {
  if (Truth(interpreter.Evaluate(*test))) return interpreter.Evaluate(*then);
  if (otherwise != nullptr) return interpreter.Evaluate(*otherwise);
  return Value::Undefined(interpreter.meter(), "the inline if-expression on line " + std::to_string(line) +
                                                   " evaluated to false and no else section was defined.");
}

}  // namespace puna::api::jinja
