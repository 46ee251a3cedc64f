// A request's body, read once: its text and the value that it is.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace puna::api {

class RequestBody {
 public:
  // Throws ApiError as ParseBody does. Half a character (a lone surrogate) is read as U+FFFD; see surrogates.h. `body` must
  // outlive this object.
  explicit RequestBody(std::string_view body);
  ~RequestBody();

  const nlohmann::ordered_json& json() const { return *json_; }
  // What `json` was read from, for parts that go on as they were written.
  std::string_view text() const { return text_; }

 private:
  std::string mended_;
  std::string_view text_;
  std::unique_ptr<const nlohmann::ordered_json> json_;
};

}  // namespace puna::api
