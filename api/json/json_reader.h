// Request bodies: strict JSON in, typed values out. The one place where a wrong type or range
// becomes an ApiError with the path of the value as its `param`, e.g. `messages[2].content`.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/json/places.h"
#include "api/json/take_apart.h"

namespace puna::api {

using Json = nlohmann::ordered_json;

// Throws ApiError 400 on anything that is not one JSON object: invalid UTF-8, a key twice in an
// object, NaN and Infinity, more than 128 levels, 2 million values or 200,000 keys of one object,
// text after it. Linear time; depth costs no stack.
Json ParseBody(std::string_view body);
// The same, with the place of each value in `body`, which `places` was made for.
std::unique_ptr<Json, TakenApart> ParseBody(std::string_view body, Places& places);

std::string IndexPath(const std::string& path, size_t index);            // messages[2]
std::string MemberPath(const std::string& path, std::string_view name);  // messages[2].content
std::string TypeName(const Json& value);                                 // "a string", "null", ...

// One object of a body. A member that is null counts as absent, as OpenAI has it. Remembers which
// members were asked for, so that the rest can be named. Refers to `value`, which must outlive it.
class ObjectReader {
 public:
  // `path` of the object itself, empty for the body. Throws unless `value` is an object.
  ObjectReader(const Json& value, std::string path);

  const Json* Find(std::string_view name);     // null when absent
  const Json& Require(std::string_view name);  // throws when absent
  bool Has(std::string_view name) { return Find(name) != nullptr; }
  bool IsNull(std::string_view name) const;  // it is there, and null
  const Json& json() const { return value_; }
  const std::string& path() const { return path_; }
  std::string Path(std::string_view name) const { return MemberPath(path_, name); }

  // T is bool, int, int64_t, double or std::string. A number may be written 16 or 16.0 for an
  // integer.
  template <typename T>
  std::optional<T> Optional(std::string_view name);
  // The same with an allowed range, both ends included; T is int, int64_t or double.
  template <typename T>
  std::optional<T> Optional(std::string_view name, T min, T max);
  template <typename T>
  T Required(std::string_view name);
  template <typename T>
  T Get(std::string_view name, T fallback) {
    return Optional<T>(name).value_or(std::move(fallback));
  }

  // Members that are not null and were never asked for, by their paths, in the order of the body.
  std::vector<std::string> Unread() const;

 private:
  static constexpr size_t kFew = 32;  // members that are looked for one by one

  struct Member {
    std::string_view name;
    const Json* value;
    bool read = false;
  };
  size_t MemberAt(std::string_view name) const;  // its place in members_, or their number

  const Json& value_;
  std::string path_;
  std::vector<Member> members_;  // of an object of more than kFew: sorted by name
  uint32_t few_read_ = 0;        // of a smaller one: a bit for each member that was asked for
};

// One value at `path`, for elements of arrays.
template <typename T>
T ReadValue(const Json& value, const std::string& path);
template <typename T>
T ReadValue(const Json& value, const std::string& path, T min, T max);

// The elements of an array; throws unless `value` is one.
const std::vector<Json>& ReadArray(const Json& value, const std::string& path);

}  // namespace puna::api
