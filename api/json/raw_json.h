// JSON as text. Schemas, tools and arguments pass through us exactly as they were written: key
// order, numbers, spacing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::api {

// Parts of a text that has already been accepted as JSON (ParseBody); linear in its length, never
// recursive. The value of member `key` of the object `object`; empty when there is no such member.
std::string_view RawMember(std::string_view object, std::string_view key);
std::vector<std::string_view> RawElements(std::string_view array);

// Whether `text` is one JSON object and nothing else, by JsonScanner's rules.
bool IsJsonObject(std::string_view text);

}  // namespace puna::api
