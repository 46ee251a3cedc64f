#include "server/generate/logprobs.h"

namespace puna::server {

std::vector<api::PositionLogprobs> NameLogprobs(const std::vector<ScoredToken>& tokens,
                                                const engine::Tokenizer& tokenizer) {
  const auto name = [&](engine::TokenId id, float logprob) {
    return api::TokenLogprob{id, std::string(tokenizer.Bytes(id)), logprob};
  };
  std::vector<api::PositionLogprobs> positions;
  positions.reserve(tokens.size());
  for (const ScoredToken& token : tokens) {
    api::PositionLogprobs position;
    position.text_offset = static_cast<int>(token.text_offset);
    position.has_logprob = token.logprobs.has_value();
    position.token = name(token.id, token.logprobs ? token.logprobs->logprob : 0);
    if (token.logprobs) {
      for (const engine::TokenLogprob& other : token.logprobs->top)
        position.top.push_back(name(other.id, other.logprob));
    }
    positions.push_back(std::move(position));
  }
  return positions;
}

}  // namespace puna::server
