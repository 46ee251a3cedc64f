// How a value of a client's body ends where there may be no memory.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace puna::api {

// Empties the value, and takes no memory for it. The library takes some for each array and object that it destroys with something
// in it (to save the stack of a deep one), and ends the process where there is none. As deep as the value, which a body bounds.
void TakeApart(nlohmann::ordered_json& value) noexcept;

struct TakenApart {
  void operator()(nlohmann::ordered_json* value) const noexcept;  // for pointers
};

}  // namespace puna::api
