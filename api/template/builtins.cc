#include "api/template/builtins.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "api/template/python_ops.h"

namespace puna::api::jinja {
namespace {

using Table = std::map<std::string_view, Builtin>;

Table Merge(std::initializer_list<const std::vector<NamedBuiltin>*> parts) {
  Table table;
  for (const auto* part : parts) {
    for (const NamedBuiltin& entry : *part) table[entry.name] = entry.function;
  }
  return table;
}

Builtin Find(const Table& table, std::string_view name) {
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

bool IsOneOf(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Builtin FindFilter(std::string_view name) {
  static const Table table =
      Merge({&TextFilters(), &NumberFilters(), &ListFilters(), &SelectFilters(), &MissingFilters()});
  return Find(table, name);
}

Builtin FindMethod(const Value& object, std::string_view name, bool* unsafe) {
  static const Table strings = Merge({&StringMethods(), &StringSplitMethods(), &MissingStringMethods()});
  static const Table lists = Merge({&ListMethods()});
  static const Table dicts = Merge({&DictMethods()});
  *unsafe = false;
  if (object.IsString()) return Find(strings, name);
  if (object.IsDict()) {
    *unsafe = IsOneOf({"clear", "pop", "popitem", "setdefault", "update"}, name);
    return Find(dicts, name);
  }
  if (!object.IsSequence()) return nullptr;
  const bool list = object.list().flavour == ListFlavour::kList;
  *unsafe = list && IsOneOf({"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}, name);
  return list || name != "copy" ? Find(lists, name) : nullptr;
}

BoundArguments::BoundArguments(std::string_view callee, const Arguments& arguments,
                               std::initializer_list<std::string_view> names, size_t required)
    : callee_(callee) {
  if (names.size() > kMostNames) throw std::logic_error("BoundArguments: a builtin has too many parameters");
  const std::string call = std::string(callee) + "()";
  if (arguments.positional.size() > names.size()) {
    Fail(call + " takes at most " + std::to_string(names.size()) + " argument(s) (" +
         std::to_string(arguments.positional.size()) + " given)");
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) Fail(call + " got an unexpected keyword argument '" + name + "'");
    const Value*& slot = values_[static_cast<size_t>(at - names.begin())];
    if (slot != nullptr) Fail(call + " got multiple values for argument '" + name + "'");
    slot = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!Has(i)) Fail(call + " is missing its argument '" + std::string(names.begin()[i]) + "'");
  }
}

bool BoundArguments::Flag(size_t i, bool otherwise) const { return Has(i) ? Truth(*values_[i]) : otherwise; }

int64_t BoundArguments::Int(size_t i, int64_t otherwise) const {
  return Has(i) ? ToIndex(*values_[i], std::string(callee_).c_str()) : otherwise;
}

const TrackedText& BoundArguments::Text(size_t i) const {
  CheckDefined(*values_[i]);
  if (!values_[i]->IsString()) {
    Fail(std::string(callee_) + "() needs a str, not " + TypeName(*values_[i]));
  }
  return values_[i]->text();
}

Value WalkAttribute(Meter* meter, const Value& object, const Value& attribute, const Value* otherwise) {
  std::vector<Value> keys;
  if (attribute.IsString()) {
    const std::string& path = attribute.bytes();
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find('.', begin), path.size());
      const std::string part = path.substr(begin, end - begin);
      const bool number = !part.empty() && part.find_first_not_of("0123456789") == part.npos;
      keys.push_back(number ? Value::Integer(meter, part) : Value::Untrusted(meter, part));
      begin = end + 1;
    }
  } else {
    keys.push_back(attribute);
  }
  Value value = object;
  for (const Value& key : keys) {
    value = GetItem(meter, value, key);
    if (value.IsUndefined() && otherwise != nullptr) return *otherwise;
  }
  return value;
}

Value IgnoreCase(Meter* meter, const Value& value) {
  return value.IsString() ? Value::String(Lower(meter, value.text())) : value;
}

}  // namespace puna::api::jinja
