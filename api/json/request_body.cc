#include "api/json/request_body.h"

#include <nlohmann/json.hpp>

#include "api/json/json_reader.h"
#include "api/json/surrogates.h"

namespace puna::api {

RequestBody::RequestBody(std::string_view body) : text_(body) {
  if (FindLoneSurrogate(body) != body.npos) text_ = mended_ = ReplaceLoneSurrogates(std::string(body));
  json_ = std::make_unique<const Json>(ParseBody(text_));
}

RequestBody::~RequestBody() = default;

}  // namespace puna::api
