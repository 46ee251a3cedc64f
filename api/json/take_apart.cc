#include "api/json/take_apart.h"

#include <nlohmann/json.hpp>

namespace puna::api {

using Json = nlohmann::ordered_json;

void TakeApart(Json& value) noexcept {
  if (auto* array = value.get_ptr<Json::array_t*>()) {
    for (Json& element : *array) TakeApart(element);
    array->clear();
  } else if (auto* object = value.get_ptr<Json::object_t*>()) {
    for (auto& [key, member] : *object) TakeApart(member);
    object->clear();
  }
}

void TakenApart::operator()(Json* value) const noexcept {
  TakeApart(*value);
  delete value;
}

}  // namespace puna::api
