#include "server/chat/chat_client.h"

#include <httplib.h>

#include <nlohmann/json.hpp>

#include "server/bench/sse_parser.h"

namespace puna::server {
namespace {

using Json = nlohmann::json;

constexpr time_t kConnectSeconds = 5, kProbeSeconds = 2;
constexpr time_t kReadSeconds = 3600;  // a long prompt on a small machine; Ctrl-C ends it
constexpr size_t kMostErrorBytes = 64 << 10;

struct Address {
  std::string origin, path;
};

Address Split(std::string url) {
  if (url.find("://") == std::string::npos) url = "http://" + url;
  while (url.ends_with('/')) url.pop_back();
  const size_t path = url.find('/', url.find("://") + 3);
  Address address{url.substr(0, path), path == std::string::npos ? "" : url.substr(path)};
  if (address.path.ends_with("/v1")) address.path.resize(address.path.size() - 3);
  return address;
}

httplib::Headers HeadersOf(const ChatTarget& target) {
  httplib::Headers headers;
  if (!target.api_key.empty()) headers.emplace("Authorization", "Bearer " + target.api_key);
  return headers;
}

std::string Text(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.is_object() && json.contains(at) && json[at].is_string() ? json[at].get<std::string>() : "";
}

class Reader {
 public:
  Reader(ChatReply& reply, const std::function<void(const std::string&)>& on_piece)
      : reply_(reply), on_piece_(on_piece) {}

  bool OnHead(const httplib::Response& head) {
    status_ = head.status;
    stream_ = head.status == 200 && head.get_header_value("Content-Type").starts_with("text/event-stream");
    return true;
  }

  bool OnBytes(std::string_view bytes) {
    if (!stream_) {
      body_ += bytes.substr(0, kMostErrorBytes - std::min(kMostErrorBytes, body_.size()));
      return true;
    }
    try {
      parser_.Feed(bytes, [this](const std::string& data) { OnEvent(data); });
    } catch (const std::exception& error) {
      reply_.error = error.what();
    }
    return reply_.error.empty();
  }

  void OnEnd(httplib::Error error) {
    if (reply_.stopped || !reply_.error.empty()) return;
    if (status_ == 0) {
      reply_.error = httplib::to_string(error);
    } else if (!stream_) {
      const std::string said = Text(Json::parse(body_, nullptr, false), "/error/message");
      reply_.error = "the server answers " + std::to_string(status_) + (said.empty() ? "" : ": " + said);
    } else if (!done_) {
      reply_.error = "the connection broke off";
    }
  }

 private:
  void OnEvent(const std::string& data) {
    if (data == "[DONE]") {
      done_ = true;
      return;
    }
    const Json event = Json::parse(data, nullptr, false);
    if (const std::string error = Text(event, "/error/message"); !error.empty()) reply_.error = error;
    if (const std::string finish = Text(event, "/choices/0/finish_reason"); !finish.empty()) reply_.finish = finish;
    const std::string piece = Text(event, "/choices/0/delta/content");
    if (piece.empty()) return;
    reply_.text += piece;
    on_piece_(piece);
  }

  ChatReply& reply_;
  const std::function<void(const std::string&)>& on_piece_;
  SseParser parser_;
  int status_ = 0;
  bool stream_ = false, done_ = false;
  std::string body_;
};

}  // namespace

ChatReply AskChat(const ChatTarget& target, const std::string& body, const Interrupts& interrupts,
                  const std::function<void(const std::string&)>& on_piece) {
  const Address address = Split(target.url);
  httplib::Client http(address.origin);
  http.set_connection_timeout(kConnectSeconds);
  http.set_read_timeout(kReadSeconds);
  ChatReply reply;
  Reader reader(reply, on_piece);
  httplib::Request request;
  request.method = "POST";
  request.path = address.path + "/v1/chat/completions";
  request.headers = HeadersOf(target);
  request.set_header("Content-Type", "application/json");
  request.body = body;
  request.response_handler = [&](const httplib::Response& head) { return reader.OnHead(head); };
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    return reader.OnBytes({data, size});
  };
  const Interrupts::Watch watch(interrupts, [&http] { http.stop(); });
  const auto result = http.send(request);
  reply.stopped = watch.came();
  reader.OnEnd(result.error());
  return reply;
}

std::string ServedModel(const ChatTarget& target) {
  const Address address = Split(target.url);
  httplib::Client http(address.origin);
  http.set_connection_timeout(kProbeSeconds);
  http.set_read_timeout(kProbeSeconds);
  const auto reply = http.Get(address.path + "/v1/models", HeadersOf(target));
  if (!reply || reply->status != 200) return "";
  return Text(Json::parse(reply->body, nullptr, false), "/data/0/id");
}

}  // namespace puna::server
