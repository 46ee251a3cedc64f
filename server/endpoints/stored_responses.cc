// GET and DELETE /v1/responses/{id}, POST /v1/responses/{id}/cancel, GET
// /v1/responses/{id}/input_items.
#include <algorithm>
#include <charconv>

#include "api/endpoints/responses_builder.h"
#include "api/fields/sse.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/paging.h"
#include "server/endpoints/replay.h"
#include "server/http/stream_writer.h"

namespace puna::server {
namespace {

// A response that is cancelled ends with the step that is being computed.
constexpr std::chrono::seconds kCancelPatience{10};
// At what another server makes.
constexpr std::chrono::milliseconds kLookAgain{250};

StoredResponse Require(Service& service, const HttpRequest& request) {
  std::optional<StoredResponse> stored = service.responses->Find(request.caller.owner, request.tail);
  if (!stored) throw api::ResponseNotFound(request.tail);
  return *std::move(stored);
}

std::shared_ptr<RunningResponse> FindRunning(const Service& service, const HttpRequest& request) {
  return service.running.Find(request.caller.owner, request.tail);
}

bool WantsStream(const HttpRequest& request) {
  const std::string stream = QueryOf(request, "stream");
  if (!stream.empty() && stream != "true" && stream != "false")
    throw api::InvalidValue("stream", "expected true or false.");
  return stream == "true";
}

// The number of the first event that the client has not seen.
size_t FirstEvent(const HttpRequest& request) {
  const std::string text = QueryOf(request, "starting_after");
  if (text.empty()) return 0;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw api::InvalidValue("starting_after", "expected the sequence number of an event.");
  return size_t{number} + 1;
}

// The events as they were sent, and those that are still being made.
class LiveReplay : public ReplyTask {
 public:
  LiveReplay(std::shared_ptr<EventLog> log, size_t first, std::chrono::seconds comments)
      : log_(std::move(log)), at_(log_->PlaceOf(first)), writer_(comments) {}
  void Start(std::function<void()> wake) override { following_ = log_->Follow(std::move(wake)); }
  std::optional<Clock::time_point> Advance(HttpReply&, ByteSink& sink) override {
    bool ended = false;
    const std::string events = log_->Read(at_, ended);
    at_ += events.size();
    writer_.Events(events);
    if (!writer_.Flush(sink) || ended) return std::nullopt;
    return writer_.next_comment();
  }

 private:
  const std::shared_ptr<EventLog> log_;
  size_t at_;
  StreamWriter writer_;
  std::shared_ptr<const void> following_;
};

// Those of a response that has ended, or that another server makes, from the store.
class StoredReplay : public ReplyTask {
 public:
  StoredReplay(ResponseStore& store, const HttpRequest& request, size_t first, std::chrono::seconds comments)
      : store_(store), owner_(request.caller.owner), id_(request.tail), first_(first), writer_(comments) {}
  void Start(std::function<void()>) override {}
  std::optional<Clock::time_point> Advance(HttpReply&, ByteSink& sink) override {
    const std::optional<StoredResponse> stored = store_.Find(owner_, id_);
    const std::optional<std::string> events = store_.FindEvents(owner_, id_);
    if (!stored || !events) return std::nullopt;  // it was deleted meanwhile
    if (at_ == 0) at_ = PlaceOfEvent(*events, first_);
    writer_.Events(std::string_view(*events).substr(std::min(at_, events->size())));
    at_ = std::max(at_, events->size());
    if (!writer_.Flush(sink) || stored->server.empty()) return std::nullopt;
    return Clock::now() + kLookAgain;
  }

 private:
  ResponseStore& store_;
  const std::string owner_, id_;
  const size_t first_;
  size_t at_ = 0;
  StreamWriter writer_;
};

void ReplayEvents(Service& service, const HttpRequest& request, HttpReply& reply) {
  const size_t first = FirstEvent(request);
  const std::chrono::seconds comments(service.config.keep_alive_comment_s);
  if (const std::shared_ptr<RunningResponse> running = FindRunning(service, request)) {
    reply.stream = ReplayLive(running->events, first, comments);
  } else {
    Require(service, request);
    reply.stream = std::make_unique<StoredReplay>(*service.responses, request, first, comments);
  }
  BeginReplay(reply);
}

// Answers when a response that was cancelled has ended.
class Cancellation : public ReplyTask {
 public:
  Cancellation(RunningResponses& all, std::shared_ptr<RunningResponse> response)
      : all_(all), response_(std::move(response)), deadline_(Clock::now() + kCancelPatience) {}
  void Start(std::function<void()> wake) override { all_.OnEnd(*response_, std::move(wake)); }
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink&) override {
    if (!all_.Done(*response_) && Clock::now() < deadline_) return deadline_;
    reply.body = all_.Json(*response_);
    return std::nullopt;
  }

 private:
  RunningResponses& all_;
  const std::shared_ptr<RunningResponse> response_;
  const Clock::time_point deadline_;
};

// The same where another server makes it.
class CancellationElsewhere : public ReplyTask {
 public:
  CancellationElsewhere(ResponseStore& store, const HttpRequest& request)
      : store_(store), owner_(request.caller.owner), id_(request.tail), deadline_(Clock::now() + kCancelPatience) {}
  void Start(std::function<void()>) override { store_.AskToCancel(owner_, id_); }
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink&) override {
    std::optional<StoredResponse> stored = store_.Find(owner_, id_);
    if (!stored) throw api::ResponseNotFound(id_);
    if (!stored->server.empty() && Clock::now() < deadline_) return Clock::now() + kLookAgain;
    reply.body = std::move(stored->json);
    return std::nullopt;
  }

 private:
  ResponseStore& store_;
  const std::string owner_, id_;
  const Clock::time_point deadline_;
};

}  // namespace

std::unique_ptr<ReplyTask> ReplayLive(std::shared_ptr<EventLog> log, size_t first, std::chrono::seconds comments) {
  return std::make_unique<LiveReplay>(std::move(log), first, comments);
}

void BeginReplay(HttpReply& reply) {
  reply.content_type = api::kSseContentType;
  reply.headers["Cache-Control"] = "no-cache";
  reply.headers["X-Accel-Buffering"] = "no";
  reply.access->stream = true;
}

void GetResponse(Service& service, const HttpRequest& request, HttpReply& reply) {
  reply.headers["X-Puna-Store"] = service.responses->on_disk() ? "disk" : "memory";
  if (WantsStream(request)) return ReplayEvents(service, request, reply);
  if (const std::shared_ptr<RunningResponse> running = FindRunning(service, request))
    reply.body = service.running.Json(*running);
  else
    reply.body = Require(service, request).json;
}

void DeleteResponse(Service& service, const HttpRequest& request, HttpReply& reply) {
  if (FindRunning(service, request) || !Require(service, request).server.empty()) {
    throw api::ApiError(400, "invalid_request_error", "response_in_progress",
                        "The response is still being made; cancel it before you delete it.");
  }
  if (!service.responses->Erase(request.caller.owner, request.tail)) throw api::ResponseNotFound(request.tail);
  reply.body = api::DeletedResponseJson(request.tail);
}

void CancelResponse(Service& service, const HttpRequest& request, HttpReply& reply) {
  if (std::shared_ptr<RunningResponse> running = FindRunning(service, request)) {
    service.running.Cancel(*running);
    reply.later = std::make_unique<Cancellation>(service.running, std::move(running));
    return;
  }
  StoredResponse stored = Require(service, request);
  if (!stored.server.empty()) {
    reply.later = std::make_unique<CancellationElsewhere>(*service.responses, request);
    return;
  }
  if (stored.status != "cancelled") {
    throw api::ApiError(400, "invalid_request_error", "response_already_ended",
                        "Cannot cancel a response that has ended.");
  }
  reply.body = std::move(stored.json);
}

// The items of this response's own request, the newest first unless `order` says asc.
void ListInputItems(Service& service, const HttpRequest& request, HttpReply& reply) {
  const PageWish wish = ReadPageWish(request);
  Require(service, request);
  std::vector<api::ResponseItem> items =
      service.responses->FindInput(request.caller.owner, request.tail).value_or(std::vector<api::ResponseItem>());
  if (!wish.ascending) std::reverse(items.begin(), items.end());
  if (!wish.after.empty()) {
    const auto found =
        std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.id == wish.after; });
    if (found == items.end()) throw api::InvalidValue("after", "there is no such item.");
    items.erase(items.begin(), found + 1);
  }
  const bool has_more = items.size() > static_cast<size_t>(wish.limit);
  if (has_more) items.resize(static_cast<size_t>(wish.limit));
  reply.body = api::ItemListJson(items, has_more);
}

}  // namespace puna::server
