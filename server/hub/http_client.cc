#include "server/hub/http_client.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace puna::server {
namespace {

constexpr size_t kMostBytes = size_t{64} << 20;
constexpr const char* kHeaders[] = {"link", "www-authenticate", "x-error-code", "x-error-message", "content-type"};

HttpAnswer AnswerOf(const Transfer& transfer, std::string body) {
  HttpAnswer answer{.status = transfer.status(), .body = std::move(body), .headers = {}, .url = transfer.url()};
  if (answer.status != 200) answer.body = transfer.refusal();
  for (const char* name : kHeaders) answer.headers[name] = transfer.header(name);
  return answer;
}

// A name that is unknown, or a machine that refuses, is so in the next minute, too.
int TriesFor(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ? 2 : kMostTries;
}

std::string HostOf(const std::string& url) {
  const size_t begin = url.find("://");
  return begin == std::string::npos ? url : url.substr(begin + 3, url.find('/', begin + 3) - begin - 3);
}

}  // namespace

int BackoffMilliseconds(int failures) { return std::min(500 << std::min(failures - 1, 10), 60000); }

void Wait(int milliseconds, const FetchWatch& watch) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (std::chrono::steady_clock::now() < end) {
    if (!watch.go_on()) throw FetchStopped();
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(milliseconds, 100)));
  }
}

HttpAnswer HttpClient::Get(const std::string& url, const std::string& token,
                           const std::vector<std::string>& headers) const {
  const CurlLibrary library;
  std::string trouble;
  for (int failures = 0;;) {
    std::string body;
    bool too_long = false;
    const TransferRequest request{.url = url,
                                  .token = token,
                                  .headers = headers,
                                  .first = {},
                                  .last = {},
                                  .connect_seconds = settings_.answer_seconds,
                                  .silence_seconds = settings_.answer_seconds,
                                  .certificates = settings_.certificates};
    Transfer transfer(
        request,
        [&](std::string_view bytes) {
          too_long = body.size() + bytes.size() > kMostBytes;
          if (!too_long) body += bytes;
          return !too_long;
        },
        watch_.go_on);
    const CURLcode code = curl_easy_perform(transfer.handle());
    if (!watch_.go_on()) throw FetchStopped();
    if (too_long)
      throw std::runtime_error(HostOf(url) + " answers with more than 64 MiB where a description was expected");
    const int status = transfer.status();
    if (code == CURLE_OK && (status == 200 || !MayPass(code, status))) return AnswerOf(transfer, std::move(body));
    trouble = code == CURLE_OK ? "it answers " + std::to_string(status) : transfer.ErrorText(code);
    if (++failures >= TriesFor(code) || !MayPass(code, status)) break;
    const int wait = transfer.RetryAfter() ? *transfer.RetryAfter() * 1000 : BackoffMilliseconds(failures);
    watch_.say(HostOf(url) + ": " + trouble + "; trying again in " + std::to_string((wait + 999) / 1000) + " s");
    Wait(wait, watch_);
  }
  throw HubUnreachable(HostOf(url) + " cannot be asked: " + trouble);
}

std::string PercentEncode(const std::string& text, std::string_view keep) {
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || std::string_view("-._~").find(static_cast<char>(c)) != std::string_view::npos ||
        keep.find(static_cast<char>(c)) != std::string_view::npos) {
      out += static_cast<char>(c);
    } else {
      out += {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
    }
  }
  return out;
}

}  // namespace puna::server
