#include "server/endpoints/handlers.h"

namespace puna::server {

Router MakeRouter(Service& service) {
  Router router;
  const auto add = [&](const char* method, const char* path,
                       void (*handler)(Service&, const HttpRequest&, HttpReply&)) {
    router.Add(method, path, [&service, handler](const HttpRequest& in, HttpReply& out) { handler(service, in, out); });
  };
  add("POST", "/v1/chat/completions", ChatCompletions);
  add("POST", "/v1/chat/completions/input_tokens", ChatInputTokens);
  add("POST", "/v1/completions", Completions);
  add("POST", "/v1/responses", Responses);
  add("POST", "/v1/responses/compact", CompactResponse);
  add("POST", "/v1/responses/input_tokens", ResponsesInputTokens);
  add("GET", "/v1/responses/{resp_}", GetResponse);
  add("DELETE", "/v1/responses/{resp_}", DeleteResponse);
  add("POST", "/v1/responses/{resp_}/cancel", CancelResponse);
  add("GET", "/v1/responses/{resp_}/input_items", ListInputItems);
  add("POST", "/v1/conversations", CreateConversation);
  add("GET", "/v1/conversations/{conv_}", GetConversation);
  add("POST", "/v1/conversations/{conv_}", UpdateConversation);
  add("DELETE", "/v1/conversations/{conv_}", DeleteConversation);
  add("POST", "/v1/conversations/{conv_}/items", AddConversationItems);
  add("GET", "/v1/conversations/{conv_}/items", ListConversationItems);
  add("GET", "/v1/conversations/{conv_}/items/{}", GetConversationItem);
  add("DELETE", "/v1/conversations/{conv_}/items/{}", DeleteConversationItem);
  add("POST", "/v1/messages", Messages);
  add("POST", "/v1/messages/count_tokens", CountMessageTokens);
  add("POST", "/v1/embeddings", Embeddings);
  add("GET", "/v1/models", ListModels);
  add("GET", "/v1/models/*", GetModel);
  add("POST", "/tokenize", Tokenize);
  add("POST", "/detokenize", Detokenize);
  AddFrontEnds(service, router);
  if (service.config.ollama_api) AddOllama(service, router);
  router.Add("GET", "/v1/capabilities",
             [text = Capabilities(service, router)](const HttpRequest&, HttpReply& reply) { reply.body = text; });
  return router;
}

}  // namespace puna::server
