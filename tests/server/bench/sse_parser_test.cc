#include "server/bench/sse_parser.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

namespace puna::server {
namespace {

using Events = std::vector<std::string>;

// The events of the text when it arrives in pieces of `size` bytes.
Events Parse(std::string_view text, size_t size) {
  SseParser parser;
  Events events;
  for (size_t at = 0; at < text.size(); at += size)
    parser.Feed(text.substr(at, size), [&](const std::string& data) { events.push_back(data); });
  return events;
}

TEST_CASE("events are the same wherever the bytes are split") {
  const std::string text =
      "\xEF\xBB\xBF"
      "data: {\"a\": 1}\n\n: keep-alive\n\nevent: x\r\ndata:two\r\ndata:  lines\r\n\r\n"
      "id: 7\rdata\rdata: \xC3\xA9\r\rdatum: no\n\ndata: [DONE]\n\ndata: never ended\n";
  const Events expected = {"{\"a\": 1}", "two\n lines", "\n\xC3\xA9", "[DONE]"};
  for (size_t size = 1; size <= text.size(); ++size) {
    CAPTURE(size);
    CHECK(Parse(text, size) == expected);
  }
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    CAPTURE(cut);
    SseParser parser;
    Events events;
    const auto take = [&](const std::string& data) { events.push_back(data); };
    parser.Feed(std::string_view(text).substr(0, cut), take);
    parser.Feed(std::string_view(text).substr(cut), take);
    CHECK(events == expected);
  }
}

TEST_CASE("an event is handed out with its last byte, and not before") {
  SseParser parser;
  Events events;
  const auto take = [&](const std::string& data) { events.push_back(data); };
  parser.Feed("data: a\n", take);
  CHECK(events.empty());
  parser.Feed("\n", take);
  CHECK(events == Events{"a"});
  parser.Feed("data: b\r\n\r", take);
  CHECK(events == Events{"a", "b"});
  parser.Feed("\ndata:\n\n", take);  // this LF belongs to the CR before
  CHECK(events == Events{"a", "b", ""});
}

TEST_CASE("a line without end is refused before it fills the memory") {
  SseParser parser;
  const std::string block(1 << 20, 'x');
  const auto feed = [&] {
    for (int i = 0; i < 20; ++i) parser.Feed(block, [](const std::string&) {});
  };
  CHECK_THROWS_AS(feed(), std::runtime_error);
}

}  // namespace
}  // namespace puna::server
