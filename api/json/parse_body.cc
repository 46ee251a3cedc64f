// ParseBody of json_reader.h: nlohmann's lexer and grammar with our own, stricter, handler that
// builds the value.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/json_scanner.h"

namespace puna::api {

namespace {

constexpr size_t kMaxValues = 2'000'000;
constexpr size_t kMaxKeys = 200'000;  // in one object: more than a vocabulary has entries

class BodyBuilder : public nlohmann::json_sax<Json> {
 public:
  Json Take() { return std::move(root_); }

  bool null() override { return Add(Json()); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(int64_t value) override { return Add(Json(value)); }
  bool number_unsigned(uint64_t value) override { return Add(Json(value)); }
  bool number_float(double value, const std::string&) override { return Add(Json(value)); }
  bool string(std::string& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }  // JSON text has none

  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(Json(std::move(open_.back().values))); }
  bool end_object() override {
    Level& top = open_.back();
    Json object = Json::object();
    // ordered_map would look for the key at every insertion, and copy its members whenever it
    // grows.
    auto& members = static_cast<Json::object_t::Container&>(object.get_ref<Json::object_t&>());
    members.reserve(top.keys.size());
    for (size_t i = 0; i < top.keys.size(); ++i) {
      members.emplace_back(std::move(top.keys[i]), std::move(top.values[i]));
    }
    return Close(std::move(object));
  }

  bool key(std::string& name) override {
    if (open_.back().keys.size() == kMaxKeys) {
      throw MalformedBody("an object has more than " + std::to_string(kMaxKeys) + " keys.");
    }
    if (open_.back().HasKey(name)) {
      throw MalformedBody("the key '" + name.substr(0, 100) + "' stands twice in one object.");
    }
    open_.back().keys.push_back(std::move(name));
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string_view what = error.what();  // "[json.exception...] parse error at line ...: details"
    for (const std::string_view end : {"] ", ": "}) {
      const size_t at = what.find(end);
      if (at != what.npos) what.remove_prefix(at + end.size());
    }
    throw MalformedBody("at byte " + std::to_string(position) + ": " + std::string(what));
  }

 private:
  // An object or array that is still open.
  struct Level {
    std::vector<std::string> keys;  // of an object; the last may still lack its value
    std::vector<Json> values;
    std::unordered_set<std::string> seen;

    // Few keys are compared one by one; many go through a set, so that a hostile object stays
    // linear.
    bool HasKey(const std::string& name) {
      constexpr size_t kFew = 16;
      if (keys.size() < kFew) return std::find(keys.begin(), keys.end(), name) != keys.end();
      if (seen.empty()) seen.insert(keys.begin(), keys.end());
      return !seen.insert(name).second;
    }
  };

  bool Open() {
    if (open_.size() == kMaxJsonDepth) {
      throw MalformedBody("it is nested more than " + std::to_string(kMaxJsonDepth) + " levels deep.");
    }
    open_.emplace_back();
    return true;
  }

  bool Close(Json value) {
    open_.pop_back();
    return Add(std::move(value));
  }

  bool Add(Json value) {
    if (++count_ > kMaxValues) {
      throw MalformedBody("it holds more than " + std::to_string(kMaxValues) + " values.");
    }
    (open_.empty() ? root_ : open_.back().values.emplace_back()) = std::move(value);
    return true;
  }

  Json root_;
  std::vector<Level> open_;
  size_t count_ = 0;
};

}  // namespace

Json ParseBody(std::string_view body) {
  // nlohmann would pass over it, and positions in the text would no longer be those of the values.
  if (body.starts_with("\xef\xbb\xbf"))
    throw MalformedBody("it begins with a byte-order mark; send UTF-8 without one.");
  BodyBuilder builder;
  Json::sax_parse(body, &builder);
  Json value = builder.Take();
  if (!value.is_object()) throw MalformedBody("expected an object, but got " + TypeName(value) + ".");
  return value;
}

}  // namespace puna::api
