// The functions that every template knows.
#include <ctime>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "api/template/template_error.h"

namespace puna::api::jinja {
namespace {

constexpr int64_t kMaxRange = 100000;  // jinja2's sandbox has the same

Value Range(Interpreter& in, const Value&, const Arguments& arguments) {
  if (!arguments.named.empty()) Fail("range() takes no keyword arguments");
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3) Fail("range expected 1 to 3 arguments, got " + std::to_string(given.size()));
  const int64_t start = given.size() == 1 ? 0 : ToIndex(given[0], "range()");
  const int64_t stop = ToIndex(given[given.size() == 1 ? 0 : 1], "range()");
  const int64_t step = given.size() == 3 ? ToIndex(given[2], "range()") : 1;
  if (step == 0) Fail("range() arg 3 must not be zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) >= kMaxRange) {
      Fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    Spend(in.meter(), 1);
    items.push_back(Value::Int(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Value::List(in.meter(), std::move(items), ListFlavour::kRange);
}

// The entries of dict(mapping or pairs, name=value...).
std::vector<std::pair<Value, Value>> DictEntries(Meter* meter, const char* callee, const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.positional.size() > 1) Fail(std::string(callee) + " expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& given = arguments.positional[0];
    if (given.IsDict()) {
      entries = given.dict().entries;
    } else {
      for (const Value& pair : EachItem(meter, given)) {
        const auto parts = Items(meter, pair);
        if (parts->items.size() != 2) Fail(std::string(callee) + " needs pairs of a key and a value");
        entries.emplace_back(parts->items[0], parts->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(Value::Untrusted(meter, name), value);
  return entries;
}

Value Dict(Interpreter& in, const Value&, const Arguments& arguments) {
  return Value::Dict(in.meter(), DictEntries(in.meter(), "dict", arguments));
}

Value Namespace(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  return interpreter.NewNamespace(DictEntries(interpreter.meter(), "namespace", arguments));
}

Value RaiseException(Interpreter& in, const Value&, const Arguments& arguments) {
  const BoundArguments bound("raise_exception", arguments, {"message"}, 1);
  throw TemplateError(TemplateError::Kind::kRaised, Str(in.meter(), bound[0]).bytes());
}

// datetime.now().strftime(format): local time.
Value StrftimeNow(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  const BoundArguments bound("strftime_now", arguments, {"format"}, 1);
  const std::string& format = bound.Text(0).bytes();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(interpreter.now());
  std::tm local{};
  localtime_r(&seconds, &local);
  if (format.empty()) return Value::Untrusted(interpreter.meter(), "");
  char text[1024];
  const size_t size = std::strftime(text, sizeof text, format.c_str(), &local);
  if (size == 0) Fail("strftime_now(): the format '" + format.substr(0, 60) + "' gives no text or too much");
  return Value::Untrusted(interpreter.meter(), std::string_view(text, size));
}

}  // namespace

const std::vector<NamedBuiltin>& Globals() {
  static const std::vector<NamedBuiltin> table = {
      {"range", Range},
      {"dict", Dict},
      {"namespace", Namespace},
      {"raise_exception", RaiseException},
      {"strftime_now", StrftimeNow},
  };
  return table;
}

}  // namespace puna::api::jinja
