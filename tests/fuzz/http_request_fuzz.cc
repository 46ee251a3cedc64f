// libFuzzer: however the bytes of a connection are cut, the same requests come out of them, no byte is taken twice or skipped,
// and what is taken as one request is taken as the same when it stands alone. The first byte says how the bytes are cut.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "server/http/request_framer.h"

using puna::server::RequestFramer;
using State = RequestFramer::State;

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

struct Request {
  std::string method, target, body;
  size_t fields, begin, end;
  bool keep_alive;
  bool operator==(const Request&) const = default;
};

struct Reading {
  std::vector<Request> requests;
  int fault = 0;
  bool operator==(const Reading&) const = default;
};

puna::server::FramingLimits Limits() { return {.line = 200, .head = 1000, .fields = 10, .body = 500}; }

Reading Read(std::string_view bytes, size_t piece) {
  RequestFramer framer{Limits()};
  Reading reading;
  size_t at = 0, begin = 0;
  while (at < bytes.size() && framer.state() != State::kFault) {
    const std::string_view part = bytes.substr(at, piece);
    const State before = framer.state();
    const size_t taken = framer.Feed(part);
    Check(taken <= part.size() && (taken == part.size() || framer.state() != before));
    at += taken;
    if (framer.state() != State::kComplete) continue;
    const std::string body = framer.TakeBody();
    Check(body.size() == framer.body_bytes() && body.size() <= Limits().body);
    Check(framer.head().chunked || body.size() == framer.head().content_length);
    reading.requests.push_back({framer.head().method, framer.head().target, body, framer.head().fields.size(), begin,
                                at, framer.head().keep_alive});
    begin = at;
    framer.Reset();
  }
  if (framer.state() == State::kFault) reading.fault = framer.fault().status;
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Reading whole = Read(bytes, bytes.size() + 1);
  Check(whole == Read(bytes, 1));
  Check(whole == Read(bytes, 1 + (data[0] & 63)));
  for (const Request& request : whole.requests) {
    Check(!request.method.empty() && (request.target[0] == '/' || request.target == "*"));
    Check(request.method.find_first_of(" \r\n\0") == std::string::npos);
    Check(request.target.find_first_of(" \r\n") == std::string::npos);
    const Reading alone = Read(bytes.substr(request.begin, request.end - request.begin), bytes.size());
    Check(alone.fault == 0 && alone.requests.size() == 1 && alone.requests[0].body == request.body);
  }
  return 0;
}
