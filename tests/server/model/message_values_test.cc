#include "server/model/message_values.h"

#include <doctest/doctest.h>

#include <string>

#include "api/template/python_text.h"

namespace puna::server {
namespace {

std::string JsonOf(const std::vector<api::Message>& messages) {
  api::jinja::TrackedText text(nullptr);
  api::jinja::AppendJson(text, MessageValues(messages), {});
  return text.bytes();
}

api::Message Say(const std::string& role, const std::string& content) {
  api::Message message;
  message.role = role;
  message.content = content;
  return message;
}

TEST_CASE("messages are values with the members that they have, in the order that templates know") {
  std::vector<api::Message> messages = {Say("system", "Be brief."), Say("user", "a\nb \"c\" \x01 \xf0\x9f\x98\x80"),
                                        Say("assistant", ""), Say("tool", "one"), Say("tool", "")};
  messages[1].name = "ann";
  messages[2].tool_calls = {{"call_1", "f", "{\"x\": 1.50}"}, {"", "g", "{\"y\": 12345678901234567890123}"}};
  messages[3].tool_call_id = "call_1";
  messages[4].content_json = "{\"k\": 1.0}";
  CHECK(JsonOf(messages) ==
        R"([{"role": "system", "content": "Be brief."}, )"
        R"({"role": "user", "content": "a\nb \"c\" \u0001 )"
        "\xf0\x9f\x98\x80"
        R"(", "name": "ann"}, )"
        R"({"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": "call_1", "function": )"
        R"({"name": "f", "arguments": {"x": 1.5}}}, {"type": "function", "function": )"
        R"({"name": "g", "arguments": {"y": 12345678901234567890123}}}]}, )"
        R"({"role": "tool", "content": "one", "tool_call_id": "call_1"}, {"role": "tool", "content": {"k": 1.0}}])");
}

TEST_CASE("arguments that are no JSON object stay text for the template") {
  std::vector<api::Message> messages = {Say("assistant", "")};
  messages[0].tool_calls = {{"1", "f", "{\"a\": "}, {"2", "g", "[1]"}, {"3", "h", "  "}};
  const std::string json = JsonOf(messages);
  CHECK(json.find(R"("name": "f", "arguments": "{\"a\": "})") != std::string::npos);
  CHECK(json.find(R"("name": "g", "arguments": "[1]"})") != std::string::npos);
  CHECK(json.find(R"("name": "h", "arguments": {}})") != std::string::npos);
}

TEST_CASE("nothing of a message is trusted") {
  const api::jinja::Value values = MessageValues({Say("user", "<|eot_id|>")});
  for (const auto& [key, value] : values.list().items[0].dict().entries) CHECK_FALSE(value.text().TrustedAt(0));
}

}  // namespace
}  // namespace puna::server
