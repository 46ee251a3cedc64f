// GET and DELETE /v1/responses/{id}, POST /v1/responses/{id}/cancel, GET
// /v1/responses/{id}/input_items.
#include <algorithm>
#include <charconv>

#include "api/endpoints/responses_builder.h"
#include "api/fields/sse.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/http/stream_writer.h"

namespace puna::server {
namespace {

// A response that is cancelled ends with the step that is being computed.
constexpr std::chrono::seconds kCancelPatience{10};

std::shared_ptr<const StoredResponse> Require(Service& service, const std::string& id) {
  std::shared_ptr<const StoredResponse> stored = service.responses.Find(id);
  if (!stored) throw api::ResponseNotFound(id);
  return stored;
}

std::string Query(const HttpRequest& request, const std::string& name) {
  return request.query ? request.query(name) : "";
}

int Limit(const HttpRequest& request) {
  const std::string text = Query(request, "limit");
  if (text.empty()) return 20;
  int limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit < 1 || limit > 100)
    throw api::InvalidValue("limit", "expected a whole number from 1 to 100.");
  return limit;
}

bool Ascending(const HttpRequest& request) {
  const std::string order = Query(request, "order");
  if (!order.empty() && order != "asc" && order != "desc") throw api::InvalidValue("order", "expected asc or desc.");
  return order == "asc";
}

bool WantsStream(const HttpRequest& request) {
  const std::string stream = Query(request, "stream");
  if (!stream.empty() && stream != "true" && stream != "false")
    throw api::InvalidValue("stream", "expected true or false.");
  return stream == "true";
}

// The number of the first event that the client has not seen.
size_t FirstEvent(const HttpRequest& request) {
  const std::string text = Query(request, "starting_after");
  if (text.empty()) return 0;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw api::InvalidValue("starting_after", "expected the sequence number of an event.");
  return size_t{number} + 1;
}

// The events as they were sent, and those that are still being made.
class Replay : public ReplyTask {
 public:
  Replay(std::shared_ptr<EventLog> log, size_t first, std::chrono::seconds comments)
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

void ReplayEvents(Service& service, const HttpRequest& request, HttpReply& reply) {
  const size_t first = FirstEvent(request);
  if (!service.responses.FindRunning(request.tail)) Require(service, request.tail);
  const std::shared_ptr<EventLog> log = service.event_logs.Find(request.tail);
  if (!log) throw api::Unsupported("stream", "the events of this response are not kept any more.");
  reply.content_type = api::kSseContentType;
  reply.headers["Cache-Control"] = "no-cache";
  reply.headers["X-Accel-Buffering"] = "no";
  reply.access->stream = true;
  reply.stream = std::make_unique<Replay>(log, first, std::chrono::seconds(service.config.keep_alive_comment_s));
}

// Answers when a response that was cancelled has ended.
class Cancellation : public ReplyTask {
 public:
  Cancellation(ResponseStore& store, std::shared_ptr<RunningResponse> response)
      : store_(store), response_(std::move(response)), deadline_(Clock::now() + kCancelPatience) {}
  void Start(std::function<void()> wake) override { store_.OnEnd(*response_, std::move(wake)); }
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink&) override {
    const std::optional<std::string> json = store_.Json(*response_, Clock::now() >= deadline_);
    if (!json) return deadline_;
    reply.body = *json;
    return std::nullopt;
  }

 private:
  ResponseStore& store_;
  const std::shared_ptr<RunningResponse> response_;
  const Clock::time_point deadline_;
};

}  // namespace

void GetResponse(Service& service, const HttpRequest& request, HttpReply& reply) {
  reply.headers["X-Puna-Store"] = "memory";
  if (WantsStream(request)) return ReplayEvents(service, request, reply);
  if (const std::optional<std::string> running = service.responses.FindRunning(request.tail))
    reply.body = *running;
  else
    reply.body = Require(service, request.tail)->json;
}

void DeleteResponse(Service& service, const HttpRequest& request, HttpReply& reply) {
  if (service.responses.FindRunning(request.tail)) {
    throw api::ApiError(400, "invalid_request_error", "response_in_progress",
                        "The response is still being made; cancel it before you delete it.");
  }
  if (!service.responses.Erase(request.tail)) throw api::ResponseNotFound(request.tail);
  service.event_logs.Erase(request.tail);
  reply.body = api::DeletedResponseJson(request.tail);
}

void CancelResponse(Service& service, const HttpRequest& request, HttpReply& reply) {
  if (auto running = service.responses.Cancel(request.tail)) {
    reply.later = std::make_unique<Cancellation>(service.responses, std::move(running));
    return;
  }
  const std::shared_ptr<const StoredResponse> stored = Require(service, request.tail);
  if (!stored->cancelled) {
    throw api::ApiError(400, "invalid_request_error", "response_already_ended",
                        "Cannot cancel a response that has ended.");
  }
  reply.body = stored->json;
}

// The items of this response's own request, the newest first unless `order` says asc.
void ListInputItems(Service& service, const HttpRequest& request, HttpReply& reply) {
  const int limit = Limit(request);
  const bool ascending = Ascending(request);
  const std::shared_ptr<const StoredResponse> stored = Require(service, request.tail);
  std::vector<api::ResponseItem> items = stored->turns.back()->input;
  if (!ascending) std::reverse(items.begin(), items.end());
  if (const std::string after = Query(request, "after"); !after.empty()) {
    const auto found = std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.id == after; });
    if (found == items.end()) throw api::InvalidValue("after", "there is no such item.");
    items.erase(items.begin(), found + 1);
  }
  const bool has_more = items.size() > static_cast<size_t>(limit);
  if (has_more) items.resize(limit);
  reply.body = api::ItemListJson(items, has_more);
}

}  // namespace puna::server
