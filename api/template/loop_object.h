// The `loop` of a for statement, and attributes of loops and macros.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/template/value.h"

namespace puna::api::jinja {

struct LoopObject : Object {
  explicit LoopObject(Meter* meter) : charge(meter) {}
  std::shared_ptr<const ListObject> items;
  size_t index = 0;                                 // of the current round, from 0
  mutable std::optional<std::string> last_changed;  // repr of the arguments of the last loop.changed()
  Charge charge;
  int depth() const override { return items->levels; }
};

// No value when there is no such attribute.
Value LoopAttribute(Meter* meter, const Value& loop, std::string_view name);
Value MacroAttribute(Meter* meter, const Value& macro, std::string_view name);

}  // namespace puna::api::jinja
