// Methods of lists, tuples and dicts: those that leave them as they are.
#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"

namespace puna::api::jinja {
namespace {

Value ListCount(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"value"}, 1);
  int64_t count = 0;
  for (const Value& item : self.list().items) count += Equal(in.meter(), item, bound[0]) ? 1 : 0;
  return Value::Int(count);
}

Value ListIndex(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("index", arguments, {"value", "start", "stop"}, 1);
  const auto size = static_cast<int64_t>(self.list().items.size());
  const auto clip = [size](int64_t at) { return at < 0 ? std::max<int64_t>(0, at + size) : std::min(at, size); };
  const int64_t stop = clip(bound.Int(2, size));
  for (int64_t i = clip(bound.Int(1, 0)); i < stop; ++i) {
    if (Equal(in.meter(), self.list().items[static_cast<size_t>(i)], bound[0])) return Value::Int(i);
  }
  Fail(std::string(TypeName(self)) + ".index(x): x not in " + TypeName(self));
}

Value Copy(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("copy", arguments, {});
  return self;
}

Value DictGet(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("get", arguments, {"key", "default"}, 1);
  const Value* found = self.dict().Find(in.meter(), bound[0]);
  if (found != nullptr) return *found;
  return bound.Has(1) ? bound[1] : Value::None();
}

template <ListFlavour kFlavour>
Value DictView(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("dict view", arguments, {});
  std::vector<Value> items;
  items.reserve(self.dict().entries.size());
  for (const auto& [key, value] : self.dict().entries) {
    items.push_back(kFlavour == ListFlavour::kKeys     ? key
                    : kFlavour == ListFlavour::kValues ? value
                                                       : Value::Tuple(in.meter(), {key, value}));
  }
  return Value::List(in.meter(), std::move(items), kFlavour);
}

}  // namespace

const std::vector<NamedBuiltin>& ListMethods() {
  static const std::vector<NamedBuiltin> table = {{"count", ListCount}, {"index", ListIndex}, {"copy", Copy}};
  return table;
}

const std::vector<NamedBuiltin>& DictMethods() {
  static const std::vector<NamedBuiltin> table = {
      {"get", DictGet},
      {"keys", DictView<ListFlavour::kKeys>},
      {"values", DictView<ListFlavour::kValues>},
      {"items", DictView<ListFlavour::kItems>},
      {"copy", Copy},
  };
  return table;
}

}  // namespace puna::api::jinja
