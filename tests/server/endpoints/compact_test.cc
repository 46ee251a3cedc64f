// POST /v1/responses/compact, and what comes of its answer.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/server/endpoints/responses_fixture.h"

namespace puna::server {
namespace {

using nlohmann::json;

constexpr const char* kPath = "/v1/responses/compact";

class Fixture : public ResponsesFixture {
 public:
  explicit Fixture(const std::string& script) : ResponsesFixture(script, {}, /*max_model_len=*/2048) {}
  json Compact(const json& body) { return json::parse(Call("POST", kPath, body.dump()).body); }
  int InputTokens(const json& input) {
    return json::parse(Call("POST", "/v1/responses/input_tokens", json{{"input", input}}.dump()).body)["input_tokens"];
  }
};

json Say(const std::string& role, const std::string& text) { return {{"role", role}, {"content", text}}; }

const json kTalk = {Say("system", "Be brief."), Say("user", "What is it?"), Say("assistant", "A stone."),
                    Say("user", "And how old?")};

TEST_CASE("a compacted conversation keeps what was asked and a summary that only this server reads") {
  Fixture f("It was a stone.");
  const json compacted = f.Compact({{"input", kTalk}});
  CHECK(compacted["object"] == "response.compaction");
  CHECK(compacted["id"].get<std::string>().rfind("resp_", 0) == 0);
  CHECK(compacted["usage"]["output_tokens"] == 16);  // with the end token
  const json& output = compacted["output"];
  REQUIRE(output.size() == 4);
  CHECK(output[0]["content"][0]["text"] == "Be brief.");
  CHECK(output[1]["content"][0]["text"] == "What is it?");
  CHECK(output[2]["content"][0]["text"] == "And how old?");
  CHECK(output[3]["type"] == "compaction");
  CHECK(output[3]["id"].get<std::string>().rfind("cmp_", 0) == 0);
  const std::string sealed = output[3]["encrypted_content"];
  CHECK(sealed.find("stone") == std::string::npos);
  CHECK(f.service->seal->Open(sealed, "") == "It was a stone.");
}

TEST_CASE("the next request goes on from it, and the model is told whose words they are") {
  Fixture f("It was a stone.");
  json input = f.Compact({{"input", kTalk}})["output"];
  json spelled_out = input;
  spelled_out.back() = Say(
      "user",
      "(What was said before was too long to be shown again. This is a summary of it, which the assistant wrote:)\n\n"
      "It was a stone.");
  CHECK(f.InputTokens(input) == f.InputTokens(spelled_out));
  input.push_back(Say("user", "Go on."));
  const json first = f.Create({{"input", input}});
  CHECK(first["status"] == "completed");
  // Also from what is stored, which has the summary's seal for the client and its text for the model.
  const json items =
      json::parse(f.Call("GET", "/v1/responses/" + first["id"].get<std::string>() + "/input_items").body);
  CHECK(items["data"][1]["encrypted_content"] == input[3]["encrypted_content"]);
  const json second = f.Create({{"input", "More."}, {"previous_response_id", first["id"]}});
  CHECK(second["usage"]["input_tokens"].get<int>() > first["usage"]["input_tokens"].get<int>());
  const json compacted = f.Compact({{"previous_response_id", second["id"]}});
  CHECK(compacted["output"].back()["type"] == "compaction");
}

TEST_CASE("who changes a summary, or brings another's, is told") {
  Fixture f("Summary.");
  json input = f.Compact({{"input", kTalk}})["output"];
  for (const std::string& content :
       {std::string("gAAAAABo"), std::string(), std::string("puna1."), std::string("puna1.AAAA"),
        input.back()["encrypted_content"].get<std::string>() + "AAAA"}) {
    CAPTURE(content);
    input.back()["encrypted_content"] = content;
    CHECK(f.CodeOf("POST", "/v1/responses", {{"input", input}}) == "400 invalid_encrypted_content input");
    CHECK(f.CodeOf("POST", kPath, {{"input", input}}) == "400 invalid_encrypted_content input");
  }
  input.back().erase("encrypted_content");
  CHECK(f.CodeOf("POST", "/v1/responses", {{"input", input}}) ==
        "400 missing_required_parameter input[3].encrypted_content");
  const json other = {{"type", "compaction"}, {"encrypted_content", Fixture("x").service->seal->Close("Summary.", "")}};
  CHECK(f.CodeOf("POST", "/v1/responses", {{"input", {other}}}) == "400 invalid_encrypted_content input");
  CHECK(f.CodeOf("POST", "/v1/conversations", {{"items", {other}}}) == "400 invalid_encrypted_content input");
}

TEST_CASE("what cannot be compacted is refused") {
  Fixture f("Summary.");
  CHECK(f.CodeOf("POST", kPath, {{"input", json::array()}, {"instructions", "Be brief."}}) == "400 empty_array input");
  CHECK(f.CodeOf("POST", kPath, {{"input", "Hi"}, {"stream", true}}) == "400 unsupported_value stream");
  CHECK(f.CodeOf("POST", kPath, {{"input", "Hi"}, {"background", true}}) == "400 unsupported_value background");
  CHECK(f.CodeOf("POST", kPath, {{"input", "Hi"}, {"text", {{"format", {{"type", "json_object"}}}}}}) ==
        "400 unsupported_value text.format");
  CHECK(f.CodeOf("POST", kPath, {{"previous_response_id", "resp_none"}}) ==
        "400 previous_response_not_found previous_response_id");
  CHECK(f.CodeOf("POST", kPath, {{"instructions", "x"}}) == "400 missing_required_parameter input");
}

TEST_CASE("a summary that is cut says so, and so does a conversation of which a part did not fit") {
  Fixture f("A long summary.");
  json output = f.Compact({{"input", kTalk}, {"max_output_tokens", 4}})["output"];
  const std::string summary = f.service->seal->Open(output.back()["encrypted_content"].get<std::string>(), "").value();
  CHECK(summary.rfind("A lo\n(The summary was cut off here", 0) == 0);
  json talk = json::array();
  for (int i = 0; i < 40; ++i) talk.push_back(Say("user", std::string(100, 'x')));
  const HttpReply reply = f.Call("POST", kPath, json{{"input", talk}, {"max_output_tokens", 16}}.dump());
  CHECK(reply.headers.at("X-Puna-Warnings").find("dropped the oldest") != std::string::npos);
  output = json::parse(reply.body)["output"];
  CHECK(output.size() == 2);  // of the user's words one message fits into what is kept
}

TEST_CASE("an empty summary is an error") {
  Fixture f(" \n");
  CHECK(f.CodeOf("POST", kPath, {{"input", "Hi"}}) == "500 empty_summary ");
}

}  // namespace
}  // namespace puna::server
