#include "server/bench/bench_client.h"

#include <httplib.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "server/bench/sse_parser.h"
#include "server/bench/traffic_answer.h"

namespace puna::server {
namespace {

constexpr double kConnectSeconds = 10;
constexpr double kModelsSeconds = 10;
constexpr size_t kMaxErrorBody = 64 << 10;

struct Address {
  std::string origin;  // http://host:port
  std::string path;    // before /v1
};

Address Split(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  const size_t path = url.find('/', url.find("://") + 3);
  Address address{url.substr(0, path), path == std::string::npos ? "" : url.substr(path)};
  if (address.path.ends_with("/v1")) address.path.resize(address.path.size() - 3);
  return address;
}

void SetTimeouts(httplib::Client& http, double seconds) {
  const auto limit = [](double s) {
    return std::chrono::milliseconds(std::max<int64_t>(1, static_cast<int64_t>(s * 1000)));
  };
  http.set_connection_timeout(limit(std::min(seconds, kConnectSeconds)));
  http.set_read_timeout(limit(seconds));
  http.set_write_timeout(limit(seconds));
  http.set_tcp_nodelay(true);
}

httplib::Headers HeadersOf(const BenchTarget& target) {
  httplib::Headers headers;
  if (!target.api_key.empty()) headers.emplace("Authorization", "Bearer " + target.api_key);
  return headers;
}

std::string BodyOf(const BenchTarget& target, const std::vector<TrafficMessage>& messages) {
  nlohmann::ordered_json body;
  if (!target.model.empty()) body["model"] = target.model;
  body["messages"] = nlohmann::ordered_json::array();
  for (const TrafficMessage& m : messages) body["messages"].push_back({{"role", m.role}, {"content", m.content}});
  body["max_tokens"] = target.max_tokens;
  body["temperature"] = target.temperature;
  if (target.ignore_eos) body["ignore_eos"] = true;
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  return body.dump();
}

// What one answer is read with while it comes.
class Reader {
 public:
  Reader(const RunClock& clock, TrafficSample& sample, const std::function<void(size_t)>& on_piece)
      : clock_(clock), sample_(sample), answer_(sample), on_piece_(on_piece) {}

  bool OnHead(const httplib::Response& head) {
    sample_.status = head.status;
    stream_ = head.status == 200 && head.get_header_value("Content-Type").find("text/event-stream") == 0;
    return true;
  }

  // False ends the request. Nothing may be thrown through the library.
  bool OnBytes(std::string_view bytes) {
    if (!stream_) {
      body_ += bytes.substr(0, kMaxErrorBody - std::min(kMaxErrorBody, body_.size()));
      return clock_.Left() > 0;
    }
    try {
      parser_.Feed(bytes, [this](const std::string& data) {
        if (answer_.Take(data, clock_.Now())) on_piece_(sample_.chunk_s.size());
      });
    } catch (const std::exception& error) {
      sample_.error = "not understood";
      sample_.error_detail = error.what();
    }
    return sample_.error.empty() && clock_.Left() > 0;
  }

  void OnEnd(httplib::Error error) {
    if (sample_.error.empty()) NameError(error);
  }

 private:
  void NameError(httplib::Error error) {
    if (error != httplib::Error::Success && clock_.Left() <= 0) {
      sample_.error = "timeout";
      sample_.error_detail = "still running at the end of --timeout";
    } else if (sample_.status == 0) {
      sample_.error = "no answer";
      sample_.error_detail = httplib::to_string(error);
    } else if (sample_.status != 200) {
      sample_.error = "HTTP " + std::to_string(sample_.status);
      sample_.error_detail = ErrorText(body_);
    } else if (!stream_) {
      sample_.error = "not a stream";
      sample_.error_detail = ErrorText(body_);
    } else {
      answer_.End();
    }
  }

  const RunClock& clock_;
  TrafficSample& sample_;
  TrafficAnswer answer_;
  SseParser parser_;
  const std::function<void(size_t)>& on_piece_;
  bool stream_ = false;
  std::string body_;  // of an answer that is no stream
};

}  // namespace

std::string UrlError(const std::string& url) {
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  if (http && url.size() > url.find("://") + 3) return "";
  return "expected a URL such as http://127.0.0.1:8080, found " + url;
}

std::string FirstModel(const BenchTarget& target) {
  const Address address = Split(target.url);
  httplib::Client http(address.origin);
  SetTimeouts(http, kModelsSeconds);
  const auto reply = http.Get(address.path + "/v1/models", HeadersOf(target));
  if (!reply || reply->status != 200) return "";
  const auto json = nlohmann::json::parse(reply->body, nullptr, false);
  const auto id = nlohmann::json::json_pointer("/data/0/id");
  if (!json.is_object() || !json.contains(id) || !json[id].is_string()) return "";
  return json[id];
}

void Ask(const BenchTarget& target, const RunClock& clock, const std::vector<TrafficMessage>& messages,
         TrafficSample& sample, const std::function<void(size_t)>& on_piece) {
  const Address address = Split(target.url);
  httplib::Client http(address.origin);
  SetTimeouts(http, clock.Left());
  Reader reader(clock, sample, on_piece);
  httplib::Request request;
  request.method = "POST";
  request.path = address.path + "/v1/chat/completions";
  request.headers = HeadersOf(target);
  request.set_header("Content-Type", "application/json");
  request.body = BodyOf(target, messages);
  request.response_handler = [&](const httplib::Response& head) { return reader.OnHead(head); };
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    return reader.OnBytes({data, size});
  };
  sample.sent_s = clock.Now();
  const auto result = http.send(request);
  sample.end_s = clock.Now();
  reader.OnEnd(result.error());
}

}  // namespace puna::server
