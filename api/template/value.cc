#include "api/template/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "api/template/python_text.h"
#include "api/template/template_error.h"

namespace puna::api::jinja {
namespace {

constexpr size_t kIndexFrom = 9;  // entries; below, looking at each key is quicker

void CheckDepth(int depth) {
  if (depth > kMaxValueDepth) {
    throw TemplateError(TemplateError::Kind::kLimit,
                        "a value is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
  }
}

std::string NumberKey(double d) {
  // Whole numbers share the integers' form.
  if (d == std::floor(d) && std::abs(d) < 9.0e18) return "n" + std::to_string(static_cast<int64_t>(d));
  return "f" + FloatRepr(d);
}

bool SameStringKey(const Value& key, std::string_view text) { return key.IsString() && key.bytes() == text; }

// Whether all keys are texts and none stands twice; for few entries.
bool AreDifferentTexts(const std::vector<std::pair<Value, Value>>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].first.IsString()) return false;
    for (size_t other = 0; other < i; ++other) {
      if (SameStringKey(entries[other].first, entries[i].first.bytes())) return false;
    }
  }
  return true;
}

}  // namespace

void Fail(const std::string& message) { throw TemplateError(TemplateError::Kind::kRuntime, message); }

Value Value::Bool(bool b) {
  Value value(Kind::kBool);
  value.scalar_.b = b;
  return value;
}

Value Value::Int(int64_t i) {
  Value value(Kind::kInt);
  value.scalar_.i = i;
  return value;
}

Value Value::Integer(Meter* meter, std::string_view digits) {
  int64_t i = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), i);
  if (error == std::errc() && end == digits.data() + digits.size()) return Int(i);
  // Python refuses more digits too.
  if (digits.size() > 4300) Fail("an integer has more than 4300 digits");
  return Of(Kind::kBigInt, std::make_shared<TextObject>(TrackedText(meter, digits, false)));
}

Value Value::Float(double d) {
  Value value(Kind::kFloat);
  value.scalar_.d = d;
  return value;
}

Value Value::String(TrackedText text) { return Of(Kind::kString, std::make_shared<TextObject>(std::move(text))); }

Value Value::List(Meter* meter, std::vector<Value> items, ListFlavour flavour) {
  auto list = std::make_shared<ListObject>(meter);
  Spend(meter, 1 + items.size());
  list->charge.Set(sizeof(ListObject) + items.capacity() * sizeof(Value));
  for (const Value& item : items) list->levels = std::max(list->levels, 1 + DepthOf(item));
  CheckDepth(list->levels);
  list->items = std::move(items);
  list->flavour = flavour;
  return Of(Kind::kList, std::move(list));
}

Value Value::Dict(Meter* meter, std::vector<std::pair<Value, Value>> entries) {
  auto dict = std::make_shared<DictObject>(meter);
  const bool indexed = entries.size() >= kIndexFrom;
  Spend(meter, 1 + entries.size());
  dict->charge.Set(sizeof(DictObject) + entries.size() * (indexed ? 256 : 2 * sizeof(Value)));
  for (const auto& [key, value] : entries)
    dict->levels = std::max({dict->levels, 1 + DepthOf(key), 1 + DepthOf(value)});
  CheckDepth(dict->levels);
  if (!indexed && AreDifferentTexts(entries)) {
    dict->entries = std::move(entries);
    return Of(Kind::kDict, std::move(dict));
  }
  dict->entries.reserve(entries.size());
  for (auto& [key, value] : entries) {
    if (indexed) {
      const auto [place, is_new] = dict->index.try_emplace(KeyText(meter, key), dict->entries.size());
      if (!is_new) {
        dict->entries[place->second].second = std::move(value);
        continue;
      }
    } else if (const size_t place = dict->PlaceOf(meter, key); place < dict->entries.size()) {
      dict->entries[place].second = std::move(value);
      continue;
    }
    dict->entries.emplace_back(std::move(key), std::move(value));
  }
  return Of(Kind::kDict, std::move(dict));
}

Value Value::Iterator(Meter* meter, std::shared_ptr<const ListObject> items) {
  auto iterator = std::make_shared<IteratorObject>(meter);
  iterator->items = std::move(items);
  iterator->charge.Set(sizeof(IteratorObject));
  return Of(Kind::kIterator, std::move(iterator));
}

Value Value::Undefined(Meter* meter, std::string why) {
  auto undefined = std::make_shared<UndefinedObject>(meter);
  undefined->charge.Set(sizeof(UndefinedObject) + why.size());
  undefined->why = std::move(why);
  return Of(Kind::kUndefined, std::move(undefined));
}

Value Value::NoAttribute(Meter* meter, std::string type, std::string_view name) {
  auto undefined = std::make_shared<UndefinedObject>(meter);
  undefined->charge.Set(sizeof(UndefinedObject) + type.size() + name.size());
  undefined->type = std::move(type);
  undefined->name = name;
  return Of(Kind::kUndefined, std::move(undefined));
}

Value Value::Method(Meter* meter, const Value& self, Builtin function) {
  auto method = std::make_shared<MethodObject>(meter);
  method->self = self;
  method->function = function;
  method->charge.Set(sizeof(MethodObject));
  return Of(Kind::kMethod, std::move(method));
}

Value Value::Of(Kind kind, std::shared_ptr<const Object> object) {
  Value value(kind);
  value.object_ = std::move(object);
  return value;
}

bool Value::IsSequence() const { return IsList() && list().flavour <= ListFlavour::kRange; }

const std::string& Value::digits() const {
  Need(Kind::kBigInt);
  return As<TextObject>().text.bytes();
}

const TrackedText& Value::text() const {
  Need(Kind::kString);
  return As<TextObject>().text;
}

const ListObject& Value::list() const {
  Need(Kind::kList);
  return As<ListObject>();
}

std::shared_ptr<const ListObject> Value::shared_list() const {
  Need(Kind::kList);
  return std::static_pointer_cast<const ListObject>(object_);
}

const DictObject& Value::dict() const {
  Need(Kind::kDict);
  return As<DictObject>();
}

std::string Value::why() const {
  Need(Kind::kUndefined);
  if (object_ == nullptr) Fail("a value is undefined");
  const auto& undefined = As<UndefinedObject>();
  if (!undefined.why.empty()) return undefined.why;
  return "'" + undefined.type + "' has no attribute '" + undefined.name + "'";
}

void Value::FailKind(Kind wanted) const {
  const char* names[] = {"undefined", "None", "bool", "int", "large int", "float", "str", "list", "dict"};
  const auto index = static_cast<size_t>(wanted);
  Fail(std::string("expected a value of type ") + (index < std::size(names) ? names[index] : "object") + ", found " +
       TypeName(*this));
}

Value Value::WithMarkup() const {
  Value marked = *this;
  marked.markup_ = true;
  return marked;
}

size_t DictObject::PlaceOf(Meter* meter, const Value& key) const {
  if (key.IsString()) return PlaceOf(std::string_view(key.bytes()));
  const std::string text = KeyText(meter, key);
  if (!index.empty()) {
    const auto found = index.find(text);
    return found == index.end() ? entries.size() : found->second;
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const Value& k = entries[i].first;
    if (!k.IsString() && KeyText(meter, k) == text) return i;
  }
  return entries.size();
}

size_t DictObject::PlaceOf(std::string_view key) const {
  if (!index.empty()) {
    const auto found = index.find("s" + std::string(key));
    return found == index.end() ? entries.size() : found->second;
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    if (SameStringKey(entries[i].first, key)) return i;
  }
  return entries.size();
}

const Value* NamespaceObject::Find(std::string_view name) const {
  Spend(charge.meter(), 1 + attributes.size() / 8);
  for (const auto& [key, value] : attributes) {
    if (SameStringKey(key, name)) return &value;
  }
  return nullptr;
}

void NamespaceObject::Set(std::string_view name, Value value) const {
  Spend(charge.meter(), 1 + attributes.size() / 8);
  for (auto& [key, old] : attributes) {
    if (SameStringKey(key, name)) {
      old = std::move(value);
      return;
    }
  }
  charge.Set(charge.bytes() + 2 * sizeof(Value));
  attributes.emplace_back(Value::Untrusted(charge.meter(), name), std::move(value));
}

int MethodObject::depth() const { return DepthOf(self); }

std::string KeyText(Meter* meter, const Value& key) {
  switch (key.kind()) {
    case Kind::kNone:
      return "N";
    case Kind::kBool:
      return key.bool_value() ? "n1" : "n0";
    case Kind::kInt:
      return "n" + std::to_string(key.int_value());
    case Kind::kBigInt:
      return "n" + key.digits();
    case Kind::kFloat:
      return NumberKey(key.float_value());
    case Kind::kString:
      SpendBytes(meter, key.text().size());
      return "s" + key.bytes();
    case Kind::kUndefined:
      return "U";
    case Kind::kDict:
      Fail("unhashable type: 'dict'");
    case Kind::kList:
      break;
    default:
      return "o" + std::to_string(reinterpret_cast<uintptr_t>(key.object()));
  }
  if (key.list().flavour != ListFlavour::kTuple) {
    Fail(std::string("unhashable type: '") + TypeName(key) + "'");
  }
  const DepthGuard guard(meter);
  std::string text = "t";
  for (const Value& item : key.list().items) {
    const std::string part = KeyText(meter, item);
    text += std::to_string(part.size()) + ":" + part;
    SpendBytes(meter, text.size());
    if (text.size() > (16u << 20)) Fail("a tuple is too large to be a key");
  }
  return text;
}

int DepthOf(const Value& value) { return value.object() == nullptr ? 0 : value.object()->depth(); }

const char* TypeName(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
    case Kind::kBigInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return value.markup() ? "Markup" : "str";
    case Kind::kDict:
      return "dict";
    case Kind::kIterator:
      return "generator";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kMacro:
      return "Macro";
    case Kind::kFunction:
      return "function";
    case Kind::kMethod:
      return "builtin_function_or_method";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kList:
      break;
  }
  switch (value.list().flavour) {
    case ListFlavour::kList:
      return "list";
    case ListFlavour::kTuple:
      return "tuple";
    case ListFlavour::kRange:
      return "range";
    case ListFlavour::kKeys:
      return "dict_keys";
    case ListFlavour::kValues:
      return "dict_values";
    case ListFlavour::kItems:
      return "dict_items";
  }
  return "list";
}

}  // namespace puna::api::jinja
