// Attributes, items and slices of python_ops.h.
#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/loop_object.h"
#include "api/template/python_ops.h"
#include "api/template/python_text.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

std::string TypePhrase(const Value& object) {
  if (object.IsNone()) return "None";
  if (object.kind() == Kind::kNamespace) return "jinja2.utils.Namespace object";
  return std::string(TypeName(object)) + " object";
}

Value UnsafeAttribute(Meter* meter, const Value& object, std::string_view name) {
  return Value::Undefined(
      meter, "access to attribute '" + std::string(name) + "' of '" + TypeName(object) + "' object is unsafe.");
}

// getattr(object, name): no value when it has no such attribute.
Value AttributeOnly(Meter* meter, const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::kNamespace: {
      const Value* found = object.As<NamespaceObject>().Find(name);
      return found == nullptr ? Value() : *found;
    }
    case Kind::kLoop:
      return LoopAttribute(meter, object, name);
    case Kind::kMacro:
      return MacroAttribute(meter, object, name);
    default:
      break;
  }
  bool unsafe = false;
  const Builtin function = FindMethod(object, name, &unsafe);
  if (unsafe || (name.starts_with("__") && name.ends_with("__"))) return UnsafeAttribute(meter, object, name);
  if (function == nullptr) return Value();
  return Value::Method(meter, object, function);
}

// object[key]: no value when there is no such item.
Value ItemOnly(Meter* meter, const Value& object, const Value& key) {
  if (object.IsDict()) {
    if (key.IsDict() || (key.IsList() && key.list().flavour != ListFlavour::kTuple)) return Value();
    const Value* found = object.dict().Find(meter, key);
    return found == nullptr ? Value() : *found;
  }
  if (key.kind() != Kind::kInt && key.kind() != Kind::kBool) return Value();
  if (!object.IsSequence() && !object.IsString()) return Value();
  const auto size = static_cast<int64_t>(Length(object));
  int64_t index = ToIndex(key, "index");
  if (index < 0) index += size;
  if (index < 0 || index >= size) return Value();
  if (!object.IsString()) return object.list().items[static_cast<size_t>(index)];
  const TrackedText& text = object.text();
  const size_t begin = text.OffsetOf(meter, static_cast<size_t>(index));
  return Value::String(text.Substring(meter, begin, begin + text::DecodeUtf8(text.bytes(), begin).length));
}

struct SliceRange {
  int64_t start, stop, step;
  size_t count;
};

// As Python's slice.indices.
SliceRange ResolveSlice(const Value& start, const Value& stop, const Value& step, size_t length) {
  const auto given = [](const Value& v) { return !v.IsNone() && !v.IsNoValue(); };
  const auto size = static_cast<int64_t>(length);
  SliceRange range{0, 0, given(step) ? ToIndex(step, "slice step") : 1, 0};
  if (range.step == 0) Fail("slice step cannot be zero");
  range.step = std::clamp<int64_t>(range.step, -(size + 1), size + 1);
  const int64_t low = range.step < 0 ? -1 : 0, high = range.step < 0 ? size - 1 : size;
  const auto bound = [&](const Value& v, int64_t otherwise) {
    if (!given(v)) return otherwise;
    const int64_t i = ToIndex(v, "slice index");
    return std::clamp(i < 0 ? (i < -size ? low : i + size) : i, low, high);
  };
  range.start = bound(start, range.step < 0 ? high : low);
  range.stop = bound(stop, range.step < 0 ? low : high);
  const int64_t span = range.step > 0 ? range.stop - range.start : range.start - range.stop;
  const int64_t stride = range.step > 0 ? range.step : -range.step;
  range.count = span <= 0 ? 0 : static_cast<size_t>((span + stride - 1) / stride);
  return range;
}

Value SliceText(Meter* meter, const TrackedText& text, const SliceRange& range) {
  if (range.count == 0) return Value::String(TrackedText(meter));
  if (range.step == 1) {
    const size_t begin = text.OffsetOf(meter, static_cast<size_t>(range.start));
    return Value::String(text.Substring(meter, begin, text.OffsetOf(meter, static_cast<size_t>(range.stop))));
  }
  std::vector<size_t> offsets;  // where each character begins
  Spend(meter, text.length());
  for (size_t at = 0; at < text.size(); at += text::DecodeUtf8(text.bytes(), at).length) offsets.push_back(at);
  TrackedText picked(meter);
  for (size_t i = 0; i < range.count; ++i) {
    const int64_t index = range.start + static_cast<int64_t>(i) * range.step;
    const size_t begin = offsets[static_cast<size_t>(index)];
    picked.AppendRange(text, begin, begin + text::DecodeUtf8(text.bytes(), begin).length);
  }
  return Value::String(std::move(picked));
}

}  // namespace

Value MissingElement(Meter* meter, const Value& object, const Value& key) {
  if (key.IsString()) return Value::NoAttribute(meter, TypePhrase(object), key.bytes());
  return Value::Undefined(meter, TypePhrase(object) + " has no element " + ReprBytes(meter, key));
}

Value GetAttribute(Meter* meter, const Value& object, std::string_view name) {
  CheckDefined(object);
  Value found = AttributeOnly(meter, object, name);
  if (!found.IsNoValue()) return found;
  if (object.IsDict()) {
    const Value* item = object.dict().Find(name);
    if (item != nullptr) return *item;
  }
  return Value::NoAttribute(meter, TypePhrase(object), name);
}

Value GetItem(Meter* meter, const Value& object, const Value& key) {
  CheckDefined(object);
  Value found = ItemOnly(meter, object, key);
  if (!found.IsNoValue()) return found;
  if (key.IsString()) {
    found = AttributeOnly(meter, object, key.bytes());
    if (!found.IsNoValue()) return found;
  }
  return MissingElement(meter, object, key);
}

Value Slice(Meter* meter, const Value& object, const Value& start, const Value& stop, const Value& step) {
  CheckDefined(object);
  if (object.IsDict()) Fail("unhashable type: 'slice'");
  if (!object.IsString() && !object.IsSequence()) {
    Fail(std::string("'") + TypeName(object) + "' object is not subscriptable");
  }
  const SliceRange range = ResolveSlice(start, stop, step, Length(object));
  if (object.IsString()) return SliceText(meter, object.text(), range);
  std::vector<Value> items;
  Spend(meter, range.count);
  items.reserve(range.count);
  for (size_t i = 0; i < range.count; ++i) {
    const int64_t index = range.start + static_cast<int64_t>(i) * range.step;
    items.push_back(object.list().items[static_cast<size_t>(index)]);
  }
  return Value::List(meter, std::move(items), object.list().flavour);
}

}  // namespace puna::api::jinja
