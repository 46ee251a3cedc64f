// What can stand after `is`.
#include <cmath>
#include <map>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

// A test without arguments.
template <bool (*kHolds)(const Value&)>
Value PlainTest(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("test", arguments, {});
  return Value::Bool(kHolds(self));
}

template <CompareOp kOp>
Value CompareTest(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("test", arguments, {"other"}, 1);
  return Value::Bool(Compare(in.meter(), kOp, self, bound[0]));
}

bool IsDefined(const Value& v) { return !v.IsUndefined(); }
bool IsUndefined(const Value& v) { return v.IsUndefined(); }
bool IsNone(const Value& v) { return v.IsNone(); }
bool IsBoolean(const Value& v) { return v.kind() == Kind::kBool; }
bool IsTrue(const Value& v) { return IsBoolean(v) && v.bool_value(); }
bool IsFalse(const Value& v) { return IsBoolean(v) && !v.bool_value(); }
bool IsInteger(const Value& v) { return v.IsInteger(); }
bool IsFloat(const Value& v) { return v.kind() == Kind::kFloat; }
bool IsString(const Value& v) { return v.IsString(); }
bool IsMapping(const Value& v) { return v.IsDict(); }
bool IsSequence(const Value& v) { return v.IsUndefined() || v.IsString() || v.IsDict() || v.IsSequence(); }
bool IsCallable(const Value& v) {
  return v.IsUndefined() || v.kind() == Kind::kMacro || v.kind() == Kind::kFunction || v.kind() == Kind::kMethod ||
         v.kind() == Kind::kLoop;
}

int64_t Modulo(const Value& number, int64_t divisor) {
  const Value rest = Calculate(nullptr, MathOp::kModulo, number, Value::Int(divisor));
  return rest.kind() == Kind::kFloat
             ? (rest.float_value() == std::floor(rest.float_value()) ? static_cast<int64_t>(rest.float_value()) : -1)
         : rest.kind() == Kind::kInt ? rest.int_value()
                                     : -1;
}
bool IsOdd(const Value& v) { return Modulo(v, 2) == 1; }
bool IsEven(const Value& v) { return Modulo(v, 2) == 0; }

Value DivisibleBy(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("divisibleby", arguments, {"num"}, 1);
  return Value::Bool(Equal(in.meter(), Calculate(in.meter(), MathOp::kModulo, self, bound[0]), Value::Int(0)));
}

Value SameAs(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("sameas", arguments, {"other"}, 1);
  const Value& other = bound[0];
  if (self.kind() != other.kind()) return Value::Bool(false);
  if (self.object() != nullptr && !self.IsString()) return Value::Bool(self.object() == other.object());
  return Value::Bool(Equal(in.meter(), self, other));
}

Value IsFilterName(Interpreter&, const Value& self, const Arguments&) {
  return Value::Bool(self.IsString() && FindFilter(self.bytes()) != nullptr);
}

Value IsTestName(Interpreter&, const Value& self, const Arguments&) {
  return Value::Bool(self.IsString() && FindTest(self.bytes()) != nullptr);
}

}  // namespace

Builtin FindTest(std::string_view name) {
  static const std::map<std::string_view, Builtin> table = {
      {"defined", PlainTest<IsDefined>},
      {"undefined", PlainTest<IsUndefined>},
      {"none", PlainTest<IsNone>},
      {"boolean", PlainTest<IsBoolean>},
      {"true", PlainTest<IsTrue>},
      {"false", PlainTest<IsFalse>},
      {"integer", PlainTest<IsInteger>},
      {"float", PlainTest<IsFloat>},
      {"number", PlainTest<IsNumber>},
      {"string", PlainTest<IsString>},
      {"mapping", PlainTest<IsMapping>},
      {"sequence", PlainTest<IsSequence>},
      {"iterable", PlainTest<IsIterable>},
      {"callable", PlainTest<IsCallable>},
      {"odd", PlainTest<IsOdd>},
      {"even", PlainTest<IsEven>},
      {"divisibleby", DivisibleBy},
      {"sameas", SameAs},
      {"filter", IsFilterName},
      {"test", IsTestName},
      {"in", CompareTest<CompareOp::kIn>},
      {"==", CompareTest<CompareOp::kEqual>},
      {"eq", CompareTest<CompareOp::kEqual>},
      {"equalto", CompareTest<CompareOp::kEqual>},
      {"!=", CompareTest<CompareOp::kNotEqual>},
      {"ne", CompareTest<CompareOp::kNotEqual>},
      {">", CompareTest<CompareOp::kGreater>},
      {"gt", CompareTest<CompareOp::kGreater>},
      {"greaterthan", CompareTest<CompareOp::kGreater>},
      {"ge", CompareTest<CompareOp::kGreaterEqual>},
      {">=", CompareTest<CompareOp::kGreaterEqual>},
      {"<", CompareTest<CompareOp::kLess>},
      {"lt", CompareTest<CompareOp::kLess>},
      {"lessthan", CompareTest<CompareOp::kLess>},
      {"<=", CompareTest<CompareOp::kLessEqual>},
      {"le", CompareTest<CompareOp::kLessEqual>},
  };
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace puna::api::jinja
