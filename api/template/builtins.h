// The filters, tests, methods and global functions that templates call, by name.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "api/template/value.h"

namespace puna::api::jinja {

// nullptr when there is none of that name.
Builtin FindFilter(std::string_view name);
Builtin FindTest(std::string_view name);
// The method `name` of the value's type. unsafe: the type has it, but it would change the value, which transformers'
// sandbox forbids.
Builtin FindMethod(const Value& object, std::string_view name, bool* unsafe);
// range, dict, namespace, raise_exception, strftime_now: functions that every template knows.
struct NamedBuiltin {
  std::string_view name;
  Builtin function;
};
const std::vector<NamedBuiltin>& Globals();

// The parts of the tables, one for each file.
const std::vector<NamedBuiltin>& TextFilters();
const std::vector<NamedBuiltin>& NumberFilters();
const std::vector<NamedBuiltin>& ListFilters();
const std::vector<NamedBuiltin>& SelectFilters();
const std::vector<NamedBuiltin>& StringMethods();
const std::vector<NamedBuiltin>& StringSplitMethods();
const std::vector<NamedBuiltin>& ListMethods();
const std::vector<NamedBuiltin>& DictMethods();
// What Python and Jinja have and puna leaves out: each fails when it is called, and says so.
const std::vector<NamedBuiltin>& MissingStringMethods();
const std::vector<NamedBuiltin>& MissingFilters();
[[noreturn]] void FailLeftOut(const std::string& what);

// A call's arguments spread over parameter names, as Python does. Throws TemplateError for too many, unknown, double or
// missing ones (the first `required` must be there).
class BoundArguments {
 public:
  BoundArguments(std::string_view callee, const Arguments& arguments, std::initializer_list<std::string_view> names,
                 size_t required = 0);

  bool Has(size_t i) const { return values_[i] != nullptr; }
  bool HasValue(size_t i) const { return Has(i) && !values_[i]->IsNone(); }
  const Value& operator[](size_t i) const { return *values_[i]; }
  bool Flag(size_t i, bool otherwise) const;
  int64_t Int(size_t i, int64_t otherwise) const;
  // The text of a str argument; throws for another type.
  const TrackedText& Text(size_t i) const;

 private:
  static constexpr size_t kMostNames = 8;

  std::string_view callee_;
  std::array<const Value*, kMostNames> values_ = {};  // nullptr: not given
};

// What a filter's `attribute` argument names: "a.b.0" walks through attributes and items. Undefined on the way gives
// `otherwise` when it is not nullptr.
Value WalkAttribute(Meter* meter, const Value& object, const Value& attribute, const Value* otherwise = nullptr);
// The value with capitals made small when it is text: the key of filters that ignore case.
Value IgnoreCase(Meter* meter, const Value& value);

// Text operations that filters and methods share.
TrackedText Upper(Meter* meter, const TrackedText& text);
TrackedText Lower(Meter* meter, const TrackedText& text);
TrackedText Capitalize(Meter* meter, const TrackedText& text);
// str.strip: chars nullptr means white space.
// Whether stripping white space would change the text: what Strip need not copy.
bool BeginsOrEndsWithSpace(const std::string& bytes);
TrackedText Strip(Meter* meter, const TrackedText& text, const TrackedText* chars, bool left, bool right);
// At most `count` replacements from the left; all when negative.
TrackedText Replace(Meter* meter, const TrackedText& text, const TrackedText& from, const TrackedText& to,
                    int64_t count);
TrackedText Join(Meter* meter, const TrackedText& separator, const std::vector<Value>& items);
std::vector<TrackedText> SplitLines(Meter* meter, const TrackedText& text, bool keep_ends);

}  // namespace puna::api::jinja
