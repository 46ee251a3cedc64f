#include "api/fields/metadata.h"

#include <nlohmann/json.hpp>

#include "api/json/error.h"
#include "api/json/json_reader.h"

namespace puna::api {

std::string ReadMetadata(ObjectReader& body, const Places& places) {
  const Json* value = body.Find("metadata");
  if (!value) return {};
  if (!value->is_object()) throw InvalidType("metadata", "an object", TypeName(*value));
  if (value->size() > 16) {
    throw InvalidValue("metadata", "at most 16 entries can be given.", "object_above_max_properties");
  }
  for (const auto& [key, entry] : value->items()) {
    const std::string path = MemberPath("metadata", key);
    if (key.size() > 64) throw InvalidValue(path, "a key has at most 64 bytes.");
    if (ReadValue<std::string>(entry, path).size() > 512) throw InvalidValue(path, "a value has at most 512 bytes.");
  }
  return std::string(places.TextOf(*value));
}

}  // namespace puna::api
