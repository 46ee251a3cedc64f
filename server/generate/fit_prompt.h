// Conversations that are longer than the room there is.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "api/fields/message.h"
#include "engine/base/token_id.h"

namespace puna::server {

struct FittedPrompt {
  std::vector<engine::TokenId> prompt;
  size_t num_dropped = 0;  // messages, each with the results of its calls
};

// Of a conversation that does not fit as a whole: as many of the newest messages as fit into `room` tokens; system messages and
// the last one stay, even where they do not fit. `render` gives the prompt of some messages; what is tried grows from the
// newest on, so that the work goes with what fits and not with what is dropped.
FittedPrompt FitPrompt(const std::vector<api::Message>& messages, int64_t room,
                       const std::function<std::vector<engine::TokenId>(const std::vector<api::Message>&)>& render);

}  // namespace puna::server
