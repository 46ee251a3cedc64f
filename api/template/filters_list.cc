// Filters on lists and dicts.
#include <algorithm>
#include <set>

#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

Value IteratorOver(Meter* meter, std::vector<Value> items) {
  return Value::Iterator(meter, Value::List(meter, std::move(items)).shared_list());
}

// The sort key of an item: its attributes ("a,b.c": several), capitals ignored unless case_sensitive.
std::vector<Value> SortKey(Meter* meter, const Value& item, const Value* attribute, bool case_sensitive) {
  std::vector<Value> keys;
  if (attribute == nullptr) {
    keys.push_back(item);
  } else if (attribute->IsString()) {
    const std::string& paths = attribute->bytes();
    for (size_t begin = 0; begin <= paths.size();) {
      const size_t end = std::min(paths.find(',', begin), paths.size());
      keys.push_back(WalkAttribute(meter, item, Value::Untrusted(meter, paths.substr(begin, end - begin))));
      begin = end + 1;
    }
  } else {
    keys.push_back(WalkAttribute(meter, item, *attribute));
  }
  if (!case_sensitive) {
    for (Value& key : keys) key = IgnoreCase(meter, key);
  }
  return keys;
}

bool LessKeys(Meter* meter, const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (Less(meter, a[i], b[i])) return true;
    if (i + 1 < a.size() && !Equal(meter, a[i], b[i])) return false;
  }
  return false;
}

struct Keyed {
  std::vector<Value> key;
  Value item;
};

Value Sorted(Meter* meter, std::vector<Keyed> items, bool reverse) {
  // Reversed sorting keeps the order of equal items too.
  if (reverse) std::reverse(items.begin(), items.end());
  std::stable_sort(items.begin(), items.end(),
                   [meter](const Keyed& a, const Keyed& b) { return LessKeys(meter, a.key, b.key); });
  if (reverse) std::reverse(items.begin(), items.end());
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (Keyed& keyed : items) sorted.push_back(std::move(keyed.item));
  return Value::List(meter, std::move(sorted));
}

Value SortFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const Value* attribute = bound.HasValue(2) ? &bound[2] : nullptr;
  std::vector<Keyed> items;
  for (const Value& item : EachItem(in.meter(), self)) {
    items.push_back({SortKey(in.meter(), item, attribute, bound.Flag(1, false)), item});
  }
  return Sorted(in.meter(), std::move(items), bound.Flag(0, false));
}

Value DictSortFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  CheckDefined(self);
  if (!self.IsDict()) Fail(std::string("dictsort() needs a dict, not ") + TypeName(self));
  const std::string by = bound.Has(1) ? bound.Text(1).bytes() : "key";
  if (by != "key" && by != "value") Fail("You can only sort by either \"key\" or \"value\"");
  std::vector<Keyed> items;
  for (const auto& [key, value] : self.dict().entries) {
    const Value& field = by == "key" ? key : value;
    items.push_back(
        {{bound.Flag(0, false) ? field : IgnoreCase(in.meter(), field)}, Value::Tuple(in.meter(), {key, value})});
  }
  return Sorted(in.meter(), std::move(items), bound.Flag(2, false));
}

Value UniqueFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("unique", arguments, {"case_sensitive", "attribute"});
  std::set<std::string> seen;
  std::vector<Value> unique;
  for (const Value& item : EachItem(in.meter(), self)) {
    const Value key = bound.HasValue(1) ? WalkAttribute(in.meter(), item, bound[1]) : item;
    if (seen.insert(KeyText(in.meter(), bound.Flag(0, false) ? key : IgnoreCase(in.meter(), key))).second)
      unique.push_back(item);
  }
  return IteratorOver(in.meter(), std::move(unique));
}

template <bool kMax>
Value ExtremeFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound(kMax ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const auto items = Items(in.meter(), self);
  if (items->items.empty()) return Value::Undefined(in.meter(), "No aggregated item, sequence was empty.");
  const auto key_of = [&](const Value& item) {
    const Value key = bound.HasValue(1) ? WalkAttribute(in.meter(), item, bound[1]) : item;
    return bound.Flag(0, false) ? key : IgnoreCase(in.meter(), key);
  };
  Value best = items->items[0];
  Value best_key = key_of(best);
  for (size_t i = 1; i < items->items.size(); ++i) {
    const Value key = key_of(items->items[i]);
    if (kMax ? !Less(in.meter(), best_key, key) : !Less(in.meter(), key, best_key)) continue;
    best = items->items[i];
    best_key = key;
  }
  return best;
}

Value SumFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("sum", arguments, {"attribute", "start"});
  Value sum = bound.Has(1) ? bound[1] : Value::Int(0);
  if (sum.IsString()) Fail("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : EachItem(in.meter(), self)) {
    sum =
        Calculate(in.meter(), MathOp::kAdd, sum, bound.HasValue(0) ? WalkAttribute(in.meter(), item, bound[0]) : item);
  }
  return sum;
}

Value FirstFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("first", arguments, {});
  if (self.kind() == Kind::kIterator) {
    const auto& iterator = self.As<IteratorObject>();
    if (iterator.next < iterator.items->items.size()) return iterator.items->items[iterator.next++];
  } else if (self.IsString() && !self.text().empty()) {
    return GetItem(in.meter(), self, Value::Int(0));
  } else if (const auto items = Items(in.meter(), self); !items->items.empty()) {
    return items->items.front();
  }
  return Value::Undefined(in.meter(), "No first item, sequence was empty.");
}

Value LastFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("last", arguments, {});
  if (self.kind() == Kind::kIterator) Fail("'generator' object is not reversible");
  if (self.IsString() && !self.text().empty()) return GetItem(in.meter(), self, Value::Int(-1));
  const auto items = Items(in.meter(), self);
  if (!items->items.empty()) return items->items.back();
  return Value::Undefined(in.meter(), "No last item, sequence was empty.");
}

Value ListFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("list", arguments, {});
  if (self.IsList() && self.list().flavour == ListFlavour::kList) return self;
  return Value::List(in.meter(), Items(in.meter(), self)->items);
}

Value ReverseFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("reverse", arguments, {});
  if (self.IsString()) return Slice(in.meter(), self, Value(), Value(), Value::Int(-1));
  if (!IsIterable(self)) Fail("argument must be iterable");
  std::vector<Value> items = Items(in.meter(), self)->items;
  std::reverse(items.begin(), items.end());
  return self.kind() == Kind::kIterator ? Value::List(in.meter(), std::move(items))
                                        : IteratorOver(in.meter(), std::move(items));
}

Value ItemsFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("items", arguments, {});
  if (!self.IsUndefined() && !self.IsDict()) Fail("Can only get item pairs from a mapping.");
  std::vector<Value> items;
  if (self.IsDict()) {
    for (const auto& [key, value] : self.dict().entries) items.push_back(Value::Tuple(in.meter(), {key, value}));
  }
  return IteratorOver(in.meter(), std::move(items));
}

Value JoinFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"d", "attribute"});
  const TrackedText separator = bound.Has(0) ? Str(in.meter(), bound[0]) : TrackedText(in.meter());
  const auto items = Items(in.meter(), self);
  if (!bound.HasValue(1)) return Value::String(Join(in.meter(), separator, items->items));
  std::vector<Value> attributes;
  for (const Value& item : items->items) attributes.push_back(WalkAttribute(in.meter(), item, bound[1]));
  return Value::String(Join(in.meter(), separator, attributes));
}

Value BatchFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t size = bound.Int(0, 1);
  if (size < 1) Fail("batch() needs a line count of at least 1");
  std::vector<Value> batches, batch;
  for (const Value& item : EachItem(in.meter(), self)) {
    if (static_cast<int64_t>(batch.size()) == size) {
      batches.push_back(Value::List(in.meter(), std::move(batch)));
      batch.clear();
    }
    batch.push_back(item);
  }
  if (!batch.empty()) {
    for (auto missing = size - static_cast<int64_t>(batch.size()); bound.HasValue(1) && missing > 0; --missing) {
      Spend(in.meter(), 1);
      batch.push_back(bound[1]);
    }
    batches.push_back(Value::List(in.meter(), std::move(batch)));
  }
  return IteratorOver(in.meter(), std::move(batches));
}

Value SliceFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("slice", arguments, {"slices", "fill_with"}, 1);
  const int64_t slices = bound.Int(0, 1);
  if (slices < 1) Fail("slice() needs at least 1 slice");
  const auto items = Items(in.meter(), self);
  const auto size = static_cast<int64_t>(items->items.size());
  std::vector<Value> parts;
  int64_t at = 0;
  for (int64_t i = 0; i < slices; ++i) {
    Spend(in.meter(), 1);
    const int64_t count = size / slices + (i < size % slices ? 1 : 0);
    std::vector<Value> part(items->items.begin() + at, items->items.begin() + at + count);
    if (bound.HasValue(1) && i >= size % slices) part.push_back(bound[1]);
    parts.push_back(Value::List(in.meter(), std::move(part)));
    at += count;
  }
  return IteratorOver(in.meter(), std::move(parts));
}

Value AttrFilter(Interpreter& in, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("attr", arguments, {"name"}, 1);
  // Attributes only: a dict's keys are none.
  bool unsafe = false;
  const bool has = !self.IsDict() || FindMethod(self, bound.Text(0).bytes(), &unsafe) != nullptr || unsafe;
  return has ? GetAttribute(in.meter(), self, bound.Text(0).bytes()) : MissingElement(in.meter(), self, bound[0]);
}

}  // namespace

const std::vector<NamedBuiltin>& ListFilters() {
  static const std::vector<NamedBuiltin> table = {
      {"sort", SortFilter},          {"dictsort", DictSortFilter}, {"unique", UniqueFilter},
      {"min", ExtremeFilter<false>}, {"max", ExtremeFilter<true>}, {"sum", SumFilter},
      {"first", FirstFilter},        {"last", LastFilter},         {"list", ListFilter},
      {"reverse", ReverseFilter},    {"items", ItemsFilter},       {"join", JoinFilter},
      {"batch", BatchFilter},        {"slice", SliceFilter},       {"attr", AttrFilter},
  };
  return table;
}

}  // namespace puna::api::jinja
