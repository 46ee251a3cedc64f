// The messages of a chat body.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

class ObjectReader;
class Places;

// `array` is the value at `path`. Roles system, developer (counts as system),
// user, assistant and tool (Llama's own name ipython too). A content is a string or parts of type
// text, which are joined with a newline; images, sounds and files are refused by name. The
// deprecated function_call and role function are read as a call and its result. Throws ApiError, also for results of no call.
std::vector<Message> ReadMessages(const nlohmann::ordered_json& array, const Places& places, const std::string& path,
                                  Warnings& warnings);

// The object's member, which must be there: a string, or an array of parts whose types are all in `text_types` ("text"), joined
// with a newline.
std::string ReadTextContent(ObjectReader& object, std::string_view member,
                            std::initializer_list<std::string_view> text_types, Warnings& warnings);

}  // namespace puna::api
