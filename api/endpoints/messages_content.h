// The conversation of a Messages body: content blocks to messages.
#pragma once

#include <vector>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

class ObjectReader;
class Places;

// `system`, then `messages` of the body. A text and a block of the same text read the same, whatever else the block
// says: clients send one this time and the other the next, and the prefix cache goes by content. Texts are joined with an empty
// line, and messages of one role that follow each other are one. Each tool_result is a message of the role tool, in front of
// the text beside it. A first block of `system` that is Claude Code's billing header is left out: its digits change with each
// conversation, and nothing behind it would be found in the cache. Throws ApiError.
std::vector<Message> ReadConversation(ObjectReader& body, const Places& places, Warnings& warnings);

}  // namespace puna::api
