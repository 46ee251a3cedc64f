#include "server/generate/prompts.h"

#include <algorithm>

#include "api/json/error.h"

namespace puna::server {

std::vector<engine::TokenId> ChatPrompt(const Conversation& conversation, const Service& service) {
  if (!service.chat) {
    throw api::ApiError(400, "invalid_request_error", "no_chat_template",
                        "The model '" + service.model_name +
                            "' has no chat template. Use /v1/completions, or start the server with "
                            "--chat-template-file.",
                        "messages");
  }
  const std::vector<api::PromptPiece> pieces = service.chat->Render(conversation);
  std::vector<engine::PromptPiece> views;
  views.reserve(pieces.size());
  for (const api::PromptPiece& piece : pieces) views.push_back({piece.text, piece.trusted});
  return service.tokenizer.Encode(views);
}

std::vector<engine::TokenId> TextPrompt(const std::string& text, bool add_special_tokens, const Service& service) {
  std::vector<engine::TokenId> ids = service.tokenizer.Encode(text);
  const engine::TokenId bos = service.tokenizer.bos_id();
  if (add_special_tokens && bos != engine::kNoToken) ids.insert(ids.begin(), bos);
  return ids;
}

std::vector<engine::TokenId> InputPrompt(const api::PromptInput& input, bool add_special_tokens,
                                         const Service& service) {
  if (const auto* ids = std::get_if<std::vector<int>>(&input)) return *ids;
  return TextPrompt(std::get<std::string>(input), add_special_tokens, service);
}

void CheckTextFits(size_t bytes, const std::string& param, const Service& service) {
  constexpr size_t kWorthLooking = 256 << 10;
  if (bytes < kWorthLooking) return;
  size_t longest = 1;
  for (engine::TokenId id = 0; id < service.tokenizer.vocab_size(); ++id)
    longest = std::max(longest, service.tokenizer.Bytes(id).size());
  const int limit = service.engine->limits().max_model_len;
  const size_t least = bytes / longest;
  if (least > static_cast<size_t>(limit)) throw api::ContextLengthExceeded(limit, static_cast<int>(least), param);
}

}  // namespace puna::server
