// Python's operators on values. All throw TemplateError with Python's message where Python raises; using an undefined
// value in an operator throws with the reason why it is undefined. What they take and make is charged to `meter`.
#pragma once

#include <memory>

#include "api/template/value.h"

namespace puna::api::jinja {

enum class CompareOp { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
enum class MathOp { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

bool Truth(const Value& value);
bool Equal(Meter* meter, const Value& a, const Value& b);
bool Compare(Meter* meter, CompareOp op, const Value& a, const Value& b);
inline bool Less(Meter* meter, const Value& a, const Value& b) { return Compare(meter, CompareOp::kLess, a, b); }
Value Calculate(Meter* meter, MathOp op, const Value& a, const Value& b);
Value Negate(Meter* meter, const Value& value);
Value Positive(const Value& value);

// len(value).
size_t Length(const Value& value);
// What iter(value) gives; a list gives itself without a copy, an iterator is used up.
std::shared_ptr<const ListObject> Items(Meter* meter, const Value& value);
// The same for a range-based for: it holds the items while the loop runs.
class EachItem {
 public:
  EachItem(Meter* meter, const Value& value) : list_(Items(meter, value)) {}
  auto begin() const { return list_->items.begin(); }
  auto end() const { return list_->items.end(); }

 private:
  std::shared_ptr<const ListObject> list_;
};
bool IsIterable(const Value& value);

// obj.name: attributes and methods first, then keys; value[key]: the other way round. Undefined where there is neither.
Value GetAttribute(Meter* meter, const Value& object, std::string_view name);
Value GetItem(Meter* meter, const Value& object, const Value& key);
// object[start:stop:step]; bounds that are None count as left out.
Value Slice(Meter* meter, const Value& object, const Value& start, const Value& stop, const Value& step);

// "'dict object' has no attribute 'x'" and the like.
Value MissingElement(Meter* meter, const Value& object, const Value& key);
// Throws when the value is undefined.
void CheckDefined(const Value& value);
// The value as an index; throws for everything but integers and bools.
int64_t ToIndex(const Value& value, const char* what);
// The number as a double; the value must be a bool, an integer or a float.
double ToDouble(const Value& number);
bool IsNumber(const Value& value);
// Text with &, <, >, ' and " as HTML writes them, marked as HTML.
Value EscapeHtml(Meter* meter, const Value& value);

}  // namespace puna::api::jinja
