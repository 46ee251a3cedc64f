// Log-probabilities with the texts of their tokens, as clients read them.
#pragma once

#include <vector>

#include "api/fields/response_parts.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/generate/output_pipeline.h"

namespace puna::server {

std::vector<api::PositionLogprobs> NameLogprobs(const std::vector<ScoredToken>& tokens,
                                                const engine::Tokenizer& tokenizer);

}  // namespace puna::server
