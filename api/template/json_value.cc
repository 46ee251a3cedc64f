#include "api/template/json_value.h"

#include <utility>
#include <vector>

#include "api/template/template_error.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

[[noreturn]] void FailDepth() {
  throw TemplateError(TemplateError::Kind::kLimit,
                      "JSON is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
}

// Builds the value from nlohmann's events, which keep the text of numbers that do not fit.
class ValueBuilder {
 public:
  bool null() { return Add(Value::None()); }
  bool boolean(bool b) { return Add(Value::Bool(b)); }
  bool number_integer(int64_t i) { return Add(Value::Int(i)); }
  bool number_unsigned(uint64_t u) { return Add(Value::Integer(nullptr, std::to_string(u))); }
  bool number_float(double d, const std::string& text) {
    const bool integer = text.find_first_of(".eE") == text.npos;
    return Add(integer ? Value::Integer(nullptr, text) : Value::Float(d));
  }
  bool string(std::string& text) { return Add(Value::Untrusted(nullptr, text)); }
  bool binary(nlohmann::ordered_json::binary_t&) { return false; }
  bool start_object(size_t) { return Open(true); }
  bool start_array(size_t) { return Open(false); }
  bool key(std::string& text) {
    open_.back().key = Value::Untrusted(nullptr, text);
    return true;
  }
  bool end_object() {
    Value dict = Value::Dict(nullptr, std::move(open_.back().entries));
    open_.pop_back();
    return Add(std::move(dict));
  }
  bool end_array() {
    Value list = Value::List(nullptr, std::move(open_.back().items));
    open_.pop_back();
    return Add(std::move(list));
  }
  template <typename Error>
  bool parse_error(size_t position, const std::string&, const Error& error) {
    error_ = "not valid JSON at byte " + std::to_string(position);
    if (error.id == 406) error_ += ": a number is out of range";
    return false;
  }

  Value Take() { return std::move(root_); }
  const std::string& error() const { return error_; }

 private:
  struct Container {
    bool object = false;
    Value key;
    std::vector<Value> items;
    std::vector<std::pair<Value, Value>> entries;
  };

  bool Open(bool object) {
    if (open_.size() >= static_cast<size_t>(kMaxValueDepth)) FailDepth();
    open_.emplace_back().object = object;
    return true;
  }

  bool Add(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().object) {
      open_.back().entries.emplace_back(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Container> open_;
  Value root_;
  std::string error_ = "not valid JSON";
};

Value Convert(const nlohmann::ordered_json& json, int depth) {
  if (depth > kMaxValueDepth) FailDepth();
  const auto text = [](const std::string& bytes) {
    if (!text::IsUtf8(bytes)) Fail("a text is not valid UTF-8");
    return Value::Untrusted(nullptr, bytes);
  };
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      return Value::Bool(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
      return Value::Int(json.get<int64_t>());
    case nlohmann::json::value_t::number_unsigned:
      return Value::Integer(nullptr, std::to_string(json.get<uint64_t>()));
    case nlohmann::json::value_t::number_float:
      return Value::Float(json.get<double>());
    case nlohmann::json::value_t::string:
      return text(json.get_ref<const std::string&>());
    case nlohmann::json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(Convert(item, depth + 1));
      return Value::List(nullptr, std::move(items));
    }
    case nlohmann::json::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      entries.reserve(json.size());
      for (const auto& [key, value] : json.items()) entries.emplace_back(text(key), Convert(value, depth + 1));
      return Value::Dict(nullptr, std::move(entries));
    }
    default:
      return Value::None();
  }
}

}  // namespace

Value ParseJson(std::string_view text, const char* what) {
  ValueBuilder builder;
  if (!nlohmann::ordered_json::sax_parse(text.begin(), text.end(), &builder)) {
    throw TemplateError(TemplateError::Kind::kRuntime, std::string(what) + " is " + builder.error());
  }
  return builder.Take();
}

Value FromJson(const nlohmann::ordered_json& json) { return Convert(json, 0); }

}  // namespace puna::api::jinja
