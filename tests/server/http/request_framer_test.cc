// A table of requests, odd ones most of them, and what a careful server makes of each; tried at every split into pieces.
#include "server/http/request_framer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace puna::server {
namespace {

using State = RequestFramer::State;

// All that a connection would see: each request as one line of text, and how it ended.
struct Reading {
  std::vector<std::string> requests;
  std::string fault;  // status and the beginning of the message; empty: none
  bool whole = true;  // nothing has been begun that is not complete
  bool operator==(const Reading&) const = default;
};

std::string Describe(RequestFramer& framer) {
  const RequestHead& head = framer.head();
  const std::string* host = head.Find("Host");
  return head.method + ' ' + head.target + " 1." + std::to_string(head.minor) + ' ' + (host ? *host : "-") +
         (head.keep_alive ? "" : " close") + (head.expects_continue ? " expect" : "") + " [" + framer.TakeBody() + ']';
}

// Feeds pieces that end at the given places, as a connection would.
Reading Read(const std::string& bytes, const std::vector<size_t>& splits, FramingLimits limits = {}) {
  RequestFramer framer(limits);
  Reading reading;
  size_t begin = 0;
  std::vector<size_t> ends = splits;
  ends.push_back(bytes.size());
  for (const size_t end : ends) {
    std::string_view piece(bytes.data() + begin, end - begin);
    begin = end;
    while (!piece.empty() && framer.state() != State::kFault) {
      piece.remove_prefix(framer.Feed(piece));
      if (framer.state() != State::kComplete) continue;
      reading.requests.push_back(Describe(framer));
      framer.Reset();
    }
  }
  if (framer.state() == State::kFault)
    reading.fault = std::to_string(framer.fault().status) + ' ' + framer.fault().message;
  reading.whole = framer.state() != State::kFault && !framer.begun();
  return reading;
}

// The same whatever the pieces: whole, byte by byte, and cut in two at every place.
Reading ReadInAllWays(const std::string& bytes, FramingLimits limits = {}) {
  const Reading whole = Read(bytes, {}, limits);
  std::vector<size_t> all;
  for (size_t i = 1; i < bytes.size(); ++i) {
    all.push_back(i);
    CAPTURE(i);
    CHECK(Read(bytes, {i}, limits) == whole);
  }
  CHECK(Read(bytes, all, limits) == whole);
  return whole;
}

struct Case {
  const char* what;
  std::string bytes;
  std::vector<std::string> requests;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_CASE("requests in order, and what is made of them") {
  const Case cases[] = {
      {"the plainest", kGet, {"GET / 1.1 h []"}},
      {"two at once", kGet + kGet, {"GET / 1.1 h []", "GET / 1.1 h []"}},
      {"a body, and another request behind it",
       "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + kGet,
       {"POST /a 1.1 h [hello]", "GET / 1.1 h []"}},
      {"a body that looks like a request",
       "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\n" + kGet,
       {"POST /a 1.1 h [" + kGet + "]"}},
      {"a GET with a body",
       "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}" + kGet,
       {"GET / 1.1 h [{}]", "GET / 1.1 h []"}},
      {"an empty body",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" + kGet,
       {"POST / 1.1 h []", "GET / 1.1 h []"}},
      {"chunks",
       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n" +
           kGet,
       {"POST / 1.1 h [abc0123456789]", "GET / 1.1 h []"}},
      {"chunks with extensions and trailers",
       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n00 ; x\r\nX-Sum: "
       "1\r\nHost: evil\r\n\r\n" +
           kGet,
       {"POST / 1.1 h [abc]", "GET / 1.1 h []"}},
      {"CRLF before the request line", "\r\n\r\n" + kGet, {"GET / 1.1 h []"}},
      {"an absolute form: its authority is the host",
       "GET http://a.b:80/x?y=1 HTTP/1.1\r\nHost: other\r\n\r\n",
       {"GET /x?y=1 1.1 a.b:80 []"}},
      {"an absolute form without a path", "GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", {"GET / 1.1 a []"}},
      {"an absolute form with a query alone", "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", {"GET /?q 1.1 a []"}},
      {"OPTIONS of the server", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", {"OPTIONS * 1.1 h []"}},
      {"OPTIONS of the server in absolute form",
       "OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n",
       {"OPTIONS * 1.1 h []"}},
      {"Connection: close in any case",
       "GET / HTTP/1.1\r\nHost: h\r\nconnection: foo , CLOSE\r\n\r\n",
       {"GET / 1.1 h close []"}},
      {"two Connection headers",
       "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: Close\r\n\r\n",
       {"GET / 1.1 h close []"}},
      {"a word that only begins so", "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", {"GET / 1.1 h []"}},
      {"HTTP/1.0 ends the connection", "GET / HTTP/1.0\r\n\r\n", {"GET / 1.0 - close []"}},
      {"HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", {"GET / 1.0 - []"}},
      {"HTTP/1.0 that says both", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", {"GET / 1.0 - close []"}},
      {"a later 1.x", "GET / HTTP/1.9\r\nHost: h\r\n\r\n", {"GET / 1.1 h []"}},
      {"100-continue in any case",
       "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
       {"POST / 1.1 h expect [x]"}},
      {"100-continue in HTTP/1.0 means nothing",
       "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
       {"POST / 1.0 - close [x]"}},
      {"values with white space around, and inside",
       "GET / HTTP/1.1\r\nHost:\t h \t\r\nX:a \t b\r\nY:\r\n\r\n",
       {"GET / 1.1 h []"}},
      {"bytes beyond ASCII in a value", "GET / HTTP/1.1\r\nHost: h\r\nX: \xc3\xa4\r\n\r\n", {"GET / 1.1 h []"}},
      {"an address of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", {"GET / 1.1 [::1]:80 []"}},
      {"an unknown method is the router's business", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", {"BREW / 1.1 h []"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    CHECK(ReadInAllWays(c.bytes) == Reading{c.requests, "", true});
  }
}

struct Refusal {
  int status;
  std::string bytes;
};

std::string With(const std::string& fields) { return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"; }

TEST_CASE("what can be read in two ways is refused, and nothing behind it is read") {
  const Refusal refusals[] = {
      {400, With("Content-Length: 2\r\nContent-Length: 3\r\n") + "{}x"},
      {400, With("Content-Length: 2\r\nContent-Length: 2\r\n") + "{}"},
      {400, With("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
      {400, With("Content-Length: -2\r\n")},
      {400, With("Content-Length: +2\r\n") + "{}"},
      {400, With("Content-Length: 0x2\r\n") + "{}"},
      {400, With("Content-Length: 2, 2\r\n") + "{}"},
      {400, With("Content-Length: \r\n")},
      {413, With("Content-Length: 99999999999999999999999999\r\n")},
      {413, With("Content-Length: 33554433\r\n")},
      {501, With("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n"},
      {400, With("Transfer-Encoding: identity\r\n")},
      {400, With("Transfer-Encoding: chunked, identity\r\n") + "0\r\n\r\n"},
      {400, With("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n"},
      {400, With("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
      {400, With("Transfer-Encoding:\r\n")},
      {400, With("Transfer-Encoding: \vchunked\r\n") + "0\r\n\r\n"},
      {400, With("Transfer-Encoding : chunked\r\n") + "0\r\n\r\n"},
      {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, With("Content-Length\t: 2\r\n") + "{}"},
      {400, With("X: a\r\n folded\r\n")},
      {400, With(" X: a\r\n")},
      {400, With("no colon\r\n")},
      {400, With(": no name\r\n")},
      {400, With(std::string("X: a\0b\r\n", 8))},
      {400, With("X: a\rb\r\n")},
      {400, With("X: a\r\r\n")},
      {400, "POST / HTTP/1.1\nHost: h\n\n"},
      {400, "POST / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n"},
      {400, "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, With("Host: h\r\n")},
      {400, With("Host: other\r\n")},
      {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: user@h\r\n\r\n"},
      {417, With("Expect: tea\r\n")},
      {400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"},
      {400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /\r\n\r\n"},
      {400, "GET / http/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTP/1.\r\nHost: h\r\n\r\n"},
      {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET a/b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {400, "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {400, "GET http://u@a/b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {400, "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {400, "\x16\x03\x01\x02\x01\x01"},
      {400, With("Transfer-Encoding: chunked\r\n") + "zz\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "-1\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "0x1\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + " 1\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "1 2\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "1\na\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "1\r\nab\r\n0\r\n\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "1\r\na\n0\r\n\r\n"},
      {400, With("Transfer-Encoding: chunked\r\n") + "0\r\nbad trailer\r\n\r\n"},
      {413, With("Transfer-Encoding: chunked\r\n") + "ffffffffffffffffff\r\n"},
      {413, With("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\n"},
      {413, With("Transfer-Encoding: chunked\r\n") + "2000001\r\n"},
  };
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.bytes);
    const Reading reading = ReadInAllWays(refusal.bytes + kGet);
    CHECK(reading.requests.empty());
    CHECK(reading.fault.substr(0, 3) == std::to_string(refusal.status));
  }
}

TEST_CASE("heads and bodies have limits, which are met exactly") {
  FramingLimits limits{.line = 100, .head = 300, .fields = 5, .body = 10};
  const auto status = [&](const std::string& bytes) {
    const Reading reading = ReadInAllWays(bytes, limits);
    return reading.fault.empty() ? std::to_string(reading.requests.size()) : reading.fault.substr(0, 3);
  };
  const auto target = [](size_t length) {
    return "GET /" + std::string(length - 14, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  };
  CHECK(status(target(100)) == "1");
  CHECK(status(target(101)) == "414");
  const auto fields = [](size_t count, size_t length) {
    std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (size_t i = 0; i < count; ++i) text += "X: " + std::string(length - 3, 'x') + "\r\n";
    return text + "\r\n";
  };
  CHECK(status(fields(1, 100)) == "1");
  CHECK(status(fields(1, 101)) == "431");
  CHECK(status(fields(4, 10)) == "1");
  CHECK(status(fields(5, 10)) == "431");
  CHECK(status(fields(3, 100)) == "431");  // all in all
  CHECK(status(With("Content-Length: 10\r\n") + "0123456789") == "1");
  CHECK(status(With("Content-Length: 11\r\n") + "0123456789a") == "413");
  const std::string chunked = With("Transfer-Encoding: chunked\r\n");
  CHECK(status(chunked + "5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n") == "1");
  CHECK(status(chunked + "5\r\n01234\r\n6\r\n012345\r\n0\r\n\r\n") == "413");
  std::string trailers = chunked + "0\r\n";
  for (int i = 0; i < 6; ++i) trailers += "T: x\r\n";
  CHECK(status(trailers + "\r\n") == "431");
  CHECK(status(chunked + "1;" + std::string(2000, 'x') + "\r\n") == "400");
}

TEST_CASE("a body that is not wanted is counted and not kept") {
  RequestFramer framer{FramingLimits{}};
  const std::string head = With("Content-Length: 6\r\n");
  CHECK(framer.Feed(head + "abc") == head.size());  // the head alone: it can be judged first
  CHECK(framer.state() == State::kBody);
  framer.DiscardBody();
  CHECK(framer.Feed("abcdefGET /") == 6);
  CHECK(framer.state() == State::kComplete);
  CHECK(framer.body_bytes() == 6);
  CHECK(framer.TakeBody().empty());
  CHECK(framer.Feed("GET /") == 0);
}

}  // namespace
}  // namespace puna::server
