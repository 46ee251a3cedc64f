#include "api/json/request_body.h"

#include <nlohmann/json.hpp>

#include "api/json/json_reader.h"
#include "api/json/surrogates.h"

namespace puna::api {

RequestBody::RequestBody(std::string_view body)
    : mended_(FindLoneSurrogate(body) == body.npos ? "" : ReplaceLoneSurrogates(std::string(body))),
      text_(mended_.empty() ? body : std::string_view(mended_)),
      places_(text_),
      json_(ParseBody(text_, places_)) {}

RequestBody::~RequestBody() = default;

}  // namespace puna::api
