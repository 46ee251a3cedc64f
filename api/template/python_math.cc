// Arithmetic of python_ops.h.
#include <cmath>

#include "api/template/builtins.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void FailOperands(MathOp op, const Value& a, const Value& b) {
  Fail(std::string("unsupported operand type(s) for ") + kSigns[static_cast<int>(op)] + ": '" + TypeName(a) +
       "' and '" + TypeName(b) + "'");
}

[[noreturn]] void FailRange() { Fail("the integer result is out of the range of 64 bits"); }

int64_t IntOf(const Value& value) {
  if (value.kind() == Kind::kBigInt) FailRange();
  return value.kind() == Kind::kBool ? (value.bool_value() ? 1 : 0) : value.int_value();
}

int64_t PowerOf(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) FailRange();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) FailRange();
  }
  return result;
}

// Python rounds the quotient down, C++ to zero.
int64_t FloorDivide(int64_t a, int64_t b) {
  if (b == -1) {
    int64_t negated = 0;
    if (__builtin_sub_overflow(int64_t{0}, a, &negated)) FailRange();
    return negated;
  }
  const int64_t quotient = a / b;
  return a % b != 0 && (a % b < 0) != (b < 0) ? quotient - 1 : quotient;
}

double FloorModulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest != 0) return (rest < 0) != (b < 0) ? rest + b : rest;
  return std::copysign(0.0, b);
}

Value CalculateInts(MathOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case MathOp::kAdd:
      if (__builtin_add_overflow(a, b, &result)) FailRange();
      return Value::Int(result);
    case MathOp::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) FailRange();
      return Value::Int(result);
    case MathOp::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) FailRange();
      return Value::Int(result);
    case MathOp::kDivide:
      if (b == 0) Fail("division by zero");
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case MathOp::kFloorDivide:
      if (b == 0) Fail("integer division or modulo by zero");
      return Value::Int(FloorDivide(a, b));
    case MathOp::kModulo:
      if (b == 0) Fail("integer modulo by zero");
      if (b == -1) return Value::Int(0);
      result = a % b;
      return Value::Int(result != 0 && (result < 0) != (b < 0) ? result + b : result);
    case MathOp::kPower:
      break;
  }
  if (b >= 0) return Value::Int(PowerOf(a, b));
  if (a == 0) Fail("0.0 cannot be raised to a negative power");
  return Value::Float(std::pow(static_cast<double>(a), static_cast<double>(b)));
}

Value CalculateFloats(MathOp op, double a, double b) {
  switch (op) {
    case MathOp::kAdd:
      return Value::Float(a + b);
    case MathOp::kSubtract:
      return Value::Float(a - b);
    case MathOp::kMultiply:
      return Value::Float(a * b);
    case MathOp::kPower: {
      if (a == 0 && b < 0) Fail("0.0 cannot be raised to a negative power");
      const double result = std::pow(a, b);
      if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) Fail("a power has no real value");
      return Value::Float(result);
    }
    default:
      break;
  }
  if (b == 0)
    Fail(op == MathOp::kDivide   ? "float division by zero"
         : op == MathOp::kModulo ? "float modulo"
                                 : "float floor division by zero");
  if (op == MathOp::kDivide) return Value::Float(a / b);
  if (op == MathOp::kModulo) return Value::Float(FloorModulo(a, b));
  return Value::Float(std::floor((a - FloorModulo(a, b)) / b + 0.5));
}

Value Concatenate(Meter* meter, const Value& a, const Value& b) {
  if (a.IsString() && b.IsString()) {
    const bool markup = a.markup() || b.markup();
    const Value& x = markup && !a.markup() ? EscapeHtml(meter, a) : a;
    const Value& y = markup && !b.markup() ? EscapeHtml(meter, b) : b;
    TrackedText text(meter);
    text.Append(x.text());
    text.Append(y.text());
    const Value joined = Value::String(std::move(text));
    return markup ? joined.WithMarkup() : joined;
  }
  if (a.IsString()) Fail(std::string("can only concatenate str (not \"") + TypeName(b) + "\") to str");
  const bool lists = a.IsSequence() && b.IsSequence() && a.list().flavour == b.list().flavour &&
                     a.list().flavour != ListFlavour::kRange;
  if (!lists) {
    if (!a.IsSequence() || a.list().flavour == ListFlavour::kRange) FailOperands(MathOp::kAdd, a, b);
    Fail(std::string("can only concatenate ") + TypeName(a) + " (not \"" + TypeName(b) + "\") to " + TypeName(a));
  }
  std::vector<Value> items = a.list().items;
  items.insert(items.end(), b.list().items.begin(), b.list().items.end());
  return Value::List(meter, std::move(items), a.list().flavour);
}

Value Repeat(Meter* meter, const Value& sequence, int64_t times) {
  const size_t count = times < 0 ? 0 : static_cast<size_t>(times);
  const size_t size = sequence.IsString() ? sequence.text().size() : sequence.list().items.size();
  size_t total = 0;
  if (__builtin_mul_overflow(size, count, &total)) Fail("a repeated sequence is too long");
  if (sequence.IsString()) {
    TrackedText text(meter);
    if (size > 0) SpendBytes(meter, total);
    for (size_t i = 0; size > 0 && i < count; ++i) text.Append(sequence.text());
    return Value::String(std::move(text));
  }
  Charge charge(meter);
  charge.Set(total > SIZE_MAX / sizeof(Value) ? SIZE_MAX : total * sizeof(Value));
  std::vector<Value> items;
  items.reserve(total);
  for (size_t i = 0; size > 0 && i < count; ++i) {
    items.insert(items.end(), sequence.list().items.begin(), sequence.list().items.end());
  }
  charge.Set(0);
  return Value::List(meter, std::move(items), sequence.list().flavour);
}

bool Repeatable(const Value& value) {
  return value.IsString() || (value.IsSequence() && value.list().flavour != ListFlavour::kRange);
}

}  // namespace

Value Calculate(Meter* meter, MathOp op, const Value& a, const Value& b) {
  CheckDefined(a);
  if (op == MathOp::kModulo && a.IsString()) FailLeftOut("the operator % on str (printf's formats)");
  CheckDefined(b);
  if (IsNumber(a) && IsNumber(b)) {
    if (a.kind() == Kind::kFloat || b.kind() == Kind::kFloat) {
      return CalculateFloats(op, ToDouble(a), ToDouble(b));
    }
    return CalculateInts(op, IntOf(a), IntOf(b));
  }
  if (op == MathOp::kAdd) return Concatenate(meter, a, b);
  if (op == MathOp::kMultiply && Repeatable(a) && IsNumber(b) && b.kind() != Kind::kFloat) {
    return Repeat(meter, a, IntOf(b));
  }
  if (op == MathOp::kMultiply && Repeatable(b) && IsNumber(a) && a.kind() != Kind::kFloat) {
    return Repeat(meter, b, IntOf(a));
  }
  FailOperands(op, a, b);
}

Value Negate(Meter* meter, const Value& value) {
  CheckDefined(value);
  if (value.kind() == Kind::kFloat) return Value::Float(-value.float_value());
  if (value.kind() == Kind::kBigInt) {
    const std::string& digits = value.digits();
    return Value::Integer(meter, digits[0] == '-' ? digits.substr(1) : "-" + digits);
  }
  if (!IsNumber(value)) Fail(std::string("bad operand type for unary -: '") + TypeName(value) + "'");
  return CalculateInts(MathOp::kSubtract, 0, IntOf(value));
}

Value Positive(const Value& value) {
  CheckDefined(value);
  if (!IsNumber(value)) Fail(std::string("bad operand type for unary +: '") + TypeName(value) + "'");
  return value.kind() == Kind::kBool ? Value::Int(IntOf(value)) : value;
}

Value EscapeHtml(Meter* meter, const Value& value) {
  if (value.IsString() && value.markup()) return value;
  const TrackedText text = Str(meter, value);
  TrackedText escaped(meter);
  size_t plain = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text.bytes()[at];
    const char* entity = c == '&'    ? "&amp;"
                         : c == '<'  ? "&lt;"
                         : c == '>'  ? "&gt;"
                         : c == '\'' ? "&#39;"
                         : c == '"'  ? "&#34;"
                                     : nullptr;
    if (entity == nullptr) continue;
    escaped.AppendRange(text, plain, at);
    escaped.Append(entity, text.TrustedAt(at));
    plain = at + 1;
  }
  escaped.AppendRange(text, plain, text.size());
  return Value::String(std::move(escaped)).WithMarkup();
}

}  // namespace puna::api::jinja
