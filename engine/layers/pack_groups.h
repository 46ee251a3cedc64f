// Panels of a GroupForm from a file's own codes.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/layers/packed_weight.h"

namespace puna::engine {

// Whether this source's codes can be packed as they are in panels of `form`: the same but for groups, of which those that are too
// wide become several, and for float32 scales, which become float16 where `form` says so. Ordered: those of an act-order
// source, whose columns are packed in its column_order().
bool HasCodes(const WeightSource& source, const GroupForm& form, bool ordered = false);

// Panel p of `w`, in the form `form`, out of rows row_of(64 p ..), which HasCodes. Rows without a source get `pad` for codes
// and no scale. `panel` is zeroed. Throws as the sources do.
void PackGroups(const PackedWeight& w, const GroupForm& form, int64_t p, const std::function<RowRef(int64_t)>& row_of,
                uint8_t pad, uint8_t* panel);

}  // namespace puna::engine
