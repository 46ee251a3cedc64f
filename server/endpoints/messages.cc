// POST /v1/messages and /v1/messages/count_tokens: Anthropic's protocol over the same generation as chat completions.
#include "api/endpoints/messages_request.h"
#include "api/endpoints/messages_response.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/generate/chat_plan.h"

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;

// Claude Code counts pings as life for 600 s only, and an empty delta for longer (as measured with 2.1.332).
constexpr std::chrono::seconds kPingsOnly{240};

// In the words by which Claude Code knows that it must compact the conversation; it reads both numbers.
void CheckLength(size_t prompt_tokens, const Service& service) {
  const auto most = static_cast<size_t>(service.engine->limits().max_model_len) - 1;
  if (prompt_tokens <= most) return;
  throw api::ApiError(
      400, "invalid_request_error", "context_length_exceeded",
      "prompt is too long: " + std::to_string(prompt_tokens) + " tokens > " + std::to_string(most) + " maximum",
      "messages");
}

std::vector<engine::TokenId> CheckedPrompt(api::ChatRequest& chat, const Service& service) {
  std::vector<engine::TokenId> prompt = PromptOf(chat, service);
  CheckLength(prompt.size(), service);
  return prompt;
}

// One request, until its answer is written.
struct Job {
  Job(Service& s, const HttpRequest& http, api::MessagesRequest body)
      : service(s),
        request_id(http.id),
        request(std::move(body)),
        prompt(CheckedPrompt(request.chat, s)),
        builder({ids.Next("msg_"), s.model_name, static_cast<int>(prompt.size()), request.context_management,
                 request.diagnostics}),
        generation(s, PlanChat(request.chat, prompt, http, s), 1, ids) {}

  std::string Add(OutputPiece& piece) {
    last_event = Clock::now();
    return builder.Add({std::move(piece.content), std::move(piece.calls)});
  }
  api::MessageEnd End(const api::Usage& usage) const;
  std::string Finish(AccessLine& access) {
    const api::Usage usage = ToApi(generation.Usage(access));
    return builder.Finish(End(usage), usage);
  }
  std::string KeepAlive();

  Service& service;
  const std::string request_id;
  api::MessagesRequest request;
  std::vector<engine::TokenId> prompt;
  api::IdGenerator ids;
  api::MessageBuilder builder;
  Generation generation;
  Clock::time_point last_event = Clock::now();  // that every client counts as life
};

api::MessageEnd Job::End(const api::Usage& usage) const {
  const OutputPipeline& choice = generation.choice(0);
  const std::string reason = choice.finish_reason();
  if (reason == "tool_calls") return {"tool_use", ""};
  if (!choice.stop_string().empty()) return {"stop_sequence", choice.stop_string()};
  if (reason != "length") return {"end_turn", ""};
  const bool by_client = usage.completion_tokens >= request.chat.sampling.max_tokens.value_or(0);
  return {by_client ? "max_tokens" : "model_context_window_exceeded", ""};
}

std::string Job::KeepAlive() {
  const auto now = Clock::now();
  if (now - last_event < kPingsOnly) return api::MessageBuilder::Ping();
  last_event = now;
  return builder.EmptyDelta();
}

void AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply) {
  const auto finish = [job](HttpReply& out) {
    job->Finish(*out.access);
    out.body = job->builder.Json();
  };
  server::AnswerWhole(job->generation, {[job](int, OutputPiece& piece) { job->Add(piece); }, finish}, reply);
}

void AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply) {
  StreamParts parts;
  parts.begin = [job](StreamWriter& writer) { writer.Events(job->builder.Start()); };
  parts.on_piece = [job](int, OutputPiece& piece, StreamWriter& writer) { writer.Events(job->Add(piece)); };
  parts.finish = [job, access = reply.access](StreamWriter& writer) { writer.Events(job->Finish(*access)); };
  parts.fail = [job](const api::ApiError& error, StreamWriter& writer) {
    writer.Events(api::MessageBuilder::Error(error, job->request_id));
  };
  parts.keep_alive = [job] { return job->KeepAlive(); };
  const std::chrono::seconds pings(job->service.config.keep_alive_comment_s);
  server::AnswerStream(job->generation, pings, std::move(parts), reply);
}

}  // namespace

void Messages(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::MessagesRequest request = api::ParseMessagesRequest(http.body);
  CheckModel(request.chat.model, service, request.chat.warnings);
  reply.access->user = request.chat.user;
  const auto job = std::make_shared<Job>(service, http, std::move(request));
  TellWarnings(job->request.chat.warnings, http, reply);
  job->request.chat.streaming.stream ? AnswerStream(job, reply) : AnswerWhole(job, reply);
}

void CountMessageTokens(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::MessagesRequest request = api::ParseCountTokensRequest(http.body);
  CheckModel(request.chat.model, service, request.chat.warnings);
  TellWarnings(request.chat.warnings, http, reply);
  reply.body = api::CountTokensJson(PromptOf(request.chat, service).size());
}

}  // namespace puna::server
