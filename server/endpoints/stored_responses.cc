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
// How late it is noticed that the reader of a replay has left.
constexpr std::chrono::milliseconds kReadPatience{50};

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
void ReplayEvents(Service& service, const HttpRequest& request, HttpReply& reply) {
  const size_t first = FirstEvent(request);
  if (!service.responses.FindRunning(request.tail)) Require(service, request.tail);
  const std::shared_ptr<const EventLog> log = service.event_logs.Find(request.tail);
  if (!log) throw api::Unsupported("stream", "the events of this response are not kept any more.");
  reply.content_type = api::kSseContentType;
  reply.headers["Cache-Control"] = "no-cache";
  reply.access->stream = true;
  const std::chrono::seconds comments(service.config.keep_alive_comment_s);
  reply.stream = [log, comments, at = log->PlaceOf(first)](ByteSink& sink) mutable {
    StreamWriter writer(sink, comments);
    for (bool ended = false; !ended;) {
      const std::string events = log->Read(at, kReadPatience, ended);
      at += events.size();
      writer.Events(events);
      if (!writer.Flush()) return;
    }
  };
}

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
  if (const auto running = service.responses.Cancel(request.tail, kCancelPatience)) {
    reply.body = *running;
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
