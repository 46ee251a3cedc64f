#include "engine/checkpoint/files/json_object.h"

#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 32;

// Watches a parse: too deep and twice the same key are errors, before anything grows from them.
class ParseGuard {
 public:
  explicit ParseGuard(const std::string& path) : path_(path) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= kMaxDepth) {
        Throw({.path = path_,
               .expected = "JSON nested at most " + std::to_string(kMaxDepth) + " deep",
               .found = "more",
               .remedy = kDownloadAgain});
      }
      if (event == Event::object_start) keys_.emplace_back();
    } else if (event == Event::object_end) {
      keys_.pop_back();
    } else if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      Throw({.path = path_,
             .item = Printable(parsed.get<std::string>()),
             .expected = "each key once",
             .found = "this one twice",
             .remedy = kDownloadAgain});
    }
    return true;
  }

 private:
  const std::string& path_;
  std::vector<std::set<std::string>> keys_;
};

std::string Range(const std::string& what, const std::string& low, const std::string& high) {
  return what + " from " + low + " to " + high;
}

std::string NumberText(double value) { return Json(value).dump(); }

bool ToInt64(const Json& value, int64_t* out) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return false;
  *out = value.get<int64_t>();
  return true;
}

}  // namespace

JsonObject JsonObject::Parse(std::span<const std::byte> text, const std::string& path) {
  const auto* begin = reinterpret_cast<const char*>(text.data());
  Json value;
  try {
    value = Json::parse(begin, begin + text.size(), ParseGuard(path));
  } catch (const Json::exception& e) {
    Throw({.path = path, .expected = "valid JSON", .found = Printable(e.what()), .remedy = kDownloadAgain});
  }
  if (!value.is_object()) {
    Throw({.path = path, .expected = "a JSON object", .found = value.type_name(), .remedy = kDownloadAgain});
  }
  return {std::make_shared<const Json>(std::move(value)), path, ""};
}

std::vector<std::string> JsonObject::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : value_->items()) keys.push_back(key);
  return keys;
}

const Json* JsonObject::Find(const std::string& key) const {
  const auto it = value_->find(key);
  return it == value_->end() || it->is_null() ? nullptr : &*it;
}

bool JsonObject::Has(const std::string& key) const { return Find(key) != nullptr; }

bool JsonObject::IsList(const std::string& key) const {
  const Json* value = Find(key);
  return value != nullptr && value->is_array();
}

void JsonObject::Refuse(const std::string& key, const std::string& expected, const std::string& remedy) const {
  const Json* value = Find(key);
  const auto replace = Json::error_handler_t::replace;
  Throw({.path = path_,
         .item = Printable(KeyPath(key)),
         .expected = expected,
         .found = value ? Printable(value->dump(-1, ' ', true, replace)) : "nothing",
         .remedy = remedy.empty() ? "correct the file or download it again" : remedy});
}

int64_t JsonObject::Int(const std::string& key, int64_t low, int64_t high) const {
  const Json* value = Find(key);
  int64_t number = 0;
  if (value == nullptr || !ToInt64(*value, &number) || number < low || number > high) {
    Refuse(key, Range("an integer", std::to_string(low), std::to_string(high)));
  }
  return number;
}

int64_t JsonObject::Int(const std::string& key, int64_t low, int64_t high, int64_t fallback) const {
  return Has(key) ? Int(key, low, high) : fallback;
}

double JsonObject::Number(const std::string& key, double low, double high) const {
  const Json* value = Find(key);
  const double number = value && value->is_number() ? value->get<double>() : 0;
  if (value == nullptr || !value->is_number() || !(number >= low && number <= high)) {
    Refuse(key, Range("a number", NumberText(low), NumberText(high)));
  }
  return number;
}

double JsonObject::Number(const std::string& key, double low, double high, double fallback) const {
  return Has(key) ? Number(key, low, high) : fallback;
}

bool JsonObject::Bool(const std::string& key, bool fallback) const {
  const Json* value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) Refuse(key, "true or false");
  return value->get<bool>();
}

std::string JsonObject::String(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr || !value->is_string()) Refuse(key, "a string");
  return value->get<std::string>();
}

std::string JsonObject::String(const std::string& key, const std::string& fallback) const {
  return Has(key) ? String(key) : fallback;
}

JsonObject JsonObject::Object(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr || !value->is_object()) Refuse(key, "an object");
  return {Share(*value), path_, KeyPath(key) + "."};
}

std::vector<int64_t> JsonObject::Ints(const std::string& key, int64_t low, int64_t high) const {
  const Json* value = Find(key);
  if (value == nullptr) return {};
  std::vector<int64_t> numbers;
  const auto add = [&](const Json& item) {
    int64_t number = 0;
    if (!ToInt64(item, &number) || number < low || number > high) {
      Refuse(key, Range("integers", std::to_string(low), std::to_string(high)));
    }
    numbers.push_back(number);
  };
  if (!value->is_array()) {
    add(*value);
  } else {
    for (const Json& item : *value) add(item);
  }
  return numbers;
}

std::vector<std::string> JsonObject::Strings(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr) return {};
  std::vector<std::string> strings;
  const auto add = [&](const Json& item) {
    if (!item.is_string()) Refuse(key, "a string or a list of strings");
    strings.push_back(item.get<std::string>());
  };
  if (!value->is_array()) {
    add(*value);
  } else {
    for (const Json& item : *value) add(item);
  }
  return strings;
}

std::vector<JsonObject> JsonObject::Objects(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) Refuse(key, "a list of objects");
  std::vector<JsonObject> objects;
  for (const Json& item : *value) {
    if (!item.is_object()) Refuse(key, "a list of objects");
    objects.push_back({Share(item), path_, KeyPath(key) + "[" + std::to_string(objects.size()) + "]."});
  }
  return objects;
}

}  // namespace puna::engine
