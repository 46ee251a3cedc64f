// Items of /v1/responses as the store keeps them: every member, so that a conversation that is read back makes the same prompt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/responses_items.h"

namespace puna::api {

std::string ItemsToStore(const std::vector<ResponseItem>& items);
// Of what ItemsToStore gave. Throws std::exception for anything else.
std::vector<ResponseItem> ItemsFromStore(std::string_view text);

}  // namespace puna::api
