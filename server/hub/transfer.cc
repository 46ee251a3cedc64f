#include "server/hub/transfer.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include "server/host/version.h"

namespace puna::server {
namespace {

constexpr long kMostRedirects = 10;
constexpr size_t kMostRefusal = 1024;
constexpr int kLongestWait = 600;  // seconds

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos
             ? ""
             : std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin));
}

std::optional<int> Number(std::string_view text) {
  int value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || value < 0) return std::nullopt;
  return std::min(value, kLongestWait);
}

}  // namespace

CurlLibrary::CurlLibrary() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::runtime_error("libcurl cannot be set up");
}
CurlLibrary::~CurlLibrary() { curl_global_cleanup(); }

Transfer::Transfer(const TransferRequest& request, OnBody on_body, std::function<bool()> go_on)
    : easy_(curl_easy_init(), curl_easy_cleanup),
      headers_(nullptr, curl_slist_free_all),
      on_body_(std::move(on_body)),
      go_on_(std::move(go_on)),
      silence_seconds_(request.silence_seconds),
      last_byte_(std::chrono::steady_clock::now()) {
  if (!easy_) throw std::runtime_error("libcurl cannot be set up");
  SetUp(request);
}

void Transfer::SetUp(const TransferRequest& request) {
  CURL* curl = easy_.get();
  const bool https = request.url.starts_with("https://");
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMostRedirects);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.connect_seconds));
  if (!request.certificates.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, request.certificates.c_str());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, ("puna/" + Version()).c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_);
  // Asks for the bytes as they are, and understands a server that packs them all the same.
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "identity");
  if (!request.token.empty()) {  // libcurl keeps it from other hosts, ports and schemes
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.token.c_str());
  }
  for (const std::string& header : request.headers) {
    headers_.reset(curl_slist_append(headers_.release(), header.c_str()));
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
  if (request.first) {
    const std::string range =
        std::to_string(*request.first) + "-" + (request.last ? std::to_string(*request.last) : "");
    curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::Watch);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
}

size_t Transfer::TakeHeader(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  transfer.last_byte_ = std::chrono::steady_clock::now();
  if (line.starts_with("HTTP/")) {  // of an answer, of which the ones before were redirects
    transfer.answer_.clear();
    const size_t space = line.find(' ');
    transfer.status_ = space == std::string_view::npos ? 0 : Number(line.substr(space + 1)).value_or(0);
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    transfer.answer_[name] = Trimmed(line.substr(colon + 1));
  }
  return line.size();
}

size_t Transfer::TakeBody(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view bytes(data, size * count);
  transfer.last_byte_ = std::chrono::steady_clock::now();
  if (transfer.status_ != 200 && transfer.status_ != 206) {
    transfer.refusal_.append(bytes.substr(0, kMostRefusal - std::min(kMostRefusal, transfer.refusal_.size())));
    return bytes.size();
  }
  try {  // libcurl's own frames let no exception through
    return transfer.on_body_(bytes) ? bytes.size() : 0;
  } catch (const std::exception& error) {
    transfer.fault_ = error.what();
    return 0;
  }
}

int Transfer::Watch(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto silence = std::chrono::steady_clock::now() - transfer.last_byte_;
  transfer.silent_ = silence > std::chrono::seconds(transfer.silence_seconds_);
  return transfer.silent_ || !transfer.go_on_() ? 1 : 0;
}

std::string Transfer::header(const std::string& name) const {
  const auto found = answer_.find(name);
  return found == answer_.end() ? "" : found->second;
}

std::string Transfer::url() const {
  const char* url = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_EFFECTIVE_URL, &url);
  return url == nullptr ? "" : url;
}

std::string Transfer::ErrorText(CURLcode code) const {
  if (!fault_.empty()) throw std::runtime_error(fault_);  // not the network's: the disk's
  if (silent_) return "nothing came for " + std::to_string(silence_seconds_) + " s";
  if (error_[0] != '\0') return error_;
  return curl_easy_strerror(code);
}

std::optional<int> Transfer::RetryAfter() const {
  if (const std::string after = header("retry-after"); !after.empty()) return Number(after);
  // Hugging Face's: "api";r=0;t=55
  const std::string limit = header("ratelimit");
  const size_t at = limit.find(";t=");
  return at == std::string::npos ? std::nullopt : Number(std::string_view(limit).substr(at + 3));
}

bool MayPass(CURLcode code, int status) {
  switch (code) {
    case CURLE_OK:
    case CURLE_WRITE_ERROR:
      return status == 408 || status == 429 || status >= 500 || status == 200 || status == 206;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_SSL_CACERT_BADFILE:
      return false;
    default:
      return true;
  }
}

}  // namespace puna::server
