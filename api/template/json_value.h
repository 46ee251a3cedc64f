// JSON to template values. Key order is kept; of a key that comes twice the last value stays at the first one's place.
// Numbers are Python's: an integer of any size in full (up to 4300 digits), a number with a fraction or an exponent as
// a double. All text is untrusted.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "api/template/value.h"

namespace puna::api::jinja {

// Parses a JSON text (UTF-8). Throws TemplateError (kRuntime: not JSON, kLimit: nested too deep) with `what` as the
// name of the text in the message.
Value ParseJson(std::string_view text, const char* what = "the JSON text");

// From a parsed document. Integers beyond 64 bits (beyond 2^64 - 1 when positive) are doubles in it already and lose
// their digits: hand over the text where these matter.
Value FromJson(const nlohmann::ordered_json& json);

}  // namespace puna::api::jinja
