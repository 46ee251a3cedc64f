// The pairs that clients attach to what is kept for them.
#pragma once

#include <string>

#include "api/json/places.h"

namespace puna::api {

class ObjectReader;

// `metadata` of a body as it was written, at most 16 pairs; empty: not given. `places`: of the body. Throws ApiError.
std::string ReadMetadata(ObjectReader& body, const Places& places);

}  // namespace puna::api
