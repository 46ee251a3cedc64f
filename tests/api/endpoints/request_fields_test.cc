// Every row of the field table is held against the parsers: what it says is what happens.
#include "api/fields/request_fields.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "api/endpoints/chat_request.h"
#include "api/endpoints/completion_request.h"
#include "api/endpoints/conversations.h"
#include "api/endpoints/embeddings.h"
#include "api/endpoints/messages_request.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/responses_request.h"
#include "api/json/error.h"

using namespace puna::api;
using nlohmann::json;

namespace {

json MinimalBody(Endpoint endpoint) {
  switch (endpoint) {
    case kChat:
      return {{"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
    case kCompletions:
      return {{"prompt", "Hi"}};
    case kOllamaChat:
      return {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
    case kOllamaGenerate:
      return {{"model", "m"}, {"prompt", "Hi"}};
    case kOllamaEmbed:
      return {{"model", "m"}, {"input", "Hi"}};
    case kMessages:
      return {{"model", "m"}, {"max_tokens", 1}, {"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
    case kConversations:
      return json::object();
    default:
      return {{"input", "Hi"}};
  }
}

Warnings Parse(Endpoint endpoint, const json& body) {
  switch (endpoint) {
    case kChat:
      return ParseChatRequest(body.dump()).warnings;
    case kCompletions:
      return ParseCompletionRequest(body.dump()).warnings;
    case kResponses:
      return ParseResponsesRequest(body.dump()).warnings;
    case kOllamaChat:
      return ParseOllamaChat(body.dump()).chat.warnings;
    case kOllamaGenerate:
      return ParseOllamaGenerate(body.dump()).chat.warnings;
    case kOllamaEmbed:
      return ParseOllamaEmbed(body.dump()).warnings;
    case kMessages:
      return ParseMessagesRequest(body.dump()).chat.warnings;
    case kConversations:
      return ParseNewConversation(body.dump()).warnings;
    default:
      return ParseEmbeddingsRequest(body.dump()).warnings;
  }
}

// Values that no field takes: each field refuses at least one of them for its type.
const json kOddities[] = {json(json::object({{"x", 1}})), json(-77.5), json("\x01 odd"),
                          json(json::array({json::array()}))};

bool RefusesOddValue(Endpoint endpoint, std::string_view name) {
  for (const json& odd : kOddities) {
    json body = MinimalBody(endpoint);
    body[std::string(name)] = odd;
    try {
      Parse(endpoint, body);
    } catch (const ApiError& error) {
      CHECK(error.status() == 400);
      CHECK_MESSAGE(error.param().substr(0, name.size()) == name, error.message());
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("no field stands twice for one endpoint, and each has a note") {
  for (const Endpoint endpoint : {kChat, kCompletions, kResponses, kEmbeddings, kMessages, kOllamaChat, kOllamaGenerate,
                                  kOllamaEmbed, kConversations}) {
    std::set<std::string_view> names;
    for (const RequestField& field : RequestFields()) {
      if (!(field.endpoints & endpoint)) continue;
      CAPTURE(field.name);
      CHECK(names.insert(field.name).second);
      CHECK_FALSE(field.note.empty());
    }
  }
}

TEST_CASE("what the table calls honoured is read and checked") {
  for (const Endpoint endpoint : {kChat, kCompletions, kResponses, kEmbeddings, kMessages, kOllamaChat, kOllamaGenerate,
                                  kOllamaEmbed, kConversations}) {
    for (const RequestField& field : RequestFields()) {
      if (!(field.endpoints & endpoint) || field.status != FieldStatus::kHonoured) continue;
      CAPTURE(field.name);
      CHECK(RefusesOddValue(endpoint, field.name));
    }
  }
}

TEST_CASE("what the table calls refused is refused by name, its harmless values are not") {
  for (const Endpoint endpoint : {kChat, kCompletions, kResponses, kEmbeddings, kMessages, kOllamaChat, kOllamaGenerate,
                                  kOllamaEmbed, kConversations}) {
    for (const RequestField& field : RequestFields()) {
      if (!(field.endpoints & endpoint) || field.status != FieldStatus::kRefused) continue;
      CAPTURE(field.name);
      CHECK(RefusesOddValue(endpoint, field.name));
      json body = MinimalBody(endpoint);
      body[std::string(field.name)] = nullptr;
      CHECK(Parse(endpoint, body).empty());
      std::stringstream values{std::string(field.harmless)};
      for (std::string value; std::getline(values, value, '|');) {
        body[std::string(field.name)] = json::parse(value);
        CHECK(Parse(endpoint, body).empty());
      }
    }
  }
}

TEST_CASE("what the table calls warned is warned of by name") {
  for (const Endpoint endpoint : {kChat, kCompletions, kResponses, kEmbeddings, kMessages, kOllamaChat, kOllamaGenerate,
                                  kOllamaEmbed, kConversations}) {
    for (const RequestField& field : RequestFields()) {
      if (!(field.endpoints & endpoint) || field.status != FieldStatus::kWarned) continue;
      CAPTURE(field.name);
      json body = MinimalBody(endpoint);
      body[std::string(field.name)] = "odd";
      const Warnings warnings = Parse(endpoint, body);
      REQUIRE(warnings.texts().size() == 1);
      CHECK(warnings.texts()[0].find("'" + std::string(field.name) + "'") == 0);
    }
  }
}

TEST_CASE("what shapes or bounds an answer has effect under every server's name, or is refused by that name") {
  const char* const names[] = {"response_format",
                               "text",
                               "json_schema",
                               "format",
                               "regex",
                               "grammar",
                               "ebnf",
                               "guided_json",
                               "guided_regex",
                               "stop",
                               "guided_choice",
                               "guided_grammar",
                               "max_tokens",
                               "max_new_tokens",
                               "structured_outputs",
                               "n_predict",
                               "num_predict",
                               "max_completion_tokens",
                               "n",
                               "max_output_tokens",
                               "stop_sequences",
                               "min_tokens",
                               "ignore_eos",
                               "stop_token_ids",
                               "tools",
                               "tool_choice",
                               "logit_bias"};
  for (const Endpoint endpoint : {kChat, kCompletions, kResponses, kMessages}) {
    for (const std::string name : names) {
      CAPTURE(name);
      const RequestField* field = FindRequestField(endpoint, name);
      REQUIRE(field != nullptr);
      CHECK(field->status != FieldStatus::kWarned);
    }
  }
}

TEST_CASE("an unknown field is named") {
  json body = MinimalBody(kChat);
  body["tempreature"] = 0.5;
  const Warnings warnings = Parse(kChat, body);
  REQUIRE(warnings.texts().size() == 1);
  CHECK(warnings.HeaderValue() == "'tempreature' is not known and has no effect");
}

TEST_CASE("a flood of fields is refused") {
  json body = MinimalBody(kChat);
  for (int i = 0; i < 2000; ++i) body["k" + std::to_string(i)] = 0;
  CHECK_THROWS_AS(Parse(kChat, body), ApiError);
}

TEST_CASE("a header of warnings stays short and printable") {
  Warnings warnings;
  for (int i = 0; i < 1000; ++i) warnings.Add(std::string(1000, 'x') + "\r\n\xc3\xa9");
  const std::string header = warnings.HeaderValue();
  CHECK(header.size() < 4100);
  for (const char c : header) CHECK((c >= 0x20 && c < 0x7f));
  Warnings odd;
  odd.Add("a\r\nSet-Cookie: x");
  CHECK(odd.HeaderValue() == "a??Set-Cookie: x");
}

TEST_CASE("capabilities list every row") {
  const json capabilities = json::parse(CapabilitiesJson(
      [](const std::string& path) { return path != "/v1/embeddings"; }, {{"limits", "{\"max_model_len\": 4096}"}}));
  CHECK(capabilities["limits"]["max_model_len"] == 4096);
  const json& fields = capabilities["endpoints"]["/v1/chat/completions"]["fields"];
  size_t count = 0;
  for (const RequestField& field : RequestFields()) count += (field.endpoints & kChat) != 0;
  CHECK(fields.size() == count);
  CHECK(capabilities["endpoints"].size() == 8);
  CHECK_FALSE(capabilities["endpoints"].contains("/v1/embeddings"));
  CHECK(fields[0]["name"] == "model");
  CHECK(fields[0]["status"] == "honoured");
  CHECK(CapabilitiesMarkdown().find("| `temperature` | honoured | 0 to 2 |") != std::string::npos);
}
