// POST /v1/responses.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <optional>

#include "api/endpoints/responses_builder.h"
#include "api/endpoints/responses_request.h"
#include "api/endpoints/tokenize.h"
#include "api/fields/sse.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/replay.h"
#include "server/generate/answer.h"
#include "server/generate/answer_form.h"
#include "server/generate/build_request.h"
#include "server/generate/logprobs.h"
#include "server/generate/prompts.h"
#include "server/host/log.h"
#include "server/http/key_account.h"

namespace puna::server {
namespace {

using Status = api::ResponseBuilder::Status;

// How often one in the background asks whether it still stands in line.
constexpr std::chrono::seconds kLookAtLine{1};

api::ApiError CannotStore() {
  return {503, "server_error", "storage_full", "Nothing can be stored at the moment; the server's log says why."};
}

AnswerForm FormOf(api::ResponsesRequest& body) {
  return {body.format, body.tools, body.tool_choice, body.warnings, body.parallel_tool_calls};
}

// What was said before this turn.
Earlier EarlierOf(const api::ResponsesRequest& body, const std::string& owner, Service& service) {
  if (!body.conversation.empty()) {
    std::optional<ConversationSoFar> found = service.responses->ReadConversation(owner, body.conversation);
    if (!found) throw api::ConversationNotFound(body.conversation);
    return {std::move(found->items), 0, found->last};
  }
  const std::string& previous_id = body.previous_response_id;
  if (previous_id.empty()) return {};
  if (std::optional<Earlier> earlier = service.responses->FindEarlier(owner, previous_id)) return *std::move(earlier);
  const api::ApiError error = api::ResponseNotFound(previous_id);
  throw api::ApiError(400, error.type(), "previous_response_not_found", error.message(), "previous_response_id");
}

// Items as they are stored: references resolved, each with an id.
void CompleteInput(api::ResponsesRequest& body, const std::string& owner, const Service& service,
                   api::IdGenerator& ids) {
  body.input =
      api::ResolveReferences(body.input, [&](const std::string& id) { return service.responses->FindItem(owner, id); });
  api::GiveIds(body.input, ids);
}

std::vector<engine::TokenId> Render(const std::vector<api::Message>& messages, api::ResponsesRequest& body,
                                    const Service& service) {
  return ChatPrompt({messages, OfferedTools(FormOf(body)), "", true, false, "input"}, service);
}

// What the prompt may take when so much is asked for the answer; an eighth is kept for one whose bound is beyond the context.
int64_t RoomForPrompt(int limit, int answer) { return limit - (answer < limit ? answer : std::max(1, limit / 8)); }

// Truncation "auto": as many of the newest messages as fit. What is tried grows from the newest on,
// so that the work goes with what fits and not with what is dropped.
std::vector<engine::TokenId> RenderTruncated(const std::vector<api::Message>& messages, api::ResponsesRequest& body,
                                             const Service& service) {
  const int limit = service.engine->limits().max_model_len;
  // An answer without a bound of its own gets an eighth of the context.
  const int64_t room = RoomForPrompt(limit, body.sampling.max_tokens.value_or(limit));
  const size_t units = api::NumDroppable(messages);
  std::vector<engine::TokenId> best = Render(api::WithoutOldest(messages, units), body, service);
  size_t fits = 0;          // units that are kept
  size_t too_many = units;  // the whole did not fit
  const auto keep = [&](size_t kept) {
    std::vector<engine::TokenId> prompt = Render(api::WithoutOldest(messages, units - kept), body, service);
    const bool fitting = static_cast<int64_t>(prompt.size()) <= room;
    if (fitting) best = std::move(prompt);
    (fitting ? fits : too_many) = kept;
  };
  for (size_t kept = 1; kept < too_many; kept = 2 * kept + 1) keep(kept);
  while (fits + 1 < too_many) keep(fits + (too_many - fits) / 2);
  body.warnings.Add("'truncation' dropped the oldest " + std::to_string(units - fits) +
                    " messages (with the results of their calls), which do not fit");
  return best;
}

std::vector<engine::TokenId> Prompt(const Earlier& earlier, api::ResponsesRequest& body, const Service& service) {
  const std::vector<api::Message> messages = api::AssembleMessages(body.instructions, earlier.items, body.input);
  std::vector<engine::TokenId> prompt = Render(messages, body, service);
  const int64_t room = RoomForPrompt(service.engine->limits().max_model_len, body.sampling.max_tokens.value_or(1));
  const bool fits = static_cast<int64_t>(prompt.size()) <= room;
  if (fits || !body.truncation_auto || api::NumDroppable(messages) == 0) return prompt;
  return RenderTruncated(messages, body, service);
}

// As decimals, not as what a float makes of them.
double Shown(float value) { return std::round(static_cast<double>(value) * 1e6) / 1e6; }

// One plan; `body` gets the values that the server chose, for the response to name.
std::vector<ChoicePlan> Plan(const Earlier& earlier, api::ResponsesRequest& body, const HttpRequest& http,
                             const Service& service) {
  std::vector<ChoicePlan> plans(1);
  ChoicePlan& plan = plans[0];
  const std::vector<engine::TokenId> prompt = Prompt(earlier, body, service);
  plan.request = BuildRequest(body.sampling, prompt, "input", SeedOf(body.sampling), 0, service, body.warnings);
  Sign(http, plan.request);
  plan.request.remembered = body.store;  // what is not to be kept is not looked up either
  plan.request.num_logprobs = body.num_logprobs;
  plan.output = BuildOutput(body.sampling, plan.request);
  plan.output.logprobs = body.num_logprobs >= 0;
  SetForm(FormOf(body), service, plan);
  body.sampling.temperature = Shown(plan.request.sampling.temperature);
  body.sampling.top_p = Shown(plan.request.sampling.top_p);
  return plans;
}

api::ResponsesRequest Completed(api::ResponsesRequest body, const std::string& owner, const Service& service,
                                api::IdGenerator& ids) {
  CompleteInput(body, owner, service, ids);
  return body;
}

// One response, from its request until it is stored.
class Job {
 public:
  Job(Service& s, const HttpRequest& http, api::ResponsesRequest request)
      : service_(s),
        owner_(http.caller.owner),
        body_(Completed(std::move(request), owner_, s, ids_)),
        earlier_(EarlierOf(body_, owner_, s)),
        generation_(s, Plan(earlier_, body_, http, s), 1, ids_) {
    Begin();
  }
  ~Job() {
    if (!ended_) Leave();
  }
  Job(const Job&) = delete;

  const api::ResponsesRequest& body() const { return body_; }
  static void AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply);
  static void AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply);
  static void AnswerLater(const std::shared_ptr<Job>& job, const HttpRequest& http, HttpReply& reply);

 private:
  void Begin();
  void Leave();
  void TellRunning();
  std::string Interrupt();
  void Store(const std::string& last_events);
  static StreamParts Parts(const std::shared_ptr<Job>& job, const std::shared_ptr<AccessLine>& access);
  // The events, kept for clients that come back for them: in the store before anybody has seen them, this client and those that
  // follow what is appended. Of an answer that comes whole nobody knows the id before its end.
  std::string Log(std::string events) {
    if (!body_.store) return events;
    if ((body_.stream || body_.background) && !ended_) service_.responses->AddEvents(builder_->id(), parts_++, events);
    running_->events->Append(events);
    return events;
  }
  std::string LogLast(std::string events);
  std::string Add(OutputPiece& piece) {
    return Log(builder_->Add({std::move(piece.content), std::move(piece.calls)},
                             NameLogprobs(piece.tokens, service_.tokenizer)));
  }
  std::string End(Status status, const api::Usage& usage = {}, const std::string& error = "");
  std::string EndWell(AccessLine& access);

  Service& service_;
  const std::string owner_;
  api::IdGenerator ids_;
  api::ResponsesRequest body_;
  Earlier earlier_;
  Generation generation_;
  std::optional<api::ResponseBuilder> builder_;  // there from Begin on
  std::shared_ptr<RunningResponse> running_;
  int64_t parts_ = 0;  // of the events, in the store
  bool ended_ = false;
};

// It is in the store before the client learns its id. What cannot be stored is answered all the same, and says so.
void Job::Begin() {
  const auto build = [this] { builder_.emplace(body_, service_.model_name, std::time(nullptr), ids_); };
  build();
  if (body_.store && !service_.responses->Begin({builder_->id(), owner_, builder_->Json(), earlier_.turn,
                                                 body_.conversation, earlier_.place, body_.input})) {
    if (body_.background) throw CannotStore();
    body_.store = false;
    body_.warnings.Add("'store' has no effect: the response cannot be stored at the moment");
    build();
  }
  running_ = service_.running.Begin(builder_->id(), owner_, builder_->Json(), body_.store);
}

// What failed or was left before anybody learned its id is not stored; what goes on in the background ends with the server.
void Job::Leave() {
  if (!running_) return;  // it never began
  if (body_.background) {
    Interrupt();
    return;
  }
  const std::string events = builder_->Finish(Status::kCancelled, {});
  if (body_.store) {
    running_->events->Append(events);
    service_.responses->Drop(builder_->id());
  }
  service_.running.End(*running_, builder_->Json());
}

// From queued to in progress, once nobody stands before it, or it says something.
void Job::TellRunning() {
  if (builder_->status() != Status::kQueued) return;
  Log(builder_->InProgress());
  const std::string json = builder_->Json();
  service_.running.Update(*running_, json);
  service_.responses->Update(builder_->id(), json);
}

std::string Job::End(Status status, const api::Usage& usage, const std::string& error) {
  return LogLast(builder_->Finish(status, usage, error, std::time(nullptr)));
}

std::string Job::Interrupt() { return LogLast(builder_->Interrupt("server_restarted")); }

// Who sees these events finds the response in the store as they say.
std::string Job::LogLast(std::string events) {
  ended_ = true;
  Store(events);
  if (body_.store) running_->events->Append(events);
  service_.running.End(*running_, builder_->Json());
  return events;
}

void Job::Store(const std::string& last_events) {
  EndedResponse ended;
  if (body_.store) {
    ended = {builder_->id(), api::StatusName(builder_->status()), builder_->Json(),
             running_->events->Text() + last_events, builder_->output()};
  }
  // What failed or was broken off is no part of a conversation.
  if (builder_->status() == Status::kCompleted || (builder_->status() == Status::kIncomplete && builder_->counted())) {
    ended.conversation = body_.conversation;
    ended.conversation_items = body_.input;
    ended.conversation_items.insert(ended.conversation_items.end(), builder_->output().begin(),
                                    builder_->output().end());
  }
  if (body_.store || !ended.conversation.empty()) service_.responses->End(std::move(ended));
}

std::string Job::EndWell(AccessLine& access) {
  const api::Usage usage = ToApi(generation_.Usage(access));
  const bool cut = generation_.choice(0).finish_reason() == "length";
  return End(cut ? Status::kIncomplete : Status::kCompleted, usage);
}

void Job::AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply) {
  job->Log(job->builder_->Start());
  const auto finish = [job](HttpReply& out) {
    job->EndWell(*out.access);
    out.body = job->builder_->Json();
  };
  server::AnswerWhole(job->generation_, {[job](int, OutputPiece& piece) { job->Add(piece); }, finish}, reply);
}

StreamParts Job::Parts(const std::shared_ptr<Job>& job, const std::shared_ptr<AccessLine>& access) {
  StreamParts parts;
  parts.on_piece = [job](int, OutputPiece& piece, StreamWriter& writer) {
    job->TellRunning();
    writer.Events(job->Add(piece));
  };
  parts.finish = [job, access](StreamWriter& writer) { writer.Events(job->EndWell(*access)); };
  parts.fail = [job](const api::ApiError& error, StreamWriter& writer) {
    const bool stopped = job->body_.background && job->service_.stopping;
    writer.Events(stopped ? job->Interrupt() : job->End(Status::kFailed, {}, error.message()));
  };
  parts.cancelled = [job] { return job->running_->cancelled.load(); };
  parts.listen = [job](std::function<void()> wake) { job->service_.running.OnCancel(*job->running_, std::move(wake)); };
  parts.left = [job, access](StreamWriter& writer) {
    if (job->running_->cancelled) access->finish = "cancelled";
    writer.Events(job->End(Status::kCancelled));
  };
  return parts;
}

void Job::AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply) {
  StreamParts parts = Parts(job, reply.access);
  parts.begin = [job](StreamWriter& writer) { writer.Events(job->Log(job->builder_->Start())); };
  // Codex counts no comment as life, only events of the protocol; every client takes this one at any place.
  parts.keep_alive = [job] { return job->Log(job->builder_->InProgress()); };
  const std::chrono::seconds pause(job->service_.config.keep_alive_comment_s);
  server::AnswerStream(job->generation_, pause, std::move(parts), reply);
}

// Answered at once; a stream shows what is being made, and who leaves it ends nothing.
void Job::AnswerLater(const std::shared_ptr<Job>& job, const HttpRequest& http, HttpReply& reply) {
  Service& service = job->service_;
  job->Log(job->builder_->Start());
  if (job->body_.stream) {
    reply.stream = ReplayLive(job->running_->events, 0, std::chrono::seconds(service.config.keep_alive_comment_s));
    BeginReplay(reply);
  } else {
    reply.body = job->builder_->Json();
  }
  HttpReply unread;
  StreamParts parts = Parts(job, unread.access);
  parts.keep_alive = [job, &service] {
    if (service.engine->stats().waiting == 0) job->TellRunning();
    return std::string();
  };
  server::AnswerStream(job->generation_, kLookAtLine, std::move(parts), unread);
  std::unique_ptr<ReplyTask> task = std::move(unread.stream);
  service.background.Run(std::move(task), std::move(unread),
                         [caller = http.caller, id = job->builder_->id()](const AccessLine& line) {
                           if (caller.account) caller.account->NoteLater(line);
                           LogInfo("in the background: " + id + " ended (" + line.finish + "), " +
                                   std::to_string(std::max(0, line.prompt_tokens)) + " tokens in, " +
                                   std::to_string(std::max(0, line.completion_tokens)) + " out");
                         });
}

}  // namespace

void Responses(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::ResponsesRequest body = api::ParseResponsesRequest(http.body);
  CheckModel(body.model, service, body.warnings);
  const auto job = std::make_shared<Job>(service, http, std::move(body));
  TellWarnings(job->body().warnings, http, reply);
  reply.access->user = job->body().user;
  if (job->body().store) reply.headers["X-Puna-Store"] = service.responses->on_disk() ? "disk" : "memory";
  if (job->body().background) return Job::AnswerLater(job, http, reply);
  job->body().stream ? Job::AnswerStream(job, reply) : Job::AnswerWhole(job, reply);
}

void ResponsesInputTokens(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::IdGenerator ids;
  const std::string& owner = http.caller.owner;
  api::ResponsesRequest body = Completed(api::ParseResponsesRequest(http.body), owner, service, ids);
  CheckModel(body.model, service, body.warnings);
  const size_t count = Prompt(EarlierOf(body, owner, service), body, service).size();
  TellWarnings(body.warnings, http, reply);
  reply.body = api::InputTokensJson(count);
}

}  // namespace puna::server
