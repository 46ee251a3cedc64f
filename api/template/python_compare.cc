// Truth, equality, order, membership and iteration of python_ops.h.
#include <charconv>
#include <cstdlib>

#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

bool IsSmallInt(const Value& value) { return value.kind() == Kind::kInt || value.kind() == Kind::kBool; }

int64_t SmallInt(const Value& value) {
  return value.kind() == Kind::kBool ? (value.bool_value() ? 1 : 0) : value.int_value();
}

int Sign(int64_t a, int64_t b) { return a < b ? -1 : a > b ? 1 : 0; }

int CompareDigits(const std::string& a, const std::string& b) {
  const bool a_negative = a[0] == '-', b_negative = b[0] == '-';
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  const int magnitude = a.size() != b.size() ? (a.size() < b.size() ? -1 : 1) : Sign(a.compare(b), 0);
  return a_negative ? -magnitude : magnitude;
}

std::string Digits(const Value& value) {
  return value.kind() == Kind::kBigInt ? value.digits() : std::to_string(SmallInt(value));
}

bool CompareNumbers(CompareOp op, const Value& a, const Value& b) {
  const auto decide = [op](auto x, auto y) {
    switch (op) {
      case CompareOp::kEqual:
        return x == y;
      case CompareOp::kLess:
        return x < y;
      case CompareOp::kLessEqual:
        return x <= y;
      case CompareOp::kGreater:
        return x > y;
      default:
        return x >= y;
    }
  };
  if (IsSmallInt(a) && IsSmallInt(b)) return decide(SmallInt(a), SmallInt(b));
  if (a.kind() == Kind::kFloat || b.kind() == Kind::kFloat) return decide(ToDouble(a), ToDouble(b));
  return decide(CompareDigits(Digits(a), Digits(b)), 0);
}

bool EqualItems(Meter* meter, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!Equal(meter, a[i], b[i])) return false;
  }
  return true;
}

bool EqualDicts(Meter* meter, const DictObject& a, const DictObject& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.Find(meter, key);
    if (other == nullptr || !Equal(meter, value, *other)) return false;
  }
  return true;
}

[[noreturn]] void FailOrder(CompareOp op, const Value& a, const Value& b) {
  const char* sign = op == CompareOp::kLess        ? "<"
                     : op == CompareOp::kGreater   ? ">"
                     : op == CompareOp::kLessEqual ? "<="
                                                   : ">=";
  Fail(std::string("'") + sign + "' not supported between instances of '" + TypeName(a) + "' and '" + TypeName(b) +
       "'");
}

bool Order(Meter* meter, CompareOp op, const Value& a, const Value& b) {
  CheckDefined(a);
  CheckDefined(b);
  const DepthGuard guard(meter);
  if (IsNumber(a) && IsNumber(b)) return CompareNumbers(op, a, b);
  if (a.IsString() && b.IsString()) {
    SpendBytes(meter, std::min(a.text().size(), b.text().size()));
    return CompareNumbers(op, Value::Int(a.bytes().compare(b.bytes())), Value::Int(0));
  }
  const bool lists = a.IsSequence() && b.IsSequence() && a.list().flavour == b.list().flavour &&
                     a.list().flavour != ListFlavour::kRange;
  if (!lists) FailOrder(op, a, b);
  const auto &x = a.list().items, &y = b.list().items;
  for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
    if (!Equal(meter, x[i], y[i])) return Order(meter, op, x[i], y[i]);
  }
  return CompareNumbers(op, Value::Int(static_cast<int64_t>(x.size())), Value::Int(static_cast<int64_t>(y.size())));
}

bool Contains(Meter* meter, const Value& container, const Value& item) {
  if (container.IsString()) {
    if (!item.IsString()) {
      CheckDefined(item);
      Fail(std::string("'in <string>' requires string as left operand, not ") + TypeName(item));
    }
    SpendBytes(meter, container.text().size());
    return container.bytes().find(item.bytes()) != std::string::npos;
  }
  if (container.IsDict()) return container.dict().Find(meter, item) != nullptr;
  if (!IsIterable(container)) {
    Fail(std::string("argument of type '") + TypeName(container) + "' is not iterable");
  }
  for (const Value& member : EachItem(meter, container)) {
    Spend(meter, 1);
    if (Equal(meter, member, item)) return true;
  }
  return false;
}

std::shared_ptr<const ListObject> Characters(Meter* meter, const TrackedText& text) {
  std::vector<Value> items;
  Spend(meter, text.length());
  items.reserve(text.length());
  for (size_t at = 0; at < text.size();) {
    const size_t size = text::DecodeUtf8(text.bytes(), at).length;
    items.push_back(Value::String(text.Substring(meter, at, at + size)));
    at += size;
  }
  return Value::List(meter, std::move(items)).shared_list();
}

}  // namespace

void CheckDefined(const Value& value) {
  if (value.IsUndefined()) Fail(value.IsNoValue() ? "a value is undefined" : value.why());
}

bool IsNumber(const Value& value) {
  return IsSmallInt(value) || value.kind() == Kind::kBigInt || value.kind() == Kind::kFloat;
}

double ToDouble(const Value& number) {
  if (number.kind() == Kind::kFloat) return number.float_value();
  if (number.kind() == Kind::kBigInt) return std::strtod(number.digits().c_str(), nullptr);
  return static_cast<double>(SmallInt(number));
}

int64_t ToIndex(const Value& value, const char* what) {
  CheckDefined(value);
  if (IsSmallInt(value)) return SmallInt(value);
  if (value.kind() == Kind::kBigInt) Fail(std::string(what) + ": the integer is too large");
  Fail(std::string(what) + ": expected an integer, found '" + TypeName(value) + "'");
}

bool Truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.bool_value();
    case Kind::kInt:
      return value.int_value() != 0;
    case Kind::kFloat:
      return value.float_value() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
      return !value.list().items.empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    default:
      return true;
  }
}

bool Equal(Meter* meter, const Value& a, const Value& b) {
  const DepthGuard guard(meter);
  Spend(meter, 1);
  if (IsNumber(a) && IsNumber(b)) return CompareNumbers(CompareOp::kEqual, a, b);
  if (a.kind() != b.kind()) return false;
  if (a.object() == b.object()) return true;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      if (a.text().size() != b.text().size()) return false;
      SpendBytes(meter, a.text().size());
      return a.bytes() == b.bytes();
    case Kind::kList:
      return a.list().flavour == b.list().flavour && EqualItems(meter, a.list().items, b.list().items);
    case Kind::kDict:
      return EqualDicts(meter, a.dict(), b.dict());
    default:
      return false;
  }
}

bool Compare(Meter* meter, CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::kEqual:
      return Equal(meter, a, b);
    case CompareOp::kNotEqual:
      return !Equal(meter, a, b);
    case CompareOp::kIn:
      return Contains(meter, b, a);
    case CompareOp::kNotIn:
      return !Contains(meter, b, a);
    default:
      return Order(meter, op, a, b);
  }
}

size_t Length(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return value.text().length();
    case Kind::kList:
      return value.list().items.size();
    case Kind::kDict:
      return value.dict().entries.size();
    default:
      Fail(std::string("object of type '") + TypeName(value) + "' has no len()");
  }
}

bool IsIterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kDict:
    case Kind::kIterator:
      return true;
    default:
      return false;
  }
}

std::shared_ptr<const ListObject> Items(Meter* meter, const Value& value) {
  switch (value.kind()) {
    case Kind::kList:
      return value.shared_list();
    case Kind::kString:
      return Characters(meter, value.text());
    case Kind::kUndefined:
      return Value::List(meter, {}).shared_list();
    case Kind::kDict: {
      std::vector<Value> keys;
      keys.reserve(value.dict().entries.size());
      for (const auto& entry : value.dict().entries) keys.push_back(entry.first);
      return Value::List(meter, std::move(keys)).shared_list();
    }
    case Kind::kIterator: {
      const auto& iterator = value.As<IteratorObject>();
      const size_t from = std::exchange(iterator.next, iterator.items->items.size());
      if (from == 0) return iterator.items;
      const auto& all = iterator.items->items;
      return Value::List(meter, {all.begin() + static_cast<std::ptrdiff_t>(from), all.end()}).shared_list();
    }
    default:
      Fail(std::string("'") + TypeName(value) + "' object is not iterable");
  }
}

}  // namespace puna::api::jinja
