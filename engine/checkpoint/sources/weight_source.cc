#include "engine/checkpoint/sources/weight_source.h"

#include "engine/base/check.h"

namespace puna::engine {

void WeightSource::ReadBf16(int64_t, int64_t, bf16*) const { PUNA_CHECK(false) << name() << " is not held as bf16"; }

void WeightSource::ReadCodes(int64_t, int64_t, int8_t*, float*) const {
  PUNA_CHECK(false) << name() << " is not held as integer codes";
}

void WeightSource::ReadGroups(int64_t, int64_t, const GroupRows&) const {
  PUNA_CHECK(false) << name() << " is not held as codes in groups";
}

}  // namespace puna::engine
