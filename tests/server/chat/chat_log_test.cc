#include "server/chat/chat_log.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace puna::server {
namespace {

TEST_CASE("a conversation becomes a request's body") {
  ChatLog chat;
  chat.SetSystem("Be brief.");
  chat.Add("user", "Hello");
  chat.Add("assistant", "Hi");
  chat.Add("user", "bytes that are no text: \xff");
  const auto body = nlohmann::json::parse(chat.Body("m", {.temperature = 0, .max_tokens = 5}));
  CHECK(body["messages"].size() == 4);
  CHECK(body["messages"][0] == nlohmann::json{{"role", "system"}, {"content", "Be brief."}});
  CHECK(body["messages"][3]["content"] == "bytes that are no text: \xef\xbf\xbd");
  CHECK(body["model"] == "m");
  CHECK(body["temperature"] == 0);
  CHECK(body["max_tokens"] == 5);
  CHECK(body["stream"] == true);
  const auto plain = nlohmann::json::parse(ChatLog().Body("", {}));
  CHECK_FALSE(plain.contains("model"));
  CHECK_FALSE(plain.contains("temperature"));
  CHECK_FALSE(plain.contains("max_tokens"));
}

TEST_CASE("clearing keeps the system prompt") {
  ChatLog chat;
  chat.SetSystem("S");
  chat.Add("user", "a");
  chat.Clear();
  CHECK(chat.empty());
  CHECK(chat.Markdown() == "## system\n\nS\n\n");
  chat.Add("user", "b");
  chat.Add("assistant", "c");
  CHECK(chat.Markdown() == "## system\n\nS\n\n## user\n\nb\n\n## assistant\n\nc\n\n");
}

TEST_CASE("lines become messages") {
  MessageLines lines;
  CHECK(lines.Add("one"));
  CHECK(lines.Take() == "one");
  CHECK_FALSE(lines.Add("two \\"));
  CHECK(lines.open());
  CHECK(lines.Add("three"));
  CHECK(lines.Take() == "two \nthree");
  CHECK_FALSE(lines.Add("\"\"\"four"));
  CHECK_FALSE(lines.Add(""));
  CHECK_FALSE(lines.Add("five\\"));
  CHECK(lines.Add("six\"\"\""));
  CHECK(lines.Take() == "four\n\nfive\\\nsix");
  CHECK(lines.Add("\"\"\"all\"\"\""));
  CHECK(lines.Take() == "all");
  CHECK_FALSE(lines.open());
}

}  // namespace
}  // namespace puna::server
