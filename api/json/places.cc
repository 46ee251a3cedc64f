#include "api/json/places.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace puna::api {

void Places::Finish() {
  std::sort(places_.begin(), places_.end(),
            [](const Place& a, const Place& b) { return std::less<>()(a.value, b.value); });
}

std::string_view Places::TextOf(const nlohmann::ordered_json& value) const {
  const auto found = std::lower_bound(
      places_.begin(), places_.end(), &value,
      [](const Place& place, const nlohmann::ordered_json* wanted) { return std::less<>()(place.value, wanted); });
  if (found == places_.end() || found->value != &value) throw std::logic_error("a value that is not of this body");
  return text_.substr(found->begin, found->end - found->begin);
}

std::string_view Places::TextOf(const nlohmann::ordered_json& object, std::string_view member) const {
  const auto found = object.find(member);
  return found == object.end() ? std::string_view() : TextOf(*found);
}

}  // namespace puna::api
