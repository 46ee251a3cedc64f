#include "api/fields/tool_results.h"

#include <doctest/doctest.h>

#include "api/json/error.h"

namespace puna::api {
namespace {

Message Turn(const std::vector<std::string>& ids) {
  Message turn;
  turn.role = "assistant";
  for (const std::string& id : ids) turn.tool_calls.push_back({id, "f", "{}"});
  return turn;
}

Message Result(const std::string& id) {
  Message result;
  result.role = "tool";
  result.tool_call_id = id;
  return result;
}

std::string Order(const std::vector<Message>& messages) {
  std::string order;
  for (const Message& message : OrderToolResults(messages))
    order += message.role == "tool" ? message.tool_call_id : "|";
  return order;
}

TEST_CASE("results come in the order of their calls") {
  CHECK(Order({Turn({"a", "b", "c"}), Result("c"), Result("a"), Result("b")}) == "|abc");
  CHECK(Order({Turn({"a", "b"}), Result("x"), Result("b"), Result("a"), Turn({"c", "d"}), Result("d"), Result("c")}) ==
        "|abx|cd");
  CHECK(Order({Turn({"a"}), Result("x"), Result("a")}) == "|xa");
  CHECK(Order({Turn({"a", "b"}), Result("b"), Turn({}), Result("a")}) == "|b|a");
  CHECK(Order({Result("a"), Turn({"", ""}), Result(""), Result("z")}) == "a|z");
}

// The ids that results get, or the param of the error.
std::string Matched(std::vector<Message> messages) {
  try {
    MatchToolResults(messages, "messages");
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    return error.param();
  }
  std::string ids;
  for (const Message& message : messages) ids += message.role == "tool" ? message.tool_call_id : "|";
  return ids;
}

TEST_CASE("each result answers a call of the turn before it") {
  CHECK(Matched({Turn({"a", "b"}), Result("b"), Result("a")}) == "|ba");
  CHECK(Matched({Turn({"a"}), Result("")}) == "|a");
  CHECK(Matched({Turn({"a", "b"}), Result("b"), Result("")}) == "|ba");
  CHECK(Matched({Turn({"", ""}), Result(""), Result("x")}) == "|");  // calls without ids: in their order
  CHECK(Matched({Turn({"a"}), Result("a"), Turn({}), Turn({"a"}), Result("a")}) == "|a||a");
  CHECK(Matched({Turn({"a", "b"}), Result("")}) == "messages[1].tool_call_id");
  CHECK(Matched({Turn({"a"}), Result("b")}) == "messages[1].tool_call_id");
  CHECK(Matched({Turn({"a"}), Result("a"), Result("a")}) == "messages[2].tool_call_id");
  CHECK(Matched({Turn({"a"}), Result("a"), Turn({}), Result("a")}) == "messages[3].role");
  CHECK(Matched({Result("a")}) == "messages[0].role");
}

}  // namespace
}  // namespace puna::api
