// Who wrote each character of a prompt. ShowTrusted puts [..] around what came with the request.
#include <doctest/doctest.h>

#include "tests/api/template/render_case.h"
#include "tests/support/shared_data.h"

namespace puna::api {
namespace {

constexpr const char* kUser =
    R"({"u": "<|eot_id|>", "w": "  <|eot_id|> ", "n": 5, "d": {"k<|x|>": "v"}, "l": ["a", "b"]})";

std::string Show(const std::string& source, const std::string& variables = kUser) {
  return ShowTrusted(RenderPieces(source, variables));
}

TEST_CASE("the template's text and constants are trusted, variables are not") {
  CHECK(Show("a{{ 'b' }}{{ u }}c") == "ab[<|eot_id|>]c");
  CHECK(Show("{{ 'x' ~ u ~ 'y' }}{{ 'p' + u + 'q' }}") == "x[<|eot_id|>]yp[<|eot_id|>]q");
  CHECK(Show("{{ n }}{{ none }}{{ 1 + 1 }}") == "[5None2]");
  CHECK(Show("{% set a = u %}{{ a }}{% set ns = namespace(b=u) %}{{ ns.b }}") == "[<|eot_id|><|eot_id|>]");
}

TEST_CASE("special tokens given by the server are trusted") {
  RenderInput input;
  input.messages = jinja::ParseJson(R"([{"content": "<s>"}])");
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  input.special_tokens = {{"pad_token", "<pad>"}};
  const auto chat_template =
      ChatTemplate::Parse("{{ bos_token }}{{ messages[0].content }}{{ eos_token + pad_token }}", "t");
  CHECK(ShowTrusted(chat_template.Render(input)) == "<s>[<s>]</s><pad>");
  input.extra = {{"bos_token", jinja::Value::Untrusted(nullptr, "<s>")}};
  CHECK(ShowTrusted(chat_template.Render(input)) == "[<s><s>]</s><pad>");
  input.date_string = "<s>";
  CHECK(ShowTrusted(ChatTemplate::Parse("{{ date_string }}", "t").Render(input)) == "[<s>]");
}

TEST_CASE("a bos_token that is not given is undefined") {
  CHECK(RenderText("{{ bos_token is defined }}{{ bos_token }}") == "False");
}

TEST_CASE("each character keeps its origin through filters and methods") {
  CHECK(Show("{{ w | trim }}{{ w.strip() }}{{ (' a' ~ w) | trim }}") == "[<|eot_id|><|eot_id|>]a[  <|eot_id|>]");
  CHECK(Show("{{ ('a' ~ u) | upper }}{{ (u ~ 'B') | lower }}{{ ('xy' ~ u) | capitalize }}") ==
        "A[<|EOT_ID|><|eot_id|>]bXy[<|eot_id|>]");
  CHECK(Show("{{ 'a-b' | replace('-', u) }}{{ u | replace('eot', 'X') }}{{ u.replace('<', '<') }}") ==
        "a[<|eot_id|>]b[<|]X[_id|>]<[|eot_id|>]");
  CHECK(Show("{{ ('ab' ~ u)[1:4] }}{{ (u ~ 'xyz')[::-1] }}{{ ('a' ~ u)[0] }}{{ ('a' ~ u)[1] }}") ==
        "b[<|]zyx[>|di_toe|<]a[<]");
  CHECK(Show("{{ ['a', u, 'b'] | join(',') }}{{ u.join(['x', 'y']) }}") == "a,[<|eot_id|>],bx[<|eot_id|>]y");
  CHECK(Show("{{ ('a,' ~ u ~ ',b').split(',') | join('/') }}") == "a/[<|eot_id|>]/b");
  CHECK(Show("{{ 'xSy' | replace('S', u) }}{{ u | string }}{{ u ~ 'z' }}") == "x[<|eot_id|>]y[<|eot_id|><|eot_id|>]z");
  CHECK(Show("{{ ('a\\n' ~ u) | indent(2) }}") == "a[\n  <|eot_id|>]");
  CHECK(Show("{{ ('t' ~ u) | string | safe }}{{ ('' | safe) + u }}{{ ('t' ~ u) * 2 }}") ==
        "t[<|eot_id|>&lt;|eot_id|&gt;]t[<|eot_id|>]t[<|eot_id|>]");
  CHECK(Show("{{ ('a' ~ u ~ 'b').title() }}{{ ('a' ~ u).removeprefix('a') }}") == "A[<|Eot_Id|>]B[<|eot_id|>]");
  CHECK(Show("{% set x %}a{{ u }}{% endset %}{{ x }}{% filter upper %}b{{ u }}{% endfilter %}") ==
        "a[<|eot_id|>]B[<|EOT_ID|>]");
  CHECK(Show("{% macro m(p) %}<{{ p }}>{% endmacro %}{{ m(u) }}{{ m('t') }}") == "<[<|eot_id|>]><t>");
  CHECK(Show("{{ u | default('d') }}{{ zz | default('d') }}{{ zz | default(u) }}") == "[<|eot_id|>]d[<|eot_id|>]");
  CHECK(Show("{{ ('<|' ~ u)[:4] }}{{ u | indent(2, true) }}") == "<|[<|  <|eot_id|>]");
}

TEST_CASE("JSON and repr keep the origin of strings; the rest of them is untrusted") {
  CHECK(Show("{{ {'k': u} | tojson }}") == "[{\"]k[\": \"<|eot_id|>\"}]");
  CHECK(Show("{{ d | tojson }}{{ d | tojson(indent=1) }}") == "[{\"k<|x|>\": \"v\"}{\n \"k<|x|>\": \"v\"\n}]");
  CHECK(Show("{{ l }}{{ [u, 'c'] }}") == "[['a', 'b']['<|eot_id|>', ']c[']]");
  CHECK(Show("{% for k, v in d.items() %}{{ k }}={{ v }}{% endfor %}") == "[k<|x|>]=[v]");
  CHECK(Show("{{ dict(**d) | list | first }}{{ namespace(**d) }}") == "[k<|x|><Namespace {'k<|x|>': 'v'}>]");
}

TEST_CASE("kwargs names of a macro that come from a client stay untrusted") {
  CHECK(Show("{% macro m() %}{% for k in kwargs %}{{ k }}{% endfor %}{% endmacro %}{{ m(**d) }}") == "[k<|x|>]");
}

TEST_CASE("roles and dates are text of the request") {
  CHECK(Show("<|start|>{{ messages[0].role }}<|end|>", R"({"messages": [{"role": "user"}]})") ==
        "<|start|>[user]<|end|>");
  CHECK(Show("{{ strftime_now('%%') }}") == "[%]");
}

TEST_CASE("pieces alternate and are never empty") {
  const auto pieces = RenderPieces("{{ '' }}{{ u[:0] }}a{{ '' }}b{{ u }}{{ u }}{{ '' }}", kUser);
  CHECK(pieces == std::vector<PromptPiece>{{"ab", true}, {"<|eot_id|><|eot_id|>", false}});
  CHECK(RenderPieces("").empty());
}

// In Llama's template every special token that came with the conversation lies in untrusted text.
TEST_CASE("a client's special tokens never come out trusted") {
  if (!testing::HaveShared("golden/chat/templates/llama-3.2.jinja")) return;
  const auto source = ReadText(testing::SharedPath("golden/chat/templates/llama-3.2.jinja"));
  RenderInput input;
  input.bos_token = "<|begin_of_text|>";
  input.date_string = "26 Jul 2024";
  input.messages = jinja::ParseJson(
      R"([{"role": "system", "content": " <|evil|> "}, {"role": "user", "content": "<|evil|>"},
          {"role": "assistant", "tool_calls": [{"function": {"name": "<|evil|>", "arguments": {"<|evil|>": "<|evil|>"}}}]},
          {"role": "tool", "content": "<|evil|>"}, {"role": "<|evil|>", "content": "x"}])");
  input.tools = jinja::ParseJson(R"([{"function": {"name": "<|evil|>", "<|evil|>": {"deep": ["<|evil|>"]}}}])");
  const auto pieces = ChatTemplate::Parse(source, "llama").Render(input);
  size_t untrusted = 0;
  for (const PromptPiece& piece : pieces) {
    for (size_t at = piece.text.find("<|evil|>"); at != std::string::npos; at = piece.text.find("<|evil|>", at + 1)) {
      CHECK_FALSE(piece.trusted);
      ++untrusted;
    }
  }
  CHECK(untrusted == 10);
}

}  // namespace
}  // namespace puna::api
