// Templates and values that try to take the server's stack, memory or time, and templates that do not parse.
#include <doctest/doctest.h>

#include "tests/api/template/render_case.h"

namespace puna::api {
namespace {

std::string Repeat(const std::string& text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

// Smaller than the server's, so that the tests are quick.
constexpr RenderLimits kLimits{2'000'000, 32u << 20, 4u << 20};

TemplateError ErrorOf(const std::string& source, const std::string& variables = "{}") {
  try {
    RenderPieces(source, variables, kLimits);
  } catch (const TemplateError& error) {
    return error;
  }
  return TemplateError(TemplateError::Kind::kRuntime, "no error");
}

void CheckLimit(const std::string& source, const std::string& part) {
  INFO(source.substr(0, 200));
  const TemplateError error = ErrorOf(source);
  CHECK(error.kind() == TemplateError::Kind::kLimit);
  CHECK(error.message().find(part) != std::string::npos);
}

TEST_CASE("recursion without end is an error") {
  const std::string deep = "maximum recursion depth exceeded";
  CheckLimit("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", deep);
  CheckLimit("{% macro f(x) %}{{ '[' + f({'t': x}) + ']' }}{% endmacro %}{{ f(1) }}", deep);
  CheckLimit(
      "{% macro f() %}{% for i in [1] %}{% if true %}{% set x %}{{ f() }}{% endset %}{% endif %}{% endfor %}{% "
      "endmacro %}{{ f() }}",
      deep);
  CheckLimit("{% macro f() %}{% call g() %}{% endcall %}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
             deep);
  CheckLimit("{% macro f(a=f()) %}{% endmacro %}{{ f() }}", deep);
  CheckLimit("{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}", deep);
  CheckLimit("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", deep);
  CheckLimit("{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns ~ '' }}", deep);
}

TEST_CASE("recursion of an ordinary depth works") {
  CHECK(
      RenderText("{% macro f(n) %}{% if n > 0 %}{{ '.' + f(n - 1) }}{% endif %}{% endmacro %}{{ f(100) | length }}") ==
      "100");
}

TEST_CASE("values nested without end are an error") {
  CheckLimit("{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
             "nested deeper");
  CheckLimit("{% set ns = namespace(x={}) %}{% for i in range(100000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
             "nested deeper");
  CheckLimit("{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = [ns.x].count %}{% endfor %}",
             "nested deeper");
  CheckLimit("{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = [ns.x] | select %}{% endfor %}",
             "nested deeper");
  CheckLimit(
      "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% for j in [ns.x] %}{% set ns.x = loop %}{% endfor "
      "%}{% endfor %}",
      "nested deeper");
}

TEST_CASE("values that hold themselves many times are not walked for ever") {
  const std::string build =
      "{% set ns = namespace(x=[1, 1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  CHECK(ErrorOf(build + "{{ ns.x }}").kind() == TemplateError::Kind::kLimit);
  CHECK(ErrorOf(build + "{{ ns.x | tojson }}").kind() == TemplateError::Kind::kLimit);
  CHECK(ErrorOf(build + "{% set y = ns.x %}{% set ns.x = [1, 1] %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] "
                        "%}{% endfor %}{{ y == ns.x }}")
            .kind() == TemplateError::Kind::kLimit);
  const std::string tuples =
      "{% set ns = namespace(x=(1, 1)) %}{% for i in range(100) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}";
  CHECK(ErrorOf(tuples + "{{ {ns.x: 1} }}").message() != "no error");
}

TEST_CASE("loops without end in sight stop") {
  const std::string loops = "{% for a in range(100000) %}{% for b in range(100000) %}{{ '' }}{% endfor %}{% endfor %}";
  CheckLimit(loops, "steps");
  CheckLimit("{% set r = range(100000) %}{% for a in r %}{% if 'x' in r %}{% endif %}{% endfor %}", "steps");
  CheckLimit("{% for a in range(100000) %}{% for b in range(100000) if false %}{% endfor %}{% endfor %}", "steps");
}

TEST_CASE("memory is bounded") {
  CheckLimit("{{ 'a' * 1000000000 }}", "");
  CheckLimit("{{ [1] * 1000000000 }}", "");
  CheckLimit("{{ [1] * 9000000000000000000 }}", "");
  CheckLimit("{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "");
  CheckLimit("{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "");
  CheckLimit("{% set x = 'a' * 100000 %}{% for i in range(100000) %}{{ x }}{% endfor %}", "more than 4194304 bytes");
  CheckLimit("{% for i in range(1000) %}{% set x %}{{ 'a' * 1000000 }}{% endset %}{% endfor %}", "");
  CheckLimit(
      "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x.replace('', ns.x) %}{% endfor %}",
      "");
  CheckLimit(
      "{% for i in range(100000) %}{% for j in range(100) %}{% macro m() %}{% endmacro %}{% endfor %}{% endfor %}", "");
  CheckLimit("{% for i in range(100000) %}{% for j in range(100) %}{% set ns = namespace() %}{% endfor %}{% endfor %}",
             "");
  CHECK(ErrorOf("{{ 'x' | indent(1000000000) }}").message() != "no error");
  CHECK(ErrorOf("{{ {} | tojson(indent=1000000000) }}").message() != "no error");
  CHECK(ErrorOf("{{ strftime_now('%1000000000d') }}").message() != "no error");
  CHECK(ErrorOf("{{ [1] | batch(1000000000000, 0) | list }}").message() != "no error");
  CHECK(ErrorOf("{{ [1] | slice(1000000000000) | list }}").message() != "no error");
}

TEST_CASE("the server's own limits hold") {
  CHECK(RenderError("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}") ==
        "the template runs for more than 50000000 steps");
  CHECK(RenderError("{% set x = [1] * 100000000 %}") == "the template needs more than 268435456 bytes of memory");
}

TEST_CASE("a limit of the caller's own holds") {
  RenderInput input;
  input.messages = jinja::Value::List(nullptr, {});
  input.limits.max_steps = 100;
  const auto chat_template = ChatTemplate::Parse("{% for i in range(50) %}{{ i }}{% endfor %}", "t");
  CHECK_THROWS_AS(chat_template.Render(input), TemplateError);
  input.limits.max_steps = 10000;
  CHECK(JoinPieces(chat_template.Render(input)).size() == 90);
  input.limits.max_text = 50;
  CHECK_THROWS_AS(chat_template.Render(input), TemplateError);
}

TEST_CASE("JSON nested too deep is refused") {
  const std::string lists = Repeat("[", 100000) + Repeat("]", 100000);
  const std::string dicts = Repeat("{\"a\":", 100000) + "1" + Repeat("}", 100000);
  CHECK_THROWS_AS(jinja::ParseJson(lists), TemplateError);
  CHECK_THROWS_AS(jinja::ParseJson(dicts), TemplateError);
  CHECK_THROWS_AS(jinja::ParseJson(Repeat("[", 100000)), TemplateError);
  CHECK_THROWS_AS(jinja::FromJson(nlohmann::ordered_json::parse(lists)), TemplateError);
  const std::string fits = Repeat("[", 500) + Repeat("]", 500);
  CHECK(RenderText("{{ x | tojson }}", "{\"x\": " + fits + "}") == fits);
  CHECK(RenderText("{{ x == y }}", "{\"x\": " + fits + ", \"y\": " + fits + "}") == "True");
}

TEST_CASE("source nested too deep does not parse") {
  const auto refused = [](const std::string& source) {
    INFO(source.substr(0, 100));
    const TemplateError error = ErrorOf(source);
    CHECK(error.kind() == TemplateError::Kind::kSyntax);
    CHECK(error.line() == 1);
  };
  for (const char* part : {"(", "[", "{'a':", "-", "not ", "f(", "a[", "'a' if x else ", "x is eq (", "x|d("}) {
    refused("{{ " + Repeat(part, 100000));
  }
  refused(Repeat("{% if x %}", 100000));
  refused(Repeat("{% for x in y %}", 100000));
  refused("{% set " + Repeat("(", 100000));
  for (const char* part : {".a", "[0]", "|upper", "()", " + 1", " if a", " or a", "[1:]", " is none"}) {
    refused("{{ a" + Repeat(part, 100000) + " }}");
  }
  refused("{{ " + Repeat("2**", 100000) + "2 }}");
}

TEST_CASE("long but flat source parses") {
  CHECK(RenderText("{{ 'a'" + Repeat(" ~ 'a'", 10000) + " }}").size() == 10001);
  CHECK(RenderText(Repeat("{% if false %}{% endif %}x", 10000)).size() == 10000);
  CHECK(RenderText("{% if false %}" + Repeat("{% elif false %}", 10000) + "{% else %}x{% endif %}") == "x");
}

TEST_CASE("syntax errors name the template, the line and the fault in one line") {
  const auto message = [](const std::string& source) -> std::string {
    try {
      ChatTemplate::Parse(source, "chat.jinja");
    } catch (const TemplateError& error) {
      CHECK(error.kind() == TemplateError::Kind::kSyntax);
      return error.what();
    }
    return "";
  };
  CHECK(message("a\nb\n{{ 1 + }}") == "chat template chat.jinja, line 3: expected an expression, found '}}'");
  CHECK(message("{% if x %}\n{% for y in z %}\n{% endif %}") ==
        "chat template chat.jinja, line 3: unknown tag 'endif'");
  CHECK(message("\n{% if x %}") ==
        "chat template chat.jinja, line 2: the template ends where '{% endif %}' is missing");
  CHECK(message("{{ x") == "chat template chat.jinja, line 1: the template ends inside a tag; expected '}}'");
  CHECK(message("{% include 'x' %}") ==
        "chat template chat.jinja, line 1: the tag 'include' is not supported in a chat template");
  CHECK(message("\n\n{{ x|nope }}") == "chat template chat.jinja, line 3: No filter named 'nope'.");
  CHECK(message("ab\xff") == "chat template chat.jinja, line 1: not valid UTF-8");
  CHECK(message("{{ '\\ud800' }}") == "chat template chat.jinja, line 1: half of a surrogate pair in a string");
  CHECK(message("{{ a ! b }}") == "chat template chat.jinja, line 1: unexpected char '!'");
  CHECK(message("{{ \"abc }}") == "chat template chat.jinja, line 1: a string that begins with \" has no end");
}

TEST_CASE("errors while rendering say where, and keep the message apart") {
  const auto chat_template = ChatTemplate::Parse("a\n{% if true %}\n{{ x.y.z }}{% endif %}", "chat.jinja");
  RenderInput input;
  input.extra = {{"x", jinja::ParseJson("{}")}};
  try {
    chat_template.Render(input);
    FAIL("no error");
  } catch (const TemplateError& error) {
    CHECK(error.kind() == TemplateError::Kind::kRuntime);
    CHECK(error.message() == "'dict object' has no attribute 'y'");
    CHECK(error.line() == 3);
    CHECK(std::string(error.what()) == "chat template chat.jinja, line 3: 'dict object' has no attribute 'y'");
  }
  const TemplateError raised = ErrorOf("{{ raise_exception('No, ' ~ x) }}", R"({"x": "sir"})");
  CHECK(raised.kind() == TemplateError::Kind::kRaised);
  CHECK(raised.message() == "No, sir");
}

TEST_CASE("kwargs may not take the place of the request's own fields") {
  RenderInput input;
  input.messages = jinja::Value::List(nullptr, {});
  const auto chat_template = ChatTemplate::Parse("{{ x }}{{ messages }}", "t");
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) {
    input.extra = {{name, jinja::Value::None()}};
    CHECK_THROWS_AS(chat_template.Render(input), TemplateError);
  }
}

}  // namespace
}  // namespace puna::api
