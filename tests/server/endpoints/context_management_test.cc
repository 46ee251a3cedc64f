// context_management and compaction_trigger of /v1/responses: a conversation that is compacted before it is answered.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/server/endpoints/responses_fixture.h"

namespace puna::server {
namespace {

using nlohmann::json;

constexpr const char* kPath = "/v1/responses";

class Fixture : public ResponsesFixture {
 public:
  explicit Fixture(const std::string& script = "A stone.") : ResponsesFixture(script, {}, /*max_model_len=*/2048) {}
  int InputTokens(const json& input) {
    return json::parse(Call("POST", "/v1/responses/input_tokens", json{{"input", input}}.dump()).body)["input_tokens"];
  }
};

json Say(const std::string& role, const std::string& text) { return {{"role", role}, {"content", text}}; }

json Compact(int threshold) { return {{{"type", "compaction"}, {"compact_threshold", threshold}}}; }

// As the model reads it.
json SummaryOf(const std::string& text) {
  return Say("user",
             "(What was said before was too long to be shown again. This is a summary of it, which the assistant "
             "wrote:)\n\n" +
                 text);
}

const json kTalk = {Say("system", "Be brief."), Say("user", "What is it?"), Say("assistant", "A stone."),
                    Say("user", "And how old?")};

std::vector<std::string> TypesOf(const json& items) {
  std::vector<std::string> types;
  for (const json& item : items) types.push_back(item["type"]);
  return types;
}
using Types = std::vector<std::string>;

std::vector<json> EventsOf(const std::string& text) {
  std::vector<json> events;
  for (size_t begin = 0; begin < text.size(); begin = text.find("\n\n", begin) + 2) {
    const size_t data = text.find("\ndata: ", begin) + 7;
    events.push_back(json::parse(text.substr(data, text.find("\n\n", begin) - data)));
    CHECK(events.back()["sequence_number"] == events.size() - 1);
  }
  return events;
}

TEST_CASE("beyond the threshold the compaction stands first, and what follows goes on from behind it") {
  Fixture f;
  const json response = f.Create({{"input", kTalk}, {"context_management", Compact(20)}});
  CHECK(response["status"] == "completed");
  REQUIRE(TypesOf(response["output"]) == Types{"compaction", "message"});
  CHECK(response["output"][0]["id"].get<std::string>().rfind("cmp_", 0) == 0);
  // The summary's prompt and the answer's, and both texts with their end tokens.
  const int answered = f.InputTokens({kTalk[0], SummaryOf("A stone."), kTalk[3]});
  CHECK(response["usage"]["input_tokens"].get<int>() > answered + f.InputTokens(kTalk));
  CHECK(response["usage"]["output_tokens"] == 18);
  const json on = f.Create({{"input", "More."}, {"previous_response_id", response["id"]}});
  const json read = {kTalk[0], SummaryOf("A stone."), kTalk[3], Say("assistant", "A stone."), Say("user", "More.")};
  CHECK(on["usage"]["input_tokens"] == f.InputTokens(read));
  // The same from items that a client keeps: all of them, or only those from the compaction on.
  json kept = kTalk;
  for (const json& item : response["output"]) kept.push_back(item);
  kept.push_back(Say("user", "More."));
  CHECK(f.InputTokens(kept) == f.InputTokens(read));
  const json dropped = {kept[0], kept[4], kept[5], kept[6]};
  CHECK(f.InputTokens(dropped) == f.InputTokens({read[0], read[1], read[3], read[4]}));
}

TEST_CASE("below the threshold, and where nothing came before, nothing is compacted") {
  Fixture f;
  for (const json& context : {Compact(1000), json::array(), json()}) {
    CHECK(TypesOf(f.Create({{"input", kTalk}, {"context_management", context}})["output"]) == Types{"message"});
  }
  const json first = {Say("system", "Be brief."), Say("user", std::string(100, 'x'))};
  CHECK(TypesOf(f.Create({{"input", first}, {"context_management", Compact(20)}})["output"]) == Types{"message"});
}

TEST_CASE("a threshold beyond the context is three quarters of it, and so is one that is left out") {
  Fixture f;
  json talk = json::array();
  for (int i = 0; i < 16; ++i) talk.push_back(Say(i % 2 == 0 ? "user" : "assistant", std::string(100, 'x')));
  talk.push_back(Say("user", "And?"));
  REQUIRE(f.InputTokens(talk) > 2048 * 3 / 4);
  for (const json& context : {Compact(200000), json{{{"type", "compaction"}}}}) {
    const json output = f.Create({{"input", talk}, {"context_management", context}})["output"];
    CHECK(TypesOf(output) == Types{"compaction", "message"});
  }
}

TEST_CASE("the stream has the compaction as an item that is added and done, and the store has the same") {
  Fixture f;
  HttpReply reply =
      f.Call("POST", kPath, json{{"input", kTalk}, {"context_management", Compact(20)}, {"stream", true}}.dump());
  REQUIRE(reply.stream);
  MemorySink sink;
  Finish(reply, sink);
  const std::vector<json> events = EventsOf(sink.text);
  REQUIRE(events.size() > 5);
  CHECK(events[2]["type"] == "response.output_item.added");
  CHECK(events[3]["type"] == "response.output_item.done");
  CHECK(events[3]["item"]["type"] == "compaction");
  CHECK(events[2]["item"] == events[3]["item"]);
  CHECK(events[4]["item"]["type"] == "message");
  CHECK(events[4]["output_index"] == 1);
  const json& last = events.back();
  REQUIRE(last["type"] == "response.completed");
  CHECK(last["response"]["output"][0] == events[3]["item"]);
  const std::string path = "/v1/responses/" + last["response"]["id"].get<std::string>();
  CHECK(json::parse(f.Call("GET", path).body) == last["response"]);
}

TEST_CASE("a trigger at the end of the input has the conversation compacted, and nothing answered") {
  Fixture f;
  json input = kTalk;
  input.push_back({{"type", "compaction_trigger"}});
  const json response = f.Create({{"input", input}, {"max_output_tokens", 3}});
  CHECK(response["status"] == "completed");
  CHECK(TypesOf(response["output"]) == Types{"compaction"});
  CHECK(response["usage"]["output_tokens"] == 9);
  const json on = f.Create({{"input", "More."}, {"previous_response_id", response["id"]}});
  CHECK(on["usage"]["input_tokens"] ==
        f.InputTokens({kTalk[0], SummaryOf("A stone."), kTalk[3], Say("user", "More.")}));
}

TEST_CASE("a conversation keeps its compaction and goes on from behind it") {
  Fixture f;
  const std::string id = json::parse(f.Call("POST", "/v1/conversations", "{}").body)["id"];
  f.Create({{"input", "What is it?"}, {"conversation", id}});
  const json second = f.Create({{"input", "And how old?"}, {"conversation", id}, {"context_management", Compact(20)}});
  CHECK(TypesOf(second["output"]) == Types{"compaction", "message"});
  const json items = json::parse(f.Call("GET", "/v1/conversations/" + id + "/items").body)["data"];
  CHECK(TypesOf(items) == Types{"message", "compaction", "message", "message", "message"});
  const json third = f.Create({{"input", "More."}, {"conversation", id}});
  CHECK(third["usage"]["input_tokens"] == f.InputTokens({SummaryOf("A stone."), Say("user", "And how old?"),
                                                         Say("assistant", "A stone."), Say("user", "More.")}));
}

TEST_CASE("what cannot be compacted fails as a request does") {
  Fixture f;
  const auto code = [&](const json& context) {
    return f.CodeOf("POST", kPath, {{"input", kTalk}, {"context_management", context}});
  };
  CHECK(code("compaction") == "400 invalid_type context_management");
  CHECK(code({"compaction"}) == "400 invalid_type context_management[0]");
  CHECK(code(json::array({json::object()})) == "400 missing_required_parameter context_management[0].type");
  CHECK(code({{{"type", "clear"}}}) == "400 unsupported_value context_management[0].type");
  CHECK(code(Compact(0)) == "400 integer_below_min_value context_management[0].compact_threshold");
  const json trigger = {{"type", "compaction_trigger"}};
  CHECK(f.CodeOf("POST", kPath, {{"input", {trigger}}}) == "400 empty_array input");
  CHECK(f.CodeOf("POST", kPath, {{"input", {trigger, kTalk[1]}}}) == "400 invalid_value input");
  CHECK(f.CodeOf("POST", kPath, {{"input", {kTalk[0], trigger}}}) == "400 empty_array input");
  CHECK(f.CodeOf("POST", "/v1/conversations", {{"items", {trigger}}}) == "400 unsupported_value items");
  const json huge = {Say("user", std::string(4000, 'x')), trigger};
  CHECK(f.CodeOf("POST", kPath, {{"input", huge}}) == "400 context_length_exceeded input");
  CHECK(f.CodeOf("POST", "/v1/responses/compact", {{"input", {huge[0]}}}) == "400 context_length_exceeded input");
  Fixture silent(" ");
  CHECK(silent.CodeOf("POST", kPath, {{"input", kTalk}, {"context_management", Compact(20)}}) == "500 empty_summary ");
}

}  // namespace
}  // namespace puna::server
