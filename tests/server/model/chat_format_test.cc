#include "server/model/chat_format.h"

#include <doctest/doctest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "api/json/error.h"

namespace puna::server {
namespace {

// Files in memory, for as long as the object lives.
class Files {
 public:
  Files& Add(const std::string& name, const std::string& text) {
    texts_[name] = text;
    return *this;
  }
  engine::FileSet Set() const {
    std::map<std::string, std::span<const std::byte>> files;
    for (const auto& [name, text] : texts_) files[name] = std::as_bytes(std::span(text.data(), text.size()));
    return engine::FileSet::Memory("memory", files);
  }

 private:
  std::map<std::string, std::string> texts_;
};

std::string ConfigWith(const nlohmann::json& chat_template) {
  return nlohmann::json{{"bos_token", {{"content", "<B>"}}}, {"eos_token", "<E>"}, {"chat_template", chat_template}}
      .dump();
}

const char* kTemplate =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{{ eos_token }}{% "
    "endfor %}"
    "{% if tools %}T{{ tools | length }}{% endif %}{% if add_generation_prompt %}[assistant]{% "
    "endif %}";

const std::vector<api::ToolSpec> kNoTools;

std::string TextOf(const std::vector<api::PromptPiece>& pieces) {
  std::string text;
  for (const api::PromptPiece& piece : pieces) text += piece.text;
  return text;
}

api::Message Say(const std::string& role, const std::string& content) {
  api::Message message;
  message.role = role;
  message.content = content;
  return message;
}

TEST_CASE("the template of tokenizer_config.json, with the special tokens named there") {
  Files files;
  files.Add("tokenizer_config.json", ConfigWith(kTemplate));
  const auto format = ChatFormat::Load(files.Set(), "");
  REQUIRE(format);
  const std::vector<api::Message> messages = {Say("user", " <E> "), Say("assistant", "yes")};
  const auto pieces = format->Render({messages, kNoTools, ""});
  CHECK(TextOf(pieces) == "<B>[user]<E><E>[assistant]yes<E>[assistant]");
  REQUIRE(pieces.size() >= 3);
  for (const api::PromptPiece& piece : pieces) {
    if (piece.text == "<E>") CHECK_FALSE(piece.trusted);  // the user's, not the template's
  }
  CHECK(format->tool_format() == api::ToolFormat::kLlama);
}

TEST_CASE("chat_template.jinja goes before the config, a file of the operator before both") {
  Files files;
  files.Add("tokenizer_config.json", ConfigWith("config")).Add("chat_template.jinja", "jinja");
  CHECK(TextOf(ChatFormat::Load(files.Set(), "")->Render({{Say("user", "x")}, kNoTools, ""})) == "jinja");
  CHECK_THROWS_WITH_AS(ChatFormat::Load(files.Set(), "/no/such/file"),
                       "chat_template_file: cannot read /no/such/file; check the path and its permissions",
                       std::runtime_error);
}

TEST_CASE("named templates: one for conversations, one for those with tools") {
  Files files;
  files.Add("tokenizer_config.json", ConfigWith({{{"name", "default"}, {"template", "plain"}},
                                                 {{"name", "tool_use"}, {"template", "tools <tool_call>"}}}));
  const auto format = ChatFormat::Load(files.Set(), "");
  CHECK(TextOf(format->Render({{Say("user", "x")}, kNoTools, ""})) == "plain");
  api::ToolSpec tool;
  tool.json = R"({"type": "function", "function": {"name": "f"}})";
  CHECK(TextOf(format->Render({{Say("user", "x")}, {tool}, ""})) == "tools <tool_call>");
  CHECK(format->tool_format() == api::ToolFormat::kHermes);
}

TEST_CASE("no template, and one that cannot be read") {
  Files files;
  CHECK_FALSE(ChatFormat::Load(files.Set(), ""));
  files.Add("tokenizer_config.json", "{}");
  CHECK_FALSE(ChatFormat::Load(files.Set(), ""));
  files.Add("tokenizer_config.json", "[");
  CHECK_THROWS_AS(ChatFormat::Load(files.Set(), ""), std::runtime_error);
  files.Add("tokenizer_config.json", ConfigWith("{% if %}"));
  CHECK_THROWS_AS(ChatFormat::Load(files.Set(), ""), std::runtime_error);
}

TEST_CASE("an answer that the client began goes on where it stops") {
  Files files;
  files.Add("tokenizer_config.json", ConfigWith(kTemplate));
  const auto format = ChatFormat::Load(files.Set(), "");
  const std::vector<api::Message> messages = {Say("user", "Count"), Say("assistant", "one, two, ")};
  CHECK(TextOf(format->Render({messages, kNoTools, "", true, true})) == "<B>[user]Count<E>[assistant]one, two,");
  files.Add("tokenizer_config.json", ConfigWith("nothing of it"));
  CHECK_THROWS_AS(ChatFormat::Load(files.Set(), "")->Render({messages, kNoTools, "", true, true}), api::ApiError);
}

TEST_CASE("an answer that was begun keeps its last white space where the template does; an empty one is none") {
  Files files;
  for (const std::string filter : {"", " | trim"}) {
    CAPTURE(filter);
    files.Add("tokenizer_config.json",
              ConfigWith("{% for m in messages %}[{{ m.role }}]{{ m.content" + filter +
                         " }}|{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"));
    const auto format = ChatFormat::Load(files.Set(), "");
    const auto prompt = [&](const std::string& prefill) {
      return TextOf(format->Render({{Say("user", "x"), Say("assistant", prefill)}, kNoTools, "", false, true}));
    };
    for (const std::string text : {"Answer: ", "```json\n", "a\n\n\t ", "plain", " x"}) {
      const bool trims = !filter.empty();
      const size_t end = text.find_last_not_of(" \t\n") + 1;
      const size_t begin = trims ? text.find_first_not_of(' ') : 0;
      CHECK(prompt(text) == "[user]x|[assistant]" + text.substr(begin, trims ? end - begin : std::string::npos));
    }
    CHECK(prompt("") == "[user]x|[assistant]");
    CHECK(prompt(" \n") == "[user]x|[assistant]");
  }
}

TEST_CASE("tools without a user message stand in the system message of Llama's templates") {
  Files files;
  files.Add("tokenizer_config.json",
            ConfigWith("{% if tools_in_user_message is not defined %}{% set tools_in_user_message = true %}{% endif %}"
                       "{% if tools and tools_in_user_message %}{% if messages[1:] | length == 0 %}"
                       "{{ raise_exception('no first user message') }}{% endif %}user{% else %}system{% endif %}"));
  const auto format = ChatFormat::Load(files.Set(), "");
  api::ToolSpec tool;
  tool.json = R"({"type": "function", "function": {"name": "f"}})";
  CHECK(TextOf(format->Render({{Say("system", "x")}, {tool}, ""})) == "system");
  CHECK(TextOf(format->Render({{Say("system", "x"), Say("user", "y")}, {tool}, ""})) == "user");
  try {  // the client's own wish counts
    format->Render({{Say("system", "x")}, {tool}, R"({"tools_in_user_message": true})"});
    FAIL("expected an error");
  } catch (const api::ApiError& error) {
    CHECK(error.param() == "tools");
  }
}

TEST_CASE("a type beside null is the type, where a template knows no lists") {
  Files files;
  // As Hermes' does: it calls itself for every character of "null".
  files.Add(
      "tokenizer_config.json",
      ConfigWith("{% macro t(s) %}{% if s.type in ['string', 'integer'] %}{{ s.type }}{% elif s.type == 'array' %}["
                 "{{ t(s['items']) }}]{% else %}{% for c in s.type %}{{ t({'type': c}) }},{% endfor %}{% endif %}"
                 "{% endmacro %}"
                 "{% for n, s in tools[0].function.parameters.properties | items %}{{ n }}={{ t(s) }};{% endfor %}"));
  const auto format = ChatFormat::Load(files.Set(), "");
  const auto shown = [&](const std::string& properties) {
    api::ToolSpec tool;
    tool.json = R"({"type": "function", "function": {"name": "f", "parameters": {"properties": )" + properties + "}}}";
    try {
      return TextOf(format->Render({{Say("user", "x")}, {tool}, ""}));
    } catch (const api::ApiError& error) {
      return "refused: " + error.param();
    }
  };
  CHECK(shown(R"({"type": {"type": ["null", "string"]}})") == "type=string;");
  CHECK(shown(R"({"a": {"type": "array", "items": {"type": ["integer", "null"]}}})") == "a=[integer];");
  CHECK(shown(R"({"a": {"type": ["integer", "null", "string"]}})") == "a=integer,string,;");
  CHECK(shown(R"({"a": {"type": ["integer", "string"]}})") == "a=integer,string,;");  // taken as it is
  CHECK(shown(R"({"a": {"type": ["null"]}})") == "refused: tools");
}

TEST_CASE("a refusal names the field without which there is none") {
  Files files;
  files.Add("tokenizer_config.json",
            ConfigWith("{% if tools %}{{ 1 + tools[0].function.name }}{% endif %}"
                       "{% if odd %}{{ raise_exception('odd') }}{% endif %}"
                       "{% if messages[0].content == 'no' %}{{ raise_exception('no') }}{% endif %}"));
  const auto format = ChatFormat::Load(files.Set(), "");
  const auto blamed = [&](const std::string& content, const std::vector<api::ToolSpec>& tools,
                          const std::string& kwargs) {
    try {
      format->Render({{Say("user", content)}, tools, kwargs, true, false, "input"});
      return std::string("nothing");
    } catch (const api::ApiError& error) {
      return error.param();
    }
  };
  api::ToolSpec tool;
  tool.json = R"({"type": "function", "function": {"name": "f"}})";
  CHECK(blamed("yes", {}, "") == "nothing");
  CHECK(blamed("yes", {tool}, "") == "tools");
  CHECK(blamed("yes", {}, R"({"odd": true})") == "chat_template_kwargs");
  CHECK(blamed("no", {}, "") == "input");
  CHECK(blamed("no", {tool}, R"({"odd": true})") == "input");
}

TEST_CASE("what the template refuses is the client's error") {
  Files files;
  files.Add("tokenizer_config.json", ConfigWith("{{ raise_exception('roles must alternate') }}"));
  try {
    ChatFormat::Load(files.Set(), "")->Render({{Say("user", "x")}, kNoTools, ""});
    FAIL("expected an error");
  } catch (const api::ApiError& error) {
    CHECK(error.status() == 400);
    CHECK(error.param() == "messages");
    CHECK(error.message().find("roles must alternate") != std::string::npos);
  }
}

TEST_CASE("several calls in a turn are laid out one by one where the template takes one") {
  Files files;
  files.Add("tokenizer_config.json",
            ConfigWith("{% for m in messages %}{% if m.tool_calls %}{% if m.tool_calls | length != 1 %}"
                       "{{ raise_exception('one call only') }}{% endif %}"
                       "C{{ m.tool_calls[0].function.name }}{% else %}{{ m.content }}{% endif %}{% endfor %}"));
  api::Message calls = Say("assistant", "");
  calls.tool_calls = {{"1", "a", "{}"}, {"2", "b", "{}"}};
  api::Message first = Say("tool", "r1"), second = Say("tool", "r2");
  first.tool_call_id = "1";
  second.tool_call_id = "2";
  CHECK(TextOf(ChatFormat::Load(files.Set(), "")->Render({{Say("user", "x"), calls, first, second}, kNoTools, ""})) ==
        "xCar1Cbr2");
}

TEST_CASE("chat_template_kwargs are seen by the template and are not trusted") {
  Files files;
  files.Add("tokenizer_config.json", ConfigWith("{{ date_string }}"));
  const auto pieces =
      ChatFormat::Load(files.Set(), "")->Render({{Say("user", "x")}, kNoTools, R"({"date_string": "<E>"})"});
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0] == api::PromptPiece{"<E>", false});
}

}  // namespace
}  // namespace puna::server
