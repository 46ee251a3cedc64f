// POST /v1/chat/completions.
#include "api/endpoints/chat_request.h"
#include "api/endpoints/chat_response.h"
#include "api/endpoints/tokenize.h"
#include "api/fields/sse.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/answer_form.h"
#include "server/generate/build_request.h"
#include "server/generate/logprobs.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

AnswerForm FormOf(api::ChatRequest& chat) {
  return {chat.format, chat.tools, chat.tool_choice, chat.warnings, chat.parallel_tool_calls};
}

std::vector<engine::TokenId> Prompt(api::ChatRequest& chat, const Service& service) {
  return ChatPrompt({chat.messages, OfferedTools(FormOf(chat)), chat.chat_template_kwargs, chat.add_generation_prompt,
                     chat.continue_final_message},
                    service);
}

std::vector<ChoicePlan> Plan(api::ChatRequest& chat, const HttpRequest& http, const Service& service) {
  const AnswerForm form = FormOf(chat);
  const std::vector<engine::TokenId> prompt = Prompt(chat, service);
  const uint64_t seed = SeedOf(chat.sampling);
  std::vector<ChoicePlan> plans;
  for (int i = 0; i < chat.n; ++i) {
    ChoicePlan& plan = plans.emplace_back();
    plan.request = BuildRequest(chat.sampling, prompt, "messages", seed, i, service);
    plan.request.id = http.id;
    plan.request.num_logprobs = chat.num_logprobs;
    if (!chat.prediction.empty()) plan.request.prediction = service.tokenizer.Encode(chat.prediction);
    plan.output = BuildOutput(chat.sampling, plan.request);
    plan.output.logprobs = chat.num_logprobs >= 0;
    SetForm(form, service, plan);
  }
  return plans;
}

// One request, until its answer is written.
struct Job {
  Job(Service& s, const HttpRequest& http, api::ChatRequest request)
      : service(s),
        chat(std::move(request)),
        head(MakeHead(ids.Next("chatcmpl-"), chat.service_tier, s)),
        generation(s, Plan(chat, http, s), chat.n, ids) {}

  std::optional<std::vector<api::PositionLogprobs>> Logprobs(const OutputPiece& piece) const {
    if (chat.num_logprobs < 0) return std::nullopt;
    return NameLogprobs(piece.tokens, service.tokenizer);
  }
  // What vLLM's `echo` puts before the answer: the beginning that the client gave.
  std::string Echo() const {
    return chat.echo && chat.messages.back().role == "assistant" ? chat.messages.back().content : "";
  }
  void Answer(const HttpRequest& http, HttpReply& reply);
  void Stream(ByteSink& sink, AccessLine& access);

  Service& service;
  api::ChatRequest chat;
  api::IdGenerator ids;
  api::ResponseHead head;
  Generation generation;
};

void Add(OutputPiece& piece, std::optional<std::vector<api::PositionLogprobs>> logprobs, api::ChatChoice& choice) {
  choice.content += piece.content;
  for (api::ToolCallDelta& delta : piece.calls) {
    if (!delta.id.empty()) choice.tool_calls.push_back({delta.id, delta.name, ""});
    choice.tool_calls.back().arguments += delta.arguments;
  }
  if (!logprobs) return;
  if (!choice.logprobs) choice.logprobs.emplace();
  for (api::PositionLogprobs& position : *logprobs) choice.logprobs->push_back(std::move(position));
}

void Job::Answer(const HttpRequest& http, HttpReply& reply) {
  std::vector<api::ChatChoice> choices(generation.size());
  for (int i = 0; i < generation.size(); ++i) {
    choices[i].index = i;
    choices[i].content = Echo();
  }
  const auto on_piece = [&](int i, OutputPiece& piece) {
    Add(piece, Logprobs(piece), choices[i]);
    if (piece.last) choices[i].finish_reason = generation.choice(i).finish_reason();
  };
  if (!Collect(generation, http, on_piece, reply)) return;
  reply.body = ChatCompletionJson(head, choices, ToApi(generation.Usage(*reply.access)), chat.tokens_as_ids);
}

void Job::Stream(ByteSink& sink, AccessLine& access) {
  StreamWriter writer(sink, std::chrono::seconds(service.config.keep_alive_comment_s));
  const api::ChatChunks chunks(head, chat.streaming.include_usage, chat.tokens_as_ids);
  std::vector<bool> begun(generation.size());
  const auto on_piece = [&](int i, OutputPiece& piece) {
    if (!begun[i]) {
      writer.Data(chunks.Role(i));
      piece.content.insert(0, Echo());
      begun[i] = true;
    }
    const auto logprobs = Logprobs(piece);
    const std::vector<api::PositionLogprobs>* with = logprobs ? &*logprobs : nullptr;
    const bool has_text = !piece.content.empty() || !piece.calls.empty();
    if (has_text || (!piece.last && with)) writer.Data(chunks.Delta(i, {piece.content, piece.calls}, with));
    if (piece.last) writer.Data(chunks.Finish(i, generation.choice(i).finish_reason(), has_text ? nullptr : with));
  };
  UsageChunk usage;
  if (chat.streaming.include_usage) usage = [&](const api::Usage& used) { return chunks.UsageChunk(used); };
  server::Stream(generation, writer, on_piece, usage, access);
}

}  // namespace

void ChatCompletions(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::ChatRequest chat = api::ParseChatRequest(http.body);
  CheckModel(chat.model, service);
  reply.access->user = chat.user;
  const auto job = std::make_shared<Job>(service, http, std::move(chat));
  TellWarnings(job->chat.warnings, http, reply);
  if (!job->chat.streaming.stream) return job->Answer(http, reply);
  reply.content_type = api::kSseContentType;
  reply.headers["Cache-Control"] = "no-cache";
  reply.access->stream = true;
  reply.stream = [job, access = reply.access](ByteSink& sink) { job->Stream(sink, *access); };
}

void ChatInputTokens(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::ChatRequest chat = api::ParseChatRequest(http.body);
  CheckModel(chat.model, service);
  TellWarnings(chat.warnings, http, reply);
  reply.body = api::InputTokensJson(Prompt(chat, service).size());
}

}  // namespace puna::server
