// A small JSON Schema validator that shares nothing with the compiler: for the keywords of the table,
// without formats; patterns by std::regex, where all is ASCII.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace puna::engine {

using TestJson = nlohmann::ordered_json;

inline bool IsType(const TestJson& v, const std::string& type) {
  if (type == "integer") return v.is_number() && v.get<double>() == std::floor(v.get<double>());
  if (type == "number") return v.is_number();
  return type == v.type_name();
}

inline size_t CountChars(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

inline bool MatchesPattern(const std::string& text, const std::string& pattern) {
  const auto ascii = [](const std::string& s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  };
  if (!ascii(text) || text.size() > 2000) return true;
  return std::regex_search(text, std::regex(pattern));
}

inline bool Validates(const TestJson& v, const TestJson& s, const TestJson& root) {
  if (s.is_boolean()) return s.get<bool>();
  const auto valid = [&](const TestJson& schema) { return Validates(v, schema, root); };
  const auto has = [&](const char* keyword) { return s.contains(keyword); };
  if (has("$ref") && !(s["$ref"] == "#" && &s == &root) &&
      !valid(root.at(TestJson::json_pointer(s["$ref"].get<std::string>().substr(1)))))
    return false;
  if (has("type")) {
    const TestJson types = s["type"].is_array() ? s["type"] : TestJson::array({s["type"]});
    if (std::none_of(types.begin(), types.end(), [&](const TestJson& t) { return IsType(v, t.get<std::string>()); }))
      return false;
  }
  if (has("const") && v != s["const"]) return false;
  if (has("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) return false;
  if (has("allOf") && !std::all_of(s["allOf"].begin(), s["allOf"].end(), valid)) return false;
  if (has("anyOf") && !std::any_of(s["anyOf"].begin(), s["anyOf"].end(), valid)) return false;
  if (has("oneOf") && std::count_if(s["oneOf"].begin(), s["oneOf"].end(), valid) != 1) return false;
  if (v.is_number()) {
    const double x = v.get<double>();
    if ((has("minimum") && x < s["minimum"]) || (has("maximum") && x > s["maximum"])) return false;
    if ((has("exclusiveMinimum") && x <= s["exclusiveMinimum"]) ||
        (has("exclusiveMaximum") && x >= s["exclusiveMaximum"]))
      return false;
    if (has("multipleOf")) {
      const double times = x / s["multipleOf"].get<double>();
      if (std::fabs(times - std::round(times)) > 1e-6 * std::max(1.0, std::fabs(times))) return false;
    }
  }
  if (v.is_string()) {
    const std::string text = v.get<std::string>();
    if ((has("minLength") && CountChars(text) < s["minLength"]) ||
        (has("maxLength") && CountChars(text) > s["maxLength"]))
      return false;
    if (has("pattern") && !MatchesPattern(text, s["pattern"])) return false;
  }
  if (v.is_array()) {
    if ((has("minItems") && v.size() < s["minItems"]) || (has("maxItems") && v.size() > s["maxItems"])) return false;
    const size_t prefix = has("prefixItems") ? s["prefixItems"].size() : 0;
    for (size_t i = 0; i < v.size(); ++i) {
      if (i < prefix ? !Validates(v[i], s["prefixItems"][i], root) : has("items") && !Validates(v[i], s["items"], root))
        return false;
    }
  }
  if (!v.is_object()) return true;
  if ((has("minProperties") && v.size() < s["minProperties"]) ||
      (has("maxProperties") && v.size() > s["maxProperties"]))
    return false;
  if (has("required") && !std::all_of(s["required"].begin(), s["required"].end(),
                                      [&](const TestJson& k) { return v.contains(k.get<std::string>()); }))
    return false;
  for (const auto& [key, member] : v.items()) {
    bool known = false;
    if (has("propertyNames") && !Validates(TestJson(key), s["propertyNames"], root)) return false;
    if (has("properties") && s["properties"].contains(key)) {
      known = true;
      if (!Validates(member, s["properties"][key], root)) return false;
    }
    if (has("patternProperties")) {
      for (const auto& [pattern, schema] : s["patternProperties"].items()) {
        if (!MatchesPattern(key, pattern)) continue;
        known = true;
        if (!Validates(member, schema, root)) return false;
      }
    }
    if (!known && has("additionalProperties") && !Validates(member, s["additionalProperties"], root)) return false;
  }
  return true;
}

}  // namespace puna::engine
