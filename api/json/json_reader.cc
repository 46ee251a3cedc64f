#include "api/json/json_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "api/json/error.h"

namespace puna::api {

std::string IndexPath(const std::string& path, size_t index) { return path + '[' + std::to_string(index) + ']'; }

std::string MemberPath(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + '.' + std::string(name);
}

std::string TypeName(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::number_float:
      return "a decimal";
    default:
      return "an integer";
  }
}

ObjectReader::ObjectReader(const Json& value, std::string path) : value_(value), path_(std::move(path)) {
  if (!value.is_object()) throw InvalidType(path_, "an object", TypeName(value));
  if (value.size() <= kFew) return;
  members_.reserve(value.size());
  for (const auto& [name, member] : value.items()) members_.push_back({name, &member});
  std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) { return a.name < b.name; });
}

size_t ObjectReader::MemberAt(std::string_view name) const {
  const auto found = std::lower_bound(members_.begin(), members_.end(), name,
                                      [](const Member& m, std::string_view n) { return m.name < n; });
  const bool there = found != members_.end() && found->name == name;
  return there ? static_cast<size_t>(found - members_.begin()) : members_.size();
}

const Json* ObjectReader::Find(std::string_view name) {
  const Json* found = nullptr;
  if (value_.size() > kFew) {
    const size_t at = MemberAt(name);
    if (at == members_.size()) return nullptr;
    members_[at].read = true;
    found = members_[at].value;
  } else {
    const auto place = value_.find(name);
    if (place == value_.end()) return nullptr;
    few_read_ |= uint32_t{1} << std::distance(value_.begin(), place);
    found = &*place;
  }
  return found->is_null() ? nullptr : found;
}

const Json& ObjectReader::Require(std::string_view name) {
  const Json* found = Find(name);
  if (!found) throw MissingField(Path(name));
  return *found;
}

bool ObjectReader::IsNull(std::string_view name) const {
  const auto found = value_.find(name);
  return found != value_.end() && found->is_null();
}

std::vector<std::string> ObjectReader::Unread() const {
  std::vector<std::string> names;
  size_t place = 0;
  for (const auto& [name, member] : value_.items()) {
    const bool read = value_.size() > kFew ? members_[MemberAt(name)].read : (few_read_ >> place++ & 1) != 0;
    if (!member.is_null() && !read) names.push_back(Path(name));
  }
  return names;
}

namespace {

template <typename T>
std::string Written(T value) {
  return Json(value).dump();
}

// OpenAI's names for a number out of range.
template <typename T>
[[noreturn]] void ThrowRange(const std::string& path, T value, T min, T max) {
  const bool above = value > max;
  const std::string kind = std::is_floating_point_v<T> ? "decimal" : "integer";
  throw InvalidValue(path,
                     kind +
                         (above ? " above maximum value. Expected a value <= " + Written(max)
                                : " below minimum value. Expected a value >= " + Written(min)) +
                         ", but got " + Written(value) + " instead.",
                     kind + (above ? "_above_max_value" : "_below_min_value"));
}

}  // namespace

// Whether `value` is what T is read from, whatever it holds. Its path is asked for by errors alone.
template <typename T>
bool Fits(const Json& value) {
  if constexpr (std::is_same_v<T, std::string>) return value.is_string();
  if constexpr (std::is_same_v<T, bool>) return value.is_boolean();
  return false;
}

template <>
bool ReadValue(const Json& value, const std::string& path) {
  if (!value.is_boolean()) throw InvalidType(path, "a boolean", TypeName(value));
  return value.get<bool>();
}

template <>
std::string ReadValue(const Json& value, const std::string& path) {
  if (!value.is_string()) throw InvalidType(path, "a string", TypeName(value));
  return value.get<std::string>();
}

template <>
double ReadValue(const Json& value, const std::string& path) {
  if (!value.is_number()) throw InvalidType(path, "a number", TypeName(value));
  return value.get<double>();
}

template <>
int64_t ReadValue(const Json& value, const std::string& path) {
  constexpr int64_t kMin = INT64_MIN, kMax = INT64_MAX;
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::floor(number) != number) throw InvalidType(path, "an integer", TypeName(value));
    if (std::abs(number) >= 9.2e18) {
      throw InvalidValue(path, "integers of more than 64 bits cannot be used.",
                         number > 0 ? "integer_above_max_value" : "integer_below_min_value");
    }
    return static_cast<int64_t>(number);
  }
  if (!value.is_number()) throw InvalidType(path, "an integer", TypeName(value));
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(kMax)) {
    throw InvalidValue(path, "expected a value <= " + Written(kMax) + ", but got " + value.dump() + " instead.",
                       "integer_above_max_value");
  }
  return std::max(kMin, value.get<int64_t>());
}

template <typename T>
T ReadValue(const Json& value, const std::string& path, T min, T max) {
  const T number = ReadValue<T>(value, path);
  if (number < min || number > max) ThrowRange(path, number, min, max);
  return number;
}

template <>
int ReadValue(const Json& value, const std::string& path, int min, int max) {
  return static_cast<int>(ReadValue<int64_t>(value, path, min, max));
}

template <>
int ReadValue(const Json& value, const std::string& path) {
  return ReadValue<int>(value, path, INT32_MIN, INT32_MAX);
}

template <typename T>
std::optional<T> ObjectReader::Optional(std::string_view name) {
  const Json* found = Find(name);
  if (!found) return std::nullopt;
  return Fits<T>(*found) ? found->get<T>() : ReadValue<T>(*found, Path(name));
}

template <typename T>
std::optional<T> ObjectReader::Optional(std::string_view name, T min, T max) {
  const Json* found = Find(name);
  if (!found) return std::nullopt;
  return ReadValue<T>(*found, Path(name), min, max);
}

template <typename T>
T ObjectReader::Required(std::string_view name) {
  const Json& found = Require(name);
  return Fits<T>(found) ? found.get<T>() : ReadValue<T>(found, Path(name));
}

const std::vector<Json>& ReadArray(const Json& value, const std::string& path) {
  if (!value.is_array()) throw InvalidType(path, "an array", TypeName(value));
  return value.get_ref<const Json::array_t&>();
}

template std::optional<bool> ObjectReader::Optional(std::string_view);
template std::optional<int> ObjectReader::Optional(std::string_view);
template std::optional<int64_t> ObjectReader::Optional(std::string_view);
template std::optional<double> ObjectReader::Optional(std::string_view);
template std::optional<std::string> ObjectReader::Optional(std::string_view);
template std::optional<int> ObjectReader::Optional(std::string_view, int, int);
template std::optional<int64_t> ObjectReader::Optional(std::string_view, int64_t, int64_t);
template std::optional<double> ObjectReader::Optional(std::string_view, double, double);
template bool ObjectReader::Required(std::string_view);
template int ObjectReader::Required(std::string_view);
template int64_t ObjectReader::Required(std::string_view);
template double ObjectReader::Required(std::string_view);
template std::string ObjectReader::Required(std::string_view);
template int64_t ReadValue(const Json&, const std::string&, int64_t, int64_t);
template double ReadValue(const Json&, const std::string&, double, double);

}  // namespace puna::api
