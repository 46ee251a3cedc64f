// Transfer: one GET over libcurl, which brings TLS with the system's certificates, proxies (HTTPS_PROXY, NO_PROXY) and redirects.
// A token goes to the host that it is meant for and to no other that an answer points to; https never goes on as http.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna::server {

struct TransferRequest {
  std::string url, token;
  std::vector<std::string> headers;    // "Name: value"
  std::optional<int64_t> first, last;  // Range, both inclusive
  int connect_seconds = 10, silence_seconds = 10;
  std::string certificates;  // a file in PEM of whom to trust; empty: whom the system does
};

class Transfer {
 public:
  // Takes the bytes of an answer with status 200 or 206; false: no more are wanted.
  using OnBody = std::function<bool(std::string_view)>;
  Transfer(const TransferRequest& request, OnBody on_body, std::function<bool()> go_on);
  Transfer(const Transfer&) = delete;

  CURL* handle() const { return easy_.get(); }
  int status() const { return status_; }
  // Of the last answer; "" where it has none. Names in small letters.
  std::string header(const std::string& name) const;
  const std::string& refusal() const { return refusal_; }  // the body of any other status, its first KiB
  std::string url() const;                                 // where redirects led
  std::string ErrorText(CURLcode code) const;
  // Seconds that the server asks to wait; none: it does not.
  std::optional<int> RetryAfter() const;

 private:
  static size_t TakeHeader(char* data, size_t size, size_t count, void* self);
  static size_t TakeBody(char* data, size_t size, size_t count, void* self);
  static int Watch(void* self, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t);
  void SetUp(const TransferRequest& request);

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_;
  OnBody on_body_;
  std::function<bool()> go_on_;
  int status_ = 0;
  int silence_seconds_;
  std::map<std::string, std::string> answer_;
  std::string refusal_;
  std::string fault_;  // what on_body_ threw
  std::chrono::steady_clock::time_point last_byte_;
  bool silent_ = false;
  char error_[CURL_ERROR_SIZE] = {};
};

// Whether the same request may succeed later.
bool MayPass(CURLcode code, int status);

// libcurl, set up while one of these lives.
class CurlLibrary {
 public:
  CurlLibrary();
  ~CurlLibrary();
  CurlLibrary(const CurlLibrary&) = delete;
};

}  // namespace puna::server
