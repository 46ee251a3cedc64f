// ParseBody of json_reader.h. The text is read once, from the first byte to the last, without recursion: values that are read wait
// on one stack until the array or object that holds them ends, which takes them in one allocation of the right size. There a value
// has its address for good, and its place in the text is noted.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

#include "api/json/error.h"
#include "api/json/json_lexer.h"
#include "api/json/json_reader.h"
#include "api/json/json_scanner.h"
#include "engine/text/utf8.h"

namespace puna::api {
namespace {

constexpr size_t kMaxValues = 2'000'000;
constexpr size_t kMaxKeys = 200'000;  // in one object: more than a vocabulary has entries

class BodyParser {
 public:
  BodyParser(std::string_view text, Places& places) : text_(text), places_(places) {}
  ~BodyParser() {
    for (Value& value : values_) TakeApart(value.json);
  }
  BodyParser(const BodyParser&) = delete;

  // The document's value, not yet at its place.
  Json Parse() {
    SkipSpace();
    ReadValue();
    while (!open_.empty()) open_.back().object ? ReadMemberOrEnd() : ReadElementOrEnd();
    SkipSpace();
    if (at_ < text_.size()) Refuse(at_, "text behind the object");
    return std::move(values_.back().json);
  }

 private:
  struct Value {
    Json json;
    size_t begin, end;
  };

  // Where something fails on the way, what is moved from by then is empty.
  struct Guard {
    Json& json;
    ~Guard() { TakeApart(json); }
  };

  // An object or array that is still open.
  struct Level {
    bool object;
    size_t begin;
    size_t first_value, first_key;                          // of its own, on the stacks
    std::unique_ptr<std::unordered_set<std::string>> seen;  // its keys, once they are many
  };

  [[noreturn]] void Refuse(size_t at, const std::string& why) const {
    throw MalformedBody("at byte " + std::to_string(at + 1) + ": " + why + ".");
  }

  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }
  char Next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Next() != c) return false;
    ++at_;
    return true;
  }

  // A scalar goes onto the stack; an object or array is opened.
  void ReadValue() {
    const char c = Next();
    if (c == '{' || c == '[') return Open(c == '{');
    if (c == '"') {
      StringToken token = Taken(ReadString(text_, at_));
      return Add(Json(std::move(token.value)), token.end);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
      const NumberToken token = Taken(ReadNumber(text_, at_));
      return std::visit([&](auto number) { Add(Json(number), token.end); }, token.value);
    }
    for (const auto& [word, value] :
         {std::pair<std::string_view, Json>{"true", true}, {"false", false}, {"null", {}}}) {
      if (text_.substr(at_, word.size()) == word) return Add(Json(value), at_ + word.size());
    }
    Refuse(at_, at_ < text_.size() ? "expected a value" : "it ends where a value is expected");
  }

  template <typename Token>
  Token Taken(Token token) const {
    if (token.fault != nullptr) Refuse(token.end, token.fault);
    return token;
  }

  void Add(Json json, size_t end) {
    Push({std::move(json), at_, end});
    at_ = end;
  }

  void Push(Value value) {
    const Guard guard{value.json};
    if (++count_ > kMaxValues) {
      throw MalformedBody("it holds more than " + std::to_string(kMaxValues) + " values.");
    }
    values_.push_back(std::move(value));
  }

  void Open(bool object) {
    if (open_.size() == kMaxJsonDepth) {
      throw MalformedBody("it is nested more than " + std::to_string(kMaxJsonDepth) + " levels deep.");
    }
    open_.push_back({object, at_++, values_.size(), keys_.size(), nullptr});
  }

  // Behind a value or the opening bracket: whether another one follows.
  bool Goes(char closing) {
    SkipSpace();
    const bool first = values_.size() == open_.back().first_value;
    if (Take(closing)) return false;
    if (!first && !Take(',')) Refuse(at_, std::string("expected a comma or '") + closing + "'");
    SkipSpace();
    return true;
  }

  void ReadElementOrEnd() { Goes(']') ? ReadValue() : CloseArray(); }

  void ReadMemberOrEnd() {
    if (!Goes('}')) return CloseObject();
    if (Next() != '"') Refuse(at_, "expected a key in double quotes");
    StringToken token = Taken(ReadString(text_, at_));
    AddKey(std::move(token.value));
    at_ = token.end;
    SkipSpace();
    if (!Take(':')) Refuse(at_, "expected a colon behind a key");
    SkipSpace();
    ReadValue();
  }

  void AddKey(std::string key) {
    Level& level = open_.back();
    if (keys_.size() - level.first_key == kMaxKeys) {
      throw MalformedBody("an object has more than " + std::to_string(kMaxKeys) + " keys.");
    }
    if (HasKey(level, key)) throw MalformedBody("the key '" + key.substr(0, 100) + "' stands twice in one object.");
    keys_.push_back(std::move(key));
  }

  // Few keys are compared one by one; many go through a set, so that a hostile object stays linear.
  bool HasKey(Level& level, const std::string& key) const {
    constexpr size_t kFew = 16;
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(level.first_key);
    if (keys_.size() - level.first_key < kFew) return std::find(first, keys_.end(), key) != keys_.end();
    if (!level.seen) level.seen = std::make_unique<std::unordered_set<std::string>>(first, keys_.end());
    return !level.seen->insert(key).second;
  }

  // The innermost object's or array's own values, as moved to where `place(value, i)` puts them.
  template <typename Place>
  void Close(Json whole, const Place& place) {
    const Guard guard{whole};
    const Level level = std::move(open_.back());
    open_.pop_back();
    for (size_t i = level.first_value; i < values_.size(); ++i) {
      const Json& placed = place(std::move(values_[i].json), level.first_key + i - level.first_value);
      places_.Add(placed, values_[i].begin, values_[i].end);
    }
    values_.resize(level.first_value);
    keys_.resize(level.first_key);
    Push({std::move(whole), level.begin, at_});
  }

  void CloseArray() {
    Json array = Json::array();
    auto& elements = array.get_ref<Json::array_t&>();
    elements.reserve(values_.size() - open_.back().first_value);
    Close(std::move(array), [&](Json value, size_t) -> Json& { return elements.emplace_back(std::move(value)); });
  }

  void CloseObject() {
    Json object = Json::object();
    // ordered_map would look for the key at every insertion, and copy its members whenever it grows.
    auto& members = static_cast<Json::object_t::Container&>(object.get_ref<Json::object_t&>());
    members.reserve(values_.size() - open_.back().first_value);
    Close(std::move(object), [&](Json value, size_t key) -> Json& {
      return members.emplace_back(std::move(keys_[key]), std::move(value)).second;
    });
  }

  const std::string_view text_;
  Places& places_;
  size_t at_ = 0;
  std::vector<Value> values_;      // that were read, and whose container is open
  std::vector<std::string> keys_;  // the same of objects; the last may still lack its value
  std::vector<Level> open_;
  size_t count_ = 0;
};

}  // namespace

std::unique_ptr<Json, TakenApart> ParseBody(std::string_view body, Places& places) {
  if (body.starts_with("\xef\xbb\xbf"))
    throw MalformedBody("it begins with a byte-order mark; send UTF-8 without one.");
  if (const size_t valid = text::ValidUtf8Prefix(body); valid < body.size())
    throw MalformedBody("at byte " + std::to_string(valid + 1) + ": it is not UTF-8.");
  std::unique_ptr<Json, TakenApart> value(new Json);
  *value = BodyParser(body, places).Parse();
  if (!value->is_object()) throw MalformedBody("expected an object, but got " + TypeName(*value) + ".");
  places.Add(*value, body.find('{'), body.rfind('}') + 1);
  places.Finish();
  return value;
}

Json ParseBody(std::string_view body) {
  Places places(body);
  return *ParseBody(body, places);
}

}  // namespace puna::api
