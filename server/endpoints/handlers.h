// What is answered where. One function per endpoint, each in a file of its name.
#pragma once

#include "server/generate/service.h"
#include "server/http/http.h"
#include "server/http/router.h"

namespace puna::server {

// Every endpoint, with its handler; `service` must outlive the router.
Router MakeRouter(Service& service);

void ChatCompletions(Service& service, const HttpRequest& request, HttpReply& reply);
void ChatInputTokens(Service& service, const HttpRequest& request, HttpReply& reply);
void Completions(Service& service, const HttpRequest& request, HttpReply& reply);
void Responses(Service& service, const HttpRequest& request, HttpReply& reply);
void CompactResponse(Service& service, const HttpRequest& request, HttpReply& reply);
void ResponsesInputTokens(Service& service, const HttpRequest& request, HttpReply& reply);
void GetResponse(Service& service, const HttpRequest& request, HttpReply& reply);
void DeleteResponse(Service& service, const HttpRequest& request, HttpReply& reply);
void CancelResponse(Service& service, const HttpRequest& request, HttpReply& reply);
void ListInputItems(Service& service, const HttpRequest& request, HttpReply& reply);
void CreateConversation(Service& service, const HttpRequest& request, HttpReply& reply);
void GetConversation(Service& service, const HttpRequest& request, HttpReply& reply);
void UpdateConversation(Service& service, const HttpRequest& request, HttpReply& reply);
void DeleteConversation(Service& service, const HttpRequest& request, HttpReply& reply);
void AddConversationItems(Service& service, const HttpRequest& request, HttpReply& reply);
void ListConversationItems(Service& service, const HttpRequest& request, HttpReply& reply);
void GetConversationItem(Service& service, const HttpRequest& request, HttpReply& reply);
void DeleteConversationItem(Service& service, const HttpRequest& request, HttpReply& reply);
void Messages(Service& service, const HttpRequest& request, HttpReply& reply);
void CountMessageTokens(Service& service, const HttpRequest& request, HttpReply& reply);
// Ollama's, under /api.
void AddOllama(Service& service, Router& router);
// At /: the words that its clients look for. Who asks for JSON by name is told, as JSON, that nothing is there.
void OllamaGreeting(const HttpRequest& request, HttpReply& reply);
void OllamaChat(Service& service, const HttpRequest& request, HttpReply& reply);
void OllamaGenerate(Service& service, const HttpRequest& request, HttpReply& reply);
// What front ends of llama.cpp and LM Studio ask.
void AddFrontEnds(Service& service, Router& router);
void Embeddings(Service& service, const HttpRequest& request, HttpReply& reply);
void Tokenize(Service& service, const HttpRequest& request, HttpReply& reply);
void Detokenize(Service& service, const HttpRequest& request, HttpReply& reply);
void ListModels(Service& service, const HttpRequest& request, HttpReply& reply);
void GetModel(Service& service, const HttpRequest& request, HttpReply& reply);

// The body of GET /v1/capabilities: every request field of what `router` answers, and what becomes
// of it.
std::string Capabilities(const Service& service, const Router& router);

}  // namespace puna::server
