// A request's body, read once: its text and the value that it is.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "api/json/places.h"
#include "api/json/take_apart.h"

namespace puna::api {

class RequestBody {
 public:
  // Throws ApiError as ParseBody does. Half a character (a lone surrogate) is read as U+FFFD; see surrogates.h. `body` must
  // outlive this object.
  explicit RequestBody(std::string_view body);
  ~RequestBody();
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;

  const nlohmann::ordered_json& json() const { return *json_; }
  // The text of each value of `json`, for parts that go on as they were written.
  const Places& places() const { return places_; }

 private:
  std::string mended_;
  std::string_view text_;
  Places places_;
  std::unique_ptr<nlohmann::ordered_json, TakenApart> json_;
};

}  // namespace puna::api
