// HttpClient: what hubs say about their models. Small answers, tried again while it helps.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "server/hub/hub_settings.h"
#include "server/hub/transfer.h"

namespace puna::server {

// What whoever fetches wants to hear, and may say, all from the thread that fetches.
struct FetchWatch {
  std::function<bool()> go_on = [] { return true; };  // false: stop within a second; what is there is kept
  std::function<void(const std::string& line)> say = [](const std::string&) {};
  std::function<void(int64_t done, int64_t total)> progress = [](int64_t, int64_t) {};  // bytes of all files together
};

// Gave up: FetchWatch::go_on said no.
class FetchStopped : public std::runtime_error {
 public:
  FetchStopped() : std::runtime_error("stopped; what is there is kept, and the next run goes on with it") {}
};

// The hub could not be reached, or answers with errors of its own, also after several tries.
class HubUnreachable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;  // those that were asked for
  std::string url;                             // where redirects led
};

class HttpClient {
 public:
  HttpClient(const HubSettings& settings, const FetchWatch& watch) : settings_(settings), watch_(watch) {}

  // Any status that no further try would change. Throws HubUnreachable, FetchStopped, or std::runtime_error for an answer of more
  // than 64 MiB.
  HttpAnswer Get(const std::string& url, const std::string& token, const std::vector<std::string>& headers = {}) const;

 private:
  const HubSettings& settings_;
  const FetchWatch& watch_;
};

// How long to wait before the try behind `failures` ones, and the wait itself, in which `watch` may stop it.
int BackoffMilliseconds(int failures);
void Wait(int milliseconds, const FetchWatch& watch);

inline constexpr int kMostTries = 5;

// `text` for an URL: all but letters, digits, "-._~" and what `keep` has as %XX.
std::string PercentEncode(const std::string& text, std::string_view keep);

}  // namespace puna::server
