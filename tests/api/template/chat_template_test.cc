// What a request's fields become for the template, and what templates may ask of the world.
#include <doctest/doctest.h>

#include <thread>

#include "tests/api/template/render_case.h"

namespace puna::api {
namespace {

std::string RenderWith(const std::string& source, const RenderInput& input) {
  return JoinPieces(ChatTemplate::Parse(source, "t").Render(input));
}

TEST_CASE("a request's fields have the names that transformers gives them") {
  RenderInput input;
  input.messages = jinja::ParseJson(R"([{"role": "user"}])");
  const std::string source =
      "{{ messages }}{{ tools }}{{ documents }}{{ add_generation_prompt }}{{ date_string is defined }}";
  CHECK(RenderWith(source, input) == "[{'role': 'user'}]NoneNoneTrueFalse");
  input.tools = jinja::ParseJson("[1]");
  input.add_generation_prompt = false;
  input.date_string = "today";
  CHECK(RenderWith(source, input) == "[{'role': 'user'}][1]NoneFalseTrue");
  input.extra = {{"x", jinja::ParseJson("5")}, {"not_in_the_template", jinja::ParseJson("6")}};
  CHECK(RenderWith("{{ x + 1 }}", input) == "6");
}

TEST_CASE("a template's own set hides a variable of the same name") {
  RenderInput input;
  input.messages = jinja::ParseJson("[1, 2, 3]");
  CHECK(RenderWith("{% set messages = messages[1:] %}{{ messages }}{% for m in messages %}{% set messages = 0 %}{% "
                   "endfor %}{{ messages }}",
                   input) == "[2, 3][2, 3]");
}

TEST_CASE("strftime_now takes the given time, in local time") {
  RenderInput input;
  input.now = std::chrono::system_clock::from_time_t(1721995200);  // 26 Jul 2024, 12:00 UTC
  const std::time_t seconds = 1721995200;
  std::tm local{};
  localtime_r(&seconds, &local);
  char expected[64];
  std::strftime(expected, sizeof expected, "%d %b %Y %H:%M %-d", &local);
  CHECK(RenderWith("{{ strftime_now('%d %b %Y %H:%M %-d') }}{{ strftime_now is defined }}", input) ==
        std::string(expected) + "True");
}

TEST_CASE("special tokens that are not UTF-8 are refused") {
  RenderInput input;
  input.bos_token = "\xff";
  CHECK_THROWS_AS(RenderWith("{{ bos_token }}", input), TemplateError);
  input.bos_token = "";
  input.date_string = "\xc3";
  CHECK_THROWS_AS(RenderWith("{{ date_string }}", input), TemplateError);
}

TEST_CASE("one template serves many threads") {
  const auto chat_template = ChatTemplate::Parse(
      "{% macro m(x) %}<{{ x | upper }}>{% endmacro %}{% for m2 in messages %}{{ m(m2.content) }}{% endfor %}", "t");
  std::vector<std::string> results(4);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < results.size(); ++i) {
      threads.emplace_back([&, i] {
        RenderInput input;
        input.messages = jinja::ParseJson(R"([{"content": "a)" + std::to_string(i) + R"("}, {"content": "b"}])");
        for (int round = 0; round < 50; ++round) results[i] = JoinPieces(chat_template.Render(input));
      });
    }
  }
  for (size_t i = 0; i < results.size(); ++i) CHECK(results[i] == "<A" + std::to_string(i) + "><B>");
}

TEST_CASE("an error leaves the template as it was") {
  const auto chat_template = ChatTemplate::Parse("{% macro f(x) %}{{ x.y }}{% endmacro %}{{ f(x) }}ok", "t");
  RenderInput bad, good;
  good.extra = {{"x", jinja::ParseJson("{\"y\": 1}")}};
  for (int round = 0; round < 3; ++round) {
    CHECK_THROWS_AS(chat_template.Render(bad), TemplateError);
    CHECK(JoinPieces(chat_template.Render(good)) == "1ok");
  }
}

TEST_CASE("work grows with the conversation, not with its square") {
  // Steps for n messages of the same size, found by lowering the bound until it is hit.
  const auto steps_fit = [](int messages, size_t max_steps) {
    std::string json = "[";
    for (int i = 0; i < messages; ++i) json += R"({"role": "user", "content": ")" + std::string(100, 'x') + "\"},";
    json.back() = ']';
    RenderInput input;
    input.messages = jinja::ParseJson(json);
    input.limits.max_steps = max_steps;
    try {
      RenderWith(
          "{% for m in messages[0:] %}{{ '<|' + m['role'] + '|>' + (m['content'] | trim) + '<|e|>' }}"
          "{% if loop.nextitem and loop.previtem and messages[loop.index0 - 1].role != 'x' %}{{ loop.length }}"
          "{% endif %}{% endfor %}",
          input);
      return true;
    } catch (const TemplateError&) {
      return false;
    }
  };
  CHECK(steps_fit(100, 10'000));
  CHECK(steps_fit(10'000, 1'000'000));
}

}  // namespace
}  // namespace puna::api
