// POST /v1/responses.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <optional>
#include <utility>

#include "api/endpoints/responses_builder.h"
#include "api/endpoints/responses_request.h"
#include "api/endpoints/tokenize.h"
#include "api/fields/sse.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/replay.h"
#include "server/endpoints/responses_prompt.h"
#include "server/endpoints/summary.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/generate/logprobs.h"
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

// As decimals, not as what a float makes of them.
double Shown(float value) { return std::round(static_cast<double>(value) * 1e6) / 1e6; }

// What an answer to the prompt asks of the engine; `body` gets the values that the server chose, for the response to name.
ChoicePlan PlanAnswer(const std::vector<engine::TokenId>& prompt, api::ResponsesRequest& body, const HttpRequest& http,
                      const Service& service) {
  ChoicePlan plan;
  plan.request = BuildRequest(body.sampling, prompt, "input", SeedOf(body.sampling), 0, service, body.warnings);
  Sign(http, plan.request);
  plan.request.remembered = body.store;  // what is not to be kept is not looked up either
  plan.request.num_logprobs = body.num_logprobs;
  plan.output = BuildOutput(body.sampling, plan.request);
  plan.output.logprobs = body.num_logprobs >= 0;
  SetForm(AnswerFormOf(body), service, plan);
  body.sampling.temperature = Shown(plan.request.sampling.temperature);
  body.sampling.top_p = Shown(plan.request.sampling.top_p);
  return plan;
}

// Without the body, which is read, and the place among those of its key, which goes with the answer.
HttpRequest WhoAsks(const HttpRequest& http) {
  HttpRequest who;
  who.id = http.id;
  who.caller = http.caller;
  who.caller.place.reset();
  return who;
}

// One response, from its request until it is stored.
class Job {
 public:
  Job(Service& s, const HttpRequest& http, api::ResponsesRequest request)
      : service_(s),
        owner_(http.caller.owner),
        body_(Completed(std::move(request), http, s, ids_)),
        earlier_(EarlierOf(body_, http, s)),
        who_(WhoAsks(http)),
        generation_(s, Plan(), 1, ids_) {
    if (compacting_) generation_.Then([this] { return PlanBehindSummary(); });
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
  std::vector<ChoicePlan> Plan();
  bool WantsCompaction();
  std::vector<ChoicePlan> PlanBehindSummary();
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
  std::string Add(OutputPiece& piece);
  // Events that have come up where nothing could be written.
  std::string Held() { return std::exchange(held_, {}); }
  std::string End(Status status, const api::Usage& usage = {}, const std::string& error = "");
  std::string EndWell(AccessLine& access);

  Service& service_;
  const std::string owner_;
  api::IdGenerator ids_;
  api::ResponsesRequest body_;
  Earlier earlier_;
  const HttpRequest who_;
  api::SamplingFields asked_;  // as the client has it
  bool compacting_ = false;    // what comes is the summary
  std::string summary_, held_;
  Generation generation_;
  std::optional<api::ResponseBuilder> builder_;  // there from Begin on
  std::shared_ptr<RunningResponse> running_;
  int64_t parts_ = 0;  // of the events, in the store
  bool ended_ = false;
};

// Whether the prompt is to be compacted before it is answered: beyond the threshold, or beyond three quarters of the context,
// where many a client's threshold lies that was made for a larger one.
bool Job::WantsCompaction() {
  if (body_.only_compacts) return true;
  if (!body_.compact_threshold || !api::HasPast(earlier_.items, body_.input)) return false;
  const int most = service_.engine->limits().max_model_len / 4 * 3;
  const int threshold = *body_.compact_threshold > 0 ? std::min(*body_.compact_threshold, most) : most;
  const bool truncation_auto = std::exchange(body_.truncation_auto, false);
  const size_t whole = ResponsesPrompt(earlier_, body_, service_).size();
  body_.truncation_auto = truncation_auto;
  return whole > static_cast<size_t>(threshold);
}

// One plan: of the answer, or of the summary that it follows.
std::vector<ChoicePlan> Job::Plan() {
  asked_ = body_.sampling;
  compacting_ = WantsCompaction();
  std::vector<ChoicePlan> plans;
  if (!compacting_) {
    plans.push_back(PlanAnswer(ResponsesPrompt(earlier_, body_, service_), body_, who_, service_));
    return plans;
  }
  api::ResponsesRequest summary = body_;
  summary.sampling.max_tokens.reset();
  plans.push_back(PlanSummary(earlier_, summary, who_, service_));
  // What is wrong with the answer's fields is told before a token is computed.
  PlanAnswer({plans[0].request.prompt[0]}, body_, who_, service_);
  for (const std::string& text : summary.warnings.texts()) body_.warnings.AddOnce(text);
  return plans;
}

// The summary is there: the compaction, and what the engine is asked for the answer, if one is wanted.
std::vector<ChoicePlan> Job::PlanBehindSummary() {
  compacting_ = false;
  const bool cut = generation_.choice(0).finish_reason() == "length";
  api::ResponseItem compaction =
      MakeCompaction(api::ResponseItem::Kind::kContextCompaction, std::move(summary_), cut, owner_, service_, ids_);
  held_ = builder_->AddItem(compaction);
  std::vector<ChoicePlan> plans;
  if (body_.only_compacts) return plans;
  body_.input.push_back(std::move(compaction));
  const std::vector<engine::TokenId> prompt = ResponsesPrompt(earlier_, body_, service_);
  body_.input.pop_back();
  body_.sampling = asked_;
  plans.push_back(PlanAnswer(prompt, body_, who_, service_));
  return plans;
}

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

std::string Job::Add(OutputPiece& piece) {
  if (compacting_) {
    summary_ += piece.content;
    return {};
  }
  const std::string events =
      builder_->Add({std::move(piece.content), std::move(piece.calls)}, NameLogprobs(piece.tokens, service_.tokenizer));
  return Log(Held() + events);
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
  return LogLast(Held() + builder_->Finish(status, usage, error, std::time(nullptr)));
}

std::string Job::Interrupt() { return LogLast(Held() + builder_->Interrupt("server_restarted")); }

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
  const bool cut = !body_.only_compacts && generation_.choice(0).finish_reason() == "length";
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
  parts.keep_alive = [job] { return job->Log(job->Held() + job->builder_->InProgress()); };
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
  api::ResponsesRequest body = Completed(api::ParseResponsesRequest(http.body), http, service, ids);
  CheckModel(body.model, service, body.warnings);
  const size_t count = ResponsesPrompt(EarlierOf(body, http, service), body, service).size();
  TellWarnings(body.warnings, http, reply);
  reply.body = api::InputTokensJson(count);
}

}  // namespace puna::server
