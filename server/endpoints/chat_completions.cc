// POST /v1/chat/completions.
#include "api/endpoints/chat_request.h"
#include "api/endpoints/chat_response.h"
#include "api/endpoints/tokenize.h"
#include "api/fields/sse.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/generate/chat_plan.h"
#include "server/generate/logprobs.h"

namespace puna::server {
namespace {

// One request, until its answer is written.
struct Job {
  Job(Service& s, const HttpRequest& http, api::ChatRequest request)
      : service(s),
        chat(std::move(request)),
        head(MakeHead(ids.Next("chatcmpl-"), chat.service_tier, s)),
        generation(s, PlanChat(chat, PromptOf(chat, s), http, s), chat.n, ids) {}

  std::optional<std::vector<api::PositionLogprobs>> Logprobs(const OutputPiece& piece) const {
    if (chat.num_logprobs < 0) return std::nullopt;
    return NameLogprobs(piece.tokens, service.tokenizer);
  }
  // What vLLM's `echo` puts before the answer: the beginning that the client gave.
  std::string Echo() const {
    return chat.echo && chat.messages.back().role == "assistant" ? chat.messages.back().content : "";
  }
  void Add(int i, OutputPiece& piece);
  void Write(int i, OutputPiece& piece, StreamWriter& writer);

  Service& service;
  api::ChatRequest chat;
  api::IdGenerator ids;
  api::ResponseHead head;
  Generation generation;
  const api::ChatChunks chunks{head, chat.streaming.include_usage, chat.tokens_as_ids, chat.legacy_functions};
  std::vector<api::ChatChoice> choices{static_cast<size_t>(generation.size())};  // of a whole answer
  std::vector<bool> begun = std::vector<bool>(choices.size());                   // of a stream
};

void Append(OutputPiece& piece, std::optional<std::vector<api::PositionLogprobs>> logprobs, api::ChatChoice& choice) {
  choice.content += piece.content;
  for (api::ToolCallDelta& delta : piece.calls) {
    if (!delta.id.empty()) choice.tool_calls.push_back({delta.id, delta.name, "", delta.custom});
    choice.tool_calls.back().arguments += delta.arguments;
  }
  if (!logprobs) return;
  if (!choice.logprobs) choice.logprobs.emplace();
  for (api::PositionLogprobs& position : *logprobs) choice.logprobs->push_back(std::move(position));
}

void Job::Add(int i, OutputPiece& piece) {
  api::ChatChoice& choice = choices[i];
  if (!begun[i]) {
    choice.index = i;
    choice.legacy = chat.legacy_functions;
    choice.content = Echo();
    begun[i] = true;
  }
  Append(piece, Logprobs(piece), choice);
  if (piece.last) choice.finish_reason = generation.choice(i).finish_reason();
}

void Job::Write(int i, OutputPiece& piece, StreamWriter& writer) {
  if (!begun[i]) {
    piece.content.insert(0, Echo());
    begun[i] = true;
  }
  const auto logprobs = Logprobs(piece);
  const std::vector<api::PositionLogprobs>* with = logprobs ? &*logprobs : nullptr;
  const bool has_text = !piece.content.empty() || !piece.calls.empty();
  if (has_text || (!piece.last && with)) writer.Data(chunks.Delta(i, {piece.content, piece.calls}, with));
  if (piece.last) writer.Data(chunks.Finish(i, generation.choice(i).finish_reason(), has_text ? nullptr : with));
}

void AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply) {
  const auto finish = [job](HttpReply& out) {
    const api::Usage usage = ToApi(job->generation.Usage(*out.access));
    out.body = ChatCompletionJson(job->head, job->choices, usage, job->chat.tokens_as_ids);
  };
  server::AnswerWhole(job->generation, {[job](int i, OutputPiece& piece) { job->Add(i, piece); }, finish}, reply);
}

void AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply) {
  StreamParts parts;
  // At once: so that the client, and what stands between, see that there will be an answer.
  parts.begin = [job](StreamWriter& writer) {
    for (int i = 0; i < job->generation.size(); ++i) writer.Data(job->chunks.Role(i));
  };
  parts.on_piece = [job](int i, OutputPiece& piece, StreamWriter& writer) { job->Write(i, piece, writer); };
  parts.finish = [job, access = reply.access](StreamWriter& writer) {
    UsageChunk usage;
    if (job->chat.streaming.include_usage) usage = [&](const api::Usage& used) { return job->chunks.UsageChunk(used); };
    EndWithUsage(job->generation, usage, *access, writer);
  };
  const std::chrono::seconds comments(job->service.config.keep_alive_comment_s);
  server::AnswerStream(job->generation, comments, std::move(parts), reply);
}

}  // namespace

void ChatCompletions(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::ChatRequest chat = api::ParseChatRequest(http.body);
  CheckModel(chat.model, service, chat.warnings);
  reply.access->user = chat.user;
  const auto job = std::make_shared<Job>(service, http, std::move(chat));
  TellWarnings(job->chat.warnings, http, reply);
  job->chat.streaming.stream ? AnswerStream(job, reply) : AnswerWhole(job, reply);
}

void ChatInputTokens(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::ChatRequest chat = api::ParseChatRequest(http.body);
  CheckModel(chat.model, service, chat.warnings);
  TellWarnings(chat.warnings, http, reply);
  reply.body = api::InputTokensJson(PromptOf(chat, service).size());
}

}  // namespace puna::server
