// Where the values of a body stand in its text.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

namespace puna::api {

// Of one parsed document, whose values stay where they are in memory. Schemas, tools and arguments pass through us exactly as they
// were written (key order, numbers, spacing), so that every value can be asked for its text.
class Places {
 public:
  // `text` must outlive this object.
  explicit Places(std::string_view text) : text_(text) {}

  // The value's text, from its first byte to its last. Throws std::logic_error for a value of another document.
  std::string_view TextOf(const nlohmann::ordered_json& value) const;
  // The same of an object's member; empty when it has none of that name.
  std::string_view TextOf(const nlohmann::ordered_json& object, std::string_view member) const;

  // While the document is read: the value stands at [begin, end).
  void Add(const nlohmann::ordered_json& value, size_t begin, size_t end) {
    places_.push_back({&value, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  }
  // Once it has been read.
  void Finish();

 private:
  struct Place {
    const nlohmann::ordered_json* value;
    uint32_t begin, end;  // bodies are far below 4 GiB
  };

  std::string_view text_;
  std::vector<Place> places_;  // by address
};

}  // namespace puna::api
