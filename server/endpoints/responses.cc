// POST /v1/responses.
#include <cmath>
#include <ctime>

#include "api/endpoints/responses_builder.h"
#include "api/endpoints/responses_request.h"
#include "api/endpoints/tokenize.h"
#include "api/fields/sse.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/answer_form.h"
#include "server/generate/build_request.h"
#include "server/generate/logprobs.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

using Status = api::ResponseBuilder::Status;

AnswerForm FormOf(api::ResponsesRequest& body) {
  return {body.format, body.tools, body.tool_choice, body.warnings, body.parallel_tool_calls};
}

// The turns before this one.
History Earlier(const std::string& previous_id, Service& service) {
  if (previous_id.empty()) return {};
  const std::shared_ptr<const StoredResponse> previous = service.responses.Find(previous_id);
  if (previous) return previous->turns;
  const api::ApiError error = api::ResponseNotFound(previous_id);
  throw api::ApiError(400, error.type(), "previous_response_not_found", error.message(), "previous_response_id");
}

// Items as they are stored: references resolved, each with an id.
void CompleteInput(api::ResponsesRequest& body, const Service& service, api::IdGenerator& ids) {
  body.input =
      api::ResolveReferences(body.input, [&](const std::string& id) { return service.responses.FindItem(id); });
  for (api::ResponseItem& item : body.input) {
    if (!item.id.empty()) continue;
    item.id = ids.Next(item.kind == api::ResponseItem::Kind::kMessage        ? "msg_"
                       : item.kind == api::ResponseItem::Kind::kFunctionCall ? "fc_"
                                                                             : "fco_");
  }
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

std::vector<engine::TokenId> Prompt(const History& earlier, api::ResponsesRequest& body, const Service& service) {
  std::vector<api::ResponseItem> items;
  for (const std::shared_ptr<const Turn>& turn : earlier) {
    items.insert(items.end(), turn->input.begin(), turn->input.end());
    items.insert(items.end(), turn->output.begin(), turn->output.end());
  }
  const std::vector<api::Message> messages = api::AssembleMessages(body.instructions, items, body.input);
  std::vector<engine::TokenId> prompt = Render(messages, body, service);
  const int64_t room = RoomForPrompt(service.engine->limits().max_model_len, body.sampling.max_tokens.value_or(1));
  const bool fits = static_cast<int64_t>(prompt.size()) <= room;
  if (fits || !body.truncation_auto || api::NumDroppable(messages) == 0) return prompt;
  return RenderTruncated(messages, body, service);
}

// As decimals, not as what a float makes of them.
double Shown(float value) { return std::round(static_cast<double>(value) * 1e6) / 1e6; }

// One plan; `body` gets the values that the server chose, for the response to name.
std::vector<ChoicePlan> Plan(const History& earlier, api::ResponsesRequest& body, const HttpRequest& http,
                             const Service& service) {
  std::vector<ChoicePlan> plans(1);
  ChoicePlan& plan = plans[0];
  const std::vector<engine::TokenId> prompt = Prompt(earlier, body, service);
  plan.request = BuildRequest(body.sampling, prompt, "input", SeedOf(body.sampling), 0, service, body.warnings);
  plan.request.id = http.id;
  plan.request.num_logprobs = body.num_logprobs;
  plan.output = BuildOutput(body.sampling, plan.request);
  plan.output.logprobs = body.num_logprobs >= 0;
  SetForm(FormOf(body), service, plan);
  body.sampling.temperature = Shown(plan.request.sampling.temperature);
  body.sampling.top_p = Shown(plan.request.sampling.top_p);
  return plans;
}

api::ResponsesRequest Completed(api::ResponsesRequest body, const Service& service, api::IdGenerator& ids) {
  CompleteInput(body, service, ids);
  return body;
}

// One response, from its request until it is stored.
class Job {
 public:
  Job(Service& s, const HttpRequest& http, api::ResponsesRequest request)
      : service_(s),
        body_(Completed(std::move(request), s, ids_)),
        turns_(Earlier(body_.previous_response_id, s)),
        generation_(s, Plan(turns_, body_, http, s), 1, ids_),
        builder_(body_, s.model_name, std::time(nullptr), ids_),
        running_(s.responses.Begin(builder_.id(), builder_.Json(), body_.store)),
        log_(body_.store ? s.event_logs.Begin(builder_.id()) : nullptr) {}
  // What failed or was left before anybody learned its id is not stored.
  ~Job() {
    if (ended_) return;
    Log(builder_.Finish(Status::kCancelled, {}));
    if (log_) log_->End();
    service_.event_logs.Erase(builder_.id());
    service_.responses.End(*running_, builder_.Json());
  }
  Job(const Job&) = delete;

  const api::ResponsesRequest& body() const { return body_; }
  static void AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply);
  static void AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply);

 private:
  // The events, kept for clients that come back for them.
  std::string Log(std::string events) {
    if (log_) log_->Append(events);
    return events;
  }
  std::string Add(OutputPiece& piece) {
    return Log(builder_.Add({std::move(piece.content), std::move(piece.calls)},
                            NameLogprobs(piece.tokens, service_.tokenizer)));
  }
  std::string End(Status status, const api::Usage& usage = {}, const std::string& error = "");
  std::string EndWell(AccessLine& access);

  Service& service_;
  api::IdGenerator ids_;
  api::ResponsesRequest body_;
  History turns_;
  Generation generation_;
  api::ResponseBuilder builder_;
  std::shared_ptr<RunningResponse> running_;
  std::shared_ptr<EventLog> log_;  // of a response that is stored
  bool ended_ = false;
};

// The last events. From then on the response is found in the store, when it is to be.
std::string Job::End(Status status, const api::Usage& usage, const std::string& error) {
  ended_ = true;
  std::string events = Log(builder_.Finish(status, usage, error));
  if (log_) log_->End();
  std::string json = builder_.Json();
  if (body_.store) {
    turns_.push_back(service_.responses.MakeTurn({body_.input, builder_.output()}));
    service_.responses.Put({builder_.id(), json, status == Status::kCancelled, std::move(turns_)});
  }
  service_.responses.End(*running_, std::move(json));
  return events;
}

std::string Job::EndWell(AccessLine& access) {
  const api::Usage usage = ToApi(generation_.Usage(access));
  const bool cut = generation_.choice(0).finish_reason() == "length";
  return End(cut ? Status::kIncomplete : Status::kCompleted, usage);
}

void Job::AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply) {
  job->Log(job->builder_.Start());
  const auto finish = [job](HttpReply& out) {
    job->EndWell(*out.access);
    out.body = job->builder_.Json();
  };
  server::AnswerWhole(job->generation_, {[job](int, OutputPiece& piece) { job->Add(piece); }, finish}, reply);
}

void Job::AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply) {
  StreamParts parts;
  parts.begin = [job](StreamWriter& writer) { writer.Events(job->Log(job->builder_.Start())); };
  parts.on_piece = [job](int, OutputPiece& piece, StreamWriter& writer) { writer.Events(job->Add(piece)); };
  parts.finish = [job, access = reply.access](StreamWriter& writer) { writer.Events(job->EndWell(*access)); };
  parts.fail = [job](const api::ApiError& error, StreamWriter& writer) {
    writer.Events(job->End(Status::kFailed, {}, error.message()));
  };
  parts.cancelled = [job] { return job->running_->cancelled.load(); };
  parts.listen = [job](std::function<void()> wake) {
    job->service_.responses.OnCancel(*job->running_, std::move(wake));
  };
  parts.left = [job, access = reply.access](StreamWriter& writer) {
    if (job->running_->cancelled) access->finish = "cancelled";
    writer.Events(job->End(Status::kCancelled));
  };
  const std::chrono::seconds comments(job->service_.config.keep_alive_comment_s);
  server::AnswerStream(job->generation_, comments, std::move(parts), reply);
}

}  // namespace

void Responses(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::ResponsesRequest body = api::ParseResponsesRequest(http.body);
  CheckModel(body.model, service, body.warnings);
  const auto job = std::make_shared<Job>(service, http, std::move(body));
  TellWarnings(job->body().warnings, http, reply);
  reply.access->user = job->body().user;
  if (job->body().store) reply.headers["X-Puna-Store"] = "memory";
  job->body().stream ? Job::AnswerStream(job, reply) : Job::AnswerWhole(job, reply);
}

void ResponsesInputTokens(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::IdGenerator ids;
  api::ResponsesRequest body = Completed(api::ParseResponsesRequest(http.body), service, ids);
  CheckModel(body.model, service, body.warnings);
  const size_t count = Prompt(Earlier(body.previous_response_id, service), body, service).size();
  TellWarnings(body.warnings, http, reply);
  reply.body = api::InputTokensJson(count);
}

}  // namespace puna::server
