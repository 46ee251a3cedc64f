// Filters on numbers and on any value: int, float, round, abs, length, default.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

// Python's number texts may have white space around and single underscores between digits; nothing: not of that form.
std::optional<std::string> CleanNumber(Meter* meter, const TrackedText& text) {
  const std::string bytes = Strip(meter, text, nullptr, true, true).bytes();
  std::string clean;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '_') {
      clean += static_cast<char>(std::tolower(static_cast<unsigned char>(bytes[i])));
      continue;
    }
    const bool between = i > 0 && i + 1 < bytes.size() && std::isalnum(static_cast<unsigned char>(bytes[i - 1])) &&
                         std::isalnum(static_cast<unsigned char>(bytes[i + 1]));
    if (!between) return std::nullopt;
  }
  if (clean.empty()) return std::nullopt;
  return clean;
}

std::optional<double> ParseFloat(Meter* meter, const TrackedText& text) {
  const auto clean = CleanNumber(meter, text);
  if (!clean) return std::nullopt;
  const std::string unsigned_part = clean->substr((*clean)[0] == '-' || (*clean)[0] == '+' ? 1 : 0);
  const bool word = unsigned_part == "inf" || unsigned_part == "infinity" || unsigned_part == "nan";
  if (!word && clean->find_first_not_of("0123456789+-.e") != clean->npos) return std::nullopt;
  char* end = nullptr;
  const double d = std::strtod(clean->c_str(), &end);
  if (end != clean->c_str() + clean->size()) return std::nullopt;
  return d;
}

std::optional<Value> ParseInt(Meter* meter, const TrackedText& text, int64_t base) {
  const auto clean = CleanNumber(meter, text);
  if (!clean) return std::nullopt;
  const bool negative = (*clean)[0] == '-';
  std::string digits = clean->substr(negative || (*clean)[0] == '+' ? 1 : 0);
  const std::string prefix = digits.substr(0, 2);
  const int64_t marked = prefix == "0x" ? 16 : prefix == "0o" ? 8 : prefix == "0b" ? 2 : 0;
  if (marked != 0 && (base == marked || base == 0)) {
    digits.erase(0, 2);
    base = marked;
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36) Fail("int() base must be >= 2 and <= 36, or 0");
  if (digits.empty()) return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99; };
  if (!std::all_of(digits.begin(), digits.end(), [&](char c) { return digit(c) < base; })) return std::nullopt;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (base == 10) return Value::Integer(meter, (negative && digits != "0" ? "-" : "") + digits);
  int64_t value = 0;
  for (const char c : digits) {
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit(c), &value)) {
      Fail("int(): the integer is out of the range of 64 bits");
    }
  }
  return Value::Int(negative ? -value : value);
}

// int(d); nothing for what has no integer.
std::optional<Value> Truncate(Meter* meter, double d) {
  if (!std::isfinite(d)) return std::nullopt;
  char digits[400];
  std::snprintf(digits, sizeof digits, "%.0f", std::trunc(d));
  return Value::Integer(meter, std::string_view(digits) == "-0" ? "0" : digits);
}

Value IntFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("int", arguments, {"default", "base"});
  CheckDefined(self);
  const Value otherwise = bound.Has(0) ? bound[0] : Value::Int(0);
  if (self.IsString()) {
    if (const auto parsed = ParseInt(in.meter(), self.text(), bound.Int(1, 10))) return *parsed;
    const auto real = ParseFloat(in.meter(), self.text());
    return real ? Truncate(in.meter(), *real).value_or(otherwise) : otherwise;
  }
  if (self.kind() == Kind::kFloat) {
    if (std::isinf(self.float_value())) Fail("cannot convert float infinity to integer");
    return Truncate(in.meter(), self.float_value()).value_or(otherwise);
  }
  if (self.kind() == Kind::kBool) return Value::Int(self.bool_value() ? 1 : 0);
  return self.IsInteger() ? self : otherwise;
}

Value FloatFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("float", arguments, {"default"});
  CheckDefined(self);
  const Value otherwise = bound.Has(0) ? bound[0] : Value::Float(0);
  if (IsNumber(self)) return Value::Float(ToDouble(self));
  if (!self.IsString()) return otherwise;
  const auto parsed = ParseFloat(in.meter(), self.text());
  return parsed ? Value::Float(*parsed) : otherwise;
}

// round(d, precision): to the nearest, exact ties to the even digit.
double RoundDecimal(double d, int64_t precision) {
  if (!std::isfinite(d) || precision > 300) return d;
  if (precision < -308) return std::copysign(0.0, d);
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(d / scale) * scale;
  }
  char digits[700];
  std::snprintf(digits, sizeof digits, "%.*f", static_cast<int>(precision), d);
  return std::strtod(digits, nullptr);
}

Value RoundFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("round", arguments, {"precision", "method"});
  CheckDefined(self);
  if (!IsNumber(self)) Fail(std::string("type ") + TypeName(self) + " doesn't define __round__ method");
  const int64_t precision = bound.Int(0, 0);
  const std::string method = bound.Has(1) ? bound.Text(1).bytes() : "common";
  if (method == "common") {
    const bool whole = self.kind() != Kind::kFloat;
    if (whole && precision >= 0) return self.kind() == Kind::kBool ? Positive(self) : self;
    const double rounded = RoundDecimal(ToDouble(self), precision);
    return whole ? Truncate(in.meter(), rounded).value_or(self) : Value::Float(rounded);
  }
  if (method != "ceil" && method != "floor") Fail("method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = ToDouble(self) * scale;
  return Value::Float((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value AbsFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("abs", arguments, {});
  CheckDefined(self);
  if (!IsNumber(self)) Fail(std::string("bad operand type for abs(): '") + TypeName(self) + "'");
  return Less(in.meter(), self, Value::Int(0)) ? Negate(in.meter(), self)
         : self.kind() == Kind::kFloat         ? Value::Float(std::abs(self.float_value()))
                                               : Positive(self);
}

Value LengthFilter(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("length", arguments, {});
  return Value::Int(static_cast<int64_t>(Length(self)));
}

Value DefaultFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("default", arguments, {"default_value", "boolean"});
  if (!self.IsUndefined() && (!bound.Flag(1, false) || Truth(self))) return self;
  return bound.Has(0) ? bound[0] : Value::Trusted(in.meter(), "");
}

}  // namespace

const std::vector<NamedBuiltin>& NumberFilters() {
  static const std::vector<NamedBuiltin> table = {
      {"int", IntFilter},       {"float", FloatFilter},  {"round", RoundFilter},     {"abs", AbsFilter},
      {"length", LengthFilter}, {"count", LengthFilter}, {"default", DefaultFilter}, {"d", DefaultFilter},
  };
  return table;
}

}  // namespace puna::api::jinja
