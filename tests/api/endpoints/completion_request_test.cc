#include "api/endpoints/completion_request.h"

#include <doctest/doctest.h>

#include "api/endpoints/tokenize.h"
#include "api/json/error.h"

using namespace puna::api;

namespace {

template <typename Parser>
std::string ParamOf(Parser parse, const std::string& body) {
  try {
    parse(body);
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error.param();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("prompts in four forms") {
  const auto prompts = [](const std::string& prompt) {
    return ParseCompletionRequest("{\"prompt\": " + prompt + "}").prompts;
  };
  CHECK(prompts("\"a\"") == std::vector<PromptInput>{"a"});
  CHECK(prompts("\"\"") == std::vector<PromptInput>{""});
  CHECK(prompts("[\"a\", \"b\"]") == std::vector<PromptInput>{"a", "b"});
  CHECK(prompts("[1, 2]") == std::vector<PromptInput>{std::vector<int>{1, 2}});
  CHECK(prompts("[[1], [2, 3]]") == std::vector<PromptInput>{std::vector<int>{1}, std::vector<int>{2, 3}});

  const auto param = [](const std::string& prompt) {
    return ParamOf(ParseCompletionRequest, "{\"prompt\": " + prompt + "}");
  };
  CHECK(param("null") == "prompt");
  CHECK(param("5") == "prompt");
  CHECK(param("[]") == "prompt");
  CHECK(param("[1, \"a\"]") == "prompt[1]");
  CHECK(param("[1, -2]") == "prompt[1]");
  CHECK(param("[1, 2.5]") == "prompt[1]");
  CHECK(param("[[1], []]") == "prompt[1]");
  CHECK(param("[[1], [true]]") == "prompt[1][0]");
  CHECK(param("[\"a\", 1]") == "prompt[1]");
}

TEST_CASE("the rest of a completion request") {
  const CompletionRequest least = ParseCompletionRequest(R"({"prompt": "x"})");
  CHECK(least.sampling.max_tokens == 16);
  CHECK(least.num_logprobs == -1);
  CHECK(least.best_of == 1);
  CHECK(least.add_special_tokens);
  const CompletionRequest request = ParseCompletionRequest(
      R"({"prompt": "x", "echo": true, "max_tokens": 0, "logprobs": 20, "n": 2, "best_of": 3, "add_special_tokens": false})");
  CHECK(request.sampling.max_tokens == 0);
  CHECK(request.echo);
  CHECK(request.num_logprobs == 20);
  CHECK(request.n == 2);
  CHECK(request.best_of == 3);
  CHECK_FALSE(request.add_special_tokens);
  CHECK(request.warnings.empty());
  const auto param = [](const std::string& members) {
    return ParamOf(ParseCompletionRequest, "{\"prompt\": \"x\", " + members + "}");
  };
  CHECK(param(R"("max_tokens": 0)") == "max_tokens");
  CHECK(param(R"("logprobs": 21)") == "logprobs");
  CHECK(param(R"("logprobs": true)") == "logprobs");
  CHECK(param(R"("n": 3, "best_of": 2)") == "best_of");
  CHECK(param(R"("best_of": 2, "stream": true)") == "best_of");
  CHECK(param(R"("suffix": "x")") == "suffix");
  CHECK(param(R"("suffix": "")") == "accepted");
}

TEST_CASE("tokenize a text or a conversation") {
  const TokenizeRequest text = ParseTokenizeRequest(R"({"model": "m", "prompt": "Hi", "return_token_strs": true})");
  CHECK(text.prompt == "Hi");
  CHECK(text.add_special_tokens);
  CHECK(text.return_token_strs);
  const TokenizeRequest chat = ParseTokenizeRequest(
      R"({"messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function", "function": {"name": "f"}}]})");
  CHECK_FALSE(chat.prompt.has_value());
  CHECK(chat.messages.size() == 1);
  CHECK(chat.tools.size() == 1);
  CHECK_FALSE(chat.add_special_tokens);
  CHECK(chat.add_generation_prompt);
  CHECK(ParseTokenizeRequest(R"({"prompt": "x", "y": 1})").warnings.texts().size() == 1);
  CHECK(ParamOf(ParseTokenizeRequest, "{}") == "prompt");
  CHECK(ParamOf(ParseTokenizeRequest, R"({"prompt": 5})") == "prompt");
  CHECK(ParamOf(ParseTokenizeRequest, R"({"prompt": "x", "messages": []})") == "messages");
  CHECK(ParamOf(ParseTokenizeRequest, R"({"messages": []})") == "messages");

  CHECK(TokenizeJson({1, 2}, 100, nullptr) == R"({"count":2,"max_model_len":100,"tokens":[1,2],"token_strs":null})");
  const std::vector<std::string> strings = {"a", "\xff"};
  CHECK(TokenizeJson({1, 2}, 100, &strings) ==
        "{\"count\":2,\"max_model_len\":100,\"tokens\":[1,2],\"token_strs\":[\"a\","
        "\"\xef\xbf\xbd\"]}");
}

TEST_CASE("detokenize") {
  CHECK(ParseDetokenizeRequest(R"({"tokens": [5, 6]})").tokens == std::vector<int>{5, 6});
  CHECK(ParamOf(ParseDetokenizeRequest, "{}") == "tokens");
  CHECK(ParamOf(ParseDetokenizeRequest, R"({"tokens": [-1]})") == "tokens[0]");
  CHECK(ParamOf(ParseDetokenizeRequest, R"({"tokens": "x"})") == "tokens");
  CHECK(DetokenizeJson("a\"b") == R"({"prompt":"a\"b"})");
}
