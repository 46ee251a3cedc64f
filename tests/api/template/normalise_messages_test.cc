#include <doctest/doctest.h>

#include "tests/api/template/render_case.h"

namespace puna::api {
namespace {

std::string Normal(const std::string& messages) {
  jinja::TrackedText text(nullptr);
  jinja::AppendJson(text, NormaliseMessages(jinja::ParseJson(messages)), {});
  return text.bytes();
}

std::string Refusal(const std::string& messages) {
  try {
    Normal(messages);
  } catch (const TemplateError& error) {
    return error.message();
  }
  return "";
}

TEST_CASE("text parts are joined with a newline") {
  CHECK(Normal(R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])") ==
        R"([{"role": "user", "content": "a\nb"}])");
  CHECK(Normal(R"([{"content": [{"type": "text", "text": "a"}]}])") == R"([{"content": "a"}])");
  CHECK(Normal(R"([{"content": "a"}])") == R"([{"content": "a"}])");
}

TEST_CASE("a content with anything else than text parts stays") {
  for (const char* same :
       {R"([{"content": []}])", R"([{"content": [{"type": "image"}]}])",
        R"([{"content": [{"type": "text", "text": "a"}, {"type": "image"}]}])", R"([{"content": [{"type": "text"}]}])",
        R"([{"content": ["a"]}])", R"([{"content": 5}])", R"([{"content": {"a": 1}}])", R"([{"role": "user"}])"}) {
    CHECK(Normal(same) == same);
  }
}

TEST_CASE("a null content becomes the empty string") {
  CHECK(Normal(R"([{"content": null, "role": "assistant"}])") == R"([{"content": "", "role": "assistant"}])");
}

TEST_CASE("arguments given as text are parsed, blank text gives none") {
  const auto with = [](const std::string& arguments) {
    return R"([{"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": )" + arguments + R"(, "z": 1}}]}])";
  };
  CHECK(Normal(with(R"("{\"b\": 1.0, \"a\": [12345678901234567890]}")")) ==
        with(R"({"b": 1.0, "a": [12345678901234567890]})"));
  CHECK(Normal(with(R"("")")) == with("{}"));
  CHECK(Normal(with(R"("  \u00a0 ")")) == with("{}"));
  CHECK(Normal(with(R"({"a": 1})")) == with(R"({"a": 1})"));
  CHECK(Normal(with(R"("[1]")")) == with("[1]"));
  CHECK(Normal(with(R"("{\"a\": ")")) == with(R"("{\"a\": ")"));  // a call that was cut
  CHECK(Normal(R"([{"tool_calls": null}, {"tool_calls": []}, {"tool_calls": [{}]}, {"tool_calls": [5]}])") ==
        R"([{"tool_calls": null}, {"tool_calls": []}, {"tool_calls": [{}]}, {"tool_calls": [5]}])");
}

TEST_CASE("what is no list of messages is refused by name") {
  CHECK(Refusal(R"({"a": 1})") == "messages: expected an array, found dict");
  CHECK(Refusal(R"([{}, 5])") == "messages[1]: expected an object, found int");
}

}  // namespace
}  // namespace puna::api
