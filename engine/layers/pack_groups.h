// Panels of a GroupForm from a file's own codes.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/layers/packed_weight.h"

namespace puna::engine {

// Panel p of `w`, whose format is kGroups, out of rows row_of(64 p ..). `panel` is zeroed. Throws as the sources do.
void PackGroups(const PackedWeight& w, int64_t p, const std::function<RowRef(int64_t)>& row_of, uint8_t* panel);

}  // namespace puna::engine
