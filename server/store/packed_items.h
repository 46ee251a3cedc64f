// Items of a conversation as they lie in the store.
#pragma once

#include <string>
#include <vector>

#include "api/endpoints/responses_items.h"

namespace puna::server {

std::string PackItems(const std::vector<api::ResponseItem>& items);
// Of no bytes: no items. Throws DatabaseError for what is not what PackItems made: a page that the disk has changed.
std::vector<api::ResponseItem> UnpackItems(const std::string& packed);

}  // namespace puna::server
