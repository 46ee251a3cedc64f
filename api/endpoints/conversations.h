// The bodies of /v1/conversations, and the objects that it answers with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/responses_items.h"
#include "api/fields/warnings.h"

namespace puna::api {

// POST /v1/conversations, and /v1/conversations/{id} (metadata alone) and /v1/conversations/{id}/items (items alone).
struct ConversationRequest {
  std::vector<ResponseItem> items;
  std::string metadata_json;  // as it came; empty: not given
  Warnings warnings;
};

// All throw ApiError. At most 20 items.
ConversationRequest ParseNewConversation(std::string_view body);
ConversationRequest ParseConversationUpdate(std::string_view body);
ConversationRequest ParseConversationItems(std::string_view body);

struct Conversation {
  std::string id;  // conv_...
  int64_t created_at = 0;
  std::string metadata_json = "{}";
};
std::string ConversationJson(const Conversation& conversation);
std::string DeletedConversationJson(const std::string& id);

}  // namespace puna::api
