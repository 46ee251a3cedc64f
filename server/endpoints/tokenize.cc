// POST /tokenize and /detokenize, in vLLM's shapes.
#include "api/endpoints/tokenize.h"

#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/generate/prompts.h"

namespace puna::server {

void Tokenize(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::TokenizeRequest body = api::ParseTokenizeRequest(http.body);
  CheckModel(body.model, service, body.warnings);
  TellWarnings(body.warnings, http, reply);
  std::vector<engine::TokenId> ids;
  if (body.prompt) {
    ids = TextPrompt(*body.prompt, body.add_special_tokens, service);
  } else {
    ids = ChatPrompt(
        {body.messages, body.tools, body.chat_template_kwargs, body.add_generation_prompt, body.continue_final_message},
        service);
    if (body.add_special_tokens && service.tokenizer.bos_id() != engine::kNoToken) {
      ids.insert(ids.begin(), service.tokenizer.bos_id());
    }
  }
  std::vector<std::string> texts;
  if (body.return_token_strs) {
    for (const engine::TokenId id : ids) texts.push_back(service.tokenizer.TokenText(id));
  }
  reply.body =
      api::TokenizeJson(ids, service.engine->limits().max_model_len, body.return_token_strs ? &texts : nullptr);
}

void Detokenize(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::DetokenizeRequest body = api::ParseDetokenizeRequest(http.body);
  CheckModel(body.model, service, body.warnings);
  TellWarnings(body.warnings, http, reply);
  for (const int id : body.tokens) {
    if (id >= 0 && id < service.tokenizer.vocab_size()) continue;
    throw api::InvalidValue("tokens", "token id " + std::to_string(id) +
                                          " is not one of this tokenizer's, which go from 0 to " +
                                          std::to_string(service.tokenizer.vocab_size() - 1) + ".");
  }
  reply.body = api::DetokenizeJson(service.tokenizer.Decode(body.tokens, false));
}

}  // namespace puna::server
