// JsonObject: an object of a JSON file, read key by key with a type and a range; a wrong value is an error with path
// and key. Keeps nlohmann's heavy header out of the rest of this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace puna::engine {

class JsonObject {
 public:
  // The whole text must be one object, nested at most 32 deep, no key twice in one object.
  static JsonObject Parse(std::span<const std::byte> text, const std::string& path);

  const std::string& path() const { return path_; }
  std::string KeyPath(const std::string& key) const { return prefix_ + key; }
  std::vector<std::string> Keys() const;
  bool Has(const std::string& key) const;  // present and not null
  bool IsList(const std::string& key) const;

  // Required, or optional with a fallback for absent and null. Bounds are inclusive.
  int64_t Int(const std::string& key, int64_t low, int64_t high) const;
  int64_t Int(const std::string& key, int64_t low, int64_t high, int64_t fallback) const;
  double Number(const std::string& key, double low, double high) const;
  double Number(const std::string& key, double low, double high, double fallback) const;
  bool Bool(const std::string& key, bool fallback) const;
  std::string String(const std::string& key) const;
  std::string String(const std::string& key, const std::string& fallback) const;
  JsonObject Object(const std::string& key) const;

  // A single value or a list of values; absent or null: empty.
  std::vector<int64_t> Ints(const std::string& key, int64_t low, int64_t high) const;
  std::vector<std::string> Strings(const std::string& key) const;
  // A list of objects; absent or null: empty.
  std::vector<JsonObject> Objects(const std::string& key) const;

  // An error about this key; what was found is the value in the file.
  [[noreturn]] void Refuse(const std::string& key, const std::string& expected, const std::string& remedy = "") const;

 private:
  JsonObject(std::shared_ptr<const nlohmann::json> value, std::string path, std::string prefix)
      : value_(std::move(value)), path_(std::move(path)), prefix_(std::move(prefix)) {}
  const nlohmann::json* Find(const std::string& key) const;  // null: absent or null
  std::shared_ptr<const nlohmann::json> Share(const nlohmann::json& part) const { return {value_, &part}; }

  std::shared_ptr<const nlohmann::json> value_;
  std::string path_;
  std::string prefix_;  // "rope_scaling."
};

}  // namespace puna::engine
