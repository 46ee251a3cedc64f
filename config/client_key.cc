#include "config/client_key.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "config/options.h"

namespace puna::config {
namespace {

using nlohmann::json;

constexpr size_t kMaxKeys = 1000;  // each has figures of its own in /metrics
constexpr size_t kMaxName = 64;
constexpr int kMaxCount = 1 << 30;
constexpr int kMaxShare = 1000;  // beside others with 1: more makes no difference in a step

// Reads the members of one key, and knows which it has not been asked for.
class KeyReader {
 public:
  KeyReader(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw ConfigError(where_ + ": expected an object, found " + object.type_name());
  }

  std::string Text(const char* name) {
    const json* value = Find(name);
    if (value == nullptr) return {};
    if (!value->is_string()) Refuse(name, "a string", *value);
    return value->get<std::string>();
  }

  int Count(const char* name, int min, int max, int usual) {
    const json* value = Find(name);
    if (value == nullptr) return usual;
    const bool fits = value->is_number_integer() && *value >= min && *value <= max;
    if (!fits) Refuse(name, "a whole number from " + std::to_string(min) + " to " + std::to_string(max), *value);
    return value->get<int>();
  }

  bool Switch(const char* name) {
    const json* value = Find(name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) Refuse(name, "true or false", *value);
    return value->get<bool>();
  }

  // Throws for a member that nobody asked for.
  void End() const {
    for (const auto& [name, value] : object_.items()) {
      if (std::find(asked_.begin(), asked_.end(), name) == asked_.end())
        throw ConfigError(where_ + ": unknown member \"" + name + "\"" + DidYouMean(name, asked_));
    }
  }

  [[noreturn]] void Refuse(const std::string& name, const std::string& expected) const {
    throw ConfigError(where_ + ": \"" + name + "\": expected " + expected);
  }

 private:
  const json* Find(const char* name) {
    asked_.emplace_back(name);
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  // The type and not the value, which may be a key.
  [[noreturn]] void Refuse(const std::string& name, const std::string& expected, const json& found) const {
    const std::string what = found.is_number() ? found.dump() : std::string(found.type_name());
    Refuse(name, expected + ", found " + what);
  }

  const json& object_;
  const std::string where_;
  std::vector<std::string> asked_;
};

bool IsName(const std::string& name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@";
  return !name.empty() && name.size() <= kMaxName && name.find_first_not_of(kLetters) == std::string::npos;
}

bool IsDigest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

ClientKey ReadOne(const json& object, const std::string& where) {
  KeyReader reader(object, where);
  ClientKey key;
  key.name = reader.Text("name");
  key.key = reader.Text("key");
  key.sha256 = reader.Text("sha256");
  key.requests_per_minute = reader.Count("requests_per_minute", 0, kMaxCount, 0);
  key.tokens_per_minute = reader.Count("tokens_per_minute", 0, kMaxCount, 0);
  key.streams = reader.Count("streams", 0, kMaxCount, 0);
  key.share = reader.Count("share", 1, kMaxShare, 1);
  key.cache_salt = reader.Switch("cache_salt");
  reader.End();
  std::transform(key.sha256.begin(), key.sha256.end(), key.sha256.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (!IsName(key.name)) reader.Refuse("name", "1 to 64 letters, digits and -_.@");
  if (key.key.empty() == key.sha256.empty()) reader.Refuse("key", "either this or \"sha256\"");
  if (!key.sha256.empty() && !IsDigest(key.sha256)) reader.Refuse("sha256", "64 hexadecimal digits");
  if (const std::string fault = FaultOfKey(key.key); !key.key.empty() && !fault.empty())
    reader.Refuse("key", "another one: it " + fault);
  return key;
}

}  // namespace

std::string FaultOfKey(const std::string& key) {
  if (key.empty()) return "is empty";
  for (const unsigned char c : key) {
    if (c <= ' ' || c > '~' || c == '%') return "holds a character other than printable ASCII without space and %";
  }
  return {};
}

std::vector<ClientKey> ReadClientKeys(const std::string& text, const std::string& path) {
  json file;
  try {
    file = json::parse(text, nullptr, true, true);
  } catch (const json::parse_error& error) {  // whose message holds what stands there: perhaps a key
    throw ConfigError(path + ": not JSON: at byte " + std::to_string(error.byte));
  }
  const bool is_list = file.is_object() && file.contains("keys") && file["keys"].is_array();
  if (!is_list || file.size() != 1) throw ConfigError(path + ": expected {\"keys\": [...]} and no other member");
  const json& list = file["keys"];
  // An empty file of keys must not open the server to all.
  if (list.empty()) throw ConfigError(path + ": no key in it");
  if (list.size() > kMaxKeys) throw ConfigError(path + ": more than " + std::to_string(kMaxKeys) + " keys");
  std::vector<ClientKey> keys;
  std::set<std::string> names;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = path + ": key " + std::to_string(i + 1);
    keys.push_back(ReadOne(list[i], where));
    if (!names.insert(keys.back().name).second)
      throw ConfigError(where + ": the name \"" + keys.back().name + "\" stands twice");
  }
  return keys;
}

}  // namespace puna::config
