// map, select, reject, selectattr and rejectattr.
#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"

namespace puna::api::jinja {
namespace {

Arguments WithoutFirst(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

const std::string& NameArgument(const Value& value, const char* what) {
  if (!value.IsString()) Fail(std::string("the name of a ") + what + " must be a str, not " + TypeName(value));
  return value.bytes();
}

Value MapAttribute(Meter* meter, const std::vector<Value>& items, const Arguments& arguments) {
  const BoundArguments bound("map", arguments, {"attribute", "default"}, 1);
  const Value* otherwise = bound.HasValue(1) ? &bound[1] : nullptr;
  std::vector<Value> mapped;
  for (const Value& item : items) mapped.push_back(WalkAttribute(meter, item, bound[0], otherwise));
  return Value::Iterator(meter, Value::List(meter, std::move(mapped)).shared_list());
}

Value MapFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  if (!Truth(self)) return Value::Iterator(interpreter.meter(), Value::List(interpreter.meter(), {}).shared_list());
  const auto items = Items(interpreter.meter(), self);
  if (arguments.positional.empty()) {
    for (const auto& named : arguments.named) {
      if (named.first == "attribute") return MapAttribute(interpreter.meter(), items->items, arguments);
    }
    Fail("map requires a filter argument");
  }
  const std::string& name = NameArgument(arguments.positional[0], "filter");
  const Builtin filter = FindFilter(name);
  if (filter == nullptr) Fail("No filter named '" + name + "'.");
  const Arguments rest = WithoutFirst(arguments, 1);
  const DepthGuard guard(interpreter.meter());  // a filter may be map again
  std::vector<Value> mapped;
  for (const Value& item : items->items) mapped.push_back(filter(interpreter, item, rest));
  return Value::Iterator(interpreter.meter(), Value::List(interpreter.meter(), std::move(mapped)).shared_list());
}

template <bool kKeep, bool kAttribute>
Value SelectFilter(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  if (!Truth(self)) return Value::Iterator(interpreter.meter(), Value::List(interpreter.meter(), {}).shared_list());
  const auto& given = arguments.positional;
  if (kAttribute && given.empty()) Fail("Missing parameter for attribute name");
  constexpr size_t kNameAt = kAttribute ? 1 : 0;
  Builtin test = nullptr;
  Arguments rest;
  if (given.size() > kNameAt) {
    const std::string& name = NameArgument(given[kNameAt], "test");
    test = FindTest(name);
    if (test == nullptr) Fail("No test named '" + name + "'.");
    rest = WithoutFirst(arguments, kNameAt + 1);
  }
  std::vector<Value> selected;
  for (const Value& item : EachItem(interpreter.meter(), self)) {
    Spend(interpreter.meter(), 1);
    const Value subject = kAttribute ? WalkAttribute(interpreter.meter(), item, given[0]) : item;
    const bool holds = Truth(test == nullptr ? subject : test(interpreter, subject, rest));
    if (holds == kKeep) selected.push_back(item);
  }
  return Value::Iterator(interpreter.meter(), Value::List(interpreter.meter(), std::move(selected)).shared_list());
}

}  // namespace

const std::vector<NamedBuiltin>& SelectFilters() {
  static const std::vector<NamedBuiltin> table = {
      {"map", MapFilter},
      {"select", SelectFilter<true, false>},
      {"reject", SelectFilter<false, false>},
      {"selectattr", SelectFilter<true, true>},
      {"rejectattr", SelectFilter<false, true>},
  };
  return table;
}

}  // namespace puna::api::jinja
