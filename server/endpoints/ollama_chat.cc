// POST /api/chat and /api/generate: Ollama's protocol over the same generation as chat completions.
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/ollama_response.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/ollama_names.h"
#include "server/generate/answer.h"
#include "server/generate/chat_plan.h"
#include "server/generate/fit_prompt.h"
#include "server/generate/logprobs.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;
using Ids = std::vector<engine::TokenId>;

constexpr const char* kLines = "application/x-ndjson";

// A raw prompt may begin with the token that stands in front of it anyway.
Ids RawPrompt(std::string text, const Service& service) {
  const engine::TokenId bos = service.tokenizer.bos_id();
  const std::string begin = bos == engine::kNoToken ? "" : service.tokenizer.TokenText(bos);
  if (!begin.empty() && text.starts_with(begin)) text.erase(0, begin.size());
  return TextPrompt(text, /*add_special_tokens=*/true, service);
}

Ids Prompt(api::OllamaRequest& body, const Service& service) {
  if (body.raw) return RawPrompt(body.prompt, service);
  api::ChatRequest& chat = body.chat;
  Ids prompt = PromptOf(chat, service);
  const int window = service.engine->limits().max_model_len;
  const int limit = body.num_ctx > 0 ? std::min(body.num_ctx, window) : window;
  if (static_cast<int64_t>(prompt.size()) < limit) return prompt;
  if (!body.truncate)
    throw api::ApiError(400, "invalid_request_error", "context_length_exceeded",
                        "the input length exceeds the context length: " + std::to_string(prompt.size()) +
                            " tokens of " + std::to_string(limit),
                        "messages");
  FittedPrompt fitted = FitPrompt(chat.messages, limit - 1, [&](const std::vector<api::Message>& messages) {
    api::ChatRequest shorter = chat;
    shorter.messages = messages;
    return PromptOf(shorter, service);
  });
  if (fitted.num_dropped > 0)
    chat.warnings.Add("the oldest " + std::to_string(fitted.num_dropped) +
                      " messages (with the results of their calls) are dropped: they do not fit into " +
                      std::to_string(limit) + " tokens");
  return std::move(fitted.prompt);
}

// One request, until its answer is written.
struct Job {
  Job(Service& s, const HttpRequest& http, api::OllamaRequest body)
      : service(s),
        request(std::move(body)),
        builder(request.chat.model, request.generate),
        generation(s, PlanChat(request.chat, Prompt(request, s), http, s), 1, ids) {}

  std::string Add(OutputPiece& piece) {
    const bool scored = request.chat.num_logprobs >= 0;
    const auto logprobs = scored ? NameLogprobs(piece.tokens, service.tokenizer) : std::vector<api::PositionLogprobs>();
    return builder.Add({std::move(piece.content), std::move(piece.calls)}, scored ? &logprobs : nullptr);
  }
  std::string Finish(AccessLine& access) {
    const api::Usage usage = ToApi(generation.Usage(access));
    const bool cut = generation.choice(0).finish_reason() == "length";
    const std::chrono::duration<double> total = Clock::now() - start;
    return builder.Finish(cut ? "length" : "stop", usage,
                          {total.count(), access.queue_seconds, access.prefill_seconds, access.decode_seconds});
  }

  const Clock::time_point start = Clock::now();
  Service& service;
  api::OllamaRequest request;
  api::IdGenerator ids;
  api::OllamaBuilder builder;
  Generation generation;
};

void AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply) {
  const auto finish = [job](HttpReply& out) {
    job->Finish(*out.access);
    out.body = job->builder.Json();
  };
  server::AnswerWhole(job->generation, {[job](int, OutputPiece& piece) { job->Add(piece); }, finish}, reply);
}

void AnswerLines(const std::shared_ptr<Job>& job, HttpReply& reply) {
  StreamParts parts;
  parts.on_piece = [job](int, OutputPiece& piece, StreamWriter& writer) { writer.Events(job->Add(piece)); };
  parts.finish = [job, access = reply.access](StreamWriter& writer) { writer.Events(job->Finish(*access)); };
  parts.fail = [](const api::ApiError& error, StreamWriter& writer) {
    writer.Events(api::OllamaBuilder::ErrorLine(error.message()));
  };
  parts.keep_alive = [job] { return job->builder.EmptyLine(); };
  const std::chrono::seconds pause(job->service.config.keep_alive_comment_s);
  server::AnswerStream(job->generation, pause, std::move(parts), reply);
  reply.content_type = kLines;
}

// Nothing is asked for: the model is there.
void AnswerLoaded(const api::OllamaRequest& request, HttpReply& reply) {
  api::OllamaBuilder builder(request.chat.model, request.generate);
  const std::string line = builder.Finish(request.unload ? "unload" : "load", {}, {});
  if (request.chat.streaming.stream) reply.content_type = kLines;
  reply.body = line;
}

void Answer(Service& service, const HttpRequest& http, api::OllamaRequest request, HttpReply& reply) {
  CheckOllamaModel(request.chat.model, service);
  if (request.unload) request.chat.warnings.Add("'keep_alive' 0: the model stays as long as the server runs");
  if (request.only_load) {
    TellWarnings(request.chat.warnings, http, reply);
    return AnswerLoaded(request, reply);
  }
  const auto job = std::make_shared<Job>(service, http, std::move(request));
  TellWarnings(job->request.chat.warnings, http, reply);
  job->request.chat.streaming.stream ? AnswerLines(job, reply) : AnswerWhole(job, reply);
}

}  // namespace

void OllamaChat(Service& service, const HttpRequest& http, HttpReply& reply) {
  Answer(service, http, api::ParseOllamaChat(http.body), reply);
}

void OllamaGenerate(Service& service, const HttpRequest& http, HttpReply& reply) {
  Answer(service, http, api::ParseOllamaGenerate(http.body), reply);
}

}  // namespace puna::server
