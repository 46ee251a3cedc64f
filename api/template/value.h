// A value as templates see it: Python's None, bool, int, float, str, list, tuple, dict and what Jinja adds. Lists and
// dicts never change once made (transformers' sandbox forbids it), so copies share them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/template/meter.h"
#include "api/template/tracked_text.h"

namespace puna::api::jinja {

enum class Kind : uint8_t {
  kUndefined,  // a name, key or attribute that is not there; knows why
  kNone,
  kBool,
  kInt,     // 64 bits
  kBigInt,  // an integer beyond 64 bits, kept as its decimal text: printed in full, compared, never calculated with
  kFloat,
  kString,
  kList,  // also tuples, ranges and the views of dicts: see ListFlavour
  kDict,
  kIterator,  // what filters such as select and map give: read once
  kNamespace,
  kMacro,
  kFunction,  // a global function
  kMethod,    // a method of a value
  kLoop,      // the `loop` of a for statement
};

enum class ListFlavour : uint8_t { kList, kTuple, kRange, kKeys, kValues, kItems };

struct Object {
  virtual ~Object() = default;
  // Levels of lists and dicts inside, this one included: bounded when a value is made, so that nothing that walks or
  // frees a value can run out of stack.
  virtual int depth() const { return 0; }
};

class Interpreter;
class Value;
struct Arguments;
struct ListObject;
struct DictObject;

// A filter (self: what is filtered), test (self: what is tested), method or global function (self: no value).
using Builtin = Value (*)(Interpreter& interpreter, const Value& self, const Arguments& arguments);

// Values are made with the meter of the rendering that makes them, or null outside of one (meter.h).
class Value {
 public:
  Value() = default;  // undefined without a reason: "no value"
  static Value None() { return Value(Kind::kNone); }
  static Value Bool(bool b);
  static Value Int(int64_t i);
  // digits: decimal, an optional minus sign, no leading zeros; becomes kInt when it fits.
  static Value Integer(Meter* meter, std::string_view digits);
  static Value Float(double d);
  static Value String(TrackedText text);
  // Text of the template itself or of the server's own settings.
  static Value Trusted(Meter* meter, std::string_view utf8) { return String(TrackedText(meter, utf8, true)); }
  // Text of a client, or calculated from one.
  static Value Untrusted(Meter* meter, std::string_view utf8) { return String(TrackedText(meter, utf8, false)); }
  static Value List(Meter* meter, std::vector<Value> items, ListFlavour flavour = ListFlavour::kList);
  static Value Tuple(Meter* meter, std::vector<Value> items) {
    return List(meter, std::move(items), ListFlavour::kTuple);
  }
  // Entries in order; of two with the same key the last one's value stays at the first one's place.
  // Throws TemplateError when a key cannot be one (a list, a dict).
  static Value Dict(Meter* meter, std::vector<std::pair<Value, Value>> entries);
  static Value Iterator(Meter* meter, std::shared_ptr<const ListObject> items);
  static Value Undefined(Meter* meter, std::string why);
  // `type` (Python's name of an object's type) has no attribute `name`. Templates ask for what is not there all the time, and
  // hardly ever why, so the sentence is made by why() alone.
  static Value NoAttribute(Meter* meter, std::string type, std::string_view name);
  static Value Method(Meter* meter, const Value& self, Builtin function);
  static Value Of(Kind kind, std::shared_ptr<const Object> object);

  Kind kind() const { return kind_; }
  bool IsNoValue() const { return kind_ == Kind::kUndefined && object_ == nullptr; }
  bool IsUndefined() const { return kind_ == Kind::kUndefined; }
  bool IsNone() const { return kind_ == Kind::kNone; }
  bool IsString() const { return kind_ == Kind::kString; }
  bool IsDict() const { return kind_ == Kind::kDict; }
  bool IsList() const { return kind_ == Kind::kList; }
  // A list that can be indexed: list, tuple or range.
  bool IsSequence() const;
  bool IsInteger() const { return kind_ == Kind::kInt || kind_ == Kind::kBigInt; }

  // Each needs the kind of its name; those that give an object throw TemplateError for another kind.
  bool bool_value() const { return scalar_.b; }
  int64_t int_value() const { return scalar_.i; }
  double float_value() const { return scalar_.d; }
  const std::string& digits() const;  // kBigInt
  const TrackedText& text() const;    // kString
  const std::string& bytes() const { return text().bytes(); }
  const ListObject& list() const;
  std::shared_ptr<const ListObject> shared_list() const;
  const DictObject& dict() const;
  std::string why() const;  // kUndefined, not IsNoValue
  const Object* object() const { return object_.get(); }
  template <typename T>
  const T& As() const {
    return static_cast<const T&>(*object_);
  }

  // kString only: marked as HTML (the filters safe and escape); adding other text to it escapes that text.
  bool markup() const { return markup_; }
  Value WithMarkup() const;

 private:
  explicit Value(Kind kind) : kind_(kind) {}
  void Need(Kind kind) const {
    if (kind_ != kind) FailKind(kind);
  }
  [[noreturn]] void FailKind(Kind wanted) const;

  Kind kind_ = Kind::kUndefined;
  bool markup_ = false;
  union {
    bool b;
    int64_t i;
    double d;
  } scalar_ = {.i = 0};
  std::shared_ptr<const Object> object_;
};

struct TextObject : Object {  // kString, kBigInt (digits)
  explicit TextObject(TrackedText t) : text(std::move(t)) {}
  TrackedText text;
};

struct UndefinedObject : Object {
  explicit UndefinedObject(Meter* meter) : charge(meter) {}
  std::string why;         // or, where that is empty:
  std::string type, name;  // of an attribute that is not there
  Charge charge;
};

struct ListObject : Object {
  explicit ListObject(Meter* meter) : charge(meter) {}
  std::vector<Value> items;
  ListFlavour flavour = ListFlavour::kList;
  int levels = 1;
  Charge charge;
  int depth() const override { return levels; }
};

struct DictObject : Object {
  explicit DictObject(Meter* meter) : charge(meter) {}
  // The entry's value; nullptr when the key is not there. Throws TemplateError for a key that cannot be one.
  const Value* Find(Meter* meter, const Value& key) const { return At(PlaceOf(meter, key)); }
  const Value* Find(std::string_view key) const { return At(PlaceOf(key)); }
  // The entry's place; entries.size() when the key is not there. Throws as Find does.
  size_t PlaceOf(Meter* meter, const Value& key) const;
  size_t PlaceOf(std::string_view key) const;
  const Value* At(size_t place) const { return place < entries.size() ? &entries[place].second : nullptr; }

  std::vector<std::pair<Value, Value>> entries;
  std::map<std::string, size_t, std::less<>> index;  // KeyText of each entry, for larger dicts only
  int levels = 1;
  Charge charge;
  int depth() const override { return levels; }
};

struct IteratorObject : Object {
  explicit IteratorObject(Meter* meter) : charge(meter) {}
  std::shared_ptr<const ListObject> items;
  mutable size_t next = 0;
  Charge charge;
  int depth() const override { return items->levels; }
};

// The one thing that a template can change. Owned by the interpreter, since two can hold each other.
struct NamespaceObject : Object {
  explicit NamespaceObject(Meter* meter) : charge(meter) {}
  const Value* Find(std::string_view name) const;
  void Set(std::string_view name, Value value) const;

  // What values that share the namespace see change. Keys are strings.
  mutable std::vector<std::pair<Value, Value>> attributes;
  mutable Charge charge;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct FunctionObject : Object {
  Builtin function = nullptr;
};

struct MethodObject : Object {
  explicit MethodObject(Meter* meter) : charge(meter) {}
  Value self;
  Builtin function = nullptr;
  Charge charge;
  int depth() const override;
};

// Equal for keys that Python takes as equal (1, 1.0 and True are one key). Throws TemplateError: unhashable type.
std::string KeyText(Meter* meter, const Value& key);
// Levels of lists and dicts in a value: 0 for a scalar.
int DepthOf(const Value& value);
// Python's name of the type, as in its messages.
const char* TypeName(const Value& value);
// Throws TemplateError of kind kRuntime.
[[noreturn]] void Fail(const std::string& message);

}  // namespace puna::api::jinja
